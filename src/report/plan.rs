//! The plan of a run: the calls and the time that a list takes, before any call is made.

use std::cmp::Reverse;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ChannelsNow, PlannedListing, PlannedShards};
use crate::ledger::{AppInstanceLoad, ChannelLoad, DefectKind, LedgerError, LedgerReader, Repeat};
use crate::model::{AccountQuotas, Limits, Shard, SkipExisting, escape_control, quota};
use crate::roster::ListNotes;
use crate::schedule::{Binding, LowerBound, time_with_single_adds};

/// At most this many channels and kinds of defects are listed one by one.
const MAX_NAMED: usize = 100;
/// At most this many rows or channels serve as examples.
const MAX_EXAMPLES: usize = 3;
/// A column's name is cut to this many characters.
const MAX_COLUMN: usize = 40;

/// The plan of a run, as `plan --json` prints it. Later versions may add fields; none is renamed.
/// Contains no personal data except what the names of the list and its columns reveal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The list, as it was named.
    pub list: String,
    /// Rows read from the list.
    pub rows_read: u64,
    /// The shard that the plan is for; null if it is for the whole list.
    #[serde(default)]
    pub shard: Option<Shard>,
    /// Rows of other shards, which the plan leaves out; `rows_read` counts them.
    #[serde(default)]
    pub elsewhere: u64,
    /// Rows left out by `--where`; `rows_read` does not count them.
    pub rows_left_out: u64,
    /// Properties of the list that may be mistakes.
    pub notes: ListNotes,
    /// Rows to send: neither invalid nor duplicate.
    pub members: u64,
    /// Defective rows.
    pub invalid: u64,
    /// Rows with the channel and member of an earlier row.
    pub duplicate: u64,
    /// Channels in the list.
    pub channels: u64,
    /// How many app instances they belong to: each needs a bearer of its own, and so a run.
    pub app_instance_count: u64,
    /// The app instances with the most members, those first; at most 100.
    pub app_instances: Vec<AppInstanceLoad>,
    /// The fewest calls that the list takes.
    pub calls: u64,
    /// The least time that the list takes at these limits, in seconds.
    pub seconds: f64,
    /// The limit that sets the least time; null if none does: all calls may come at once.
    pub binding: Option<Binding>,
    /// The least time with one more bearer, in seconds.
    pub seconds_with_one_more_bearer: f64,
    /// The least time with `--single-adds`, in seconds: an estimate.
    #[serde(default)]
    pub seconds_with_single_adds: f64,
    /// The channels with the most members, largest first; at most 100.
    pub largest_channels: Vec<PlannedChannel>,
    /// Channels with more members in the list than the quota per channel: 10,000, or the figure of
    /// `quotas`.
    pub over_capacity: OverCapacityChannel,
    /// Kinds of defects.
    pub defect_kinds: u64,
    /// The kinds of defects with the most rows, most rows first; at most 100.
    pub defects: Vec<DefectKind>,
    /// The first duplicates; at most three.
    pub duplicate_examples: Vec<Repeat>,
    /// The calls and the time to remove all members again.
    pub undo: Undo,
    /// The limits that the plan is computed from.
    pub limits: Limits,
    /// Bearers that share the calls.
    pub bearers: u64,
    /// Whether no bearer was given, so that one is assumed.
    pub bearer_assumed: bool,
    /// The AWS region whose quotas apply.
    pub region: String,
    /// The channels as they are now; null without `--online`.
    #[serde(default)]
    pub channels_now: Option<ChannelsNow>,
    /// What `--skip-existing` lists before the first add; null without it.
    #[serde(default)]
    pub listed_first: Option<PlannedListing>,
    /// What each shard would do; null without `--shards`.
    #[serde(default)]
    pub shards: Option<PlannedShards>,
    /// The quotas of the account, with the source of each figure; null without `--quotas`.
    #[serde(default)]
    pub quotas: Option<AccountQuotas>,
    /// Why some of them are not those of the account.
    #[serde(default)]
    pub quota_warnings: Vec<String>,
}

/// The plan of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedChannel {
    /// The channel's ARN.
    pub channel_arn: String,
    /// Members to add.
    pub members: u64,
    /// The fewest calls that they take.
    pub calls: u64,
}

/// Channels with more members in the list than the quota per channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OverCapacityChannel {
    /// How many channels.
    pub channels: u64,
    /// The largest of them; at most three.
    pub examples: Vec<PlannedChannel>,
}

/// The calls and the time to remove all members again, one per call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Undo {
    /// Calls.
    pub calls: u64,
    /// The least time, in seconds.
    pub seconds: f64,
}

/// The input of a plan, beside the ledger.
#[derive(Debug, Clone)]
pub struct PlanInput {
    /// The list's name.
    pub list: String,
    /// The limits in force.
    pub limits: Limits,
    /// How many bearers there are; with none, one is assumed.
    pub bearers: usize,
    /// The region.
    pub region: String,
    /// Which channels are listed first.
    pub skip_existing: SkipExisting,
    /// The shard that the ledger has the rows of, if it is one.
    pub shard: Option<Shard>,
    /// The number of shards to compare, if any.
    pub shards: Option<NonZeroU32>,
    /// The quotas of the account, if they were asked for.
    pub quotas: Option<AccountQuotas>,
}

