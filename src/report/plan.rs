//! What a list takes, before anything is done: the counts of a plan.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::ledger::{ChannelLoad, DefectKind, LedgerError, LedgerReader, Repeat};
use crate::model::{Limits, escape_control, quota};
use crate::schedule::{Binding, LowerBound};

/// Channels, and kinds of defects, that a plan names at most.
const NAMED: usize = 100;
/// Rows, or channels, that are given as examples at most.
const EXAMPLES: usize = 3;
/// Characters of a column's name that are shown.
const COLUMN: usize = 40;

/// What `plan` finds. Names are a contract: fields may be added, none renamed. Holds no personal
/// data but what the names of the list and its columns tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the names are the documentation; see the README"
)]
pub struct Plan {
    pub list: String,
    pub rows_read: u64,
    pub rows_left_out: u64,
    pub members: u64,
    pub invalid: u64,
    pub duplicate: u64,
    pub channels: u64,
    pub calls: u64,
    pub seconds: f64,
    pub binding: Option<Binding>,
    pub seconds_with_one_more_bearer: f64,
    pub largest_channels: Vec<PlannedChannel>,
    pub over_capacity: OverCapacityChannel,
    pub defect_kinds: u64,
    pub defects: Vec<DefectKind>,
    pub duplicate_examples: Vec<Repeat>,
    pub undo: Undo,
    pub limits: Limits,
    pub bearers: u64,
    /// Whether no bearer was given, and one is assumed.
    pub bearer_assumed: bool,
    pub region: String,
}

/// What one channel takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as above")]
pub struct PlannedChannel {
    pub channel_arn: String,
    pub members: u64,
    pub calls: u64,
}

/// Channels for which the list has more members than a channel takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as above")]
pub struct OverCapacityChannel {
    pub channels: u64,
    pub examples: Vec<PlannedChannel>,
}

/// What it would take to remove all members again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as above")]
pub struct Undo {
    pub calls: u64,
    pub seconds: f64,
}

/// What a plan is reckoned with.
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
}

impl Plan {
    /// Asks a ledger that holds the whole list, its duplicates found.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(ledger: &LedgerReader, basis: PlanInput) -> Result<Self, LedgerError> {
        let PlanInput {
            list,
            limits,
            bearers,
            region,
        } = basis;
        let (staged, pool) = (*ledger.staged(), bearers.max(1));
        let Loads {
            bound,
            single,
            members,
            crowded,
            largest,
        } = Loads::of(ledger, &limits)?;
        let one_by_one = Limits {
            channel_rate: quota::single_rate(&region),
            ..limits
        };
        let (least, binding) = bound.time(&limits, pool);
        let (defects, defect_kinds) = ledger.defect_kinds(NAMED, EXAMPLES)?;
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
            .filter(|channel| channel.members > quota::MEMBERS_PER_CHANNEL);
        Ok(Self {
            list: escape_control(&list, usize::MAX),
            rows_read: staged.rows_read,
            rows_left_out: staged.rows_left_out,
            members,
            invalid: staged.invalid,
            duplicate: staged.duplicate,
            channels: ledger.channels()?,
            calls: bound.calls(),
            seconds: least.as_secs_f64(),
            binding,
            seconds_with_one_more_bearer: bound.time(&limits, pool + 1).0.as_secs_f64(),
            over_capacity: OverCapacityChannel {
                channels: crowded,
                examples: over_capacity.take(EXAMPLES).cloned().collect(),
            },
            largest_channels,
            defect_kinds,
            defects: defects.into_iter().map(shown).collect(),
            duplicate_examples: ledger.repeats(EXAMPLES)?,
            undo: Undo {
                calls: single.calls(),
                seconds: single.time(&one_by_one, pool).0.as_secs_f64(),
            },
            limits,
            bearers: pool as u64,
            bearer_assumed: bearers == 0,
            region,
        })
    }

    /// Whether no row is defective.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.invalid == 0
    }
}

/// A defect fit to be shown: the name of a column is the list's own.
fn shown(kind: DefectKind) -> DefectKind {
    DefectKind {
        column: escape_control(&kind.column, COLUMN),
        ..kind
    }
}

/// What the channels come to.
#[derive(Default)]
struct Loads {
    bound: LowerBound,
    /// With one member in a call.
    single: LowerBound,
    members: u64,
    /// Channels with more members than one takes.
    crowded: u64,
    /// Most members first.
    largest: Vec<ChannelLoad>,
}

impl Loads {
    fn of(ledger: &LedgerReader, limits: &Limits) -> Result<Self, LedgerError> {
        let mut loads = Self::default();
        ledger.channel_loads(limits.members_per_call.into(), |load| {
            loads.bound.add_calls(load.calls);
            loads.single.add_calls(load.members);
            loads.members += load.members;
            loads.crowded += u64::from(load.members > quota::MEMBERS_PER_CHANNEL);
            loads.largest.push(load);
            if loads.largest.len() == 10 * NAMED {
                loads.keep_largest();
            }
        })?;
        loads.keep_largest();
        Ok(loads)
    }

    fn keep_largest(&mut self) {
        // Of equals the first in the list comes first: the sort is stable.
        self.largest.sort_by_key(|load| Reverse(load.members));
        self.largest.truncate(NAMED);
    }
}
