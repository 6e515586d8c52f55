//! How a sync ended, which other commands on its directory ask for.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::JobError;
use crate::ledger::{LedgerReader, fact};

/// How far a sync is, once it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SyncEnd {
    /// Members were added and removed.
    Done,
    /// It only looked.
    Looked,
}

/// Checks that a run is no sync that only compared.
pub(super) fn check_acted(run: &LedgerReader, dir: &Path) -> Result<(), JobError> {
    match run.fact(fact::SYNC)? {
        Some(SyncEnd::Looked) => Err(JobError::OnlyCompared(dir.to_owned())),
        Some(SyncEnd::Done) | None => Ok(()),
    }
}
