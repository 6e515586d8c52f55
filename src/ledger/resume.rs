//! What an earlier session left behind.

use super::calls::AGAIN;
use super::schema::PAGE_ROWS;
use super::{Ledger, LedgerError};
use crate::model::{ChannelId, LaneId};
use crate::schedule::Ticket;

/// A row that an earlier session sent and did not settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsettled {
    /// Its lane.
    pub lane: LaneId,
    /// The row as it stands.
    pub ticket: Ticket,
}

/// A lane as an earlier session left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneLeft {
    /// Its channel.
    pub channel: ChannelId,
    /// Rows queued and not drawn.
    pub fresh: u64,
    /// Rows drawn.
    pub drawn: u64,
    /// Whether nothing more is sent to it.
    pub closed: bool,
    /// Whether the service ever accepted a call of it.
    pub accepted: bool,
}

impl Ledger {
    /// Takes up an earlier session's ledger: what it staged and did not queue is forgotten, to be
    /// read again, and its calls cut off under way are noted as lost, at this time in
    /// milliseconds since 1970.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn take_up(&mut self, at: i64) -> Result<(), LedgerError> {
        let (pages, list_ended) = (self.staged.queued_pages, self.staged.list_ended);
        self.write(|connection| {
            if !list_ended {
                connection.execute("DELETE FROM page WHERE id >= ?1", [pages])?;
                connection.execute("DELETE FROM defect WHERE row > ?1", [pages * PAGE_ROWS])?;
                connection.execute("DELETE FROM suspect WHERE row > ?1", [pages * PAGE_ROWS])?;
                // Numbers are given in the order of the list: those beyond the last that is in
                // use are free again, and the list may by now name others there.
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
            connection.execute(
                "INSERT INTO verdict (call, outcome, charged, in_doubt, code, message, first_row, last_row)
                 SELECT id, ?1, 1, 1, 'Interrupted', 'the run was cut off while the call was under way',
                    json_extract(rows, '$[0]'), (SELECT sum(value) FROM json_each(rows))
                 FROM call WHERE settled_at IS NULL",
                [AGAIN],
            )?;
            connection.execute(
                "UPDATE call SET settled_at = ?1, refusal = 'lost', code = 'Interrupted' WHERE settled_at IS NULL",
                [at],
            )?;
            Ok(())
        })?;
        self.commit()
    }

    /// Gives each lane as it was left, in the order of their numbers.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn lanes_left(&self, mut each: impl FnMut(LaneLeft)) -> Result<(), LedgerError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT channel, closed_code IS NOT NULL, coalesce(queued.rows, 0), coalesce(drawn.rows, 0),
                    coalesce(drawn.accepted, 0)
                 FROM lane
                 LEFT JOIN (SELECT lane, sum(count) AS rows FROM queue GROUP BY lane) AS queued
                    ON queued.lane = lane.id
                 LEFT JOIN (SELECT lane, sum(fresh) AS rows, max(settled_at IS NOT NULL AND refusal IS NULL) AS accepted
                    FROM call GROUP BY lane) AS drawn
                    ON drawn.lane = lane.id
                 ORDER BY lane.id",
            )?;
            let mut lanes = statement.query([])?;
            while let Some(lane) = lanes.next()? {
                let (queued, drawn): (u64, u64) = (lane.get(2)?, lane.get(3)?);
                each(LaneLeft {
                    channel: ChannelId(lane.get(0)?),
                    fresh: queued.saturating_sub(drawn),
                    drawn,
                    closed: lane.get(1)?,
                    accepted: lane.get(4)?,
                });
            }
            Ok(())
        })
    }
}
