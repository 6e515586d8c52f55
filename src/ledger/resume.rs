//! Recovers the ledger of an earlier session.

use std::collections::BTreeMap;

use super::calls::AGAIN;
use super::schema::PAGE_ROWS;
use super::tables::{CALL, VERDICT};
use super::{Ledger, LedgerError, LedgerReader};
use crate::model::{ChannelId, LaneId, Operation, RefusalKind, codes};
use crate::schedule::PendingRow;

/// A row that an earlier session sent and did not settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsettledRow {
    /// Its lane.
    pub lane: LaneId,
    /// The row as it was left.
    pub pending: PendingRow,
}

/// A lane as an earlier session left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneState {
    /// Its channel.
    pub channel: ChannelId,
    /// Rows queued and not taken.
    pub fresh: u64,
    /// Rows taken.
    pub taken: u64,
    /// Whether nothing more is sent to it.
    pub closed: bool,
    /// Whether the service ever accepted a call of it.
    pub accepted: bool,
}

impl Ledger {
    /// Recovers the ledger of an earlier session. Deletes rows that it staged but did not queue: they
    /// are read again. Records its calls in flight as lost, at this time in milliseconds since 1970.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn recover(&mut self, at: i64) -> Result<(), LedgerError> {
        let (pages, list_ended) = (self.staged().queued_pages, self.staged().list_ended);
        self.begin_generation()?;
        self.write(|connection| {
            if !list_ended {
                connection.execute("DELETE FROM page WHERE id >= ?1", [pages])?;
                connection.execute("DELETE FROM defect WHERE row > ?1", [pages * PAGE_ROWS])?;
                connection.execute("DELETE FROM suspect WHERE row > ?1", [pages * PAGE_ROWS])?;
                // Numbers follow the order of the list. Those beyond the last one in use are free
                // again: the list may name other channels there by now.
                connection.execute(
                    "DELETE FROM lane WHERE id > (SELECT max(lane) FROM
                        (SELECT -1 AS lane UNION ALL SELECT lane FROM queue UNION ALL SELECT lane FROM suspect))",
                    [],
                )?;
                connection.execute(
                    "DELETE FROM channel WHERE id > (SELECT coalesce(max(channel), -1) FROM lane)",
                    [],
                )?;
            }
            let query = "SELECT (SELECT coalesce(max(id), 0) FROM verdict) + row_number() OVER (ORDER BY call.id) AS id,
                    call.id AS call, ?1 AS outcome, 1 AS charged, 1 AS in_doubt, ?2 AS code,
                    'the run was cut off while the call was under way' AS message,
                    json_extract(call.rows, '$[0]') AS first_row,
                    (SELECT sum(value) FROM json_each(call.rows)) AS last_row, NULL AS rows
                 FROM verified_call AS call WHERE call.settled_at IS NULL AND call.members > 0";
            connection.execute(&VERDICT.insert_from(query), [AGAIN, codes::INTERRUPTED])?;
            let values = [("settled_at", "?1"), ("refusal", "?2"), ("code", "?3")];
            connection.execute(
                &CALL.update(&values, "settled_at IS NULL"),
                (at, RefusalKind::Lost.as_str(), codes::INTERRUPTED),
            )?;
            Ok(())
        })?;
        self.commit()
    }

    /// Passes each lane to `each` as it was left, in the order of their numbers without a gap.
    ///
    /// # Errors
    /// If the ledger cannot be read, or lacks a lane.
    pub fn for_each_lane(&self, mut each: impl FnMut(LaneState)) -> Result<(), LedgerError> {
        let sqlite = |source| self.sqlite(source);
        let mut next = LaneId(0);
        let mut statement = self.prepare(
            "SELECT id, channel, closed_code IS NOT NULL FROM verified_lane ORDER BY id",
        )?;
        let mut lanes = statement.query([]).map_err(sqlite)?;
        while let Some(lane) = lanes.next().map_err(sqlite)? {
            let read = || -> rusqlite::Result<_> {
                let id = LaneId(lane.get(0)?);
                Ok((id, ChannelId(lane.get(1)?), lane.get(2)?))
            };
            let (id, channel, closed) = read().map_err(sqlite)?;
            if id != next {
                return Err(self.damaged(format!("lane {} is missing", next.0)));
            }
            let queue = self.lane_queue(id);
            let taken = queue.taken_before();
            each(LaneState {
                channel,
                fresh: queue.queued().saturating_sub(taken),
                taken,
                closed,
                accepted: queue.accepted_before(),
            });
            next.0 += 1;
        }
        Ok(())
    }
}

