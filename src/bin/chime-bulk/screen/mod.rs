//! Standard error: everything printed there goes through one [`Screen`].
//!
//! Promises: printing never fails or panics. If standard error is closed, full, or a pipe that nobody
//! reads, the text is lost and the command goes on. Lines that are printed while bars are drawn go
//! above them.

mod bars;
mod canvas;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chime_bulk::model::escape_control;
use clap::ValueEnum;
use console::Term;
use serde::Serialize;

use crate::config::Places;
use crate::line::Line;
use crate::value::ValueError;
use bars::Bars;
pub(crate) use bars::Frame;
pub(crate) use canvas::Size;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Bars on a terminal, plain elsewhere.
    Auto,
    /// A bar, redrawn in place; plain where that is not possible.
    Bars,
    /// A line every few seconds.
    Plain,
    /// An event per line.
    Json,
    /// Nothing.
    None,
}

impl Mode {
    /// The mode in use; `can_draw` is whether lines can be redrawn.
    fn settled(self, can_draw: bool) -> Self {
        match self {
            Self::Auto | Self::Bars if can_draw => Self::Bars,
            Self::Auto | Self::Bars => Self::Plain,
            mode => mode,
        }
    }
}

/// Whether standard error is a terminal that can move its cursor.
fn can_draw() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Standard error, and how progress is shown on it. Clones are the same screen.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    mode: Mode,
    /// Of the flags that an error may be about.
    places: Arc<Places>,
    /// In the mode `Bars`.
    bars: Option<Arc<Mutex<Bars>>>,
}

impl Screen {
    pub(crate) fn new(mode: Mode, places: Places) -> Self {
        let mode = mode.settled(can_draw());
        let bars =
            (mode == Mode::Bars).then(|| Arc::new(Mutex::new(Bars::new(Term::buffered_stderr))));
        let places = Arc::new(places);
        Self { mode, places, bars }
    }

    /// How progress is shown: never `Auto`, and `Bars` only where they can be drawn.
    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    fn bars(&self) -> Option<MutexGuard<'_, Bars>> {
        let bars = self.bars.as_ref()?;
        Some(bars.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Draws the frame that `frame` makes for the terminal's size, if bars are shown.
    pub(crate) fn draw(&self, frame: impl FnOnce(Size) -> Frame) {
        if let Some(mut bars) = self.bars() {
            bars.draw(frame);
        }
    }

    /// Clears what is drawn, for good.
    pub(crate) fn clear(&self) {
        if let Some(mut bars) = self.bars() {
            bars.clear();
        }
    }

    /// Prints an error, and how to fix it. If it names a flag that comes from the file of `--config`,
    /// with the place there.
    pub(crate) fn error(&self, error: &impl Display, hint: Option<&str>) {
        self.error_of_flag(None, error, hint);
    }

    /// As [`Self::error`], of an error about a flag that it may not name.
    pub(crate) fn error_of_flag(
        &self,
        flag: Option<&str>,
        error: &impl Display,
        hint: Option<&str>,
    ) {
        let error = error.to_string();
        let place = flag.and_then(|flag| self.places.of_flag(flag));
        let error = match place.or_else(|| self.places.of_message(&error)) {
            Some(place) => format!("{place}: {error}"),
            None => error,
        };
        if self.mode == Mode::Json {
            return self.event(&Line::Error {
                text: escape_control(&error, usize::MAX),
                hint: hint.map(|hint| escape_control(hint, usize::MAX)),
            });
        }
        self.note(format_args!("error: {error}"));
        if let Some(hint) = hint {
            self.note("");
            self.note(format_args!("hint: {hint}"));
        }
    }

    /// Prints an error of clap: in its own form, unless it is of a value that has an error of its
    /// own.
    pub(crate) fn usage_error(&self, usage: &clap::Error) {
        if let Some(value) = ValueError::of(usage) {
            return self.error(value, value.hint());
        }
        if self.mode != Mode::Json {
            let _ = usage.print();
            return;
        }
        let text = usage.render().to_string();
        let (what, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let what = words(what.trim_start_matches("error:"));
        self.error(&what, Some(&words(rest)));
    }

    /// Prints a line with control characters escaped: names of files and lists must not steer the
    /// terminal.
    pub(crate) fn note(&self, text: impl Display) {
        if self.mode == Mode::Json {
            let text = escape_control(&text.to_string(), usize::MAX);
            self.event(&Line::Note { text });
        } else {
            self.print_line(text);
        }
    }

    /// Prints an event as JSON.
    pub(crate) fn event(&self, event: &impl Serialize) {
        if let Ok(text) = serde_json::to_string(event) {
            self.print_line(text);
        }
    }

    /// Prints a line that is not JSON in any mode: the command that resumes.
    pub(crate) fn print_line(&self, text: impl Display) {
        let text = escape_control(&text.to_string(), usize::MAX);
        match self.bars() {
            Some(mut bars) => bars.print_line(&text),
            // One write per line: other processes may write there too. `eprintln!` would panic if
            // this failed.
            None => drop(io::stderr().write_all(format!("{text}\n").as_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_for_terminals() {
        for (mode, on_terminal, elsewhere) in [
            (Mode::Auto, Mode::Bars, Mode::Plain),
            (Mode::Bars, Mode::Bars, Mode::Plain),
            (Mode::Plain, Mode::Plain, Mode::Plain),
            (Mode::Json, Mode::Json, Mode::Json),
            (Mode::None, Mode::None, Mode::None),
        ] {
            assert_eq!(mode.settled(true), on_terminal);
            assert_eq!(mode.settled(false), elsewhere);
        }
    }
}
