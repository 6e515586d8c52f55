//! Standard output: data, and nothing else.
//!
//! Promises: printing never panics. Text for people that cannot be written is lost, and nothing
//! else: a run is worth more than its summary. Data for programs that cannot be written is an
//! error: its reader would take a part for the whole.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use crate::exit::Exit;
use crate::screen::Screen;

fn write(text: &impl Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.to_string().as_bytes())?;
    stdout.flush()
}

/// Prints text for people.
pub(crate) fn text(text: impl Display) {
    let _ = write(&text);
}

/// Prints data for programs. Returns `exit`, or if the data cannot be written, that the command
/// failed.
#[must_use]
pub(crate) fn data(data: impl Display, exit: Exit, screen: &Screen) -> Exit {
    match write(&data) {
        Ok(()) => exit,
        Err(error) => {
            let what = format!("cannot write to standard output: {error}");
            let hint = "use a file with free space, or a program that reads all of it";
            screen.error(&what, Some(hint));
            // An interrupt ends the reader too: the run was interrupted all the same.
            if exit.is_resumable() {
                exit
            } else {
                Exit::Fatal
            }
        }
    }
}

/// Prints a value as text for people, or as JSON for programs. Returns `exit`, or if there is no
/// JSON, that the command failed.
#[must_use]
pub(crate) fn show(
    value: &(impl Display + Serialize),
    json: bool,
    exit: Exit,
    screen: &Screen,
) -> Exit {
    if !json {
        text(value);
        return exit;
    }
    match serde_json::to_string_pretty(value) {
        Ok(text) => data(format_args!("{text}\n"), exit, screen),
        Err(problem) => {
            let hint = "leave out --json to see it as text";
            screen.error(&format!("cannot show this as JSON: {problem}"), Some(hint));
            Exit::Fatal
        }
    }
}
