//! The channels of a plan as they are now, as text for a terminal of 80 columns.

use std::fmt;

use super::channels_now::{ChannelProblem, ChannelsNow, ProblemKind};
use super::format::{count, wrap};
use crate::model::escape_control;

/// At most this many problems are listed; JSON lists more.
const MAX_NAMED: usize = 10;
/// Characters of a channel's id.
const MAX_CHANNEL: usize = 40;
/// The column of the notes beside the counts.
const NOTE_COLUMN: usize = 33;
/// Characters of a message, so that a problem is one line or two.
const MAX_MESSAGE: usize = 60;

impl fmt::Display for ChannelsNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.described + self.refused + self.unanswered;
        writeln!(f, "\nThe channels as they are now:")?;
        line(f, "described", self.described, &format!("of {all}"))?;
        let counts = [
            ("elastic", self.elastic, self.members_now()),
            (
                "restricted",
                self.restricted,
                "only admins and moderators add members".to_owned(),
            ),
            (
                "expiring",
                self.expiring,
                "the service deletes them some day".to_owned(),
            ),
            (
                "not answered",
                self.unanswered,
                "the check was stopped".to_owned(),
            ),
        ];
        for (label, channels, note) in counts.into_iter().filter(|(_, channels, _)| *channels > 0) {
            line(f, label, channels, &note)?;
        }
        self.problems(f)
    }
}

impl ChannelsNow {
    /// The members and the capacity left of the elastic channels, where they are known.
    fn members_now(&self) -> String {
        let known = self.channels.iter();
        let known = known.filter_map(|channel| channel.members_now.zip(channel.capacity_left));
        let (mut channels, mut members, mut room) = (0, 0, 0);
        for (now, left) in known {
            channels += 1;
            members += now;
            room += left;
        }
        if channels == 0 {
            return "their members are unknown".to_owned();
        }
        let of = if channels < self.elastic {
            format!(" in {channels} of them")
        } else {
            String::new()
        };
        format!("{}{of}, room for {room} more", count(members, "member"))
    }

    fn problems(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.problems.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n  {:>9}  problems", "members")?;
        let shown = self.problems.iter().take(MAX_NAMED);
        for problem in shown.clone() {
            let text = format!("  {:>9}  {}", problem.members, text_of(problem));
            wrap(f, &text, 13)?;
        }
        let rest = self.problem_count.saturating_sub(MAX_NAMED as u64);
        if rest > 0 {
            writeln!(f, "             and {rest} more")?;
        }
        let mut hints: Vec<&str> = Vec::new();
        for problem in shown {
            if !hints.contains(&&*problem.hint) {
                hints.push(&problem.hint);
            }
        }
        for hint in hints {
            wrap(f, &format!("  hint: {hint}"), 8)?;
        }
        Ok(())
    }
}

fn text_of(problem: &ChannelProblem) -> String {
    let id = |arn: &str| escape_control(arn.rsplit('/').next().unwrap_or(arn), MAX_CHANNEL);
    let message = escape_control(&problem.message, MAX_MESSAGE);
    let code = match &problem.code {
        Some(code) => format!("{}: ", escape_control(code, MAX_CHANNEL)),
        None => String::new(),
    };
    let what = match problem.kind {
        ProblemKind::MayNotAdd => "no bearer is known to be an admin or a moderator: ",
        _ => "",
    };
    let similar = match &problem.similar {
        Some(arn) => format!(" (similar: {})", id(arn)),
        None => String::new(),
    };
    format!(
        "{}: {what}{code}{message}{similar}",
        id(&problem.channel_arn)
    )
}

fn line(f: &mut fmt::Formatter<'_>, label: &str, value: u64, note: &str) -> fmt::Result {
    let text = format!("  {label:<16}{value:>12}   {note}");
    wrap(f, text.trim_end(), NOTE_COLUMN)
}

#[cfg(test)]
mod tests {
    use super::super::channels_now::ChannelNow;
    use super::*;

    fn problem(n: u64, kind: ProblemKind) -> ChannelProblem {
        let arn = |id: String| format!("arn:aws:chime:r:1:app-instance/i/channel/{id}");
        ChannelProblem {
            channel_arn: arn(format!("{n}-{}", "c".repeat(60))),
            members: 999_999_999,
            kind,
            code: Some("E".repeat(90)),
            message: "many words of the service ".repeat(20),
            hint: "what to do about it, in many words ".repeat(5),
            similar: Some(arn("d".repeat(64))),
        }
    }

    #[test]
    fn the_longest_problems_fit_80_columns_and_ten_are_listed() {
        let many = 99_999_999_999;
        let channel = ChannelNow {
            channel_arn: "a".to_owned(),
            members: many,
            mode: None,
            is_elastic: true,
            expires: true,
            max_members: many,
            members_now: Some(many),
            capacity_left: Some(many),
        };
        let now = ChannelsNow {
            described: many,
            refused: many,
            unanswered: many,
            elastic: many,
            restricted: many,
            expiring: many,
            problem_count: 1_000,
            problems: (0..12)
                .map(|n| problem(n, ProblemKind::MayNotAdd))
                .collect(),
            channels: vec![channel],
        };
        let text = now.to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(text.contains("and 990 more\n"), "{text}");
        assert_eq!(text.matches("hint: ").count(), 1, "{text}");
    }
}
