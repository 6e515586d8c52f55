//! A view of a run as text: a frame for a terminal, or one line.

use std::time::Duration;

use chime_bulk::model::escape_control;
use console::{measure_text_width, truncate_str};
use indicatif::HumanCount;

use super::counts::{State, View};
use crate::screen::{Frame, Size};

/// Below this width only what matters most is shown.
const NARROW: usize = 60;
/// Codes named.
const CODES: usize = 3;
/// Columns of a channel's line that its id does not take.
const NUMBERS: usize = 36;
/// The longest reason.
const LONGEST_REASON: usize = 200;
/// The longest id of a channel.
const LONGEST_ID: usize = 40;

/// The frame: the bar, the calls, failures, the largest channels.
pub(super) fn frame(view: &View, size: Size) -> Frame {
    let is_narrow = size.columns < NARROW;
    let mut lines = vec![place(view, is_narrow)];
    lines.extend(reason(view));
    lines.push(calls(view, is_narrow));
    lines.extend(troubles(view, is_narrow));
    if !is_narrow {
        lines.extend(channels(view, size.columns));
    }
    // The bar takes a line.
    lines.truncate(size.height() - 1);
    let fit = |line: String| truncate_str(&line, size.width(), "…").into_owned();
    Frame {
        done: view.done,
        to_send: view.to_send,
        lines: lines.into_iter().map(fit).collect(),
    }
}

/// A line by itself, for a log.
pub(super) fn line(view: &View) -> String {
    let mut parts = vec![place(view, false)];
    parts.extend(reason(view));
    parts.push(calls(view, false));
    parts.extend(troubles(view, false));
    parts.join(" · ")
}

fn place(view: &View, is_narrow: bool) -> String {
    let state = match (view.state, view.left) {
        (State::Draining, _) => "draining".to_owned(),
        (State::Outage, _) => "service down, probing".to_owned(),
        (State::Credentials, _) => "paused: credentials not accepted".to_owned(),
        (State::Reading, _) => "reading the list".to_owned(),
        (State::CoolDown, None) => "cool-down".to_owned(),
        (State::CoolDown, Some(left)) => format!("{} left, cool-down", time(left)),
        (State::Calling, None) => "starting".to_owned(),
        (State::Calling, Some(left)) => format!("{} left", time(left)),
    };
    let (done, to_send) = (HumanCount(view.done), HumanCount(view.to_send));
    if is_narrow {
        format!("{done}/{to_send} · {state}")
    } else {
        format!("{done} of {to_send} {} · {state}", view.noun)
    }
}

/// Why one call at a time probes.
fn reason(view: &View) -> Option<String> {
    let reason = view.reason.as_deref()?;
    Some(escape_control(reason, LONGEST_REASON))
}

fn calls(view: &View, is_narrow: bool) -> String {
    let rate = format!("{:.1}/s of {}", view.rate, short(view.limit));
    let (calls, in_flight) = (HumanCount(view.calls), view.in_flight);
    if is_narrow {
        return format!("{rate} · {in_flight} in flight");
    }
    format!("{calls} calls, {rate} · {in_flight} in flight")
}

