//! The state of an undo, as a part of the status of its run.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ReportError;
use super::format::verb;
use crate::ledger::LedgerReader;
use crate::model::{Outcome, RunState, codes, escape_control};

/// The state of a run's undo.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UndoStatus {
    /// The state of the undo; null if it cannot be read.
    pub state: Option<RunState>,
    /// The process that works on the undo; null if none does.
    pub owner: Option<String>,
    /// Members that it removed.
    pub removed: u64,
    /// Members that were gone already.
    pub gone_already: u64,
    /// Members that it kept because the run may not have added them.
    pub kept: u64,
    /// Members that could not be removed.
    pub failed: u64,
    /// Members that no result is known of yet.
    pub open: u64,
    /// Why the undo cannot be read; null if it can.
    pub error: Option<String>,
}

impl UndoStatus {
    /// The state of the undo with this ledger.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn of(
        ledger: &LedgerReader,
        state: RunState,
        owner: Option<String>,
    ) -> Result<Self, ReportError> {
        let progress = ledger.progress()?;
        let rows = |outcome| progress.settled.of(outcome);
        let kept = codes::KEPT.iter();
        let kept: u64 = kept
            .filter_map(|code| progress.errors_by_code.get(*code))
            .sum();
        let failed = rows(Outcome::Failed) + rows(Outcome::Unconfirmed);
        Ok(Self {
            state: Some(state),
            owner,
            removed: rows(Outcome::Added),
            gone_already: rows(Outcome::AlreadyMember),
            kept,
            failed: failed.saturating_sub(kept),
            open: progress.open + rows(Outcome::NotAttempted),
            error: None,
        })
    }

    /// The state of an undo that cannot be read.
    #[must_use]
    pub fn unreadable(error: String) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }
}

impl fmt::Display for UndoStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = &self.error {
            return write!(f, "cannot be read: {}", escape_control(error, usize::MAX));
        }
        if let Some(state) = self.state {
            write!(f, "{}: ", verb(state))?;
        }
        write!(f, "{} removed", self.removed)?;
        for (number, what) in [
            (self.gone_already, "gone already"),
            (self.kept, "kept"),
            (self.failed, "failed"),
            (self.open, "open"),
        ] {
            if number > 0 {
                write!(f, ", {number} {what}")?;
            }
        }
        Ok(())
    }
}
