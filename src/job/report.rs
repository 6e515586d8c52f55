//! `report`: writes the reports of a run again, from its ledger. Nothing is called.

use std::path::Path;

use tokio::sync::mpsc;

use super::session::{self, is_halted};
use super::{JobError, Settings};
use crate::engine::Command;
use crate::ledger::fact;
use crate::model::RunState;
use crate::report::{self, Reports, Summary};

/// Writes the reports of the run in this directory as its ledger stands.
///
/// # Errors
/// If there is no run there, another process works on it, or a report cannot be written; then the
/// earlier reports stand.
pub fn report(dir: &Path, commands: &mut mpsc::Receiver<Command>) -> Result<Summary, JobError> {
    let (_lock, ledger) = session::open(dir)?;
    let settings = Settings::of(&ledger, dir)?;
    let state = match ledger
        .fact(fact::STATE)?
        .ok_or_else(|| JobError::NoRun(dir.to_owned()))?
    {
        // Nobody is at work on it, so it was killed.
        RunState::Running => RunState::Interrupted,
        state => state,
    };
    let limits = settings.limits.over(&settings.region)?;
    let reports = Reports {
        dir,
        state,
        limits: &limits,
    };
    Ok(report::write(&ledger, reports, || !is_halted(commands))?)
}
