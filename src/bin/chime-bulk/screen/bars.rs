//! Progress on a terminal: a bar and some lines, redrawn in place.

use std::fmt::Write;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::canvas::{Canvas, Size};

/// Columns of the percentage.
const PERCENTAGE: usize = 5;
/// Most columns of the bar and its percentage: a wider one is no easier to read.
const WIDEST: usize = 100;

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Members with a result.
    pub(crate) done: u64,
    /// Members of which those are a part; the same part of the bar is full.
    pub(crate) to_send: u64,
    /// Lines below the bar. Each fits the terminal.
    pub(crate) lines: Vec<String>,
}

/// The bar, with lines above and below it.
#[derive(Debug)]
pub(super) struct Bars {
    canvas: Canvas,
    all: MultiProgress,
    bar: ProgressBar,
}

impl Bars {
    /// Bars on the terminal that `terminal` opens. Draws nothing yet.
    pub(super) fn new(terminal: impl Fn() -> Term + Send + 'static) -> Self {
        let canvas = Canvas::new(terminal);
        let target = ProgressDrawTarget::term_like(Box::new(canvas.clone()));
        let all = MultiProgress::with_draw_target(target);
        let bar = all.add(ProgressBar::no_length());
        Self { canvas, all, bar }
    }

    /// Draws the frame that `frame` makes for the terminal's size.
    pub(super) fn draw(&mut self, frame: impl FnOnce(Size) -> Frame) {
        let size = self.canvas.measure();
        let frame = frame(size);
        self.bar.set_style(style(size, frame.lines.join("\n")));
        self.bar.update(|bar| {
            // A bar of length 0 would be full.
            bar.set_len(frame.to_send.max(1));
            bar.set_pos(frame.done);
        });
    }

    /// Prints a line above the bar.
    pub(super) fn print_line(&mut self, text: &str) {
        self.all.suspend(|| self.canvas.print_above(text));
    }

    /// Clears what is drawn, for good.
    pub(super) fn clear(&mut self) {
        self.bar.finish_and_clear();
        self.canvas.clear();
    }
}

/// A bar that fills the width, up to [`WIDEST`], with this text below.
fn style(size: Size, below: String) -> ProgressStyle {
    let cells = size.width().min(WIDEST).saturating_sub(PERCENTAGE).max(1);
    ProgressStyle::with_template(&format!("{{bar:{cells}}}{{percentage}}\n{{below}}"))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█░")
        .with_key("percentage", |bar: &ProgressState, text: &mut dyn Write| {
            let _ = write!(text, "{:>1$}%", percent(bar), PERCENTAGE - 1);
        })
        .with_key("below", move |_: &ProgressState, text: &mut dyn Write| {
            let _ = text.write_str(&below);
        })
}

/// The percentage done, rounded down: 100 only when all are.
fn percent(bar: &ProgressState) -> u64 {
    let percent = bar.pos().saturating_mul(100) / bar.len().unwrap_or_default().max(1);
    percent.min(100)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
