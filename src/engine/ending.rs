//! How a run ends.

use crate::ledger::LedgerError;
use crate::roster::RosterError;
use crate::schedule::Stop;

/// How a run ended.
#[derive(Debug)]
pub enum Ending {
    /// Nothing is left to do.
    Finished,
    /// Told to stop from outside.
    Interrupted,
    /// Stopped for a reason of the service's.
    Stopped(Stop),
    /// The list could not be read to its end.
    ListError(ListError),
}

/// What kept the list from being read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It cannot be read on.
    #[error(transparent)]
    Unreadable(RosterError),
    /// It is not the list that an earlier session began to read.
    #[error("the list is not the one that this run began with: {what}")]
    Changed {
        /// What is different.
        what: String,
    },
}

/// What ends a run at once: without its ledger it must not continue.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A call's work panicked.
    #[error("a call broke off: {0}")]
    TaskPanicked(String),
}
