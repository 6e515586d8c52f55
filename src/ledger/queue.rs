//! Stages rows, and takes them again lane by lane.

use rusqlite::OptionalExtension;
use rusqlite::types::Null;

use super::schema::PAGE_ROWS;
use super::tables::{CHANNEL, DEFECT, LANE, PAGE, QUEUE, SUSPECT};
use super::{Chunk, Ledger, LedgerError, fact, page, rows};
use crate::model::{ChannelArn, LaneId, MemberArn};
use crate::roster::Entry;

/// Rows in one entry of the queue: a channel's next ten calls.
const ENTRY_ROWS: usize = 1_000;
/// Rows buffered before they are sorted by lane and written: few, large, sorted writes keep the
/// queue's tree cheap even over many channels.
const MAX_BUFFERED: usize = 1 << 20;
/// The first rows are written at once, so that calls go out from the start.
const MIN_BUFFERED: usize = 1_024;

/// The way from staged to taken.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Staged rows that are not in the queue table yet.
    buffered: Vec<(LaneId, u64)>,
    /// Rows queued so far.
    queued: usize,
    next_seq: i64,
    /// Pages staged so far.
    staged_pages: u64,
    /// Pages of an earlier session that the list, read again, has not come to yet.
    unseen_pages: u64,
    /// By lane.
    lanes: Vec<LaneQueue>,
}

/// One lane's rows in the queue.
#[derive(Debug, Default, Clone, Copy)]
struct LaneQueue {
    queued: u64,
    /// Taken by earlier sessions.
    taken: u64,
    /// Whether a call of theirs was accepted.
    accepted: bool,
    /// Where its next row is.
    cursor: Cursor,
}

#[derive(Debug, Default, Clone, Copy)]
struct Cursor {
    seq: i64,
    taken: usize,
}

