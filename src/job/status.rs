//! `status` and `runs`: the state of runs. Changes nothing, and does not disturb a run in progress.

use std::path::Path;

use super::lock::{self, OWNER};
use super::{JobError, LEDGER, REMOVAL, RunSettings, UNDO_DIR, directory, merge};
use crate::ledger::{Ledger, LedgerReader, fact};
use crate::model::RunState;
use crate::report::{self, Listed, Status, UndoStatus};

/// The state of the run in this directory.
///
/// # Errors
/// If the directory contains no run, or is the undo of one, or its ledger cannot be read.
pub fn status(dir: &Path) -> Result<Status, JobError> {
    let path = dir.join(LEDGER);
    lock::check_readable(dir)?;
    let owner = lock::owner(dir)?;
    if Ledger::is_blank(&path)? {
        return Err(directory::no_run(dir));
    }
    let ledger = LedgerReader::open(&path)?;
    let settings = RunSettings::of(&ledger, dir)?;
    if settings.is_part() {
        return Err(JobError::IsPart(dir.to_owned()));
    }
    let (state, mut owner) = state(&ledger, dir, owner)?;
    let undo_dir = dir.join(UNDO_DIR);
    let has_undo = directory::holds_run(&undo_dir);
    let undo = has_undo.then(|| undo_status(&undo_dir).unwrap_or_else(UndoStatus::unreadable));
    let is_undoing = undo.as_ref().is_some_and(|undo| undo.owner.is_some());
    let state = if is_undoing {
        // The process that undoes a run holds its lock too, and leaves it as it is.
        owner = None;
        at_rest(ledger.fact(fact::STATE)?, dir)?
    } else {
        state
    };
    let now = jiff::Timestamp::now().as_millisecond();
    let limits = settings.resolve_limits()?;
    let status = report::status(&ledger, dir, state, owner, now, &limits)?;
    let status = merge::with_next_shard(status, &ledger)?;
    let status = match undo {
        Some(undo) => status.with_undo(undo),
        None => status,
    };
    let removal = dir.join(REMOVAL);
    if settings.sync.is_none() || !directory::holds_run(&removal) {
        return Ok(status);
    }
    let removal = undo_status(&removal).unwrap_or_else(UndoStatus::unreadable);
    Ok(Status {
        removal: Some(removal),
        ..status
    })
}

/// The state of the run with this ledger, and its owner. `owner` was found before the ledger was read.
fn state(
    ledger: &LedgerReader,
    dir: &Path,
    owner: Option<String>,
) -> Result<(RunState, Option<String>), JobError> {
    let state = at_rest(ledger.fact(fact::STATE)?, dir)?;
    // Ask again: a process may have taken the lock since, and the state read is then older.
    let owner = owner.map_or_else(|| lock::owner(dir), |owner| Ok(Some(owner)))?;
    let state = if owner.is_some() {
        RunState::Running
    } else {
        state
    };
    Ok((state, owner))
}

/// The state of a run that no process works on, from the state in its ledger.
fn at_rest(state: Option<RunState>, dir: &Path) -> Result<RunState, JobError> {
    match state {
        // The lock is free, so the process that ran it was killed.
        Some(RunState::Running) => Ok(RunState::Interrupted),
        Some(state) => Ok(state),
        None => Err(JobError::NoRun(dir.to_owned())),
    }
}

/// The state of the undo in this directory, or why it cannot be read.
fn undo_status(dir: &Path) -> Result<UndoStatus, String> {
    let read = || {
        let owner = lock::owner(dir)?;
        let ledger = LedgerReader::open(&dir.join(LEDGER))?;
        let (state, owner) = state(&ledger, dir, owner)?;
        Ok::<_, JobError>(UndoStatus::of(&ledger, state, owner)?)
    };
    read().map_err(|error| error.to_string())
}

/// Every run in this directory and in its subdirectories, the latest first. An undo is a part of its run.
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
                Err(JobError::IsPart(_)) => return,
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
    // An undo that has just begun cannot be read yet, and is known by its place.
    let is_run = is_run_directory(dir);
    for inner in inner {
        if !(is_run && inner == dir.join(UNDO_DIR)) {
            list(&inner);
        }
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
