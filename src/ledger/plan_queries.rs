//! Queries about the list as it is staged, for a plan.
//!
//! Each is one pass, in memory that does not grow with the list: the caller limits the number of
//! results, and SQLite sorts, on the disk if necessary.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LedgerError, LedgerReader};
use crate::model::{ChannelId, LaneId, MembershipType};

/// The members and calls of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelLoad {
    /// The channel.
    pub channel: ChannelId,
    /// Members to add, each counted once.
    pub members: u64,
    /// The fewest calls for them.
    pub calls: u64,
    /// The batch groups that they are of: one for each type and sub-channel.
    pub lanes: u64,
}

/// The members of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneLoad {
    /// The lane.
    pub lane: LaneId,
    /// Its channel.
    pub channel: ChannelId,
    /// Members to add, each counted once.
    pub members: u64,
}

/// The members and channels of one app instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppInstanceLoad {
    /// The app instance's ARN.
    pub app_instance_arn: String,
    /// Its channels in the list.
    pub channels: u64,
    /// Members to add to them.
    pub members: u64,
}

/// Rows with one kind of defect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DefectKind {
    /// The name of the defective column; empty if the row as a whole is defective.
    pub column: String,
    /// The defect.
    pub reason: String,
    /// How many rows.
    pub rows: u64,
    /// The numbers of the first of these rows, counted from 1 without the header.
    pub examples: Vec<u64>,
}

/// A row with the channel and member of an earlier row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repeat {
    /// The row's number, counted from 1 without the header.
    pub row: u64,
    /// The number of the first row with the same channel and member.
    pub of_row: u64,
}

