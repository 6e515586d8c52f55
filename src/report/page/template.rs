//! The document and its head.

use std::error::Error;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::RunPage;
use super::channel_table::channel_rows;
use super::format::verdict;
use super::sections::{channels, commands, defects, errors, latency, settings, throughput};
use super::tables;
use super::verification::verification;
use crate::model::escape_control;

/// The content security policy: no network, no forms, and no script but that of the filter.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src 'sha256-PRsdDSF7ih85Q7QvUlEmmVI5jJnA5giJqZxo02d+cLE='";
const STYLE: &str = include_str!("page.css");
/// The script of the filter. The policy contains its hash, so no other script runs.
const SCRIPT: &str = include_str!("filter.js");
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
                title {
                    @if summary.rehearsal { "Rehearsal – " }
                    (list) " – chime-bulk"
                }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                (hatch())
                main {
                    p class=(if summary.rehearsal { "origin rehearsal" } else { "origin" }) {
                        (page.origin.sentence())
                    }
                    h1 { "Members of " (list) }
                    p.soft { (if summary.rehearsal { "Rehearsal " } else { "Run " }) (escape_control(&summary.run_id, NAME)) " of chime-bulk" }
                    p class=(class) { (verdict(summary)) }
                    (asked(page, &list))
                    (tables::outcomes(summary))
                    (verification(page))
                    (commands(page))
                    (channel_rows(page))
                    (errors(page))
                    (defects(page))
                    (throughput(page)?)
                    (channels(page)?)
                    (latency(page)?)
                    (settings(page))
                }
                script { (PreEscaped(SCRIPT)) }
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

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Bytes in base64.
    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for digit in 0..4 {
                let index = (bits >> (18 - 6 * digit)) & 63;
                let is_padding = digit > chunk.len();
                text.push(if is_padding {
                    '='
                } else {
                    char::from(DIGITS[index as usize])
                });
            }
        }
        text
    }

    #[test]
    fn the_policy_allows_the_script_of_the_page_and_no_other() {
        let hash = base64(&Sha256::digest(SCRIPT));
        assert!(
            POLICY.ends_with(&format!("script-src 'sha256-{hash}'")),
            "{hash}"
        );
        assert!(!SCRIPT.contains("</"));
    }
}
