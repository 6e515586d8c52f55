//! The channels of the page: how many rows were asked for, are in, and are not in.

use maud::{Markup, html};

use super::RunPage;
use super::channel_counts::ChannelRows;
use super::failures::display_code;
use super::format::{count_of, grouped, short_id};
use super::sections::sorted_codes;
use crate::model::escape_control;

/// At most this many characters of a channel's id, and of its ARN.
const ID: usize = 40;
const ARN: usize = 1_000;

/// The channels, with a filter.
pub(super) fn channel_rows(page: &RunPage<'_>) -> Markup {
    let top = &page.channels;
    let all = top.shown.len() as u64 + top.more;
    html! {
        section aria-labelledby="rows-by-channel" {
            h2 id="rows-by-channel" { "Rows by channel" }
            @if top.shown.is_empty() {
                p { "No row names a channel." }
            } @else {
                p.soft {
                    "Asked are the rows for a channel, without defective and repeated ones. The "
                    "channels with the most rows that are not in come first, then the largest."
                    @if top.more > 0 {
                        " Shown are " (top.shown.len()) " of " (grouped(all)) "; of the other "
                        (grouped(top.more)) ", "
                        @if top.more_failing > 0 {
                            (grouped(top.more_failing)) " have rows that are not in: see results.csv."
                        } @else {
                            "every row is in."
                        }
                    }
                }
                (filter(page))
                div.wide tabindex="0" role="region" aria-labelledby="rows-by-channel" {
                    table.channels {
                        thead { tr {
                            th scope="col" { "Channel" } th.n scope="col" { "Asked" }
                            th.n scope="col" { "In" } th.n scope="col" { "Not in" }
                            th scope="col" { "Errors" }
                        } }
                        tbody { @for channel in &top.shown { (row(channel)) } }
                    }
                }
            }
        }
    }
}

fn row(channel: &ChannelRows) -> Markup {
    let arn = escape_control(&channel.arn, ARN);
    let codes: Vec<&str> = channel.codes.iter().map(|(code, _)| &**code).collect();
    html! {
        tr data-channel=(arn) data-codes=(codes.join("\n")) {
            th.text scope="row" {
                details { summary { (short_id(&channel.arn, ID)) } code { (arn) } }
            }
            td.n { (grouped(channel.inside + channel.out)) }
            td.n { (grouped(channel.inside)) }
            td.n { (grouped(channel.out)) }
            td.text {
                @for (index, (code, rows)) in channel.codes.iter().enumerate() {
                    @if index > 0 { ", " }
                    (code) " " (grouped(*rows))
                }
                @if channel.more_codes > 0 {
                    ", and " (count_of(channel.more_codes as u64, "more code"))
                }
            }
        }
    }
}

/// The filter. It is hidden until the page's script shows it: without the script it would do nothing.
fn filter(page: &RunPage<'_>) -> Markup {
    html! {
        div id="filter" role="search" hidden {
            label { "Channel contains " input id="filter-channel" type="search" autocomplete="off"; }
            @let codes = sorted_codes(page.summary);
            label {
                "Error code "
                select id="filter-code" {
                    option value="" { "all" }
                    @for (code, _) in codes.iter() {
                        @let code = display_code(code);
                        option value=(code) { (code) }
                    }
                }
            }
            span.soft id="filter-shown" aria-live="polite" {}
        }
    }
}
