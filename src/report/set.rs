//! The four reports as a set: all of one state of the run, or recognizably not.
//!
//! A rename replaces one file, and a set has four. The process can be killed, or the machine lose
//! power, before, between and after the renames. Therefore:
//!
//! 1. All four are written under temporary names and synced before the first is renamed. If the disk
//!    is full or a directory has a report's name, the earlier set stays as it was.
//! 2. The ledger records that the renames begin ([`Ledger::begin_reports`]).
//! 3. `summary.json` is removed first and renamed last; the directory is synced after each step. So
//!    if it exists, all four are of its generation. That also holds for readers that do not read the
//!    ledger, and for copies of the directory. A program that reads while the set is replaced finds
//!    another `generation` afterwards, or no file.
//! 4. The ledger records that the renames are done ([`Ledger::end_reports`]).
//!
//! `job`, which owns the ledger, performs the steps 2 and 4. Reports are a projection of the ledger,
//! so `report`, `resume` and `retry` write an incomplete set again as a whole.
//!
//! Rejected: one directory behind a symbolic link that is swapped, with the reports as links into
//! it. Copies, archives and file systems without links would lose the reports, and their names are
//! a contract. Also rejected: keeping the earlier `summary.json` until it is replaced. It would
//! count rows that `results.csv` beside it no longer contains.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::files::FinishedFile;
use super::{FAILED, PAGE, RESULTS, ReportError, SUMMARY, Summary};
use crate::ledger::{LedgerError, LedgerReader, fact};

/// The reports of one state of a run, on the disk under temporary names. Removed when dropped.
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

    /// Renames all of them to their names.
    ///
    /// # Errors
    /// If a rename fails. Then there is no `summary.json`, or still the earlier set.
    pub fn publish(self) -> Result<Summary, ReportError> {
        keep_edited(&self.dir)?;
        remove(&self.dir.join(SUMMARY))?;
        // Without this sync a power failure could leave the earlier summary beside later results.
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

/// How much later than `summary.json` a report was changed by somebody else. Both are written together,
/// the summary last; some file systems have times in whole seconds.
const EDITED_AFTER: Duration = Duration::from_secs(1);

/// Renames a `failed.csv` that was changed since it was written: it is made to be corrected, and the work
/// of that must not be lost.
fn keep_edited(dir: &Path) -> Result<(), ReportError> {
    let changed_at = |name| fs::metadata(dir.join(name)).and_then(|about| about.modified());
    let (Ok(failed), Ok(summary)) = (changed_at(FAILED), changed_at(SUMMARY)) else {
        return Ok(());
    };
    if failed <= summary + EDITED_AFTER {
        return Ok(());
    }
    let names = (1..).map(|n| match n {
        1 => "failed.edited.csv".to_owned(),
        n => format!("failed.edited-{n}.csv"),
    });
    let mut paths = names.map(|name| dir.join(name));
    let Some(path) = paths.find(|path| fs::symlink_metadata(path).is_err()) else {
        return Ok(());
    };
    fs::rename(dir.join(FAILED), &path).map_err(|source| ReportError::Io { path, source })
}

/// Removes a file if it exists.
fn remove(path: &Path) -> Result<(), ReportError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(ReportError::Io {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Syncs a directory, so that the names in it survive a power failure.
pub(super) fn sync(dir: &Path) -> Result<(), ReportError> {
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

/// The fields of `summary.json` that identify its set.
#[derive(PartialEq, Deserialize)]
pub(super) struct SetLabel {
    run_id: String,
    generation: u64,
}

impl SetLabel {
    /// The label in the text of a `summary.json`.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// Whether it is of the run with this name.
    pub(super) fn is_of_run(&self, run_id: &str) -> bool {
        self.run_id == run_id
    }

    /// Whether all reports in a directory exist and belong to this set. A user may have removed one,
    /// or restored an earlier copy.
    fn is_on_all(&self, dir: &Path) -> bool {
        let read = fs::read(dir.join(SUMMARY));
        let label = read.ok().and_then(|text| Self::of(&text));
        let is_there = |name| dir.join(name).is_file();
        label.as_ref() == Some(self) && [RESULTS, FAILED, PAGE].into_iter().all(is_there)
    }
}
