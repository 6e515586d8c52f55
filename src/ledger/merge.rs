//! One ledger of those of a job's shards.
//!
//! Promises: every row, call and verdict of a shard is there once, with its checksum verified; a row
//! that two shards have is an error. Numbers of channels, lanes, calls and verdicts are new. Must not:
//! change a shard's ledger, or hold the list in memory: only calls, 32 bytes each.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};

use rusqlite::params_from_iter;
use rusqlite::types::Value;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::schema::PAGE_ROWS;
use super::tables::{
    CALL, CHANNEL, DEFECT, DUPLICATE, LANE, LISTED, PAGE, QUEUE, SESSION, SUSPECT, TABLES, Table,
    VERDICT,
};
use super::{Ledger, LedgerError, LedgerReader, SessionRecord, Staged};
use crate::ledger::fact;

/// A call of a shard: when it was sent, the shard, and its id there.
type Sent = (i64, usize, i64);

/// What a merged ledger records of its calls: the clocks of shards differ, as they may have run on several
/// hosts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct MergedCalls {
    /// The calls of shards have ids up to this one; later ones are of a `retry` of the merged run.
    last: i64,
    /// The first lane of each shard.
    first_lanes: Vec<i64>,
}

impl MergedCalls {
    /// The ids and the lanes of the calls that were made by the same clock as this one.
    pub(super) fn of_clock(&self, call: i64, lane: i64) -> (RangeInclusive<i64>, Range<i64>) {
        if call > self.last {
            return (self.last + 1..=i64::MAX, 0..i64::MAX);
        }
        let next = self.first_lanes.partition_point(|first| *first <= lane);
        let first = next.checked_sub(1).and_then(|at| self.first_lanes.get(at));
        let end = self.first_lanes.get(next).copied().unwrap_or(i64::MAX);
        (i64::MIN..=self.last, first.copied().unwrap_or(0)..end)
    }
}

impl Ledger {
    /// Replaces the content of this ledger by these shards of one list, and leaves its transaction open:
    /// facts about the job as a whole are still to be set. All shards must have the same layout. Another
    /// process that reads it meanwhile sees it as it was.
    ///
    /// # Errors
    /// If a ledger cannot be read or written, is damaged, or two shards have the same row or channel.
    pub fn merge(&mut self, shards: &[&LedgerReader]) -> Result<(), LedgerError> {
        let Some(first) = shards.first() else {
            return Ok(());
        };
        let tables = TABLES.iter().map(|table| table.clear());
        let clear = tables.collect::<String>();
        let key = self.key()?;
        self.write(|connection| connection.execute_batch(&clear))?;
        self.set_fact(fact::KEY, &key)?;
        self.set_fact(fact::LAYOUT, first.layout())?;
        self.copy_pages(shards)?;
        let calls = order_of_calls(shards)?;
        let mut merged = MergedCalls {
            last: i64::try_from(calls.len()).unwrap_or(i64::MAX),
            first_lanes: Vec::new(),
        };
        let mut next = Next::default();
        for (at, shard) in shards.iter().enumerate() {
            merged.first_lanes.push(next.lane);
            let ids = ids_of_calls(&calls, at);
            next = self.copy_shard(shard, &ids, next)?;
        }
        self.check_channels(shards)?;
        self.copy_sessions(shards, &calls)?;
        self.set_fact(fact::MERGED_CALLS, &merged)?;
        self.set_fact(fact::NOTES, &first.notes()?)?;
        self.set_staged(staged(shards))
    }

    /// Writes the pages of the list: of each row the record of the shard that has it.
    fn copy_pages(&mut self, shards: &[&LedgerReader]) -> Result<(), LedgerError> {
        let pages = shards
            .iter()
            .map(|shard| pages_of(shard))
            .max()
            .unwrap_or(0);
        for id in 0..pages {
            let mut slots: Vec<Option<Box<RawValue>>> = Vec::new();
            for shard in shards {
                if id >= pages_of(shard) {
                    continue;
                }
                let text = shard.page(id)?;
                let damaged = || shard.damaged(format!("page {id}"));
                let records: Vec<Box<RawValue>> =
                    serde_json::from_str(&text).map_err(|_| damaged())?;
                if records.len() as u64 > PAGE_ROWS {
                    return Err(damaged());
                }
                slots.resize_with(slots.len().max(records.len()), || None);
                for (number, (slot, record)) in (1..).zip(slots.iter_mut().zip(records)) {
                    if record.get() == "null" {
                        continue;
                    }
                    if slot.replace(record).is_some() {
                        let row = id * PAGE_ROWS + number;
                        return Err(shard.damaged(format!("row {row} is of another shard too")));
                    }
                }
            }
            let records = slots.iter();
            let records = records.map(|slot| slot.as_deref().map_or("null", RawValue::get));
            let text = format!("[{}]", records.collect::<Vec<_>>().join(","));
            self.write(|connection| {
                connection
                    .prepare_cached(&PAGE.insert())?
                    .execute((id, &text))
            })?;
        }
        Ok(())
    }

