//! The counts of a synchronization, and the limit on its removals.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::diff::Diff;
use super::format::{count, error_line, time, verb, wrap};
use crate::model::{RunState, codes};

/// A share counts from this many members on: of a smaller channel it is the share of so many.
const SHARE_FROM: u64 = 10;

/// How many members may be removed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxRemovals {
    /// So many in all.
    Count(u64),
    /// This share of the members of each channel, and of all channels together, in percent.
    Share(f64),
}

impl Default for MaxRemovals {
    fn default() -> Self {
        Self::Count(0)
    }
}

impl FromStr for MaxRemovals {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a whole number, or a share such as 5%".to_owned();
        match text.trim().strip_suffix('%') {
            None => Ok(Self::Count(text.trim().parse().map_err(|_| wrong())?)),
            Some(share) => {
                let share: f64 = share.trim().parse().map_err(|_| wrong())?;
                let is_share = (0.0..=100.0).contains(&share);
                is_share.then_some(Self::Share(share)).ok_or_else(wrong)
            }
        }
    }
}

impl fmt::Display for MaxRemovals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(most) => write!(f, "{most}"),
            Self::Share(share) => write!(f, "{share}%"),
        }
    }
}

impl MaxRemovals {
    /// What a difference has more removals than, in words; `None` if it is within the limit.
    #[must_use]
    pub fn excess(self, diff: &Diff) -> Option<String> {
        match self {
            Self::Count(most) => (diff.to_remove > most).then(|| {
                let members = count(diff.to_remove, "member");
                format!("{members} would be removed, and --max-removals allows {most}")
            }),
            Self::Share(share) => {
                let is_over = |removed: u64, members: u64| {
                    as_float(removed) > as_float(members.max(SHARE_FROM)) * share / 100.0
                };
                let over = |channel: &str, removed: u64, members: u64| {
                    let removed = count(removed, "member");
                    format!(
                        "{removed} of {members} would be removed from {channel}, and --max-removals allows {share}%"
                    )
                };
                let channels = diff.channels.iter();
                let mut worst = channels.filter(|(_, one)| is_over(one.to_remove, one.members));
                if let Some((channel, one)) = worst.next() {
                    return Some(over(channel, one.to_remove, one.members));
                }
                let members = diff.channels.values().map(|one| one.members).sum();
                is_over(diff.to_remove, members)
                    .then(|| over("all channels together", diff.to_remove, members))
            }
        }
    }

    /// The number that the difference needs, for the flag.
    #[must_use]
    pub fn needed(diff: &Diff) -> u64 {
        diff.to_remove
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "member counts are far below 2^52"
)]
fn as_float(number: u64) -> f64 {
    number as f64
}

/// The counts of a synchronization, printed by `sync` with `--json`. Later versions may add fields;
/// none is renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SyncSummary {
    /// The name of the run.
    pub run_id: String,
    /// How it ended.
    pub state: RunState,
    /// Whether it only looked.
    pub dry_run: bool,
    /// Channels of the list.
    pub channels: u64,
    /// Members on the list that were in their channels before.
    pub equal: u64,
    /// Members on the list that were not in their channels.
    pub to_add: u64,
    /// Members not on the list that were to be removed.
    pub to_remove: u64,
    /// Members added.
    pub added: u64,
    /// Members removed.
    pub removed: u64,
    /// Members to remove who had left meanwhile.
    pub gone_already: u64,
    /// Members not on the list that were kept: without `--remove-others`, or because they are bearers,
    /// moderators, bots or protected.
    pub kept: u64,
    /// Members not on the list that were kept because too little is known of their channel, or because
    /// an add in it failed.
    pub withheld: u64,
    /// Members that could not be added or removed.
    pub failed: u64,
    /// Invalid rows of the list.
    pub invalid: u64,
    /// Members on the list who left since an earlier run had added them.
    pub left_since: u64,
    /// Members on the list that are in their channels with another type.
    pub other_type: u64,
    /// Members that no call was made for.
    pub not_attempted: u64,
    /// Calls made, those that read included.
    pub calls: u64,
    /// Calls throttled as a whole.
    pub throttled_calls: u64,
    /// The time of all calls, in seconds.
    pub elapsed_seconds: f64,
    /// Members that could not be added or removed, by error code.
    pub errors_by_code: BTreeMap<String, u64>,
    /// Channels whose removals were withheld, with the reason.
    pub withheld_channels: BTreeMap<String, String>,
}

