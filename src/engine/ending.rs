//! How a run ends: the ending, and the errors that cause one.

use crate::ledger::LedgerError;
use crate::model::RunState;
use crate::roster::RosterError;
use crate::schedule::Stop;

/// How a run ended.
#[derive(Debug)]
pub enum Ending {
    /// Every row has an outcome.
    Finished,
    /// Stopped by a command.
    Interrupted,
    /// Stopped because of the service's answers.
    Stopped(Stop),
    /// The list could not be read to its end.
    ListError(ListError),
}

impl Ending {
    /// The state of a run that ended so.
    #[must_use]
    pub fn state(&self) -> RunState {
        match self {
            Self::Finished => RunState::Finished,
            Self::Interrupted => RunState::Interrupted,
            Self::Stopped(_) | Self::ListError(_) => RunState::Aborted,
        }
    }
}

/// Why the list could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Reading it failed.
    #[error(transparent)]
    Unreadable(RosterError),
    /// It is not the list that an earlier session began to read.
    #[error("the list has changed since this run began: {what}")]
    Changed {
        /// What is different.
        what: String,
    },
}

/// An error that ends a run at once. Without its ledger a run must not continue.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The task of a call panicked.
    #[error("the task of a call failed: {0}")]
    TaskPanicked(String),
}