    /// Copies everything of a shard but its pages, with the numbers that are next.
    fn copy_shard(
        &mut self,
        shard: &LedgerReader,
        calls: &HashMap<i64, i64>,
        next: Next,
    ) -> Result<Next, LedgerError> {
        let mut used = next;
        // What was staged and not queued is read again by a resume, and does not count.
        let rows = i64::try_from(pages_of(shard) * PAGE_ROWS).unwrap_or(i64::MAX);
        self.copy(shard, &CHANNEL, |values| {
            shift(values, 0, next.channel);
            used.channel += 1;
            true
        })?;
        self.copy(shard, &LANE, |values| {
            shift(values, 0, next.lane);
            shift(values, 1, next.channel);
            used.lane += 1;
            true
        })?;
        for table in [&DEFECT, &DUPLICATE] {
            self.copy(shard, table, |values| number(values, 0) <= rows)?;
        }
        self.copy(shard, &SUSPECT, |values| {
            shift(values, 1, next.lane);
            number(values, 0) <= rows
        })?;
        self.copy(shard, &QUEUE, |values| {
            shift(values, 0, next.lane);
            true
        })?;
        self.copy(shard, &CALL, |values| {
            let id = calls.get(&number(values, 0)).copied();
            values[0] = Value::Integer(id.unwrap_or_default());
            shift(values, 1, next.lane);
            true
        })?;
        self.copy(shard, &VERDICT, |values| {
            shift(values, 0, next.verdict);
            used.verdict = used.verdict.max(number(values, 0));
            let call = calls.get(&number(values, 1)).copied();
            values[1] = Value::Integer(call.unwrap_or_default());
            true
        })?;
        self.copy(shard, &LISTED, |values| {
            shift(values, 0, next.listed);
            used.listed = used.listed.max(number(values, 0));
            true
        })?;
        Ok(used)
    }

    /// Copies the rows of a table, in the order of their key. `change` gives each its new numbers, and
    /// returns whether to take it.
    fn copy(
        &mut self,
        shard: &LedgerReader,
        table: &Table,
        mut change: impl FnMut(&mut [Value]) -> bool,
    ) -> Result<(), LedgerError> {
        let mut statement = shard.prepare(&table.select())?;
        let columns = statement.column_count();
        let sqlite = |source| shard.sqlite(source);
        let mut rows = statement.query([]).map_err(sqlite)?;
        let insert = table.insert();
        while let Some(row) = rows.next().map_err(sqlite)? {
            let values = (0..columns).map(|column| row.get::<_, Value>(column));
            let mut values = values
                .collect::<rusqlite::Result<Vec<_>>>()
                .map_err(sqlite)?;
            if change(&mut values) {
                self.write(|connection| {
                    connection
                        .prepare_cached(&insert)?
                        .execute(params_from_iter(values))
                })?;
            }
        }
        Ok(())
    }

    /// Checks that no channel is of two shards.
    fn check_channels(&self, shards: &[&LedgerReader]) -> Result<(), LedgerError> {
        let twice: Option<String> = self.read(|connection| {
            let query =
                "SELECT min(arn) FROM (SELECT arn FROM channel GROUP BY arn HAVING count(*) > 1)";
            connection.query_row(query, [], |row| row.get(0))
        })?;
        match (twice, shards.first()) {
            (Some(arn), Some(shard)) => {
                Err(shard.damaged(format!("the channel {arn} is of two shards")))
            }
            _ => Ok(()),
        }
    }

    /// Writes the times in which at least one shard worked, as sessions.
    fn copy_sessions(
        &mut self,
        shards: &[&LedgerReader],
        calls: &[Sent],
    ) -> Result<(), LedgerError> {
        let mut sessions = Vec::new();
        for shard in shards {
            sessions.extend(shard.sessions()?);
        }
        for (id, (from, to)) in (1_i64..).zip(worked(sessions)) {
            let first_call = calls.partition_point(|(sent_at, ..)| *sent_at < from) + 1;
            self.write(|connection| {
                let values = (id, from, to, first_call as u64);
                connection
                    .prepare_cached(&SESSION.insert())?
                    .execute(values)
            })?;
        }
        Ok(())
    }
}

