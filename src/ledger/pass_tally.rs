//! What the calls of the current pass came to.

use super::calls::AGAIN;
use super::{LedgerError, LedgerReader};
use crate::model::{Outcome, Tally};

impl LedgerReader {
    /// Rows that the calls of the current pass settled, over all its sessions, by outcome.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn pass_tally(&self) -> Result<Tally, LedgerError> {
        let counts: Vec<(String, u64)> = self.read(|connection| {
            connection
                .prepare(
                    "SELECT outcome, sum(json_array_length(coalesce(verdict.rows, call.rows)))
                     FROM verified_verdict AS verdict JOIN verified_call AS call ON call.id = verdict.call
                     WHERE outcome <> ?1
                        AND call.id >= (SELECT coalesce(max(first_call), 0) FROM verified_pass)
                     GROUP BY outcome",
                )?
                .query_map([AGAIN], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        let mut tally = Tally::default();
        for (name, rows) in counts {
            let outcome = Outcome::ALL
                .into_iter()
                .find(|outcome| outcome.as_str() == name);
            let outcome = outcome.ok_or_else(|| self.damaged(format!("outcome {name:?}")))?;
            tally.add(outcome, rows);
        }
        Ok(tally)
    }
}