/// A call that an earlier session sent. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentCall {
    /// Its lane.
    pub lane: LaneId,
    /// Its operation.
    pub operation: Operation,
    /// Its bearer's ARN.
    pub bearer: String,
    /// When it was sent.
    pub sent_at: i64,
    /// When it was answered, or found to be lost.
    pub settled_at: Option<i64>,
    /// Why it was refused, if it was: the word for a [`RefusalKind`].
    pub refusal: Option<String>,
}

impl LedgerReader {
    /// The calls sent since then (in milliseconds since 1970), the oldest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn calls_since(&self, then: i64) -> Result<Vec<SentCall>, LedgerError> {
        let sqlite = |source| self.sqlite(source);
        let mut statement = self.prepare(
            "SELECT lane, bearer, sent_at, settled_at, refusal, operation
                FROM verified_call ORDER BY id DESC",
        )?;
        let mut rows = statement.query([]).map_err(sqlite)?;
        let mut calls = Vec::new();
        while let Some(row) = rows.next().map_err(sqlite)? {
            let read = || -> rusqlite::Result<_> {
                Ok(SentCall {
                    lane: LaneId(row.get(0)?),
                    bearer: row.get(1)?,
                    sent_at: row.get(2)?,
                    settled_at: row.get(3)?,
                    refusal: row.get(4)?,
                    operation: Operation::from_text(row.get_ref(5)?.as_str()?).unwrap_or_default(),
                })
            };
            let call = read().map_err(sqlite)?;
            if call.sent_at < then {
                break;
            }
            calls.push(call);
        }
        calls.reverse();
        Ok(calls)
    }

    /// Passes to `each` every row that was sent and is to be retried by its last verdict. This is one
    /// pass over all verdicts, and holds the pending rows meanwhile.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn for_each_unsettled(
        &self,
        mut each: impl FnMut(UnsettledRow),
    ) -> Result<(), LedgerError> {
        let mut unsettled_rows: BTreeMap<u64, UnsettledRow> = BTreeMap::new();
        let mut statement = self.prepare(
            "SELECT outcome, charged, in_doubt, first_row, last_row, call.lane,
                coalesce(verdict.rows, call.rows)
             FROM verified_verdict AS verdict JOIN verified_call AS call ON call.id = verdict.call
             ORDER BY verdict.id",
        )?;
        let sqlite = |source| self.sqlite(source);
        let mut verdicts = statement.query([]).map_err(sqlite)?;
        while let Some(verdict) = verdicts.next().map_err(sqlite)? {
            let read = || -> rusqlite::Result<_> {
                let again = verdict.get_ref(0)?.as_str()? == AGAIN;
                let charge: (u32, bool) = (verdict.get(1)?, verdict.get(2)?);
                let range: (u64, u64) = (verdict.get(3)?, verdict.get(4)?);
                let lane = LaneId(verdict.get(5)?);
                Ok((again, charge, range, lane, verdict.get_ref(6)?.as_str()?))
            };
            let (again, (charged, in_doubt), (first, last), lane, text) = read().map_err(sqlite)?;
            if !again && unsettled_rows.range(first..=last).next().is_none() {
                continue;
            }
            for row in self.decode(text)? {
                if !again {
                    unsettled_rows.remove(&row);
                    continue;
                }
                let pending = PendingRow::fresh(row);
                let unsettled = unsettled_rows
                    .entry(row)
                    .or_insert(UnsettledRow { lane, pending });
                // Its charged attempts restart at 0: the ledger does not record how many of them an
                // outage or an interruption caused.
                unsettled.pending.attempts += charged;
                unsettled.pending.in_doubt = in_doubt;
            }
        }
        for row in unsettled_rows.into_values() {
            each(row);
        }
        Ok(())
    }
}
