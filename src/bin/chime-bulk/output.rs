//! What is printed: data to standard output, all else to standard error.
#![expect(clippy::print_stderr, reason = "the one place that prints")]

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chime_bulk::model::escape_control;
use console::Term;
use serde::Serialize;

use crate::exit::Exit;
use crate::progress::Line;
use crate::value::ValueError;

/// What is drawn at the foot of the terminal: other lines go above it.
static STATUS_AREA: Mutex<Option<StatusArea>> = Mutex::new(None);
/// Whether standard error holds JSON, an object per line.
static IN_JSON: AtomicBool = AtomicBool::new(false);

/// Lines at the foot of the terminal. The cursor rests at the beginning of the first: whatever a
/// terminal that is resized does to lines, there they begin.
struct StatusArea {
    term: Term,
    lines: Vec<String>,
}

impl StatusArea {
    fn draw(&self) -> io::Result<()> {
        self.term.hide_cursor()?;
        self.wipe()?;
        self.term.write_str(&self.lines.join("\r\n"))?;
        self.term
            .move_cursor_up(self.lines.len().saturating_sub(1))?;
        self.term.write_str("\r")?;
        self.term.flush()
    }

    fn wipe(&self) -> io::Result<()> {
        self.term.write_str("\r")?;
        self.term.clear_to_end_of_screen()
    }
}

/// Draws these lines at the foot of the terminal, in place of those drawn before.
pub(crate) fn draw(term: &Term, lines: Vec<String>) {
    let term = term.clone();
    let mut status_area = status_area();
    // A terminal that is gone shows nothing, and that is all.
    let _ = status_area.insert(StatusArea { term, lines }).draw();
}

/// Wipes away what is drawn at the foot of the terminal.
pub(crate) fn wipe() {
    if let Some(StatusArea { term, .. }) = status_area()
        .take()
        .filter(|status_area| status_area.wipe().is_ok())
    {
        let _ = term.show_cursor();
        let _ = term.flush();
    }
}

fn status_area() -> MutexGuard<'static, Option<StatusArea>> {
    STATUS_AREA.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on standard error holds JSON.
pub(crate) fn set_json() {
    IN_JSON.store(true, Ordering::Relaxed);
}

/// Prints an error, and how to fix it.
pub(crate) fn error(error: &impl Display, hint: Option<&str>) {
    if IN_JSON.load(Ordering::Relaxed) {
        return event(&Line::Error {
            text: escape_control(&error.to_string(), usize::MAX),
            hint: hint.map(|hint| escape_control(hint, usize::MAX)),
        });
    }
    note(format_args!("error: {error}"));
    if let Some(hint) = hint {
        note("");
        note(format_args!("hint: {hint}"));
    }
}

/// Prints an error of clap: in its own form, unless it is of a value that has an error of its own.
pub(crate) fn usage_error(usage: &clap::Error) {
    if let Some(value) = ValueError::of(usage) {
        return error(value, value.hint());
    }
    if !IN_JSON.load(Ordering::Relaxed) {
        let _ = usage.print();
        return;
    }
    let text = usage.render().to_string();
    let (what, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let what = words(what.trim_start_matches("error:"));
    error(&what, Some(&words(rest)));
}

/// Prints a line to standard error with control characters escaped: names of files and lists must
/// not steer the terminal.
pub(crate) fn note(text: impl Display) {
    let text = escape_control(&text.to_string(), usize::MAX);
    if IN_JSON.load(Ordering::Relaxed) {
        event(&Line::Note { text });
    } else {
        print_line(text);
    }
}

/// An event, in JSON.
pub(crate) fn event(event: &Line) {
    if let Ok(text) = serde_json::to_string(event) {
        print_line(text);
    }
}

/// A line as it is, in JSON too: the command that resumes.
pub(crate) fn print_line(text: impl Display) {
    let text = escape_control(&text.to_string(), usize::MAX);
    let status_area = status_area();
    match &*status_area {
        Some(status_area) => {
            let _ = status_area
                .wipe()
                .and_then(|()| status_area.term.write_line(&text));
            let _ = status_area.draw();
        }
        None => eprintln!("{text}"),
    }
}

/// Data. That nobody reads it is no error.
pub(crate) fn data(text: impl Display) {
    let _ = write!(io::stdout(), "{text}");
    let _ = io::stdout().flush();
}

/// A line of data, ended.
pub(crate) fn line(text: impl Display) {
    data(format_args!("{text}\n"));
}

/// Data, for people or as JSON. Returns `exit`, or if the data cannot be JSON, that the command
/// failed.
#[must_use]
pub(crate) fn show(data: &(impl Display + Serialize), json: bool, exit: Exit) -> Exit {
    if !json {
        self::data(data);
        return exit;
    }
    match serde_json::to_string_pretty(data) {
        Ok(text) => {
            line(text);
            exit
        }
        Err(problem) => {
            let hint = "leave out --json to see it as text";
            error(&format!("cannot show this as JSON: {problem}"), Some(hint));
            Exit::Fatal
        }
    }
}
