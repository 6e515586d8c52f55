//! Rows that are settled without a call, because a listing showed what a call would.
//!
//! Promises: all rows of a run are settled so in one commit, before its first call; a row that was
//! settled so is never sent, also not by `retry`.

use super::tables::{LISTED, QUEUE};
use super::{Ledger, LedgerError, fact, rows};
use crate::model::Outcome;
use crate::roster::Entry;

/// Rows in one list: bounds its text.
const LIST_ROWS: usize = 1 << 16;

/// How a row is settled without a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its outcome.
    pub outcome: Outcome,
    /// The code.
    pub code: &'static str,
    /// Why.
    pub message: &'static str,
}

/// Some rows of a list: a bit for each.
#[derive(Debug, Default)]
struct RowSet(Vec<u64>);

impl RowSet {
    fn insert(&mut self, row: u64) {
        let (word, bit) = place(row);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << bit;
    }

    fn contains(&self, row: u64) -> bool {
        let (word, bit) = place(row);
        self.0.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        let words = (0u64..).zip(&self.0);
        words.flat_map(|(index, word)| {
            let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| index * 64 + bit)
        })
    }
}

fn place(row: u64) -> (usize, u64) {
    (usize::try_from(row / 64).unwrap_or(usize::MAX), row % 64)
}

impl Ledger {
    /// Whether the rows that need no call are settled.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn is_listed(&self) -> Result<bool, LedgerError> {
        Ok(self.fact(fact::LISTED)?.unwrap_or(false))
    }

    /// The rows that were settled without a call.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn listed_rows(&self) -> Result<u64, LedgerError> {
        if !self.is_listed()? {
            return Ok(0);
        }
        let (staged, mut queued) = (self.staged(), 0);
        self.lane_loads(|load| queued += load.members)?;
        let unsent = staged.invalid + staged.duplicate + queued;
        Ok(staged.rows_read.saturating_sub(unsent))
    }

    /// Settles the rows that `judge` returns a verdict for, without a call. The list must be read to its
    /// end, and no call made yet. Returns how many there are.
    ///
    /// # Errors
    /// If the ledger cannot be read or written. It counts once it is [committed](Self::commit).
    pub fn settle_listed(
        &mut self,
        mut judge: impl FnMut(&Entry) -> Option<Settled>,
    ) -> Result<u64, LedgerError> {
        let mut kinds: Vec<(Settled, RowSet)> = Vec::new();
        let mut entry = Entry::default();
        self.project(|row| {
            if row.outcome != Outcome::NotAttempted {
                return Ok(());
            }
            if self.layout().resolve(row.record, &mut entry).is_err() {
                return Err(self.damaged(format!("row {}", row.row)));
            }
            if let Some(settled) = judge(&entry) {
                let known = kinds.iter().position(|(kind, _)| *kind == settled);
                let place = known.unwrap_or_else(|| {
                    kinds.push((settled, RowSet::default()));
                    kinds.len() - 1
                });
                kinds[place].1.insert(row.row);
            }
            Ok(())
        })?;
        let mut count = 0;
        for (settled, set) in &kinds {
            let all: Vec<u64> = set.iter().collect();
            count += all.len() as u64;
            for part in all.chunks(LIST_ROWS) {
                let text = rows::encode(part.iter().copied());
                let outcome = settled.outcome.as_str();
                let values = (outcome, settled.code, settled.message, text);
                self.write(|connection| {
                    connection.prepare_cached(&LISTED.append())?.execute(values)
                })?;
            }
        }
        let is_settled = |row: u64| kinds.iter().any(|(_, set)| set.contains(row));
        self.thin_out_queue(is_settled)?;
        self.set_fact(fact::LISTED, &true)?;
        Ok(count)
    }

    /// Removes these rows from the queue.
    fn thin_out_queue(&mut self, is_removed: impl Fn(u64) -> bool) -> Result<(), LedgerError> {
        let entries: Vec<(u32, i64)> = self.read(|connection| {
            connection
                .prepare("SELECT lane, seq FROM queue ORDER BY lane, seq")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        let update = QUEUE.update(&[("count", "?3"), ("rows", "?4")], "lane = ?1 AND seq = ?2");
        for key in entries {
            let text: String = self.read(|connection| {
                connection
                    .prepare_cached("SELECT rows FROM verified_queue WHERE lane = ?1 AND seq = ?2")?
                    .query_row(key, |row| row.get(0))
            })?;
            let mut left = self.decode(&text)?;
            let before = left.len();
            left.retain(|row| !is_removed(*row));
            if left.len() == before {
                continue;
            }
            let text = rows::encode(left.iter().copied());
            self.write(|connection| {
                if left.is_empty() {
                    connection
                        .prepare_cached("DELETE FROM queue WHERE lane = ?1 AND seq = ?2")?
                        .execute(key)
                } else {
                    connection
                        .prepare_cached(&update)?
                        .execute((key.0, key.1, left.len(), text))
                }
            })?;
        }
        self.restore_queue()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_rows_has_what_was_put_in() {
        let mut set = RowSet::default();
        let rows = [1, 2, 63, 64, 65, 1_000_000];
        for row in rows {
            set.insert(row);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), rows);
        assert!(rows.iter().all(|row| set.contains(*row)));
        assert!(
            ![0, 3, 66, 999_999, 2_000_000]
                .iter()
                .any(|row| set.contains(*row))
        );
    }
}
