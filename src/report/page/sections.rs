//! The sections of the page below the outcomes.

use std::error::Error;

use maud::{Markup, html};

use super::call_stats::CallStats;
use super::failures::display_code;
use super::format::{count_of, grouped, milliseconds, short_id};
use super::{RunPage, charts, tables};
use crate::model::{RunState, codes, escape_control};
use crate::report::format::time;
use crate::report::{FAILED, Summary, shell_word};

/// At most this many error codes are listed.
const MAX_CODES: usize = 50;
/// At most this many characters of a channel's id, and of a setting's value.
const CHANNEL: usize = 40;
const VALUE: usize = 600;

/// The commands to run next.
pub(super) fn commands(page: &RunPage<'_>) -> Markup {
    let summary = page.summary;
    let dir = std::path::absolute(page.dir).unwrap_or_else(|_| page.dir.to_owned());
    let dir = shell_word(&dir);
    let is_finished = summary.state == RunState::Finished;
    let rest = summary.bound_of_rest();
    let rest = rest
        .map(|rest| format!(" It takes {rest}."))
        .unwrap_or_default();
    html! {
        section aria-labelledby="next" {
            h2 id="next" { "Next steps" }
            @if !is_finished {
                p { "Resume the run where it stopped." (rest) }
                pre { code { "chime-bulk resume " (dir) } }
            }
            @if summary.rows_to_edit > 0 {
                p {
                    (count_of(summary.rows_to_edit, "row")) " can succeed only after a correction: edit "
                    code { (FAILED) } ", then pass it to " code { "chime-bulk run" }
                    " with the flags of this run."
                }
            }
            @if summary.can_be_retried() {
                p { "Retry the rows that are not in." (rest) }
                pre { code { "chime-bulk retry " (dir) } }
            }
            p { "Write the reports again from the ledger:" }
            pre { code { "chime-bulk report " (dir) } }
        }
    }
}

/// The errors by code, most rows first.
pub(super) fn errors(page: &RunPage<'_>) -> Markup {
    let codes = sorted_codes(page.summary);
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

/// The error codes, each with its rows, most rows first.
pub(super) fn sorted_codes(summary: &Summary) -> Vec<(&str, u64)> {
    let errors = summary.errors_by_code.iter();
    let mut codes: Vec<(&str, u64)> = errors.map(|(code, rows)| (&**code, *rows)).collect();
    codes.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    codes
}

/// The kinds of defects.
pub(super) fn defects(page: &RunPage<'_>) -> Markup {
    let (kinds, all) = &page.defects;
    if kinds.is_empty() {
        return html! {};
    }
    let more = all.saturating_sub(kinds.len() as u64);
    html! {
        section aria-labelledby="defects" {
            h2 id="defects" { "Defects by kind" }
            div.wide tabindex="0" role="region" aria-labelledby="defects" {
                table {
                    thead { tr {
                        th.n scope="col" { "Rows" } th scope="col" { "Column" }
                        th scope="col" { "Defect" } th scope="col" { "First rows" }
                    } }
                    tbody {
                        @for kind in kinds {
                            tr {
                                td.n { (grouped(kind.rows)) }
                                td.text { (escape_control(&kind.column, CHANNEL)) }
                                td.text { (escape_control(&kind.reason, VALUE)) }
                                td.text { (first_rows(&kind.examples, kind.rows)) }
                            }
                        }
                    }
                }
            }
            @if more > 0 { p { "And " (count_of(more, "more kind")) ": see results.csv." } }
        }
    }
}

/// The numbers of the first rows of a kind.
fn first_rows(examples: &[u64], rows: u64) -> String {
    let numbers: Vec<String> = examples.iter().copied().map(grouped).collect();
    let rest = if rows > numbers.len() as u64 {
        ", …"
    } else {
        ""
    };
    numbers.join(", ") + rest
}

fn error(page: &RunPage<'_>, code: &str, rows: u64) -> Markup {
    let (known, first, name) = (
        codes::explain(code),
        page.failures.of(code),
        display_code(code),
    );
    html! {
        div data-code=(name) {
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
                                tr data-channel=(row.channel) {
                                    th.n scope="row" { (grouped(row.row)) }
                                    td.text title=(row.channel) { (short_id(&row.channel, CHANNEL)) }
                                    td.text title=(row.member) { (short_id(&row.member, CHANNEL)) }
                                    td.text { (row.message) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A section with a chart: title, note, chart and table; or a note that there is no data.
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

/// Calls per second over time.
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
                @if stats.pause_count > 0 {
                    " There " (if stats.pause_count == 1 { "was " } else { "were " })
                    (count_of(stats.pause_count, "pause")) ": see below."
                }
            }
            (key(stats))
        }
    });
    let chart = || charts::throughput(stats);
    let title = ("over-time", "Throughput against the limit");
    let figures = html! { (tables::pauses(stats)) (tables::throughput(stats)) };
    chart_section(title, note, chart, &figures)
}

/// The legend of the chart.
fn key(stats: &CallStats) -> Markup {
    let has = |takes_time: bool| {
        let mut pauses = stats.pauses.iter();
        pauses.any(|pause| (pause.to > pause.from) == takes_time)
    };
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
            @if has(false) {
                li {
                    svg viewBox="0 0 28 16" aria-hidden="true" {
                        line x1="14" y1="0" x2="14" y2="16" stroke="#070707" stroke-width="2" {}
                    }
                    "pause (dotted)"
                }
            }
            @if has(true) { (bar("#080808", "no call accepted (shaded)")) }
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

/// The distribution of answer times.
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

/// The limits in force, and the settings.
pub(super) fn settings(page: &RunPage<'_>) -> Markup {
    let limits = page.limits;
    let optional = |text: Option<String>| text.unwrap_or_else(|| "as many as fit".to_owned());
    let kept = [
        (
            "channel rate",
            format!("{} calls a second", limits.channel_rate),
        ),
        (
            "single adds",
            limits.single_rate.map_or_else(
                || "none".to_owned(),
                |rate| format!("{rate} calls a second on a channel"),
            ),
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
