//! What each shard of a job would do, before any call is made.

use std::fmt;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::format::{count, time, wrap};
use crate::ledger::{LedgerError, LedgerReader};
use crate::model::{Limits, Shard};
use crate::schedule::LowerBound;

/// At most this many shards are listed; JSON lists all.
const MAX_NAMED: usize = 16;
/// Less time than this, in seconds, is no gain.
const NEGLIGIBLE: f64 = 0.05;

/// What each shard would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedShards {
    /// Each shard, in the order of their numbers.
    pub shards: Vec<PlannedShard>,
    /// The least time of the longest shard, in seconds.
    pub seconds: f64,
    /// The least time of one run of all, in seconds.
    pub seconds_of_one_run: f64,
    /// The rows of the largest shard, divided by those of an average one; 1 if all are equal.
    pub skew: f64,
    /// How many shards share each bearer: 1 if each has bearers of its own.
    pub shards_per_bearer: u32,
}

/// The plan of one shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedShard {
    /// Its number, from 1.
    pub index: u32,
    /// Rows to send.
    pub rows: u64,
    /// Channels.
    pub channels: u64,
    /// The fewest calls.
    pub calls: u64,
    /// Bearers that it calls as.
    pub bearers: u64,
    /// The least time at its share of the limits, in seconds.
    pub seconds: f64,
}

impl PlannedShards {
    /// The shards of the list in a ledger, which contains all of it, at the limits of the whole job.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub(super) fn of(
        ledger: &LedgerReader,
        count: NonZeroU32,
        limits: &Limits,
        bearers: usize,
    ) -> Result<Self, LedgerError> {
        let mut loads = vec![(LowerBound::default(), 0, 0); count.get() as usize];
        let (mut whole, mut channels) = (LowerBound::default(), Vec::new());
        ledger.channel_loads(limits.members_per_call.into(), |load| channels.push(load))?;
        for load in channels {
            let arn = ledger.channel_arn(load.channel)?;
            let shard = Shard::of_channel(arn.as_str(), count.get());
            let (bound, rows, channels) = &mut loads[(shard.number() - 1) as usize];
            bound.add_calls(load.calls);
            whole.add_calls(load.calls);
            *rows += load.members;
            *channels += 1;
        }
        let mut shards_per_bearer = 1;
        let shards: Vec<PlannedShard> = (1..)
            .zip(loads)
            .filter_map(|(index, (bound, rows, channels))| {
                let shard = Shard::new(index, count.get()).ok()?;
                let (bearers, part) = shard.share_of(bearers);
                shards_per_bearer = part.processes_per_bearer();
                Some(PlannedShard {
                    index,
                    rows,
                    channels,
                    calls: bound.calls(),
                    bearers: bearers as u64,
                    seconds: bound.time(&part.of(*limits), bearers).0.as_secs_f64(),
                })
            })
            .collect();
        let rows: u64 = shards.iter().map(|shard| shard.rows).sum();
        let largest = shards.iter().map(|shard| shard.rows).max();
        #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
        let skew = largest.unwrap_or(0) as f64 * f64::from(count.get()) / rows.max(1) as f64;
        let seconds = shards.iter().map(|shard| shard.seconds);
        Ok(Self {
            seconds: seconds.fold(0.0, f64::max),
            seconds_of_one_run: whole.time(limits, bearers).0.as_secs_f64(),
            skew: if rows == 0 { 1.0 } else { skew },
            shards_per_bearer,
            shards,
        })
    }

    /// Whether they save time, in a sentence, and how the bearers are shared.
    fn verdict(&self) -> String {
        let number = count(self.shards.len() as u64, "shard");
        let (longest, one) = (time(self.seconds), time(self.seconds_of_one_run));
        let verdict = if self.seconds + NEGLIGIBLE < self.seconds_of_one_run {
            format!("The longest of {number} takes {longest}, where one run takes {one}.")
        } else {
            format!(
                "{number} save no time: the longest takes {longest}, one run {one}. AWS limits bearers \
                 and channels, not processes. Shards are for engines that limit the time of a process."
            )
        };
        let bearers = match self.shards_per_bearer {
            1 => "Each bearer belongs to one shard.".to_owned(),
            shards => format!(
                "There are fewer bearers than shards: each shard takes every bearer at 1/{shards} of its \
                 rate."
            ),
        };
        format!(
            "{verdict} {bearers} The largest shard has {:.2} times the rows of an average one.",
            self.skew
        )
    }
}

impl fmt::Display for PlannedShards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n  shard        rows   channels      calls   least time"
        )?;
        for shard in self.shards.iter().take(MAX_NAMED) {
            writeln!(
                f,
                "  {:>5}  {:>10}  {:>9}  {:>9}   {:>10}",
                shard.index,
                shard.rows,
                shard.channels,
                shard.calls,
                time(shard.seconds)
            )?;
        }
        if let Some(more) = self
            .shards
            .len()
            .checked_sub(MAX_NAMED)
            .filter(|more| *more > 0)
        {
            writeln!(
                f,
                "  and {}: --json lists all",
                count(more as u64, "more shard")
            )?;
        }
        wrap(f, &self.verdict(), 0)
    }
}
