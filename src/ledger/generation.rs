//! Which state of the run the ledger holds, and which state the reports are of.
//!
//! A run changes in sessions (`run`, `resume`, `retry`), and its reports are written between
//! them. Each session that changes a ledger begins a generation, in the transaction of its first
//! change. So reports of one generation are always the same, whenever they are written, and
//! reports of an earlier generation than the ledger's are outdated.

use serde::{Deserialize, Serialize};

use super::{Ledger, LedgerError, LedgerReader, fact};

/// The generation of a run's first session.
const FIRST: u64 = 1;

/// What the ledger records of the reports in its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRecord {
    generation: u64,
    complete: bool,
}

impl ReportRecord {
    /// The generation of the reports that were written, or begun, last.
    #[must_use]
    pub fn generation(self) -> u64 {
        self.generation
    }

    /// Whether all of them were put in their places.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.complete
    }
}

impl LedgerReader {
    /// The generation of the run, from 1.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn generation(&self) -> Result<u64, LedgerError> {
        Ok(self.fact(fact::GENERATION)?.unwrap_or(FIRST))
    }

    /// What is recorded of the reports, if any were ever written.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn report_record(&self) -> Result<Option<ReportRecord>, LedgerError> {
        self.fact(fact::REPORTS)
    }
}

impl Ledger {
    /// Begins the next generation, in the open transaction.
    pub(super) fn begin_generation(&mut self) -> Result<(), LedgerError> {
        let next = self.generation()?.saturating_add(1);
        self.set_fact(fact::GENERATION, &next)
    }

    /// Records, durably, that the reports of this generation are about to be put in their places:
    /// from now on those in the directory may be of different generations.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn begin_reports(&mut self) -> Result<(), LedgerError> {
        self.record_reports(false)
    }

    /// Records, durably, that all reports of this generation are in their places.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn end_reports(&mut self) -> Result<(), LedgerError> {
        self.record_reports(true)
    }

    fn record_reports(&mut self, complete: bool) -> Result<(), LedgerError> {
        let generation = self.generation()?;
        let record = ReportRecord {
            generation,
            complete,
        };
        self.set_fact(fact::REPORTS, &record)?;
        self.commit()
    }
}
