//! The queue: staged rows by lane, until they are taken.

use rusqlite::{Connection, OptionalExtension};

use super::tables::QUEUE;
use super::{Chunk, LedgerError, LedgerReader, rows};
use crate::model::LaneId;

/// Rows in one entry of the queue: a channel's next ten calls.
const ENTRY_ROWS: usize = 1_000;
/// Rows buffered before they are sorted by lane and written: few, large, sorted writes keep the
/// queue's tree cheap even over many channels.
const MAX_BUFFERED: usize = 1 << 20;
/// The first rows are written at once, so that calls go out from the start.
const MIN_BUFFERED: usize = 1_024;

/// The state between staging a row and taking it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Staged rows that are not in the queue table yet.
    buffered: Vec<StagedRow>,
    /// Rows queued so far.
    queued: usize,
    next_seq: i64,
    /// Pages staged so far.
    staged_pages: u64,
    /// Pages of an earlier session that are not compared yet with the list, which is read again.
    unseen_pages: u64,
    /// By lane.
    lanes: Vec<LaneQueue>,
}

/// A row of a lane, in 12 bytes: many are buffered. Ordered by lane, then by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct StagedRow {
    lane: LaneId,
    /// The row's number, its most significant bytes first.
    row: [u8; 8],
}

impl StagedRow {
    fn new(lane: LaneId, row: u64) -> Self {
        let row = row.to_be_bytes();
        Self { lane, row }
    }

    fn row(self) -> u64 {
        u64::from_be_bytes(self.row)
    }
}

/// One lane's rows in the queue.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct LaneQueue {
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

impl LaneQueue {
    /// Rows that were queued, taken or not.
    pub(super) fn queued(&self) -> u64 {
        self.queued
    }

    /// Rows that earlier sessions took.
    pub(super) fn taken_before(&self) -> u64 {
        self.taken
    }

    /// Whether the service accepted a call in an earlier session.
    pub(super) fn accepted_before(&self) -> bool {
        self.accepted
    }
}

impl Queue {
    /// Adds the rows of a chunk that was written.
    pub(super) fn add(&mut self, chunk: &Chunk) {
        self.buffer(chunk.rows.iter().copied());
        self.staged_pages += chunk.pages.len() as u64;
    }

    /// Buffers single rows: suspects that are unique.
    pub(super) fn buffer(&mut self, rows: impl IntoIterator<Item = (LaneId, u64)>) {
        let rows = rows.into_iter();
        self.buffered
            .extend(rows.map(|(lane, row)| StagedRow::new(lane, row)));
    }

    /// Gives back the memory of the buffer: no more chunks come.
    pub(super) fn end_list(&mut self) {
        self.buffered.shrink_to_fit();
    }

    /// Passes over a chunk that an earlier session staged.
    pub(super) fn skip(&mut self, chunk: &Chunk) {
        self.unseen_pages -= (chunk.pages.len() as u64).min(self.unseen_pages);
    }

    /// Whether the list has not come to pages yet that an earlier session read.
    pub(super) fn has_unseen(&self) -> bool {
        self.unseen_pages > 0
    }

    /// Whether enough rows are buffered to write them.
    pub(super) fn should_flush(&self) -> bool {
        let enough = (self.queued / 2).clamp(MIN_BUFFERED, MAX_BUFFERED);
        self.buffered.len() >= enough
    }

    /// Whether rows are buffered.
    pub(super) fn has_buffered(&self) -> bool {
        !self.buffered.is_empty()
    }

    /// Pages staged so far.
    pub(super) fn staged_pages(&self) -> u64 {
        self.staged_pages
    }

    /// Writes the buffered rows, so that they can be taken. Returns how many, by lane.
    pub(super) fn flush(
        &mut self,
        connection: &Connection,
    ) -> rusqlite::Result<Vec<(LaneId, u64)>> {
        self.buffered.sort_unstable();
        let mut insert = connection.prepare_cached(&QUEUE.insert())?;
        let mut counts = Vec::new();
        for lane_rows in self.buffered.chunk_by(|a, b| a.lane == b.lane) {
            let lane = lane_rows[0].lane;
            counts.push((lane, lane_rows.len() as u64));
            for entry in lane_rows.chunks(ENTRY_ROWS) {
                let text = rows::encode(entry.iter().map(|staged| staged.row()));
                insert.execute((lane.0, self.next_seq, entry.len(), text))?;
                self.next_seq += 1;
            }
        }
        for (lane, rows) in &counts {
            of_lane(&mut self.lanes, *lane).queued += rows;
        }
        self.queued += self.buffered.len();
        self.buffered.clear();
        Ok(counts)
    }

    /// Takes the next rows of a lane, at most this many.
    pub(super) fn take(
        &mut self,
        ledger: &LedgerReader,
        lane: LaneId,
        max: usize,
    ) -> Result<Vec<u64>, LedgerError> {
        let queue = of_lane(&mut self.lanes, lane);
        let mut cursor = queue.cursor;
        let mut taken = Vec::with_capacity(max);
        while taken.len() < max {
            let entry: Option<(i64, String)> = ledger.read(|connection| {
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
                rows::decode(&text).ok_or_else(|| ledger.damaged(format!("queue entry {seq}")))?;
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
        queue.cursor = cursor;
        Ok(taken)
    }

    /// The queue as an earlier session left it: without the rows that it staged but did not queue, and
    /// with the cursors behind the rows that it took.
    pub(super) fn restore(ledger: &LedgerReader) -> Result<Self, LedgerError> {
        let mut lanes = rows_taken(ledger)?;
        let (mut next_seq, mut queued) = (0, 0);
        // Verified when the ledger was opened.
        ledger.read(|connection| {
            let mut entries =
                connection.prepare("SELECT lane, seq, count FROM queue ORDER BY lane, seq")?;
            let mut entries = entries.query([])?;
            while let Some(entry) = entries.next()? {
                let queue = of_lane(&mut lanes, LaneId(entry.get(0)?));
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
        Ok(Self {
            buffered: Vec::new(),
            queued: usize::try_from(queued).unwrap_or(usize::MAX),
            next_seq,
            staged_pages: ledger.staged().queued_pages,
            unseen_pages: ledger.staged().queued_pages,
            lanes,
        })
    }

    /// A lane's rows.
    pub(super) fn lane(&self, lane: LaneId) -> LaneQueue {
        self.lanes.get(lane.index()).copied().unwrap_or_default()
    }
}

/// The rows that were taken of each lane.
fn rows_taken(ledger: &LedgerReader) -> Result<Vec<LaneQueue>, LedgerError> {
    let mut lanes = Vec::new();
    ledger.read(|connection| {
        let mut calls = connection
            .prepare("SELECT lane, fresh, settled_at IS NOT NULL AND refusal IS NULL FROM call")?;
        let mut calls = calls.query([])?;
        while let Some(call) = calls.next()? {
            let queue = of_lane(&mut lanes, LaneId(call.get(0)?));
            queue.taken += call.get::<_, u64>(1)?;
            queue.accepted |= call.get::<_, bool>(2)?;
        }
        Ok(())
    })?;
    Ok(lanes)
}

fn of_lane(lanes: &mut Vec<LaneQueue>, lane: LaneId) -> &mut LaneQueue {
    if lanes.len() <= lane.index() {
        lanes.resize(lane.index() + 1, LaneQueue::default());
    }
    &mut lanes[lane.index()]
}
