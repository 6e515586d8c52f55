//! The sections of the page below the outcomes.

use std::error::Error;

use maud::{Markup, html};

use super::failures::display_code;
use super::format::{count_of, grouped, milliseconds, short_id};
use super::{RunPage, charts, tables};
use crate::model::{RunState, codes, escape_control};
use crate::report::format::time;
use crate::report::{FAILED, shell_word};

/// Error codes that are told of.
const MAX_CODES: usize = 50;
/// Characters of a channel's id, of a setting's value.
const CHANNEL: usize = 40;
const VALUE: usize = 600;

/// The commands that follow.
pub(super) fn commands(page: &RunPage<'_>) -> Markup {
    let summary = page.summary;
    let dir = std::path::absolute(page.dir).unwrap_or_else(|_| page.dir.to_owned());
    let dir = shell_word(&dir);
    let to_retry = summary.failed + summary.unconfirmed + summary.not_attempted > 0;
    let is_finished = summary.state == RunState::Finished;
    html! {
        section aria-labelledby="next" {
            h2 id="next" { "What can follow" }
            @if !is_finished {
                p { "Go on with the run, where it stopped:" }
                pre { code { "chime-bulk resume " (dir) } }
            }
            @if is_finished && to_retry {
                p { "Try again the rows that did not get in:" }
                pre { code { "chime-bulk retry " (dir) } }
            }
            @if summary.invalid > 0 {
                p {
                    "Defective rows are not tried again: mend them in " code { (FAILED) }
                    ", and give that file to " code { "chime-bulk run" } " with the flags of this run."
                }
            }
            p { "Write the reports again, as the ledger stands:" }
            pre { code { "chime-bulk report " (dir) } }
        }
    }
}

/// The errors by code, most rows first.
pub(super) fn errors(page: &RunPage<'_>) -> Markup {
    let mut codes: Vec<(&String, u64)> = Vec::new();
    codes.extend(
        page.summary
            .errors_by_code
            .iter()
            .map(|(code, rows)| (code, *rows)),
    );
    codes.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let more = codes.len().saturating_sub(MAX_CODES);
    html! {
        section aria-labelledby="errors" {
            h2 id="errors" { "Errors" }
            @if codes.is_empty() { p { "None." } }
            @for (code, rows) in codes.iter().take(MAX_CODES) { (error(page, code, *rows)) }
            @if more > 0 { p { "And " (count_of(more as u64, "code")) " more: see results.csv." } }
        }
    }
}