/// The numbers that the next shard's tables begin with.
#[derive(Debug, Clone, Copy, Default)]
struct Next {
    channel: i64,
    lane: i64,
    verdict: i64,
    listed: i64,
}

/// How many pages of a shard count: before the end of its list, those whose rows are queued.
fn pages_of(shard: &LedgerReader) -> u64 {
    shard.staged().queued_pages
}

/// Adds to the number in a column.
fn shift(values: &mut [Value], column: usize, by: i64) {
    values[column] = Value::Integer(number(values, column).saturating_add(by));
}

/// The number in a column.
fn number(values: &[Value], column: usize) -> i64 {
    match values[column] {
        Value::Integer(number) => number,
        _ => 0,
    }
}

/// The calls of all shards, in the order in which they were sent. A call's new id is its place, from 1.
fn order_of_calls(shards: &[&LedgerReader]) -> Result<Vec<Sent>, LedgerError> {
    let mut calls: Vec<Sent> = Vec::new();
    for (at, shard) in shards.iter().enumerate() {
        shard.for_each_call(|call| {
            calls.push((call.sent_at, at, call.id));
            Ok::<(), LedgerError>(())
        })?;
    }
    calls.sort_unstable();
    Ok(calls)
}

/// The new ids of a shard's calls.
fn ids_of_calls(calls: &[Sent], shard: usize) -> HashMap<i64, i64> {
    let numbered = (1..).zip(calls);
    let own = numbered.filter(|(_, (_, at, _))| *at == shard);
    own.map(|(id, (_, _, old))| (*old, id)).collect()
}

/// The union of the times of sessions, in order.
fn worked(mut sessions: Vec<SessionRecord>) -> Vec<(i64, i64)> {
    sessions.sort_unstable_by_key(|session| session.begun_at);
    let mut times: Vec<(i64, i64)> = Vec::new();
    for session in sessions {
        match times.last_mut() {
            Some((_, to)) if session.begun_at <= *to => *to = session.worked_until.max(*to),
            _ => times.push((session.begun_at, session.worked_until)),
        }
    }
    times
}

/// The counts of all shards together.
fn staged(shards: &[&LedgerReader]) -> Staged {
    let mut all = Staged {
        list_ended: true,
        complete: true,
        ..Staged::default()
    };
    let mut total = 0;
    for shard in shards {
        let staged = shard.staged();
        total = total.max(staged.rows_read + staged.elsewhere);
        all.rows_read += staged.rows_read;
        all.rows_left_out = all.rows_left_out.max(staged.rows_left_out);
        all.invalid += staged.invalid;
        all.duplicate += staged.duplicate;
        all.bots += staged.bots;
        all.queued_pages = all.queued_pages.max(staged.queued_pages);
        all.list_ended &= staged.list_ended;
        all.complete &= staged.complete;
    }
    all.elsewhere = total.saturating_sub(all.rows_read);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_one_clock_are_those_of_one_shard_or_of_a_retry() {
        let merged = MergedCalls {
            last: 20,
            first_lanes: vec![0, 3, 3, 7],
        };
        let lanes = |lane| merged.of_clock(20, lane).1;
        assert_eq!(
            [0, 2, 3, 6, 7, 99].map(lanes),
            [0..3, 0..3, 3..7, 3..7, 7..i64::MAX, 7..i64::MAX]
        );
        assert_eq!(merged.of_clock(20, 3).0, i64::MIN..=20);
        assert_eq!(merged.of_clock(21, 3), (21..=i64::MAX, 0..i64::MAX));
        let whole = MergedCalls::default();
        assert_eq!(whole.of_clock(1, 5), (1..=i64::MAX, 0..i64::MAX));
    }

    #[test]
    fn the_times_of_shards_that_work_at_once_count_once() {
        let session = |begun_at, worked_until| SessionRecord {
            begun_at,
            worked_until,
            first_call: 1,
        };
        let sessions = vec![
            session(50, 60),
            session(0, 10),
            session(5, 20),
            session(8, 9),
            session(20, 30),
        ];
        assert_eq!(worked(sessions), [(0, 30), (50, 60)]);
        assert_eq!(worked(Vec::new()), []);
    }
}
