//! Opening a run that exists, as its owner.

use std::path::Path;

use super::directory::no_run;
use super::lock::{RunLock, check_readable};
use super::{JobError, LEDGER};
use crate::ledger::{Durability, Ledger};
use crate::report;

/// Locks an existing run and opens its ledger.
pub(super) fn open_run(dir: &Path) -> Result<(RunLock, Ledger), JobError> {
    let path = dir.join(LEDGER);
    check_readable(dir)?;
    if Ledger::is_blank(&path)? {
        return Err(no_run(dir));
    }
    let lock = RunLock::take(dir)?;
    report::check_destinations(dir)?;
    let ledger = Ledger::open(&path, Durability::Full)?;
    if let Some(path) = report::foreign_report(Some(&ledger), dir)? {
        return Err(JobError::ForeignReport(path));
    }
    Ok((lock, ledger))
}