impl Plan {
    /// Computes the plan from a ledger that contains the whole list, with its duplicates found.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(ledger: &LedgerReader, input: PlanInput) -> Result<Self, LedgerError> {
        let PlanInput {
            list,
            limits,
            bearers,
            region,
            skip_existing,
            shard,
            shards,
            quotas,
        } = input;
        let capacity = capacity(quotas.as_ref());
        let (staged, pool) = (*ledger.staged(), bearers.max(1));
        let Loads {
            bound,
            single,
            members,
            over_capacity_count,
            largest,
        } = Loads::of(ledger, &limits, capacity)?;
        let one_by_one = limits.of_removals(quota::single_rate(&region), true);
        let (least, binding) = bound.time(&limits, pool);
        let with_single_adds = Limits {
            single_rate: limits.single_rate.or(Some(quota::single_rate(&region))),
            ..limits
        };
        let sizes: Vec<u64> = largest.iter().map(|load| load.members).collect();
        let with_single_adds = time_with_single_adds(&bound, &sizes, &with_single_adds, pool);
        let (defects, defect_kinds) = ledger.defect_kinds(MAX_NAMED, MAX_EXAMPLES)?;
        let (app_instances, app_instance_count) = ledger.app_instances(MAX_NAMED)?;
        let largest_channels = largest
            .into_iter()
            .map(|load| {
                Ok(PlannedChannel {
                    channel_arn: ledger.channel_arn(load.channel)?.as_str().to_owned(),
                    members: load.members,
                    calls: load.calls,
                })
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        let over_capacity = largest_channels
            .iter()
            .filter(|channel| channel.members > capacity);
        Ok(Self {
            list: escape_control(&list, usize::MAX),
            rows_read: staged.rows_read + staged.elsewhere,
            shard,
            elsewhere: staged.elsewhere,
            rows_left_out: staged.rows_left_out,
            notes: ledger.notes()?,
            members,
            invalid: staged.invalid,
            duplicate: staged.duplicate,
            channels: ledger.channels()?,
            app_instance_count,
            app_instances,
            calls: bound.calls(),
            seconds: least.as_secs_f64(),
            binding,
            seconds_with_one_more_bearer: bound.time(&limits, pool + 1).0.as_secs_f64(),
            seconds_with_single_adds: with_single_adds.as_secs_f64(),
            over_capacity: OverCapacityChannel {
                channels: over_capacity_count,
                examples: over_capacity.take(MAX_EXAMPLES).cloned().collect(),
            },
            largest_channels,
            defect_kinds,
            defects: defects.into_iter().map(displayable).collect(),
            duplicate_examples: ledger.repeats(MAX_EXAMPLES)?,
            undo: Undo {
                calls: single.calls(),
                seconds: single.time(&one_by_one, pool).0.as_secs_f64(),
            },
            limits,
            bearers: pool as u64,
            bearer_assumed: bearers == 0,
            region,
            channels_now: None,
            listed_first: PlannedListing::of(ledger, skip_existing, &limits, pool)?,
            shards: match shards {
                Some(count) => Some(PlannedShards::of(ledger, count, &limits, pool)?),
                None => None,
            },
            quotas,
            quota_warnings: Vec::new(),
        })
    }

    /// Whether one run can bring in every row: none is defective, no channel gets more members than it may
    /// have, all are of one app instance, and the channels have no problem, if they were asked about.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        // Where the channels are known, so is how many members each can have.
        let has_room = match &self.channels_now {
            None => self.over_capacity.channels == 0,
            Some(now) => now.is_ready(),
        };
        self.invalid == 0 && has_room && self.app_instance_count <= 1
    }
}

/// The members that a channel may have.
pub(super) fn capacity(quotas: Option<&AccountQuotas>) -> u64 {
    quotas.map_or(quota::MEMBERS_PER_CHANNEL, AccountQuotas::channel_capacity)
}

/// A defect with the column's name escaped and cut: the name comes from the list.
fn displayable(kind: DefectKind) -> DefectKind {
    DefectKind {
        column: escape_control(&kind.column, MAX_COLUMN),
        ..kind
    }
}

/// Totals over the channels.
#[derive(Default)]
struct Loads {
    bound: LowerBound,
    /// Calls with one member each.
    single: LowerBound,
    members: u64,
    /// Channels with more members than the quota.
    over_capacity_count: u64,
    /// Most members first.
    largest: Vec<ChannelLoad>,
}

impl Loads {
    fn of(ledger: &LedgerReader, limits: &Limits, capacity: u64) -> Result<Self, LedgerError> {
        let mut loads = Self::default();
        ledger.channel_loads(limits.members_per_call.into(), |load| {
            loads.bound.add_calls(load.calls);
            loads.single.add_calls(load.members);
            loads.members += load.members;
            loads.over_capacity_count += u64::from(load.members > capacity);
            loads.largest.push(load);
            if loads.largest.len() == 10 * MAX_NAMED {
                loads.keep_largest();
            }
        })?;
        loads.keep_largest();
        Ok(loads)
    }

    fn keep_largest(&mut self) {
        // The sort is stable: of equals, the first in the list comes first.
        self.largest.sort_by_key(|load| Reverse(load.members));
        self.largest.truncate(MAX_NAMED);
    }
}
