//! The document and its head.

use std::error::Error;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::RunPage;
use super::format::verdict;
use super::sections::{channels, commands, errors, latency, settings, throughput};
use super::tables;
use crate::model::escape_control;

/// The content security policy: no network, no script, no forms.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("page.css");
/// At most this many characters of the list's name.
const NAME: usize = 200;

/// The whole page.
pub(super) fn document(page: &RunPage<'_>) -> Result<Markup, Box<dyn Error>> {
    let summary = page.summary;
    let list = escape_control(&summary.list, NAME);
    let class = if summary.accounts && summary.is_all_in() {
        "verdict good"
    } else {
        "verdict"
    };
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                title { (list) " – chime-bulk" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                (hatch())
                main {
                    h1 { "Members of " (list) }
                    p.soft { "Run " (escape_control(&summary.run_id, NAME)) " of chime-bulk" }
                    p class=(class) { (verdict(summary)) }
                    (asked(page, &list))
                    (tables::outcomes(summary))
                    (commands(page))
                    (errors(page))
                    (throughput(page)?)
                    (channels(page)?)
                    (latency(page)?)
                    (settings(page))
                }
            }
        }
    })
}

/// The hatched pattern of throttled calls, which the style refers to.
fn hatch() -> Markup {
    html! {
        svg.none aria-hidden="true" {
            defs {
                pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse"
                    patternTransform="rotate(45)" {
                    path d="M0 0V5" {}
                }
            }
        }
    }
}

/// The properties of the run.
fn asked(page: &RunPage<'_>, list: &str) -> Markup {
    let summary = page.summary;
    let facts = tables::asked(summary, list);
    html! {
        section aria-labelledby="asked" {
            h2 id="asked" { "What was asked" }
            dl {
                @for (name, value) in facts {
                    dt { (name) }
                    dd { (value) }
                }
            }
        }
    }
}
