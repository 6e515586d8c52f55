//! The lower bound of the rows that `resume` or `retry` sends.

use std::collections::HashMap;

use super::projection::MessageSource;
use super::{LedgerError, LedgerReader, RunProgress};
use crate::model::RunState;
use crate::schedule::LowerBound;

impl LedgerReader {
    /// The lower bound of what is left of a run in this state, with at most this many members per
    /// call: the rows that it still sends or that `resume` sends, or in a finished run those that
    /// `retry` sends. Rows that the list still has, and calls in flight, do not count.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn bound_of_rest(
        &self,
        progress: &RunProgress,
        state: RunState,
        members_per_call: impl Into<u64>,
    ) -> Result<LowerBound, LedgerError> {
        let lanes = self.lane_channels()?;
        let rows = match state {
            RunState::Finished => {
                self.by_lane(progress.failed.iter().chain(&progress.sent_and_open))?
            }
            RunState::Running | RunState::Interrupted | RunState::Aborted => {
                let mut rows = self.open_by_lane(progress, state)?;
                rows.retain(|lane, _| lanes.get(lane).is_some_and(|(_, is_closed)| !is_closed));
                rows
            }
        };
        let members_per_call = members_per_call.into().max(1);
        let mut by_channel = HashMap::<u32, u64>::new();
        for (lane, rows) in rows {
            let (channel, _) = lanes.get(&lane).copied().unwrap_or_default();
            *by_channel.entry(channel).or_default() += rows.div_ceil(members_per_call);
        }
        let mut bound = LowerBound::default();
        for calls in by_channel.into_values() {
            bound.add_calls(calls);
        }
        Ok(bound)
    }

    /// The rows of a run that is not finished, by lane, closed ones included: nothing more is sent to
    /// those.
    fn open_by_lane(
        &self,
        progress: &RunProgress,
        state: RunState,
    ) -> Result<HashMap<u32, u64>, LedgerError> {
        let mut rows = self.by_lane(progress.sent_and_open.iter())?;
        for (lane, queued) in
            self.sums("SELECT lane, sum(count) FROM verified_queue GROUP BY lane")?
        {
            *rows.entry(lane).or_default() += queued;
        }
        for (lane, taken) in
            self.sums("SELECT lane, sum(fresh) FROM verified_call GROUP BY lane")?
        {
            let rows = rows.entry(lane).or_default();
            *rows = rows.saturating_sub(taken);
        }
        if state != RunState::Running {
            let cut_off = "SELECT lane, sum(members) FROM verified_call WHERE settled_at IS NULL GROUP BY lane";
            for (lane, cut_off) in self.sums(cut_off)? {
                *rows.entry(lane).or_default() += cut_off;
            }
        }
        Ok(rows)
    }

    /// Rows that were sent or belong to closed lanes, by lane.
    fn by_lane<'a>(
        &self,
        rows: impl Iterator<Item = (&'a MessageSource, &'a u64)>,
    ) -> Result<HashMap<u32, u64>, LedgerError> {
        let mut by_lane = HashMap::new();
        for (source, rows) in rows {
            let lane = match source {
                MessageSource::Verdict(verdict) => self.lane_of_verdict(*verdict)?,
                MessageSource::ClosedLane(lane) => *lane,
                // Never sent again, or counted by their calls.
                MessageSource::None
                | MessageSource::Defect
                | MessageSource::Duplicate
                | MessageSource::Listed(_)
                | MessageSource::Interrupted => continue,
            };
            *by_lane.entry(lane).or_default() += rows;
        }
        Ok(by_lane)
    }

    fn lane_of_verdict(&self, verdict: u32) -> Result<u32, LedgerError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT call.lane FROM verified_verdict AS verdict
                     JOIN verified_call AS call ON call.id = verdict.call WHERE verdict.id = ?1",
                )?
                .query_row([verdict], |row| row.get(0))
        })
    }

    /// The channel of each lane, and whether the lane is closed.
    fn lane_channels(&self) -> Result<HashMap<u32, (u32, bool)>, LedgerError> {
        self.read(|connection| {
            connection
                .prepare("SELECT id, channel, closed_code IS NOT NULL FROM verified_lane")?
                .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?
                .collect()
        })
    }

    /// Sums by lane.
    fn sums(&self, query: &str) -> Result<Vec<(u32, u64)>, LedgerError> {
        self.read(|connection| {
            connection
                .prepare(query)?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }
}