fn error(page: &RunPage<'_>, code: &str, rows: u64) -> Markup {
    let (known, first, name) = (
        codes::explain(code),
        page.failures.of(code),
        display_code(code),
    );
    html! {
        h3 { (name) ": " (count_of(rows, "row")) }
        @if let Some(known) = known {
            dl {
                dt { "Cause" } dd { (known.cause) }
                dt { "Fix" } dd { (known.fix) }
            }
        }
        @if !first.is_empty() {
            div.wide tabindex="0" role="region" aria-label=(format!("First rows with {name}")) {
                table {
                    caption { "The first of them" }
                    thead { tr {
                        th.n scope="col" { "Row" } th scope="col" { "Channel" }
                        th scope="col" { "Member" } th scope="col" { "Message" }
                    } }
                    tbody {
                        @for row in first {
                            tr {
                                th.n scope="row" { (grouped(row.row)) }
                                td.text { (short_id(&row.channel, CHANNEL)) }
                                td.text { (short_id(&row.member, CHANNEL)) }
                                td.text { (row.message) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A chart's section: its title, a note, the chart and its table; or that there is nothing.
fn chart_section(
    (id, title): (&str, &str),
    note: Option<Markup>,
    chart: impl FnOnce() -> Result<Markup, Box<dyn Error>>,
    table: &Markup,
) -> Result<Markup, Box<dyn Error>> {
    let shown = match &note {
        Some(_) => Some(chart()?),
        None => None,
    };
    Ok(html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (title) }
            @if let (Some(note), Some(chart)) = (note, shown) {
                (note)
                figure { (chart) }
                (table)
            } @else {
                p { "No call was made." }
            }
        }
    })
}

/// Calls a second over time.
pub(super) fn throughput(page: &RunPage<'_>) -> Result<Markup, Box<dyn Error>> {
    let stats = &page.stats;
    let length = time(stats.timeline.seconds());
    let note = (!stats.timeline.buckets().is_empty()).then(|| {
        html! {
            p.soft {
                "Calls a second over the time at work, in stretches of " (length) ". The limit is "
                "that of the bearers together, or of the channels not done yet if that is less."
                @if stats.is_far_below() {
                    " It is far above these calls, and stands in the table only."
                }
                @if stats.pauses > 0 {
                    " Left out: " (count_of(stats.pauses, "pause"))
                    " in which no call left for a minute or more."
                }
            }
            (key())
        }
    });
    let chart = || charts::throughput(stats);
    let title = ("over-time", "Throughput against the limit");
    chart_section(title, note, chart, &tables::throughput(stats))
}

/// What the forms in the chart mean.
fn key() -> Markup {
    let bar = |fill: &str, name: &str| {
        html! {
            li {
                svg viewBox="0 0 28 16" aria-hidden="true" {
                    rect x="1" y="1" width="26" height="14" fill=(fill) {}
                }
                (name)
            }
        }
    };
    html! {
        ul.key {
            (bar("#030303", "accepted (full)"))
            (bar("#040404", "throttled (hatched)"))
            (bar("#050505", "refused or not answered (hollow)"))
            li {
                svg viewBox="0 0 28 16" aria-hidden="true" {
                    line x1="0" y1="8" x2="28" y2="8" stroke="#060606" stroke-width="2" {}
                }
                "limit (dashed)"
            }
        }
    }
}

/// The channels that took longest.
pub(super) fn channels(page: &RunPage<'_>) -> Result<Markup, Box<dyn Error>> {
    let (shown, called) = (&page.stats.channels, page.stats.called);
    let note = (!shown.is_empty()).then(|| {
        html! {
            p.soft {
                "From a channel's first call to its last answer, without pauses."
                @if called > shown.len() {
                    " The longest " (shown.len()) " of " (grouped(called as u64)) "."
                }
            }
        }
    });
    let chart = || charts::channels(shown);
    chart_section(
        ("by-channel", "Time per channel"),
        note,
        chart,
        &tables::channels(shown),
    )
}

/// How long answers took.
pub(super) fn latency(page: &RunPage<'_>) -> Result<Markup, Box<dyn Error>> {
    let latency = &page.stats.latency;
    let within = |share| milliseconds(latency.percentile(share));
    let note = (latency.answers() > 0).then(|| {
        html! {
            p.soft {
                "Of " (count_of(latency.answers(), "answer")) ", half came within " (within(50))
                ", 90 % within " (within(90)) ", 99 % within " (within(99))
                "; the last took " (within(100)) "."
            }
        }
    });
    let chart = || charts::latency(latency);
    let title = ("answers", "Latency");
    chart_section(title, note, chart, &tables::latency(latency))
}

/// The limits kept, and the settings used.
pub(super) fn settings(page: &RunPage<'_>) -> Markup {
    let limits = page.limits;
    let optional = |text: Option<String>| text.unwrap_or_else(|| "as many as fit".to_owned());
    let kept = [
        (
            "channel rate",
            format!("{} calls a second", limits.channel_rate),
        ),
        (
            "bearer rate",
            format!("{} calls a second", limits.bearer_rate),
        ),
        (
            "rate in all",
            limits.max_rate.map_or_else(
                || "not limited".to_owned(),
                |rate| format!("{rate} calls a second"),
            ),
        ),
        ("members in a call", limits.members_per_call.to_string()),
        (
            "calls in flight",
            optional(limits.max_in_flight.map(|most| most.to_string())),
        ),
        ("attempts for a member", limits.max_attempts.to_string()),
    ];
    html! {
        section aria-labelledby="settings" {
            h2 id="settings" { "Settings" }
            h3 { "Limits kept" }
            dl { @for (name, value) in kept { dt { (name) } dd { (value) } } }
            h3 { "As given, or found" }
            dl {
                @for (name, value) in &page.settings {
                    dt { code { (escape_control(name, CHANNEL)) } } dd { (escape_control(value, VALUE)) }
                }
            }
        }
    }
}