impl Ledger {
    /// Writes a chunk of the list. Its rows can be taken after [`flush_staged`](Self::flush_staged),
    /// and count from then on: a list that was cut off before is read again from there.
    ///
    /// A list that is read again after an interruption repeats pages that are in the ledger: they
    /// must be the same, and are skipped. Returns the first row that differs, if one does: then it is
    /// another list.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn stage(&mut self, chunk: &Chunk) -> Result<Option<u64>, LedgerError> {
        if let Some((first, _)) = chunk.pages.first()
            && *first < self.staged().queued_pages
        {
            let changed = self.first_changed(chunk)?;
            self.queue.unseen_pages -= (chunk.pages.len() as u64).min(self.queue.unseen_pages);
            return Ok(changed);
        }
        self.write(|connection| {
            let mut page = connection.prepare_cached(&PAGE.insert())?;
            for (id, records) in &chunk.pages {
                page.execute((id, records))?;
            }
            let mut channel = connection.prepare_cached(&CHANNEL.insert())?;
            for (id, arn) in &chunk.channels {
                channel.execute((id.0, arn))?;
            }
            let mut lane = connection.prepare_cached(&LANE.insert())?;
            for (id, new) in &chunk.lanes {
                lane.execute((
                    id.0,
                    new.channel.0,
                    new.membership_type.as_str(),
                    &new.sub_channel,
                    Null,
                    Null,
                ))?;
            }
            let mut suspect = connection.prepare_cached(&SUSPECT.insert())?;
            for (lane, row) in &chunk.suspects {
                suspect.execute((row, lane.0))?;
            }
            let mut defect = connection.prepare_cached(&DEFECT.insert())?;
            for found in &chunk.defects {
                defect.execute((found.0, &found.1, &found.2))?;
            }
            Ok(())
        })?;
        let staged = self.staged_mut();
        staged.rows_read += chunk.rows_read();
        staged.rows_left_out += chunk.left_out;
        staged.invalid += chunk.defects.len() as u64;
        staged.bots += chunk.bots;
        self.queue.buffered.extend_from_slice(&chunk.rows);
        self.queue.staged_pages += chunk.pages.len() as u64;
        Ok(None)
    }

    /// The first row of these pages that differs from the ledger.
    fn first_changed(&self, chunk: &Chunk) -> Result<Option<u64>, LedgerError> {
        for (id, records) in &chunk.pages {
            let known: Option<String> = self.read(|connection| {
                connection
                    .prepare_cached("SELECT records FROM verified_page WHERE id = ?1")?
                    .query_row([id], |row| row.get(0))
                    .optional()
            })?;
            let known = known.unwrap_or_default();
            if known != *records {
                let (before, now) = (page::records(&known), page::records(records));
                let (before, now) = (before.unwrap_or_default(), now.unwrap_or_default());
                let same = before.iter().zip(&now).take_while(|(a, b)| a == b).count();
                return Ok(Some(id * PAGE_ROWS + same as u64 + 1));
            }
        }
        Ok(None)
    }

    /// Whether the list, if it ends here, lacks rows that an earlier session read: it is another.
    #[must_use]
    pub fn is_list_short(&self) -> bool {
        self.queue.unseen_pages > 0
    }

    pub(super) fn write_staged(&mut self) -> Result<(), LedgerError> {
        let staged = *self.staged();
        self.set_fact(fact::STAGED, &staged)
    }

    /// Whether enough rows are buffered to put them in the queue.
    #[must_use]
    pub fn should_flush(&self) -> bool {
        let enough = (self.queue.queued / 2).clamp(MIN_BUFFERED, MAX_BUFFERED);
        self.queue.buffered.len() >= enough
    }

    /// Whether anything staged is not in the queue: rows, or pages of which none is to be sent.
    #[must_use]
    pub fn has_unflushed(&self) -> bool {
        !self.queue.buffered.is_empty() || self.queue.staged_pages > self.staged().queued_pages
    }

    /// Writes the buffered rows to the queue, so that they can be taken. Returns how many, by lane.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn flush_staged(&mut self) -> Result<Vec<(LaneId, u64)>, LedgerError> {
        let mut buffered = std::mem::take(&mut self.queue.buffered);
        buffered.sort_unstable();
        self.queue.queued += buffered.len();
        let mut seq = self.queue.next_seq;
        let mut counts = Vec::new();
        self.write(|connection| {
            let mut insert = connection.prepare_cached(&QUEUE.insert())?;
            for lane_rows in buffered.chunk_by(|a, b| a.0 == b.0) {
                let lane = lane_rows[0].0;
                counts.push((lane, lane_rows.len() as u64));
                for entry in lane_rows.chunks(ENTRY_ROWS) {
                    let text = rows::encode(entry.iter().map(|(_, row)| *row));
                    insert.execute((lane.0, seq, entry.len(), text))?;
                    seq += 1;
                }
            }
            Ok(())
        })?;
        self.queue.next_seq = seq;
        for (lane, rows) in &counts {
            lane_queue(&mut self.queue.lanes, *lane).queued += rows;
        }
        buffered.clear();
        self.queue.buffered = buffered;
        self.staged_mut().queued_pages = self.queue.staged_pages;
        self.write_staged()?;
        Ok(counts)
    }

    /// Buffers single rows for the queue: suspects that are unique.
    pub(super) fn buffer(&mut self, rows: impl IntoIterator<Item = (LaneId, u64)>) {
        self.queue.buffered.extend(rows);
    }

    /// Takes the next rows of a lane, at most this many.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn take_rows(&mut self, lane: LaneId, max: usize) -> Result<Vec<u64>, LedgerError> {
        let mut cursor = lane_queue(&mut self.queue.lanes, lane).cursor;
        let mut taken = Vec::with_capacity(max);
        while taken.len() < max {
            let entry: Option<(i64, String)> = self.read(|connection| {
                connection
                    .prepare_cached(
                        "SELECT seq, rows FROM verified_queue WHERE lane = ?1 AND seq >= ?2 ORDER BY seq LIMIT 1",
                    )?
                    .query_row((lane.0, cursor.seq), |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })?;
            let Some((seq, text)) = entry else { break };
            if seq != cursor.seq {
                cursor = Cursor { seq, taken: 0 };
            }
            let rows =
                rows::decode(&text).ok_or_else(|| self.damaged(format!("queue entry {seq}")))?;
            let end = rows.len().min(cursor.taken + max - taken.len());
            taken.extend_from_slice(rows.get(cursor.taken..end).unwrap_or_default());
            cursor.taken = end;
            if end == rows.len() {
                cursor = Cursor {
                    seq: seq + 1,
                    taken: 0,
                };
            }
        }
        lane_queue(&mut self.queue.lanes, lane).cursor = cursor;
        Ok(taken)
    }

    /// The members of these rows, all of this channel, resolved from their records.
    ///
    /// # Errors
    /// If a row is not there or does not resolve as it did when it was staged.
    pub fn members(
        &mut self,
        channel: &ChannelArn,
        rows: &[u64],
    ) -> Result<Vec<MemberArn>, LedgerError> {
        let mut members = Vec::with_capacity(rows.len());
        let mut entry = Entry::default();
        // Lost on an error, which ends the session.
        let mut pages = std::mem::take(&mut self.pages);
        for row in rows {
            let page = pages.get(self, (row - 1) / PAGE_ROWS)?;
            page.record((row - 1) % PAGE_ROWS)
                .filter(|record| self.layout().resolve(record, &mut entry).is_ok())
                .filter(|_| entry.channel_arn() == channel.as_str())
                .ok_or_else(|| self.damaged(format!("row {row}")))?;
            members.push(entry.member());
        }
        self.pages = pages;
        Ok(members)
    }

    /// Continues where an earlier session ended: discards what it staged and did not queue, and finds
    /// the cursors from what was taken.
    pub(super) fn restore_queue(&mut self) -> Result<(), LedgerError> {
        self.queue.staged_pages = self.staged().queued_pages;
        self.queue.unseen_pages = self.staged().queued_pages;
        let mut lanes = self.rows_taken()?;
        let (mut next_seq, mut queued) = (0, 0);
        // Verified when the ledger was opened.
        self.read(|connection| {
            let mut entries =
                connection.prepare("SELECT lane, seq, count FROM queue ORDER BY lane, seq")?;
            let mut entries = entries.query([])?;
            while let Some(entry) = entries.next()? {
                let queue = lane_queue(&mut lanes, LaneId(entry.get(0)?));
                let (seq, count): (i64, u64) = (entry.get(1)?, entry.get(2)?);
                let before = queue.queued;
                queue.queued += count;
                if queue.taken >= queue.queued {
                    queue.cursor = Cursor {
                        seq: seq + 1,
                        taken: 0,
                    };
                } else if queue.taken > before {
                    let taken = usize::try_from(queue.taken - before).unwrap_or(usize::MAX);
                    queue.cursor = Cursor { seq, taken };
                }
                next_seq = next_seq.max(seq + 1);
                queued += count;
            }
            Ok(())
        })?;
        self.queue.lanes = lanes;
        self.queue.next_seq = next_seq;
        self.queue.queued = usize::try_from(queued).unwrap_or(usize::MAX);
        Ok(())
    }

    /// The rows that were taken of each lane.
    fn rows_taken(&self) -> Result<Vec<LaneQueue>, LedgerError> {
        let mut lanes = Vec::new();
        self.read(|connection| {
            let mut calls = connection.prepare(
                "SELECT lane, fresh, settled_at IS NOT NULL AND refusal IS NULL FROM call",
            )?;
            let mut calls = calls.query([])?;
            while let Some(call) = calls.next()? {
                let queue = lane_queue(&mut lanes, LaneId(call.get(0)?));
                queue.taken += call.get::<_, u64>(1)?;
                queue.accepted |= call.get::<_, bool>(2)?;
            }
            Ok(())
        })?;
        Ok(lanes)
    }

    /// Rows of a lane that were queued, taken or not.
    pub(super) fn queued(&self, lane: LaneId) -> u64 {
        self.queue
            .lanes
            .get(lane.index())
            .map_or(0, |queue| queue.queued)
    }

    /// Rows of a lane that earlier sessions took.
    pub(super) fn taken_before(&self, lane: LaneId) -> u64 {
        self.queue
            .lanes
            .get(lane.index())
            .map_or(0, |queue| queue.taken)
    }

    /// Whether the service accepted a call of a lane in an earlier session.
    pub(super) fn accepted_before(&self, lane: LaneId) -> bool {
        self.queue
            .lanes
            .get(lane.index())
            .is_some_and(|queue| queue.accepted)
    }
}

fn lane_queue(lanes: &mut Vec<LaneQueue>, lane: LaneId) -> &mut LaneQueue {
    if lanes.len() <= lane.index() {
        lanes.resize(lane.index() + 1, LaneQueue::default());
    }
    &mut lanes[lane.index()]
}