/// What went wrong, if anything did.
fn troubles(view: &View, is_narrow: bool) -> Option<String> {
    let mut parts = Vec::new();
    if view.refused > 0 {
        parts.push(format!("{} refused", HumanCount(view.refused)));
    }
    if view.retrying > 0 {
        parts.push(format!("{} retrying", HumanCount(view.retrying as u64)));
    }
    if view.standing.cooling > 0 && !is_narrow {
        let cooling = view.standing.cooling;
        let plural = if cooling == 1 { "" } else { "s" };
        parts.push(format!("{cooling} channel{plural} cooling"));
    }
    if view.kept > 0 {
        parts.push(format!("{} kept", HumanCount(view.kept)));
    }
    let failed: u64 = view.failed.iter().map(|(_, rows)| rows).sum();
    if failed > 0 {
        let named = view.failed.iter().take(CODES);
        let mut codes: Vec<_> = named
            .map(|(code, rows)| format!("{code} {}", HumanCount(*rows)))
            .collect();
        if view.failed.len() > CODES {
            codes.push("…".to_owned());
        }
        parts.push(if is_narrow {
            format!("{} failed", HumanCount(failed))
        } else {
            format!("{} failed: {}", HumanCount(failed), codes.join(", "))
        });
    }
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn channels(view: &View, columns: usize) -> Vec<String> {
    let standing = &view.standing;
    let width = columns.saturating_sub(NUMBERS).clamp(8, LONGEST_ID);
    let mut lines: Vec<_> = standing
        .largest
        .iter()
        .map(|channel| {
            let id = truncate_str(&escape_control(&channel.id, width), width, "…").into_owned();
            let blanks = width.saturating_sub(measure_text_width(&id));
            let members = HumanCount(channel.members_left).to_string();
            let calls = HumanCount(channel.calls_left).to_string();
            let plural = if channel.calls_left == 1 { "" } else { "s" };
            format!(
                "  {id}{:blanks$} {members:>10} left {calls:>8} call{plural}",
                ""
            )
        })
        .collect();
    let others = standing.open.saturating_sub(standing.largest.len());
    if others > 0 {
        lines.push(format!("  and {} more channels", HumanCount(others as u64)));
    }
    lines
}

/// A rate without insignificant digits.
fn short(rate: f64) -> String {
    if rate.fract() == 0.0 {
        format!("{rate:.0}")
    } else {
        format!("{rate:.1}")
    }
}

/// A time left, rounded up to what is worth saying.
fn time(left: Duration) -> String {
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6_000 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use chime_bulk::engine::{OpenChannel, Standing};

    use super::*;

    fn view() -> View {
        let channel = |id: &str, members_left: u64| OpenChannel {
            id: id.to_owned(),
            members_left,
            calls_left: members_left.div_ceil(100),
        };
        View {
            state: State::CoolDown,
            done: 512_300,
            to_send: 1_000_000,
            rate: 9.84,
            limit: 10.0,
            reason: None,
            left: Some(Duration::from_secs(4_877)),
            calls: 5_123,
            in_flight: 12,
            refused: 17,
            retrying: 240,
            failed: [("NotFound", 40), ("Forbidden", 3), ("Timeout", 2), ("A", 1)]
                .map(|(code, rows)| (code.to_owned(), rows))
                .to_vec(),
            kept: 0,
            noun: "members",
            standing: Standing {
                open: 48,
                cooling: 2,
                calls_left: 4_877,
                largest: vec![channel("general", 123_456), channel("a\u{1b}[2Jb", 950)],
            },
        }
    }

    fn shown(view: &View, columns: usize, rows: usize) -> String {
        let lines = frame(view, Size { columns, rows }).lines;
        for line in &lines {
            assert!(measure_text_width(line) < columns, "{line}");
        }
        lines.join("\n")
    }

    #[test]
    fn at_80_columns() {
        let expected = "\
512,300 of 1,000,000 members · 82 min left, cool-down
5,123 calls, 9.8/s of 10 · 12 in flight
17 refused · 240 retrying · 2 channels cooling · 46 failed: NotFound 40, Forbi…
  general                                     123,456 left    1,235 calls
  a\\u{1b}[2Jb                                     950 left       10 calls
  and 46 more channels";
        assert_eq!(shown(&view(), 80, 24), expected);
    }

    #[test]
    fn at_60_columns_nothing_of_a_channel_is_cut_but_its_name() {
        let lines = shown(&view(), 60, 24);
        assert!(lines.contains("\n  general           "), "{lines}");
        assert!(lines.contains(" 123,456 left    1,235 calls\n"), "{lines}");
    }

    #[test]
    fn at_40_columns() {
        let expected = "\
512,300/1,000,000 · 82 min left, cool-…
9.8/s of 10 · 12 in flight
17 refused · 240 retrying · 46 failed";
        assert_eq!(shown(&view(), 40, 24), expected);
    }

    #[test]
    fn with_little_room_something_is_shown_that_fits() {
        for columns in 2..200 {
            for rows in 1..12 {
                let text = shown(&view(), columns, rows);
                assert!(text.lines().count() < rows.saturating_sub(1).max(1));
            }
        }
    }

    #[test]
    fn as_a_line() {
        let expected = "512,300 of 1,000,000 members · 82 min left, cool-down · \
            5,123 calls, 9.8/s of 10 · 12 in flight · 17 refused · 240 retrying · \
            2 channels cooling · 46 failed: NotFound 40, Forbidden 3, Timeout 2, …";
        assert_eq!(line(&view()), expected);
    }

    #[test]
    fn an_outage_is_shown_with_its_reason() {
        let down = View {
            state: State::Outage,
            reason: Some("Unreachable: tcp connect error: Connection refused".to_owned()),
            ..view()
        };
        let expected = "512,300 of 1,000,000 members · service down, probing · \
            Unreachable: tcp connect error: Connection refused · 5,123 calls, ";
        assert!(line(&down).starts_with(expected), "{}", line(&down));
        let lines = shown(&down, 80, 24);
        assert!(
            lines.contains("\nUnreachable: tcp connect error: Connection refused\n"),
            "{lines}"
        );
    }

    #[test]
    fn each_state_is_named() {
        let said = |state| {
            let left = None;
            let view = View {
                state,
                left,
                done: 0,
                ..view()
            };
            let place = place(&view, false);
            place.rsplit_once(" · ").unwrap().1.to_owned()
        };
        assert_eq!(said(State::Reading), "reading the list");
        assert_eq!(said(State::Calling), "starting");
        assert_eq!(said(State::CoolDown), "cool-down");
        assert_eq!(said(State::Outage), "service down, probing");
        assert_eq!(said(State::Credentials), "paused: credentials not accepted");
        assert_eq!(said(State::Draining), "draining");
    }
}
