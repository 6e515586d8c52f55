//! How far a run is, in few numbers, also while it runs.

use std::collections::{BTreeMap, HashMap};

use super::projection::{MessageSource, Messages};
use super::{LedgerError, LedgerReader};
use crate::model::{Outcome, Tally};

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunProgress {
    /// Rows whose verdict is final, unless they are retried after the end.
    pub settled: Tally,
    /// The others that were taken from the list.
    pub open: u64,
    /// Rows that are settled and not members, by error code.
    pub errors_by_code: BTreeMap<String, u64>,
    /// Rows that `resume` sends again, by their last verdict.
    pub(super) sent_and_open: HashMap<MessageSource, u64>,
    /// Rows that are settled and not members, by where their code is found.
    pub(super) failed: HashMap<MessageSource, u64>,
}

impl LedgerReader {
    /// How far the run is.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn progress(&self) -> Result<RunProgress, LedgerError> {
        let mut settled = Tally::default();
        let mut failures = HashMap::<MessageSource, (u64, u64)>::new();
        let mut sent_and_open = HashMap::<MessageSource, u64>::new();
        for (first_page, pages) in self.windows()? {
            for (row, state) in self.window(first_page, pages)?.rows() {
                let Some(outcome) = state.outcome else {
                    continue;
                };
                if state.is_open {
                    *sent_and_open.entry(state.source).or_default() += 1;
                    continue;
                }
                settled.add(outcome, 1);
                if !outcome.is_in() && outcome != Outcome::Duplicate {
                    failures.entry(state.source).or_insert((row, 0)).1 += 1;
                }
            }
        }
        let mut messages = Messages::new(self);
        let mut errors_by_code = BTreeMap::<String, u64>::new();
        let mut failed = HashMap::new();
        for (source, (row, rows)) in failures {
            failed.insert(source, rows);
            if let (Some(code), _) = messages.find(row, source)? {
                *errors_by_code.entry(code).or_default() += rows;
            }
        }
        Ok(RunProgress {
            open: self.staged().rows_read.saturating_sub(settled.total()),
            settled,
            errors_by_code,
            sent_and_open,
            failed,
        })
    }
}