impl LedgerReader {
    /// Passes each channel of the rows queued so far to `each`, in the order of the list; a call has at
    /// most this many members.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn channel_loads(
        &self,
        members_per_call: u64,
        mut each: impl FnMut(ChannelLoad),
    ) -> Result<(), LedgerError> {
        let mut loads: Vec<(u64, u64, u64)> = Vec::new();
        self.lane_loads(|load| {
            let channel = load.channel.index();
            if loads.len() <= channel {
                loads.resize(channel + 1, (0, 0, 0));
            }
            // Lanes of one channel share its limit but not their calls.
            loads[channel].0 += load.members;
            loads[channel].1 += load.members.div_ceil(members_per_call.max(1));
            loads[channel].2 += 1;
        })?;
        for (channel, (members, calls, lanes)) in (0..).zip(loads) {
            if members > 0 {
                each(ChannelLoad {
                    channel: ChannelId(channel),
                    members,
                    calls,
                    lanes,
                });
            }
        }
        Ok(())
    }

    /// The channels with hidden members among the rows queued so far, in the order of the list, and how
    /// many each has.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn hidden_members(&self) -> Result<Vec<(ChannelId, u64)>, LedgerError> {
        self.read(|connection| {
            connection
                .prepare(
                    // Not in WHERE: SQLite would verify each lane with this type in place of its own.
                    "SELECT lane.channel, sum(queued.count) FILTER (WHERE lane.type = ?1) AS hidden
                     FROM queue AS queued JOIN verified_lane AS lane ON lane.id = queued.lane
                     GROUP BY lane.channel HAVING hidden > 0 ORDER BY lane.channel",
                )?
                .query_map([MembershipType::Hidden.as_str()], |row| {
                    Ok((ChannelId(row.get(0)?), row.get(1)?))
                })?
                .collect()
        })
    }

    /// Passes each lane with rows queued so far to `each`.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn lane_loads(&self, mut each: impl FnMut(LaneLoad)) -> Result<(), LedgerError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT lane.id, lane.channel, queued.members
                 FROM (SELECT lane, sum(count) AS members FROM queue GROUP BY lane) AS queued
                 JOIN verified_lane AS lane ON lane.id = queued.lane",
            )?;
            let mut lanes = statement.query([])?;
            while let Some(lane) = lanes.next()? {
                each(LaneLoad {
                    lane: LaneId(lane.get(0)?),
                    channel: ChannelId(lane.get(1)?),
                    members: lane.get(2)?,
                });
            }
            Ok(())
        })
    }

    /// The app instances of the rows queued so far, most members first: at most this many; and how many
    /// there are.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn app_instances(&self, max: usize) -> Result<(Vec<AppInstanceLoad>, u64), LedgerError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT substr(channel.arn, 1, instr(channel.arn, '/channel/') - 1) AS instance,
                        count(DISTINCT channel.id), sum(queued.members), count() OVER ()
                 FROM (SELECT lane, sum(count) AS members FROM queue GROUP BY lane) AS queued
                 JOIN verified_lane AS lane ON lane.id = queued.lane
                 JOIN verified_channel AS channel ON channel.id = lane.channel
                 GROUP BY instance ORDER BY sum(queued.members) DESC, min(channel.id) LIMIT ?1",
            )?;
            let mut count = 0;
            let instances = statement.query_map([max], |row| {
                count = row.get(3)?;
                Ok(AppInstanceLoad {
                    app_instance_arn: row.get(0)?,
                    channels: row.get(1)?,
                    members: row.get(2)?,
                })
            })?;
            let instances = instances.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok((instances, count))
        })
    }

    /// The kinds of defects, most rows first: at most `most` of them, with at most `examples` examples
    /// each; and how many kinds there are.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn defect_kinds(
        &self,
        max: usize,
        examples: usize,
    ) -> Result<(Vec<DefectKind>, u64), LedgerError> {
        let mut kinds = self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT column_name, reason, count(*) AS rows FROM verified_defect
                 GROUP BY column_name, reason ORDER BY rows DESC, min(row) LIMIT ?1",
            )?;
            let kinds = statement.query_map([max], |row| {
                Ok(DefectKind {
                    column: row.get(0)?,
                    reason: row.get(1)?,
                    rows: row.get(2)?,
                    examples: Vec::new(),
                })
            })?;
            kinds.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let count = self.read(|connection| {
            connection.query_row(
                "SELECT count(*) FROM (SELECT DISTINCT column_name, reason FROM defect)",
                [],
                |row| row.get(0),
            )
        })?;
        self.find_examples(&mut kinds, examples)?;
        Ok((kinds, count))
    }

    /// Finds the first rows of each kind: one pass over the defects, until all are found.
    fn find_examples(&self, kinds: &mut [DefectKind], max: usize) -> Result<(), LedgerError> {
        let wanted = |kind: &DefectKind| max.min(usize::try_from(kind.rows).unwrap_or(max));
        let mut missing: usize = kinds.iter().map(wanted).sum();
        self.read(|connection| {
            let mut statement =
                connection.prepare("SELECT row, column_name, reason FROM defect ORDER BY row")?;
            let mut defects = statement.query([])?;
            while missing > 0
                && let Some(defect) = defects.next()?
            {
                let (column, reason) = (defect.get_ref(1)?.as_str()?, defect.get_ref(2)?.as_str()?);
                let kind = kinds
                    .iter_mut()
                    .find(|kind| kind.reason == reason && kind.column == column);
                if let Some(kind) = kind.filter(|kind| kind.examples.len() < max) {
                    kind.examples.push(defect.get(0)?);
                    missing -= 1;
                }
            }
            Ok(())
        })
    }

    /// The first rows that repeat an earlier one, at most this many.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn repeats(&self, max: usize) -> Result<Vec<Repeat>, LedgerError> {
        self.read(|connection| {
            connection
                .prepare("SELECT row, of_row FROM verified_duplicate ORDER BY row LIMIT ?1")?
                .query_map([max], |row| {
                    Ok(Repeat {
                        row: row.get(0)?,
                        of_row: row.get(1)?,
                    })
                })?
                .collect()
        })
    }
}
