//! The page's tables.

use maud::{Markup, html};

use super::call_stats::{CallStats, ChannelTime};
use super::format::{count_of, grouped, milliseconds, seconds, share, short_id};
use super::latency::LatencyHistogram;
use super::work_clock::PauseKind;
use crate::model::Outcome;
use crate::report::Summary;
use crate::report::format::{binding_text, singles_text, time};

/// At most this many characters of a channel's id.
const CHANNEL: usize = 64;
/// A table with more lines than this is collapsed.
const MAX_OPEN_LINES: usize = 12;

/// The properties of the run, as names and values.
pub(super) fn asked(summary: &Summary, list: &str) -> Vec<(&'static str, String)> {
    let rows = count_of(summary.rows_read, "row");
    let left_out = match summary.rows_left_out {
        0 => String::new(),
        left_out => format!(" ({} more left out by --where)", grouped(left_out)),
    };
    let shard = summary.shard.map(|shard| {
        let (number, count) = (shard.number(), shard.count());
        format!("{number} of {count}")
    });
    let elsewhere = match summary.elsewhere {
        0 => String::new(),
        rows => format!("{} of other shards", count_of(rows, "row")),
    };
    let mut facts = vec![
        ("List", list.to_owned()),
        ("Shard", shard.unwrap_or_default()),
        ("Rows read", format!("{rows}{left_out}")),
        ("Elsewhere", elsewhere),
        ("Channels", grouped(summary.channels)),
        ("In the name of", count_of(summary.bearers, "bearer")),
        ("Began", timestamp(&summary.started_at)),
        ("Ended", timestamp(&summary.finished_at)),
        ("Time at work", time(summary.elapsed_seconds)),
        (
            "Least time",
            format!(
                "{} ({})",
                time(summary.lower_bound_seconds),
                binding_text(summary.binding_limit)
            ),
        ),
        (
            "Calls",
            format!(
                "{} (at least {}), {}{} throttled",
                grouped(summary.calls),
                grouped(summary.lower_bound_calls),
                singles_text(summary.single_calls),
                grouped(summary.throttled_calls)
            ),
        ),
        ("Rows tried again", grouped(summary.retried_members)),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

/// A UTC timestamp in a readable form.
fn timestamp(stamp: &str) -> String {
    let date = stamp.split_once('T');
    date.map_or_else(String::new, |(date, time)| {
        format!("{date} {} UTC", time.trim_end_matches('Z'))
    })
}

/// The meaning of an outcome, in a few words.
fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Added => "the service listed the member as added",
        Outcome::AlreadyMember => "the member was in the channel already",
        Outcome::Failed => "the service refused the member",
        Outcome::Invalid => "the row is defective and was never sent",
        Outcome::Duplicate => "the same membership as an earlier row",
        Outcome::Unconfirmed => "sent, but never answered for",
        Outcome::NotAttempted => "not settled when the run stopped",
    }
}

/// Rows by outcome.
pub(super) fn outcomes(summary: &Summary) -> Markup {
    let tally = summary.tally();
    html! {
        section aria-labelledby="outcomes" {
            h2 id="outcomes" { "Outcomes" }
            div.wide tabindex="0" role="region" aria-labelledby="outcomes" {
                table {
                    thead { tr {
                        th scope="col" { "Outcome" } th.n scope="col" { "Rows" }
                        th.n scope="col" { "Share" } th scope="col" { "Meaning" }
                    } }
                    tbody {
                        @for outcome in Outcome::ALL {
                            tr {
                                th scope="row" { (outcome.as_str()) }
                                td.n { (grouped(tally.of(outcome))) }
                                td.n { (share(tally.of(outcome), summary.own_rows())) }
                                td.text { (meaning(outcome)) }
                            }
                        }
                        @if summary.elsewhere > 0 {
                            tr {
                                th scope="row" { "elsewhere" }
                                td.n { (grouped(summary.elsewhere)) }
                                td.n {} td.text { "rows of other shards" }
                            }
                        }
                        tr {
                            th scope="row" { "rows read" }
                            td.n { (grouped(summary.rows_read)) }
                            td.n {} td {}
                        }
                    }
                }
            }
        }
    }
}

