//! The last lines of a terminal, which indicatif draws on.
//!
//! Promises: the cursor stays at the beginning of the first line of the frame. A terminal that is
//! resized moves lines and wraps them again, but that place stays where the frame begins. What is
//! drawn never wraps or scrolls. A write that fails is ignored: indicatif would panic.

use std::fmt;
use std::io;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use console::{Term, measure_text_width, truncate_str};
use indicatif::TermLike;

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

impl Size {
    fn of(term: &Term) -> Self {
        let (rows, columns) = term.size_checked().unwrap_or((24, 80));
        Self {
            columns: columns.into(),
            rows: rows.into(),
        }
    }

    /// Columns for a line: one less than there are, so that nothing wraps.
    pub(crate) fn width(self) -> usize {
        self.columns.saturating_sub(1).max(1)
    }

    /// Lines for a frame: one less than there are, so that nothing scrolls.
    pub(crate) fn height(self) -> usize {
        self.rows.saturating_sub(1).max(1)
    }
}

/// The last lines of a terminal. Clones are the same canvas.
#[derive(Clone)]
pub(super) struct Canvas(Arc<Mutex<State>>);

struct State {
    /// Opens the terminal, with a buffer of its own.
    terminal: Box<dyn Fn() -> Term + Send>,
    /// The size that the next frame is made for.
    size: Size,
    /// The frame that is being drawn.
    lines: Vec<String>,
    /// Its last line, not yet complete.
    line: String,
    /// Lines to print above the frame, with their line ends.
    above: String,
    /// Whether a frame is on the terminal.
    is_shown: bool,
}

impl Canvas {
    pub(super) fn new(terminal: impl Fn() -> Term + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(State {
            size: Size::of(&terminal()),
            terminal: Box::new(terminal),
            lines: Vec::new(),
            line: String::new(),
            above: String::new(),
            is_shown: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Measures the terminal. Later frames are made for this size.
    pub(super) fn measure(&self) -> Size {
        let mut state = self.state();
        state.size = Size::of(&(state.terminal)());
        state.size
    }

    /// Prints a line above the frame when that is drawn next.
    pub(super) fn print_above(&self, text: &str) {
        let above = &mut self.state().above;
        above.push_str(text);
        above.push('\n');
    }

    /// Leaves the terminal without a frame.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        if state.is_shown {
            state.write(&[]);
        }
    }
}

impl State {
    /// Writes the lines above, and these lines in place of the frame.
    fn write(&mut self, lines: &[String]) {
        // A new buffer each time: if the terminal is gone, the old one would grow.
        let term = (self.terminal)();
        // Without its terminal a run goes on.
        let _ = self.write_to(&term, lines).and_then(|()| term.flush());
        self.above.clear();
        self.is_shown = !lines.is_empty();
    }

    fn write_to(&self, term: &Term, lines: &[String]) -> io::Result<()> {
        if self.is_shown {
            term.clear_to_end_of_screen()?;
        }
        term.write_str(&self.above)?;
        if lines.is_empty() {
            return if self.is_shown {
                term.show_cursor()
            } else {
                Ok(())
            };
        }
        term.hide_cursor()?;
        // The terminal may be smaller by now than the size that the frame was made for.
        let size = Size::of(term);
        let fit = |line: &String| truncate_str(line.trim_end(), size.width(), "…").into_owned();
        let lines: Vec<_> = lines.iter().take(size.height()).map(fit).collect();
        term.write_str(&lines.join("\r\n"))?;
        term.move_cursor_up(lines.len() - 1)?;
        term.write_str("\r")
    }
}

impl fmt::Debug for Canvas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canvas").finish_non_exhaustive()
    }
}

/// indicatif pads each line with blanks up to the width instead of ending it, and moves the cursor
/// over the last frame to clear its lines. Here a line ends at the width, and [`State::write`]
/// clears them all at once.
impl TermLike for Canvas {
    fn width(&self) -> u16 {
        u16::try_from(self.state().size.width()).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.state().size.height()).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, _lines: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _lines: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _columns: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _columns: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        let state = &mut *self.state();
        state.line.push_str(text);
        state.lines.push(take(&mut state.line));
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let state = &mut *self.state();
        state.line.push_str(text);
        if measure_text_width(&state.line) >= state.size.width() {
            state.lines.push(take(&mut state.line));
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let state = &mut *self.state();
        let lines = take(&mut state.lines);
        // A cleared frame stays until the next one is complete, or it would flicker.
        if !lines.is_empty() || !state.above.is_empty() {
            state.write(&lines);
        }
        Ok(())
    }
}
