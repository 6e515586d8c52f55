//! `report`: writes the reports of a run again, from its ledger. Makes no call.

use std::path::Path;

use tokio::sync::mpsc;

use super::commands::is_halted;
use super::open_run::open_run;
use super::sync_end::check_acted;
use super::{JobError, RunSettings};
use crate::engine::Command;
use crate::ledger::{Ledger, fact};
use crate::model::RunState;
use crate::report::{self, ReportError, Reports, ReportsState, Summary};

/// Writes the reports of the run in this directory from its ledger.
///
/// # Errors
/// If the directory contains no run, another process works on it, or a report cannot be written. The
/// earlier reports then stay.
pub fn report(dir: &Path, commands: &mut mpsc::Receiver<Command>) -> Result<Summary, JobError> {
    let (_lock, mut ledger) = open_run(dir)?;
    rewrite(&mut ledger, dir, || !is_halted(commands))
}

/// Completes the set of reports. Writes them again if they belong to different states of the run (a
/// kill between two renames leaves them so), or if the run is finished and they are older.
///
/// A session that fails early, or finds nothing to do, therefore leaves a complete set, too. Outdated
/// reports of an unfinished run stay until the session ends: they belong together, and writing those
/// of a long list takes time.
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
        // No call is in flight yet, so `Drain` stops it as `Halt` does.
        rewrite(ledger, dir, || commands.try_recv().is_err())?;
    }
    Ok(())
}

pub(super) fn rewrite(
    ledger: &mut Ledger,
    dir: &Path,
    should_continue: impl FnMut() -> bool,
) -> Result<Summary, JobError> {
    let settings = RunSettings::of(ledger, dir)?;
    if settings.is_part() {
        return Err(JobError::IsPart(dir.to_owned()));
    }
    check_acted(ledger, dir)?;
    let state = match ledger
        .fact(fact::STATE)?
        .ok_or_else(|| JobError::NoRun(dir.to_owned()))?
    {
        // The lock was free, so the process that ran it was killed.
        RunState::Running => RunState::Interrupted,
        state => state,
    };
    let limits = settings.resolve_limits()?;
    let reports = Reports {
        dir,
        state,
        limits: &limits,
    };
    write(ledger, reports, should_continue)
}

/// Writes the reports. Records in the ledger when the first is about to be replaced and when all
/// are: a kill between the two leaves reports of different states.
pub(super) fn write(
    ledger: &mut Ledger,
    reports: Reports<'_>,
    should_continue: impl FnMut() -> bool,
) -> Result<Summary, JobError> {
    let set = report::prepare(ledger, reports, should_continue)?;
    // Again, as late as possible: a run takes hours.
    if let Some(path) = report::foreign_report(Some(ledger), reports.dir)? {
        return Err(ReportError::Foreign(path).into());
    }
    ledger.begin_reports()?;
    let summary = set.publish()?;
    ledger.end_reports()?;
    Ok(summary)
}
