//! Formats numbers, times and the verdict for the page.

use std::fmt::Write as _;

use crate::model::{RunState, escape_control};
use crate::report::Summary;
use crate::report::format::{count, time};

/// A number with its thousands separated.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in percent.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let percent = part as f64 * 100.0 / whole as f64;
    // Never round to 0 % or 100 %: some rows are left, or missing.
    match part {
        0 => "0 %".to_owned(),
        _ if part == whole => "100 %".to_owned(),
        _ if percent < 0.1 => "under 0.1 %".to_owned(),
        _ if percent > 99.9 => "over 99.9 %".to_owned(),
        _ => format!("{percent:.1} %"),
    }
}

/// The time of an answer.
pub(super) fn milliseconds(milliseconds: usize) -> String {
    if milliseconds >= 1_000 {
        let (whole, rest) = (milliseconds / 1_000, milliseconds % 1_000 / 100);
        match rest {
            0 => format!("{whole} s"),
            _ => format!("{whole}.{rest} s"),
        }
    } else {
        format!("{milliseconds} ms")
    }
}

/// A number without needless digits.
pub(super) fn number(number: f64) -> String {
    let (number, unit) = if number.abs() < 10_000.0 {
        (number, "")
    } else {
        (number / 1_000.0, "k")
    };
    let rounded = (number * 100.0).round() / 100.0;
    format!("{rounded}{unit}")
}

/// A time in seconds, for an axis or a channel.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        0.0 => "0".to_owned(),
        ..1.0 => format!("{} ms", number(seconds * 1_000.0)),
        ..99.95 => format!("{} s", number(seconds)),
        _ => time(seconds),
    }
}

/// The last part of an ARN, cut to `most` characters.
pub(super) fn short_id(arn: &str, most: usize) -> String {
    escape_control(arn.rsplit('/').next().unwrap_or(arn), most)
}

/// The verdict, in a sentence.
pub(super) fn verdict(summary: &Summary) -> String {
    if !summary.accounts {
        return "The outcomes do not add up to the rows read: do not rely on this report."
            .to_owned();
    }
    let rows = summary.own_rows();
    let inside = summary.added + summary.already_member;
    let out = rows.saturating_sub(inside + summary.duplicate);
    let took = time(summary.elapsed_seconds);
    match summary.state {
        RunState::Finished if rows == 0 => "Finished: there was no row to add.".to_owned(),
        RunState::Finished if summary.is_all_in() => {
            format!("Finished: every member of the list is in, after {took}.")
        }
        RunState::Finished => {
            // Writing to a String cannot fail.
            let mut verdict = format!(
                "Finished after {took}: {} of {} got in, {} did not",
                grouped(inside),
                count_of(rows, "row"),
                grouped(out.saturating_sub(summary.unconfirmed)),
            );
            let others = [
                (summary.unconfirmed, "never answered for"),
                (summary.duplicate, "repeating another row"),
            ];
            for (rows, which) in others.iter().filter(|(rows, _)| *rows > 0) {
                let _ = write!(verdict, ", {} {which}", grouped(*rows));
            }
            verdict + "."
        }
        RunState::Interrupted | RunState::Aborted => {
            let how = if summary.state == RunState::Aborted {
                "Stopped"
            } else {
                "Interrupted"
            };
            format!(
                "{how} after {took}, with {} of {} in; it can be resumed.",
                grouped(inside),
                count_of(rows, "row")
            )
        }
        RunState::Running => format!("Under way, with {} in.", count_of(inside, "row")),
    }
}

/// A number with its thousands separated, and a noun in the plural where needed.
pub(super) fn count_of(number: u64, thing: &str) -> String {
    let words = count(number, thing);
    words.replacen(&number.to_string(), &grouped(number), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_and_shares_never_round_to_all_or_none() {
        let groups = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(groups, ["0", "999", "1,000", "1,234,567"]);
        let shares = [(0, 0), (0, 5), (5, 5), (1, 2), (1, 10_000), (9_999, 10_000)];
        let said = shares.map(|(part, whole)| share(part, whole));
        let wanted = ["–", "0 %", "100 %", "50.0 %", "under 0.1 %", "over 99.9 %"];
        assert_eq!(said, wanted);
        assert_eq!(
            [999, 1_000, 1_500].map(milliseconds),
            ["999 ms", "1 s", "1.5 s"]
        );
        let times = [0.0, 0.036, 21.7, 100.0].map(seconds);
        assert_eq!(times, ["0", "36 ms", "21.7 s", "1 min 40 s"]);
        assert_eq!([0.5, 9_999.0, 25_000.0].map(number), ["0.5", "9999", "25k"]);
        assert_eq!(short_id("arn:x/channel/abc", 2), "ab…");
    }
}
