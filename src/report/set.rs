//! The four reports as a set: all of one state of the run, or known not to be.
//!
//! A file is replaced by a rename, and no rename replaces four files. The process can be killed, or
//! the machine lose its power, before, between and after the renames. Therefore:
//!
//! 1. All four are written aside and are on the disk before the first is put in its place. A full
//!    disk or a directory in the way of a report leaves the earlier set as it was.
//! 2. The ledger records that they are about to be placed ([`Ledger::begin_reports`]).
//! 3. `summary.json` is removed first and placed last; the directory is synced after each step.
//!    So where it is there, all four are of its generation. That holds for readers that know
//!    nothing of the ledger, and for copies of the directory. A reader that reads while the set is
//!    replaced finds another `generation` in it afterwards, or none.
//! 4. The ledger records that all are in their places ([`Ledger::end_reports`]).
//!
//! Steps 2 and 4 are `job`'s, which owns the ledger. Reports are a projection of the ledger, so a set
//! that is not complete is written again as a whole: by `report`, and by `resume` and `retry`.
//!
//! Considered and not done: swapping one directory with a symbolic link, with the reports as links
//! into it. Copies, archives and file systems without links would lose the reports, and their
//! names are a contract. Leaving the earlier `summary.json` until it is replaced: it would count
//! rows that `results.csv` beside it no longer has.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::files::FinishedFile;
use super::{FAILED, PAGE, RESULTS, ReportError, SUMMARY, Summary};
use crate::ledger::{LedgerError, LedgerReader, fact};

/// Reports of one state of a run that are on the disk, each beside its place. Dropped, they are
/// removed.
pub struct ReportSet {
    dir: PathBuf,
    summary: Summary,
    summary_file: FinishedFile,
    other_files: [FinishedFile; 3],
}

impl ReportSet {
    pub(super) fn new(
        dir: &Path,
        summary: Summary,
        summary_file: FinishedFile,
        other_files: [FinishedFile; 3],
    ) -> Self {
        Self {
            dir: dir.to_owned(),
            summary,
            summary_file,
            other_files,
        }
    }

    /// Puts all of them in their places.
    ///
    /// # Errors
    /// If one cannot be placed. Then there is no `summary.json`, or still the earlier set.
    pub fn publish(self) -> Result<Summary, ReportError> {
        remove(&self.dir.join(SUMMARY))?;
        // Without this a power loss may leave the earlier summary beside later results.
        sync(&self.dir)?;
        for file in self.other_files {
            file.persist()?;
        }
        sync(&self.dir)?;
        self.summary_file.persist()?;
        sync(&self.dir)?;
        Ok(self.summary)
    }
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), ReportError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(ReportError::Io {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Waits until the names in a directory are on the disk.
fn sync(dir: &Path) -> Result<(), ReportError> {
    let sync = || {
        #[cfg(unix)]
        fs::File::open(dir)?.sync_all()?;
        Ok(())
    };
    sync().map_err(|source| ReportError::Io {
        path: dir.join(SUMMARY),
        source,
    })
}

/// Whether the reports in a run directory match the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportsState {
    /// No reports were written yet.
    None,
    /// Some are missing, or they describe different states of the run.
    Incomplete,
    /// All describe one state, from before the last session.
    Outdated,
    /// All describe the current state.
    Complete,
}

impl ReportsState {
    /// Compares the reports in this directory with its ledger.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn of(ledger: &LedgerReader, dir: &Path) -> Result<Self, LedgerError> {
        let Some(record) = ledger.report_record()? else {
            return Ok(Self::None);
        };
        let label = SetLabel {
            run_id: ledger.fact(fact::RUN_ID)?.unwrap_or_default(),
            generation: record.generation(),
        };
        Ok(if !record.is_complete() || !label.is_on_all(dir) {
            Self::Incomplete
        } else if record.generation() == ledger.generation()? {
            Self::Complete
        } else {
            Self::Outdated
        })
    }
}

/// What `summary.json` states about the set that it belongs to.
#[derive(PartialEq, Deserialize)]
struct SetLabel {
    run_id: String,
    generation: u64,
}

impl SetLabel {
    /// Whether the reports in a directory are all there, and are these. Somebody may have removed
    /// one, or put back an earlier copy.
    fn is_on_all(&self, dir: &Path) -> bool {
        let read = fs::read(dir.join(SUMMARY));
        let label = read
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        let is_there = |name| dir.join(name).is_file();
        label.as_ref() == Some(self) && [RESULTS, FAILED, PAGE].into_iter().all(is_there)
    }
}
