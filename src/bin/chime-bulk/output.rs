//! What is printed: data to standard output, all else to standard error.
#![expect(clippy::print_stderr, reason = "the one place that prints")]

use std::fmt::Display;
use std::io::Write;

/// An error, and how to mend it.
pub(crate) fn error(error: &impl Display, hint: Option<&str>) {
    eprintln!("error: {error}");
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
}

/// A line for whoever watches.
pub(crate) fn note(text: impl Display) {
    eprintln!("{text}");
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
