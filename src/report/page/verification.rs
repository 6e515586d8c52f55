//! The section about what the channels themselves say.

use maud::{Markup, html};

use super::RunPage;
use super::format::{count_of, grouped};
use crate::report::{VERIFY, Verdict};

/// The counts of the last verification, if there was one since the run changed.
pub(super) fn verification(page: &RunPage<'_>) -> Markup {
    let Some(found) = &page.summary.verification else {
        return html! {};
    };
    let checked = count_of(found.checked, "row");
    html! {
        section aria-labelledby="verification" {
            h2 id="verification" { "Verification" }
            p {
                @if found.is_confirmed() { "The channels confirm " (checked) } @else { "The channels were asked about " (checked) }
                @if found.sample.is_some() { " of a random sample" }
                ", on " (found.verified_at) ": see " (VERIFY) "."
            }
            dl {
                @for verdict in Verdict::ALL {
                    dt { (words(verdict)) }
                    dd { (grouped(found.count(verdict))) }
                }
            }
        }
    }
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "Confirmed",
        Verdict::Missing => "Missing from the channel",
        Verdict::Unexpected => "In the channel, not reported",
        Verdict::OtherType => "In the channel with another type",
        Verdict::Unreadable => "Channel not readable",
    }
}
