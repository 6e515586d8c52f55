//! `report`: writes the reports of a run again, from its ledger. No call is made.

use std::path::Path;

use tokio::sync::mpsc;

use super::session::{self, is_halted};
use super::{JobError, RunSettings};
use crate::engine::Command;
use crate::ledger::{Ledger, fact};
use crate::model::RunState;
use crate::report::{self, Reports, ReportsState, Summary};

/// Writes the reports of the run in this directory from its ledger.
///
/// # Errors
/// If there is no run there, another process works on it, or a report cannot be written; then the
/// earlier reports stay.
pub fn report(dir: &Path, commands: &mut mpsc::Receiver<Command>) -> Result<Summary, JobError> {
    let (_lock, mut ledger) = session::open(dir)?;
    rewrite(&mut ledger, dir, || !is_halted(commands))
}

/// Writes the reports again if they are of different states of the run, as a kill between their
/// renames leaves them, or if the run is finished and they are not those of its end.
///
/// A session that fails early, or finds nothing to do, then leaves a complete set, too. Outdated
/// reports of a run that is not finished stay until the session ends: they are of one state, and a
/// long list takes its time.
///
/// # Errors
/// As [`report`].
pub(super) fn complete(
    ledger: &mut Ledger,
    dir: &Path,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<(), JobError> {
    let record = ledger.report_record()?;
    let is_incomplete = record.is_some_and(|record| !record.is_complete());
    let is_finished = ledger.fact(fact::STATE)? == Some(RunState::Finished);
    if is_incomplete || (is_finished && ReportsState::of(ledger, dir)? != ReportsState::Complete) {
        // Nothing is in flight yet: any command stops it.
        rewrite(ledger, dir, || commands.try_recv().is_err())?;
    }
    Ok(())
}

fn rewrite(
    ledger: &mut Ledger,
    dir: &Path,
    should_continue: impl FnMut() -> bool,
) -> Result<Summary, JobError> {
    let settings = RunSettings::of(ledger, dir)?;
    let state = match ledger
        .fact(fact::STATE)?
        .ok_or_else(|| JobError::NoRun(dir.to_owned()))?
    {
        // Nobody is at work on it, so it was killed.
        RunState::Running => RunState::Interrupted,
        state => state,
    };
    let limits = settings.limits.resolve(&settings.region)?;
    let reports = Reports {
        dir,
        state,
        limits: &limits,
    };
    write(ledger, reports, should_continue)
}

/// Writes the reports and records in the ledger when the first is about to be placed and when all
/// are: between the two they may be of different states, and a kill leaves them so.
pub(super) fn write(
    ledger: &mut Ledger,
    reports: Reports<'_>,
    should_continue: impl FnMut() -> bool,
) -> Result<Summary, JobError> {
    let set = report::prepare(ledger, reports, should_continue)?;
    ledger.begin_reports()?;
    let summary = set.publish()?;
    ledger.end_reports()?;
    Ok(summary)
}
