//! `status` and `runs`: the state of runs. Changes nothing, and does not disturb a run in progress.

use std::path::Path;

use super::lock::{self, OWNER};
use super::{JobError, LEDGER, RunSettings};
use crate::ledger::{Ledger, LedgerReader, fact};
use crate::model::RunState;
use crate::report::{self, Listed, Status};

/// The state of the run in this directory.
///
/// # Errors
/// If the directory contains no run, or its ledger cannot be read.
pub fn status(dir: &Path) -> Result<Status, JobError> {
    let path = dir.join(LEDGER);
    let owner = lock::owner(dir)?;
    if Ledger::is_blank(&path)? {
        return Err(lock::no_run(dir));
    }
    let ledger = LedgerReader::open(&path)?;
    let no_run = || JobError::NoRun(dir.to_owned());
    let state = ledger.fact(fact::STATE)?.ok_or_else(no_run)?;
    // Ask again: a process may have taken the lock since, and the state read is then older.
    let owner = owner.map_or_else(|| lock::owner(dir), |owner| Ok(Some(owner)))?;
    let state = match state {
        // The lock is free, so the process that ran it was killed.
        RunState::Running if owner.is_none() => RunState::Interrupted,
        _ if owner.is_some() => RunState::Running,
        state => state,
    };
    let now = jiff::Timestamp::now().as_millisecond();
    let settings = RunSettings::of(&ledger, dir)?;
    let limits = settings.resolve_limits()?;
    Ok(report::status(&ledger, dir, state, owner, now, &limits)?)
}

/// Every run in this directory and in its subdirectories, the latest first.
///
/// # Errors
/// If the directory cannot be read.
pub fn runs(dir: &Path) -> Result<Vec<Listed>, JobError> {
    let mut runs = Vec::new();
    let mut list = |dir: &Path| {
        if is_run_directory(dir) {
            runs.push(match status(dir) {
                Ok(status) => Listed::Run(Box::new(status)),
                Err(JobError::Starting { owner, .. }) => Listed::starting(dir, owner),
                Err(error) => Listed::unreadable(dir, error.to_string()),
            });
        }
    };
    list(dir);
    let inner = std::fs::read_dir(dir).and_then(|entries| {
        entries
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<Vec<_>>>()
    });
    let inner = inner.map_err(|source| JobError::Directory {
        dir: dir.to_owned(),
        source,
    })?;
    for dir in inner {
        list(&dir);
    }
    runs.sort_by(|a, b| started(b).cmp(&started(a)));
    Ok(runs)
}

/// Whether the directory has a ledger, or a process is starting a run there.
fn is_run_directory(dir: &Path) -> bool {
    let has = |name| dir.join(name).symlink_metadata().is_ok();
    has(LEDGER) || has(OWNER) && !matches!(lock::owner(dir), Ok(None))
}

/// The sort key: when a run began. A starting run sorts as the latest, an unreadable one as the
/// oldest.
fn started(listed: &Listed) -> (bool, &str) {
    match listed {
        Listed::Run(status) => (false, &status.started_at),
        Listed::Starting { .. } => (true, ""),
        Listed::Unreadable { .. } => (false, ""),
    }
}
