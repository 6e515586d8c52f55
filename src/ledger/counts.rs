//! Questions about the run as a whole.

use super::{LedgerError, LedgerReader};
use crate::model::{ChannelArn, ChannelId, Operation, RefusalKind};
use crate::schedule::LowerBound;

/// Calls made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// All.
    pub calls: u64,
    /// Those that added one member by the operation for that.
    pub single: u64,
    /// Those answered 429.
    pub throttled: u64,
    /// Those without a known result: in flight, or cut off.
    pub open: u64,
}

impl LedgerReader {
    /// Counts the calls made.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn call_counts(&self) -> Result<CallCounts, LedgerError> {
        self.read(|connection| {
            connection.query_row(
                "SELECT count(*), count(*) FILTER (WHERE refusal = ?1),
                    count(*) FILTER (WHERE settled_at IS NULL),
                    count(*) FILTER (WHERE operation = ?2) FROM call",
                [RefusalKind::Throttled.as_str(), Operation::Single.as_str()],
                |row| {
                    Ok(CallCounts {
                        calls: row.get(0)?,
                        throttled: row.get(1)?,
                        open: row.get(2)?,
                        single: row.get(3)?,
                    })
                },
            )
        })
    }

    /// Counts the calls that were sent after a time in milliseconds since 1970, and their members.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn calls_after(&self, time: i64) -> Result<(u64, u64), LedgerError> {
        self.read(|connection| {
            connection.query_row(
                "SELECT count(*), coalesce(sum(members), 0) FROM call WHERE sent_at > ?1",
                [time],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })
    }

    /// Counts the channels named by good rows.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn channels(&self) -> Result<u64, LedgerError> {
        self.read(|connection| {
            connection.query_row("SELECT count(*) FROM channel", [], |row| row.get(0))
        })
    }

    /// Passes the ARN of each channel to `each`, in the order of the list.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn for_each_channel(&self, mut each: impl FnMut(&str)) -> Result<(), LedgerError> {
        self.read(|connection| {
            let mut channels =
                connection.prepare("SELECT arn FROM verified_channel ORDER BY id")?;
            let mut channels = channels.query([])?;
            while let Some(channel) = channels.next()? {
                each(channel.get_ref(0)?.as_str()?);
            }
            Ok(())
        })
    }

    /// Whether members are to be added to sub-channels.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn has_sub_channels(&self) -> Result<bool, LedgerError> {
        self.read(|connection| {
            connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM verified_lane WHERE sub_channel IS NOT NULL)",
                [],
                |row| row.get(0),
            )
        })
    }

    /// The first channels of the list, at most this many.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn first_channels(&self, max: usize) -> Result<Vec<ChannelArn>, LedgerError> {
        let channels: Vec<u32> = self.read(|connection| {
            connection
                .prepare_cached("SELECT id FROM channel ORDER BY id LIMIT ?1")?
                .query_map([max], |row| row.get(0))?
                .collect()
        })?;
        let channels = channels.into_iter().map(ChannelId);
        channels.map(|channel| self.channel_arn(channel)).collect()
    }

    /// The lower bound of the rows queued so far, with at most this many members per call.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn lower_bound(&self, members_per_call: impl Into<u64>) -> Result<LowerBound, LedgerError> {
        let mut bound = LowerBound::default();
        self.channel_loads(members_per_call.into(), |load| bound.add_calls(load.calls))?;
        Ok(bound)
    }
}
