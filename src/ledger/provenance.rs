//! Which members a run added, or may have added, and when: what an undo removes.
//!
//! Promises: times are those of the server's clock. Our clock may be wrong, so a call's time is taken
//! from the date of its answer, or converted by that of the nearest call that has one.

use std::ops::RangeInclusive;

use super::calls::AGAIN;
use super::merge::MergedCalls;
use super::projection::{Messages, ResultRow, Totals};
use super::schema::PAGE_ROWS;
use super::{LedgerError, LedgerReader, fact};
use crate::model::{Outcome, RefusalKind, RemovalRow};

/// How far a server's clock may be from that of another one, in seconds.
const SLACK: i64 = 2;
/// No call is applied later than this after it was sent, in milliseconds: a lost call is given up after
/// 15 s.
const MAX_FLIGHT: i64 = 60_000;

/// What the verdicts show of one row.
#[derive(Debug, Clone, Default)]
struct RowOrigin {
    /// When a call that may have added the member was in flight; of several, all of the time between.
    carried: Option<RangeInclusive<i64>>,
    /// When the call was in flight whose answer reported the member as added.
    accepted: Option<RangeInclusive<i64>>,
    /// Whether such a call was lost.
    in_doubt: bool,
}

impl RowOrigin {
    fn carry(&mut self, time: &RangeInclusive<i64>) {
        let time = match &self.carried {
            None => time.clone(),
            Some(known) => *known.start().min(time.start())..=*known.end().max(time.end()),
        };
        self.carried = Some(time);
    }

    /// How to remove a row with this outcome; `None` if the run did not add the member.
    fn removal(&self, outcome: Outcome) -> Option<RemovalRow> {
        // After a lost call, "added" may be the answer about a member that the lost call added.
        let created = match (outcome, self.in_doubt) {
            (Outcome::Added, false) => self.accepted.clone(),
            (_, true) => self.carried.clone(),
            (_, false) => None,
        };
        Some(RemovalRow {
            in_doubt: outcome != Outcome::Added,
            created: created?,
        })
    }
}

/// The times of a call: milliseconds since 1970 of our clock, and its answer's date in seconds.
#[derive(Debug, Clone, Copy)]
struct CallTimes {
    id: i64,
    lane: i64,
    sent_at: i64,
    settled_at: Option<i64>,
    date: Option<i64>,
}

impl LedgerReader {
    /// Passes every row whose member the run added, or may have added, to `each`, in the order of the
    /// list.
    ///
    /// # Errors
    /// If the ledger cannot be read, or what `each` returns.
    pub fn for_each_addition<E: From<LedgerError>>(
        &self,
        mut each: impl FnMut(&ResultRow<'_>, &RemovalRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut totals = Totals::default();
        let mut messages = Messages::new(self);
        for (first_page, pages) in self.windows()? {
            let first_row = first_page * PAGE_ROWS + 1;
            let window = self.window(first_page, pages)?;
            let origins = self.origins(first_row, pages)?;
            let mut each = |row: &ResultRow<'_>| {
                let index = usize::try_from(row.row - first_row).unwrap_or(usize::MAX);
                let origin = origins.get(index);
                match origin.and_then(|origin| origin.removal(row.outcome)) {
                    Some(removal) => each(row, &removal),
                    None => Ok(()),
                }
            };
            self.project_window(&window, &mut messages, &mut totals, &mut each)?;
        }
        Ok(())
    }

