//! Calls and what was decided for their rows.

use rusqlite::types::Null;

use super::tables::{CALL, LANE, VERDICT};
use super::{Ledger, LedgerError, rows};
use crate::model::{LaneId, Operation, Outcome, Refusal};
use crate::schedule::Ruling;

/// The outcome of a row that is to be retried.
pub(super) const AGAIN: &str = "again";

/// A call that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct NewCall<'a> {
    /// The lane of its members.
    pub lane: LaneId,
    /// Its operation.
    pub operation: Operation,
    /// The caller's ARN.
    pub bearer: &'a str,
    /// Its rows, ascending; empty for a control call.
    pub rows: &'a [u64],
    /// How many of them are sent for the first time.
    pub fresh: usize,
    /// When it is sent, in milliseconds since 1970.
    pub at: i64,
}

/// The end of a call.
#[derive(Debug, Clone, Copy)]
pub struct CallEnd<'a> {
    /// When it was answered, or given up: milliseconds since 1970.
    pub at: i64,
    /// The server's clock when it answered, in seconds since 1970, if the answer has it.
    pub date: Option<i64>,
    /// Why it was refused or lost as a whole, if it was.
    pub refusal: Option<&'a Refusal>,
}

impl Ledger {
    /// Records a call that is about to be sent. It may be sent once this is committed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn record_call(&mut self, call: NewCall<'_>) -> Result<i64, LedgerError> {
        let rows = rows::encode(call.rows.iter().copied());
        let values = (
            call.lane.0,
            call.operation.as_str(),
            call.bearer,
            rows,
            call.rows.len(),
            call.fresh,
            call.at,
            Null,
            Null,
            Null,
            Null,
            Null,
        );
        self.write(|connection| connection.prepare_cached(&CALL.append())?.insert(values))
    }

    /// Records the result of a call, and what was decided for its rows and, because of it, for other
    /// rows.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn settle(
        &mut self,
        call: i64,
        end: CallEnd<'_>,
        rulings: &[Ruling],
        others: &[Ruling],
    ) -> Result<(), LedgerError> {
        let values = [
            ("settled_at", "?2"),
            ("date", "?3"),
            ("refusal", "?4"),
            ("code", "?5"),
            ("message", "?6"),
        ];
        let CallEnd { at, date, refusal } = end;
        let update = CALL.update(&values, "id = ?1");
        self.write(|connection| {
            connection.prepare_cached(&update)?.execute((
                call,
                at,
                date,
                refusal.map(|refusal| refusal.kind.as_str()),
                refusal.map(|refusal| &refusal.code),
                refusal.map(|refusal| &refusal.message),
            ))?;
            let mut insert = connection.prepare_cached(&VERDICT.append())?;
            for (group, is_whole) in groups(rulings).into_iter().chain(groups(others)) {
                let (Some(first), Some(last)) = (group.first(), group.last()) else {
                    continue;
                };
                let whole = is_whole && others.is_empty();
                let numbers =
                    (!whole).then(|| rows::encode(group.iter().map(|ruling| ruling.pending.row)));
                insert.execute((
                    call,
                    first.outcome.map_or(AGAIN, Outcome::as_str),
                    first.charged,
                    first.pending.in_doubt,
                    &first.code,
                    &first.message,
                    first.pending.row,
                    last.pending.row,
                    numbers,
                ))?;
            }
            Ok(())
        })
    }

    /// Records that a lane is closed: its rows that were not sent fail with this refusal.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn close_lane(&mut self, lane: LaneId, refusal: &Refusal) -> Result<(), LedgerError> {
        let values = [("closed_code", "?2"), ("closed_message", "?3")];
        let update = LANE.update(&values, "id = ?1");
        self.write(|connection| {
            connection
                .prepare_cached(&update)?
                .execute((lane.0, &refusal.code, &refusal.message))
        })?;
        Ok(())
    }
}

/// Equal rulings as groups, each in ascending order of rows; with whether there is one group only.
fn groups(rulings: &[Ruling]) -> Vec<(Vec<&Ruling>, bool)> {
    type Key<'a> = (
        Option<Outcome>,
        bool,
        bool,
        Option<&'a str>,
        Option<&'a str>,
    );
    let mut groups: Vec<(Key<'_>, Vec<&Ruling>)> = Vec::new();
    for ruling in rulings {
        let key: Key<'_> = (
            ruling.outcome,
            ruling.charged,
            ruling.pending.in_doubt,
            ruling.code.as_deref(),
            ruling.message.as_deref(),
        );
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(ruling),
            None => groups.push((key, vec![ruling])),
        }
    }
    let is_whole = groups.len() == 1;
    groups
        .into_iter()
        .map(|(_, mut group)| {
            group.sort_unstable_by_key(|ruling| ruling.pending.row);
            (group, is_whole)
        })
        .collect()
}
