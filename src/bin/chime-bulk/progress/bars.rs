//! Progress on a terminal: a few lines that are drawn anew.

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::counts::Picture;
use super::text::{self, Room};
use crate::output;

/// The lines at the foot of the terminal.
pub(super) struct Bars {
    term: Term,
    bar: ProgressBar,
    /// How wide each line of the last picture is, and the terminal was.
    drawn: (Vec<usize>, usize),
}

impl Bars {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(20));
        let style = ProgressStyle::with_template("{msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        output::stand_above(Some(bar.clone()));
        let term = Term::stderr();
        let _ = term.hide_cursor();
        Self {
            term,
            bar,
            drawn: (Vec::new(), usize::MAX),
        }
    }

    pub(super) fn draw(&mut self, picture: &Picture) {
        let (rows, columns) = self.term.size_checked().unwrap_or((24, 80));
        let room = Room {
            columns: columns.max(2).into(),
            rows: rows.into(),
        };
        self.gather(room.columns);
        let lines = text::screen(picture, room);
        let widths = lines.iter().map(|line| console::measure_text_width(line));
        self.drawn = (widths.collect(), room.columns);
        self.bar.set_message(lines.join("\n"));
        self.bar.tick();
    }

    /// A terminal that became narrower has broken the lines drawn before: what they take beyond
    /// their number is wiped here, the rest by the bar, which knows of their number only.
    fn gather(&self, columns: usize) {
        let (widths, before) = &self.drawn;
        if columns < *before {
            let rows: usize = widths.iter().map(|w| w.div_ceil(columns).max(1)).sum();
            let beyond = rows - widths.len();
            self.bar.suspend(|| {
                let _ = self.term.clear_last_lines(beyond);
            });
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        output::stand_above(None);
        self.bar.finish_and_clear();
        let _ = self.term.show_cursor();
    }
}