    /// What the calls of the rows of these pages show.
    fn origins(&self, first_row: u64, pages: u64) -> Result<Vec<RowOrigin>, LedgerError> {
        let sqlite = |source| self.sqlite(source);
        let clocks: MergedCalls = self.fact(fact::MERGED_CALLS)?.unwrap_or_default();
        let size = usize::try_from(pages * PAGE_ROWS).unwrap_or(usize::MAX);
        let mut origins = vec![RowOrigin::default(); size];
        let mut statement = self.prepare(
            "SELECT call.id, call.lane, call.sent_at, call.settled_at, call.date, call.refusal,
                    coalesce(verdict.outcome, ?3), coalesce(verdict.in_doubt, 1),
                    coalesce(verdict.rows, call.rows)
                 FROM verified_call AS call LEFT JOIN verified_verdict AS verdict ON verdict.call = call.id
                 WHERE call.members > 0 AND (verdict.id IS NULL AND call.settled_at IS NULL
                    OR verdict.last_row >= ?1 AND verdict.first_row <= ?2)
                 ORDER BY verdict.id IS NULL, verdict.id",
        )?;
        let last_row = first_row + pages * PAGE_ROWS - 1;
        let mut found = statement
            .query((first_row, last_row, AGAIN))
            .map_err(sqlite)?;
        while let Some(found) = found.next().map_err(sqlite)? {
            let read = || -> rusqlite::Result<_> {
                let times = CallTimes {
                    id: found.get(0)?,
                    lane: found.get(1)?,
                    sent_at: found.get(2)?,
                    settled_at: found.get(3)?,
                    date: found.get(4)?,
                };
                let refusal: Option<String> = found.get(5)?;
                let outcome: String = found.get(6)?;
                let in_doubt: bool = found.get(7)?;
                let rows: String = found.get(8)?;
                Ok((times, refusal, outcome, in_doubt, rows))
            };
            let (times, refusal, outcome, in_doubt, rows) = read().map_err(sqlite)?;
            let may_be_applied = refusal.is_none_or(|refusal| {
                let mut kinds = RefusalKind::IN_DOUBT.into_iter();
                kinds.any(|kind| kind.as_str() == refusal)
            });
            if !may_be_applied {
                continue;
            }
            let time = self.created_by(times, &clocks)?;
            for row in self.decode(&rows)? {
                let index = row
                    .checked_sub(first_row)
                    .and_then(|at| usize::try_from(at).ok());
                let Some(origin) = index.and_then(|index| origins.get_mut(index)) else {
                    continue;
                };
                origin.carry(&time);
                origin.in_doubt |= in_doubt;
                if outcome == Outcome::Added.as_str() {
                    origin.accepted = Some(time.clone());
                }
            }
        }
        Ok(origins)
    }

    /// When memberships were created that a call made: seconds of the server's clock.
    fn created_by(
        &self,
        call: CallTimes,
        clocks: &MergedCalls,
    ) -> Result<RangeInclusive<i64>, LedgerError> {
        let latest = call.sent_at.saturating_add(MAX_FLIGHT);
        let settled_at = call.settled_at.map_or(latest, |at| at.min(latest));
        let known = match call.date {
            Some(date) => Some((date, call.sent_at, settled_at)),
            None => self.nearest_date(call, clocks)?,
        };
        // The server's clock less ours lies between these, in milliseconds. An answer's date is cut to
        // seconds.
        let (least, most) = known.map_or((0, 0), |(date, sent_at, settled_at)| {
            (date * 1_000 - settled_at, (date + 1) * 1_000 - sent_at)
        });
        let from = (call.sent_at + least).div_euclid(1_000) - SLACK;
        // What was created before an answer is not younger than the answer.
        let until = match call.date {
            Some(date) => date,
            None => (settled_at + most).div_euclid(1_000),
        };
        Ok(from..=until + SLACK)
    }

    /// The date, and the times, of the call nearest to this one that has a date, of those that were made by
    /// the same clock.
    fn nearest_date(
        &self,
        call: CallTimes,
        clocks: &MergedCalls,
    ) -> Result<Option<(i64, i64, i64)>, LedgerError> {
        let (ids, lanes) = clocks.of_clock(call.id, call.lane);
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT date, sent_at, settled_at FROM
                        (SELECT * FROM (SELECT id, date, sent_at, settled_at FROM verified_call
                            WHERE id < ?1 AND id >= ?2 AND lane >= ?4 AND lane < ?5 AND date IS NOT NULL
                            ORDER BY id DESC LIMIT 1)
                         UNION ALL SELECT * FROM (SELECT id, date, sent_at, settled_at FROM verified_call
                            WHERE id > ?1 AND id <= ?3 AND lane >= ?4 AND lane < ?5 AND date IS NOT NULL
                            ORDER BY id LIMIT 1))
                     ORDER BY abs(id - ?1) LIMIT 1",
                )?
                .query_map(
                    (call.id, ids.start(), ids.end(), lanes.start, lanes.end),
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )?
                .next()
                .transpose()
        })
    }
}
