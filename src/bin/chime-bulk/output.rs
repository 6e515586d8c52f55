//! What is printed: data to standard output, all else to standard error.
#![expect(clippy::print_stderr, reason = "the one place that prints")]

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use chime_bulk::model::plain;
use indicatif::ProgressBar;

use crate::progress::Line;

/// What is drawn at the foot of the terminal: lines go above it.
static DRAWN: Mutex<Option<ProgressBar>> = Mutex::new(None);
/// Whether standard error holds JSON, an object per line.
static IN_JSON: AtomicBool = AtomicBool::new(false);

/// From now on lines go above this.
pub(crate) fn stand_above(bar: Option<ProgressBar>) {
    *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// From now on standard error holds JSON.
pub(crate) fn speak_json() {
    IN_JSON.store(true, Ordering::Relaxed);
}

/// An error, and how to mend it.
pub(crate) fn error(error: &impl Display, hint: Option<&str>) {
    if IN_JSON.load(Ordering::Relaxed) {
        return event(&Line::Error {
            text: plain(&error.to_string(), usize::MAX),
            hint: hint.map(|hint| plain(hint, usize::MAX)),
        });
    }
    note(format_args!("error: {error}"));
    if let Some(hint) = hint {
        note(format_args!("hint: {hint}"));
    }
}

/// A line for whoever watches. Names of files and lists stand in it: none of them may steer the
/// terminal.
pub(crate) fn note(text: impl Display) {
    let text = plain(&text.to_string(), usize::MAX);
    if IN_JSON.load(Ordering::Relaxed) {
        event(&Line::Note { text });
    } else {
        last(text);
    }
}

/// An event, in JSON.
pub(crate) fn event(event: &Line) {
    if let Ok(text) = serde_json::to_string(event) {
        last(text);
    }
}

/// A line as it is, in JSON too: the command that resumes.
pub(crate) fn last(text: impl Display) {
    let text = plain(&text.to_string(), usize::MAX);
    let drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
    match &*drawn {
        Some(bar) => bar.suspend(|| eprintln!("{text}")),
        None => eprintln!("{text}"),
    }
}

/// Data. That nobody reads it is no error.
pub(crate) fn data(text: impl Display) {
    let _ = write!(std::io::stdout(), "{text}");
    let _ = std::io::stdout().flush();
}

/// A line of data, ended.
pub(crate) fn line(text: impl Display) {
    data(format_args!("{text}\n"));
}
