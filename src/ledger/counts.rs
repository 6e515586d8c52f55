//! Questions about the run as a whole.

use super::{Ledger, LedgerError};
use crate::schedule::LowerBound;

/// Calls made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// All.
    pub calls: u64,
    /// Those answered 429.
    pub throttled: u64,
}

impl Ledger {
    /// Counts the calls made.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn call_counts(&self) -> Result<CallCounts, LedgerError> {
        self.read(|connection| {
            connection.query_row(
                "SELECT count(*), count(*) FILTER (WHERE refusal = 'throttled') FROM call",
                [],
                |row| {
                    Ok(CallCounts {
                        calls: row.get(0)?,
                        throttled: row.get(1)?,
                    })
                },
            )
        })
    }

    /// Counts the channels named by good rows.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn channels(&self) -> Result<u64, LedgerError> {
        self.read(|connection| {
            connection.query_row("SELECT count(*) FROM channel", [], |row| row.get(0))
        })
    }

    /// The least calls for the rows queued so far, with so many members in one at most.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn lower_bound(&self, members_per_call: impl Into<u64>) -> Result<LowerBound, LedgerError> {
        let mut bound = LowerBound::default();
        self.channel_loads(members_per_call.into(), |load| bound.add_calls(load.calls))?;
        Ok(bound)
    }
}
