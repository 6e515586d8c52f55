//! A member of a channel, for a control call.

use super::{LedgerError, LedgerReader};
use crate::model::{ChannelId, LaneId, Outcome};

impl LedgerReader {
    /// The lane and row of a member of the channel whom this run added or found there, if there is
    /// one.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn known_member(&self, channel: ChannelId) -> Result<Option<(LaneId, u64)>, LedgerError> {
        let sqlite = |source| self.sqlite(source);
        // `+` keeps SQLite from putting the number into the check of every other lane's row.
        let mut statement = self.prepare(
            "SELECT call.lane, coalesce(verdict.rows, call.rows)
             FROM verified_verdict AS verdict JOIN verified_call AS call ON call.id = verdict.call
             JOIN verified_lane AS lane ON lane.id = call.lane
             WHERE +lane.channel = ?1 AND verdict.outcome IN (?2, ?3)
             ORDER BY verdict.id DESC LIMIT 1",
        )?;
        let outcomes = (Outcome::Added.as_str(), Outcome::AlreadyMember.as_str());
        let mut found = statement
            .query((channel.0, outcomes.0, outcomes.1))
            .map_err(sqlite)?;
        let Some(row) = found.next().map_err(sqlite)? else {
            return Ok(None);
        };
        let read = || -> rusqlite::Result<(u32, String)> { Ok((row.get(0)?, row.get(1)?)) };
        let (lane, rows) = read().map_err(sqlite)?;
        Ok(self.decode(&rows)?.first().map(|row| (LaneId(lane), *row)))
    }
}