impl SyncSummary {
    /// The counts of a difference.
    #[must_use]
    pub fn of(diff: &Diff, run_id: String, dry_run: bool) -> Self {
        let withheld = |(channel, one): (&String, &super::diff::ChannelDiff)| {
            Some((channel.clone(), one.withheld.clone()?))
        };
        Self {
            run_id,
            state: RunState::Finished,
            dry_run,
            channels: diff.channels.len() as u64,
            equal: diff.equal,
            to_add: diff.to_add,
            to_remove: diff.to_remove,
            added: 0,
            removed: 0,
            gone_already: 0,
            kept: diff.kept,
            withheld: diff.withheld,
            failed: if dry_run { diff.unread } else { 0 },
            invalid: diff.invalid,
            left_since: diff.left_since,
            other_type: diff.other_type,
            not_attempted: 0,
            calls: 0,
            throttled_calls: 0,
            elapsed_seconds: 0.0,
            errors_by_code: BTreeMap::new(),
            withheld_channels: diff.channels.iter().filter_map(withheld).collect(),
        }
    }

    /// Whether the channels are as the list says, as far as they may be; of a dry run, whether they were
    /// already.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        let open = self.withheld + self.failed + self.invalid + self.other_type;
        let is_done = if self.dry_run {
            self.to_add + self.to_remove == 0
        } else {
            self.not_attempted == 0
        };
        open == 0 && is_done && self.withheld_channels.is_empty()
    }
}

impl fmt::Display for SyncSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dry_run {
            writeln!(f, "difference of {}", self.run_id)?;
        } else {
            let (word, took) = (verb(self.state), time(self.elapsed_seconds));
            writeln!(f, "sync {} {word} after {took}", self.run_id)?;
        }
        for (label, number, always) in [
            ("in sync before", self.equal, true),
            ("to add", self.to_add, self.dry_run),
            ("to remove", self.to_remove, self.dry_run),
            ("added", self.added, !self.dry_run),
            ("removed", self.removed, !self.dry_run),
            ("gone already", self.gone_already, false),
            ("kept", self.kept, false),
            ("withheld", self.withheld, false),
            ("left since", self.left_since, false),
            ("other type", self.other_type, false),
            ("failed", self.failed, false),
            ("invalid", self.invalid, false),
            ("not attempted", self.not_attempted, false),
        ] {
            let is_plan = label.starts_with("to ") && !self.dry_run;
            if always || (number > 0 && !is_plan) {
                writeln!(f, "  {label:<16}{number:>12}")?;
            }
        }
        for (channel, reason) in self.withheld_channels.iter().take(10) {
            wrap(f, &format!("  nobody removed from {channel}: {reason}"), 6)?;
        }
        let more = self.withheld_channels.len().saturating_sub(10);
        if more > 0 {
            writeln!(f, "  and from {}", count(more as u64, "more channel"))?;
        }
        for (code, rows) in &self.errors_by_code {
            writeln!(f, "{}", error_line(code, *rows))?;
            if let Some(known) = codes::explain(code) {
                wrap(f, &format!("      {}", known.cause), 6)?;
                wrap(f, &format!("      fix: {}", known.fix), 11)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::diff::ChannelDiff;
    use super::*;

    fn diff(channels: &[(u64, u64)]) -> Diff {
        let channels = (0..).zip(channels).map(|(n, (members, to_remove))| {
            let one = ChannelDiff {
                members: *members,
                to_remove: *to_remove,
                ..ChannelDiff::default()
            };
            (format!("c{n}"), one)
        });
        let channels: BTreeMap<_, _> = channels.collect();
        Diff {
            to_remove: channels.values().map(|one| one.to_remove).sum(),
            channels,
            ..Diff::default()
        }
    }

    #[test]
    fn the_limit_holds_for_each_channel_and_for_all_together() {
        let over = |limit: &str, channels: &[(u64, u64)]| {
            let limit: MaxRemovals = limit.parse().unwrap();
            limit.excess(&diff(channels)).is_some()
        };
        assert!(!over("0", &[(100, 0)]));
        assert!(over("0", &[(100, 1)]));
        assert!(!over("2", &[(100, 1), (100, 1)]));
        assert!(over("1", &[(100, 1), (100, 1)]));
        assert!(!over("5%", &[(100, 5)]));
        assert!(over("5%", &[(100, 6), (1_000, 0)]));
        // Of nine members it is the share of ten.
        assert!(!over("10%", &[(9, 1), (100, 0)]));
        assert!(over("10%", &[(9, 2), (100, 0)]));
        assert!(over("0%", &[(2, 1)]));
    }

    #[test]
    fn a_limit_is_a_number_or_a_share() {
        for wrong in ["", "-1", "5.5", "x", "101%", "-1%", "%", "NaN%"] {
            assert!(wrong.parse::<MaxRemovals>().is_err(), "{wrong}");
        }
        assert_eq!("3".parse(), Ok(MaxRemovals::Count(3)));
        assert_eq!("2.5%".parse(), Ok(MaxRemovals::Share(2.5)));
    }
}
