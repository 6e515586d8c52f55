//! What is printed: data to standard output, all else to standard error.
#![expect(clippy::print_stderr, reason = "the one place that prints")]

use std::fmt::Display;
use std::io::Write;

use chime_bulk::model::plain;

/// An error, and how to mend it.
pub(crate) fn error(error: &impl Display, hint: Option<&str>) {
    note(format_args!("error: {error}"));
    if let Some(hint) = hint {
        note(format_args!("hint: {hint}"));
    }
}

/// A line for whoever watches. Names of files and lists stand in it: none of them may steer the
/// terminal.
pub(crate) fn note(text: impl Display) {
    eprintln!("{}", plain(&text.to_string(), usize::MAX));
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