/// A table that is collapsed if it is long.
fn collapsible(title: &str, lines: usize, table: &Markup) -> Markup {
    html! {
        details open[lines <= MAX_OPEN_LINES] {
            summary { (title) }
            div.wide tabindex="0" role="region" aria-label=(title) { (table) }
        }
    }
}

/// The pauses.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(super) fn pauses(stats: &CallStats) -> Markup {
    let shown = &stats.pauses;
    let more = stats.pause_count.saturating_sub(shown.len() as u64);
    if shown.is_empty() {
        return html! {};
    }
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Pause" } th.n scope="col" { "After" }
                th scope="col" { "From" } th.n scope="col" { "Length" }
            } }
            tbody {
                @for pause in shown {
                    tr {
                        th.text scope="row" { (pause_text(pause.kind)) }
                        td.n { (time(pause.from as f64 / 1_000.0)) }
                        td.n { (moment(pause.begun_at)) }
                        td.n { (pause.seconds().map_or_else(|| "the clock was set back".to_owned(), time)) }
                    }
                }
            }
        }
        @if more > 0 { p { "And " (count_of(more, "more pause")) "." } }
    };
    collapsible("The pauses", shown.len(), &table)
}

fn pause_text(kind: PauseKind) -> &'static str {
    match kind {
        PauseKind::BetweenSessions => "between two sessions",
        PauseKind::NoCall => "no call was sent",
        PauseKind::NoneAccepted => "no call was accepted",
    }
}

/// A time in milliseconds since 1970, in a readable form.
fn moment(milliseconds: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(milliseconds);
    moment.map_or_else(
        |_| String::new(),
        |moment| moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// The figures of the throughput.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn throughput(stats: &CallStats) -> Markup {
    let timeline = &stats.timeline;
    let table = html! {
        table {
            thead { tr {
                th.n scope="col" { "From" } th.n scope="col" { "Calls a second" }
                th.n scope="col" { "Limit" } th.n scope="col" { "Accepted" }
                th.n scope="col" { "Throttled" } th.n scope="col" { "Refused or unanswered" }
                th.n scope="col" { "Members in accepted calls" }
            } }
            tbody {
                @for (index, bucket) in timeline.buckets().iter().enumerate() {
                    tr {
                        th.n scope="row" { (timeline.begins(index)) }
                        td.n { (format!("{:.1}", bucket.calls() as f64 / timeline.seconds())) }
                        td.n { (format!("{:.1}", stats.allowed.get(index).unwrap_or(&0.0))) }
                        td.n { (grouped(bucket.accepted)) }
                        td.n { (grouped(bucket.throttled)) }
                        td.n { (grouped(bucket.failed)) }
                        td.n { (grouped(bucket.members)) }
                    }
                }
            }
        }
    };
    collapsible(
        "The throughput in figures",
        timeline.buckets().len(),
        &table,
    )
}

/// The figures of the channels.
pub(super) fn channels(channels: &[ChannelTime]) -> Markup {
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Channel" } th.n scope="col" { "Time" }
                th.n scope="col" { "Calls" } th.n scope="col" { "Not accepted" }
            } }
            tbody {
                @for channel in channels {
                    tr {
                        th.text scope="row" title=(channel.arn) { (short_id(&channel.arn, CHANNEL)) }
                        td.n { (seconds(channel.span.seconds())) }
                        td.n { (grouped(channel.span.calls.into())) }
                        td.n { (grouped(channel.span.refused.into())) }
                    }
                }
            }
        }
    };
    collapsible("The channels in figures", channels.len(), &table)
}

/// The figures of the latency.
pub(super) fn latency(latency: &LatencyHistogram) -> Markup {
    let buckets = latency.buckets();
    let table = html! {
        table {
            thead { tr {
                th.n scope="col" { "From" } th.n scope="col" { "To" }
                th.n scope="col" { "Answers" } th.n scope="col" { "Share" }
            } }
            tbody {
                @for bucket in &buckets {
                    tr {
                        th.n scope="row" { (milliseconds(bucket.from)) }
                        td.n { (bucket.to.map_or_else(|| "longer".to_owned(), milliseconds)) }
                        td.n { (grouped(bucket.answers)) }
                        td.n { (share(bucket.answers, latency.answers())) }
                    }
                }
            }
        }
    };
    collapsible("The answers in figures", buckets.len(), &table)
}
