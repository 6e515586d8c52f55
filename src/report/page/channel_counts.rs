//! Rows by channel, counted while the results are written.
//!
//! Promises: memory grows with the channels and their kinds of failures, not with the rows or the
//! length of names.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::failures::display_code;
use crate::ledger::{LedgerError, LedgerReader};
use crate::model::Outcome;

/// At most this many channels are listed.
pub(super) const MAX_CHANNELS: usize = 200;
/// At most this many codes are counted by channel, and at most this many are listed of one.
const MAX_CODES: usize = 100;
const CODES_PER_CHANNEL: usize = 8;

/// Rows of one channel, without defective ones and those that repeat another.
#[derive(Debug, Clone, Copy, Default)]
struct Rows {
    inside: u64,
    out: u64,
}

/// The rows of all channels.
#[derive(Debug, Default)]
pub(in crate::report) struct ChannelCounts {
    /// Channels are kept by the hash of their ARN: the ARNs are in the ledger.
    hasher: RandomState,
    rows: HashMap<u64, Rows>,
    codes: Vec<String>,
    by_code: HashMap<(u64, usize), u64>,
}

/// One channel of the page.
#[derive(Debug, Clone)]
pub(super) struct ChannelRows {
    pub(super) arn: String,
    pub(super) inside: u64,
    pub(super) out: u64,
    /// The codes of the rows that are not in, most rows first.
    pub(super) codes: Vec<(String, u64)>,
    /// Codes that are not listed.
    pub(super) more_codes: usize,
}

/// The channels of the page, those with the most rows that are not in first, then the largest.
#[derive(Debug, Default)]
pub(super) struct TopChannels {
    pub(super) shown: Vec<ChannelRows>,
    /// Channels that are not shown, and how many of them have rows that are not in.
    pub(super) more: u64,
    pub(super) more_failing: u64,
}

impl ChannelCounts {
    /// Counts a row.
    pub(in crate::report) fn add(&mut self, channel: &str, outcome: Outcome, code: Option<&str>) {
        // Defective rows may not name a channel, and repeated ones are counted with the first.
        if matches!(outcome, Outcome::Invalid | Outcome::Duplicate) {
            return;
        }
        let channel = self.hasher.hash_one(channel);
        let rows = self.rows.entry(channel).or_default();
        if outcome.is_in() {
            rows.inside += 1;
            return;
        }
        rows.out += 1;
        if let Some(code) = code {
            let code = self.code(code);
            *self.by_code.entry((channel, code)).or_default() += 1;
        }
    }

    /// The number of a code; that of all further ones if there are too many.
    fn code(&mut self, code: &str) -> usize {
        let known = self.codes.iter().position(|known| known == code);
        known.unwrap_or_else(|| {
            if self.codes.len() < MAX_CODES {
                self.codes.push(code.to_owned());
                self.codes.len() - 1
            } else {
                MAX_CODES
            }
        })
    }

    /// The channels to list.
    pub(super) fn top(&self, ledger: &LedgerReader) -> Result<TopChannels, LedgerError> {
        let mut top: Vec<(String, u64, Rows)> = Vec::new();
        let (mut all, mut failing) = (0, 0);
        ledger.for_each_channel(|arn| {
            let key = self.hasher.hash_one(arn);
            let Some(rows) = self.rows.get(&key) else {
                return;
            };
            all += 1;
            failing += u64::from(rows.out > 0);
            top.push((arn.to_owned(), key, *rows));
            // The sort is stable: of equals, the first in the list comes first.
            if top.len() == 10 * MAX_CHANNELS {
                keep_top(&mut top);
            }
        })?;
        keep_top(&mut top);
        let mut codes = self.codes_of(&top);
        let shown: Vec<ChannelRows> = top
            .into_iter()
            .map(|(arn, key, rows)| {
                let mut codes = codes.remove(&key).unwrap_or_default();
                codes.sort_by_key(|(code, rows)| (Reverse(*rows), *code));
                let more_codes = codes.len().saturating_sub(CODES_PER_CHANNEL);
                codes.truncate(CODES_PER_CHANNEL);
                let named = codes
                    .into_iter()
                    .map(|(code, rows)| (self.name(code), rows));
                ChannelRows {
                    arn,
                    inside: rows.inside,
                    out: rows.out,
                    codes: named.collect(),
                    more_codes,
                }
            })
            .collect();
        let shown_failing = shown.iter().filter(|channel| channel.out > 0).count() as u64;
        Ok(TopChannels {
            more: all - shown.len() as u64,
            more_failing: failing - shown_failing,
            shown,
        })
    }

    /// The codes of these channels, each with its rows.
    fn codes_of(&self, top: &[(String, u64, Rows)]) -> HashMap<u64, Vec<(usize, u64)>> {
        let mut codes: HashMap<u64, Vec<(usize, u64)>> =
            top.iter().map(|(_, key, _)| (*key, Vec::new())).collect();
        for ((channel, code), rows) in &self.by_code {
            if let Some(codes) = codes.get_mut(channel) {
                codes.push((*code, *rows));
            }
        }
        codes
    }

    fn name(&self, code: usize) -> String {
        let code = self.codes.get(code);
        code.map_or_else(|| "other codes".to_owned(), |code| display_code(code))
    }
}

fn keep_top(top: &mut Vec<(String, u64, Rows)>) {
    top.sort_by_key(|(_, _, rows)| Reverse((rows.out, rows.inside)));
    top.truncate(MAX_CHANNELS);
}
