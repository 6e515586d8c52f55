//! `status` and `runs`: where runs stand. Nothing is changed, and nobody at work is disturbed.

use std::path::Path;

use super::{JobError, LEDGER, lock};
use crate::ledger::{Ledger, fact};
use crate::model::RunState;
use crate::report::{self, Listed, Status};

/// Where the run in this directory stands.
///
/// # Errors
/// If there is no run there, or its ledger cannot be read.
pub fn status(dir: &Path) -> Result<Status, JobError> {
    let path = dir.join(LEDGER);
    let no_run = || JobError::NoRun(dir.to_owned());
    let owner = lock::owner(dir)?;
    if owner.is_none() && Ledger::is_blank(&path)? {
        return Err(no_run());
    }
    let ledger = Ledger::look(&path)?;
    let state = match ledger.fact(fact::STATE)?.ok_or_else(no_run)? {
        // Nobody is at work on it, so it was killed.
        RunState::Running if owner.is_none() => RunState::Interrupted,
        _ if owner.is_some() => RunState::Running,
        state => state,
    };
    let now = jiff::Timestamp::now().as_millisecond();
    Ok(report::status(&ledger, dir, state, owner, now)?)
}

/// Every run in a directory of this directory, or in itself, the one that was begun last first.
///
/// # Errors
/// If the directory cannot be read.
pub fn runs(dir: &Path) -> Result<Vec<Listed>, JobError> {
    let mut runs = Vec::new();
    let mut list = |dir: &Path| {
        // Whatever it is: that it cannot be read is said.
        if dir.join(LEDGER).symlink_metadata().is_ok() {
            runs.push(match status(dir) {
                Ok(status) => Listed::Run(Box::new(status)),
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
    runs.sort_by(|a, b| started(b).cmp(started(a)));
    Ok(runs)
}

/// When a run was begun; of one that cannot be read, that is not known.
fn started(listed: &Listed) -> &str {
    match listed {
        Listed::Run(status) => &status.started_at,
        Listed::Unreadable { .. } => "",
    }
}
