//! Which channels a run lists before its first add.

use std::cmp::Reverse;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::format::{count, wrap};
use crate::ledger::{ChannelLoad, LedgerError, LedgerReader};
use crate::model::{Limits, SkipExisting, quota};
use crate::schedule::{ListingFirst, ListingOutlook};

/// The channels that a run may list first: a ledger must contain the whole list.
#[derive(Debug, Clone, Default)]
pub struct ListingCandidates {
    /// These, those with the most calls first.
    pub channels: Vec<ChannelLoad>,
    /// The calls on all channels.
    pub calls: u64,
    /// The calls on the largest channel that is not among them.
    pub next_calls: u64,
}

impl ListingCandidates {
    /// The channels that this setting lists first, at these limits.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn of(
        ledger: &LedgerReader,
        skip: SkipExisting,
        limits: &Limits,
        bearers: usize,
    ) -> Result<Self, LedgerError> {
        if skip == SkipExisting::Never {
            return Ok(Self::default());
        }
        let (mut channels, mut calls) = (Vec::new(), 0);
        ledger.channel_loads(limits.members_per_call.into(), |load| {
            calls += load.calls;
            channels.push(load);
        })?;
        // The longest first: its pages come one after the other. The sort is stable: of equals, the first
        // in the list comes first.
        channels.sort_by_key(|load| Reverse(load.calls));
        if skip == SkipExisting::Always {
            let next_calls = 0;
            return Ok(Self {
                channels,
                calls,
                next_calls,
            });
        }
        let outlooks: Vec<_> = channels
            .iter()
            .map(|load| ListingOutlook::best(load.calls, load.members, load.lanes))
            .collect();
        let candidates = ListingFirst::new(limits, bearers).candidates(calls, &outlooks);
        let next_calls = channels.get(candidates).map_or(0, |load| load.calls);
        channels.truncate(candidates);
        Ok(Self {
            channels,
            calls,
            next_calls,
        })
    }
}

/// What a run lists before its first add. A plan makes no call, so that it cannot know how many of the
/// list are members already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedListing {
    /// The value of `--skip-existing`: with `auto`, the first pages of each of these channels decide
    /// whether the others are read.
    pub skip_existing: SkipExisting,
    /// Channels whose members are listed first.
    pub channels: u64,
    /// Pages at least: one of each channel, type and sub-channel.
    pub pages: u64,
    /// Pages if the channels have as many members as the list has for them.
    pub pages_if_all_are_members: u64,
}

impl PlannedListing {
    /// What this setting lists first; `None` if it lists nothing.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn of(
        ledger: &LedgerReader,
        skip: SkipExisting,
        limits: &Limits,
        bearers: usize,
    ) -> Result<Option<Self>, LedgerError> {
        if skip == SkipExisting::Never {
            return Ok(None);
        }
        let candidates = ListingCandidates::of(ledger, skip, limits, bearers)?;
        let mut planned = Self {
            skip_existing: skip,
            channels: candidates.channels.len() as u64,
            pages: 0,
            pages_if_all_are_members: 0,
        };
        for load in &candidates.channels {
            planned.pages += load.lanes;
            let pages = load.members.div_ceil(quota::MEMBERS_PER_PAGE);
            planned.pages_if_all_are_members += pages.max(load.lanes);
        }
        Ok(Some(planned))
    }
}

impl fmt::Display for PlannedListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.channels, self.skip_existing) {
            (0, _) => "  listed first: no channel, as that would save no time".to_owned(),
            (channels, skip) => {
                let decide = if skip == SkipExisting::Auto {
                    "; the first pages decide whether the others are read"
                } else {
                    ""
                };
                format!(
                    "  listed first: {}, at least {} ({} if all are members){decide}",
                    count(channels, "channel"),
                    count(self.pages, "page"),
                    self.pages_if_all_are_members
                )
            }
        };
        wrap(f, &text, 4)
    }
}
