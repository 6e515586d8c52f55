//! Formats times, counts and limits as text.

use std::fmt;
use std::time::Duration;

use crate::model::{RunState, escape_control};
use crate::schedule::Binding;

/// The width of a terminal, in columns.
const WIDTH: usize = 80;
/// At most this many characters of an error code in a table.
const MAX_CODE: usize = 45;

/// A time in two units at most: `9.9 s`, `3 min 54 s`, `2 h 47 min`, `1 d 3 h`.
pub(super) fn time(seconds: f64) -> String {
    if seconds < 99.95 {
        return format!("{seconds:.1} s");
    }
    let whole = Duration::from_secs_f64(seconds.round()).as_secs();
    let (minutes, hours, days) = (whole / 60, whole / 3_600, whole / 86_400);
    match () {
        () if hours < 1 => format!("{minutes} min {} s", whole % 60),
        () if days < 1 => format!("{hours} h {} min", minutes % 60),
        () => format!("{days} d {} h", hours % 24),
    }
}

/// The verb for a run's state.
pub(super) fn verb(state: RunState) -> &'static str {
    match state {
        RunState::Finished => "finished",
        RunState::Interrupted => "was interrupted",
        RunState::Aborted => "was stopped",
        RunState::Running => "is under way",
    }
}

/// A number and a noun, in the plural where needed: `2 calls`.
pub(super) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// The start of a list of counts of calls: the single adds, if there are any.
pub(super) fn singles_text(singles: u64) -> String {
    match singles {
        0 => String::new(),
        singles => format!("{}, ", count(singles, "single add")),
    }
}

/// A rate in calls per second.
pub(super) fn rate(calls: f64) -> String {
    let plural = if (calls - 1.0).abs() < f64::EPSILON {
        ""
    } else {
        "s"
    };
    format!("{calls} call{plural} a second")
}

/// The limit that sets the time, in words.
pub(super) fn binding_text(binding: Option<Binding>) -> &'static str {
    match binding {
        Some(Binding::Channel) => "the largest channel binds",
        Some(Binding::Bearers) => "the bearers' rate binds",
        Some(Binding::Total) => "--max-rate binds",
        None => "no limit binds",
    }
}

/// The lower bound of a list, in one line.
#[must_use]
pub fn lower_bound_text(calls: u64, least: Duration, binding: Option<Binding>) -> String {
    format!(
        "at least {}, {} at the limits; {}",
        count(calls, "call"),
        time(least.as_secs_f64()),
        binding_text(binding)
    )
}

/// The lower bound of the rows that are left, in one line; `None` if there are none.
pub(super) fn rest_text(calls: u64, seconds: f64) -> Option<String> {
    let calls = (calls > 0).then(|| count(calls, "call"))?;
    Some(format!("at least {calls}, {} at the limits", time(seconds)))
}

/// The next step if rows must be corrected before they can succeed. `failed` is their file's path, as
/// a word of the shell.
#[must_use]
pub fn edit_text(failed: &str, rows: u64) -> String {
    let rows = count(rows, "row");
    format!("next: edit {failed} ({rows} to correct), then run it")
}

/// The number of rows with an error code. The code is last, so that a long one moves no column.
pub(super) fn error_line(code: &str, rows: u64) -> String {
    format!(
        "  {:<16}{rows:>12}   {}",
        "error",
        escape_control(code, MAX_CODE)
    )
}

/// Writes a text in lines that fit a terminal. Lines after the first are indented.
pub(super) fn wrap(f: &mut fmt::Formatter<'_>, text: &str, indent: usize) -> fmt::Result {
    let mut column = 0;
    for (at, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if at > 0 && column + 1 + length > WIDTH {
            write!(f, "\n{:indent$}", "")?;
            column = indent;
        } else if at > 0 {
            f.write_str(" ")?;
            column += 1;
        }
        f.write_str(word)?;
        column += length;
    }
    writeln!(f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_units_at_most() {
        let said = [
            (0.0, "0.0 s"),
            (9.94, "9.9 s"),
            (99.9, "99.9 s"),
            (99.99, "1 min 40 s"),
            (3_599.6, "1 h 0 min"),
            (9_999.0, "2 h 46 min"),
            (90_000.0, "1 d 1 h"),
        ];
        for (seconds, wanted) in said {
            assert_eq!(time(seconds), wanted);
        }
    }

    #[test]
    fn the_lower_bound_names_the_binding_limit() {
        let said = |calls, seconds, binding| {
            lower_bound_text(calls, Duration::from_secs(seconds), binding)
        };
        let channel = "at least 10 calls, 9.0 s at the limits; the largest channel binds";
        assert_eq!(said(10, 9, Some(Binding::Channel)), channel);
        let one = "at least 1 call, 0.0 s at the limits; no limit binds";
        assert_eq!(said(1, 0, None), one);
    }

    #[test]
    fn a_long_code_moves_no_column() {
        let long = error_line("ProvisionedThroughputExceededException", 7);
        let column = |line: &str| line.find('7');
        assert_eq!(column(&long), column(&error_line("NotFound", 7)));
        let lines = [long, error_line(&"x".repeat(500), 999_999_999)];
        assert!(
            lines.iter().all(|line| line.chars().count() <= 80),
            "{lines:?}"
        );
    }

    struct Wrapped<'a>(&'a str);

    impl fmt::Display for Wrapped<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            wrap(f, self.0, 4)
        }
    }

    #[test]
    fn long_texts_are_wrapped_and_nothing_is_lost() {
        let text = "some words ` ` of a text ".repeat(20);
        let lines = Wrapped(&text).to_string();
        assert!(lines.lines().all(|line| line.chars().count() <= 80));
        assert!(lines.lines().skip(1).all(|line| line.starts_with("    ")));
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&lines), words(&text));
    }
}
