//! Files that are replaced atomically: written under a temporary name, then renamed.
//!
//! The temporary name of a report is always the same, so a file that a killed process left is
//! replaced by the next process, and such files do not pile up.

use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempPath};

use super::{FAILED, PAGE, RESULTS, ReportError, SUMMARY};
use crate::private_file::{PrivateFileError, check_replaceable};

/// Checks that each report of a run in this directory can be replaced.
///
/// # Errors
/// If something other than a regular file has the name of a report, or its temporary name.
pub fn check_destinations(dir: &Path) -> Result<(), PrivateFileError> {
    files(dir).try_for_each(|path| check_replaceable(&path))
}

/// The reports of a run in this directory, and their temporary names.
pub fn files(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let reports = [RESULTS, FAILED, SUMMARY, PAGE].map(|name| dir.join(name));
    let with_temp = |path: PathBuf| [temp_path(&path), path];
    reports.into_iter().flat_map(with_temp)
}

/// A report being written, under a temporary name in the same directory, readable by its owner only.
pub(super) struct AtomicFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl AtomicFile {
    /// Starts a report with this path. Refuses a directory there now: it would prevent the rename
    /// later, after others of the set are renamed.
    pub(super) fn create(path: PathBuf) -> Result<Self, ReportError> {
        check_replaceable(&path)?;
        check_replaceable(&temp_path(&path))?;
        let file = create_temp(&path).map_err(|source| ReportError::Io {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            path,
            file: BufWriter::with_capacity(1 << 16, file),
        })
    }

    /// Completes the report and syncs it to the disk under its temporary name.
    pub(super) fn finish(self) -> Result<FinishedFile, ReportError> {
        let Self { path, file } = self;
        check_replaceable(&path)?;
        let finish = || -> std::io::Result<TempPath> {
            let file = file
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            Ok(file.into_temp_path())
        };
        match finish() {
            Ok(temp_path) => Ok(FinishedFile { path, temp_path }),
            Err(source) => Err(ReportError::Io { path, source }),
        }
    }
}

/// A complete report on the disk, under its temporary name. Removed when dropped.
pub(super) struct FinishedFile {
    path: PathBuf,
    temp_path: TempPath,
}

impl FinishedFile {
    /// Renames the report to its path. The caller must sync the directory.
    pub(super) fn persist(self) -> Result<(), ReportError> {
        let Self { path, temp_path } = self;
        match std::fs::rename(&temp_path, &path) {
            Ok(()) => {
                // The rename took the temporary name, so there is nothing to remove on drop.
                let _ = temp_path.keep();
                Ok(())
            }
            Err(source) => Err(ReportError::Io { path, source }),
        }
    }
}

/// The temporary name of a report.
fn temp_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.part"))
}

/// Creates the temporary file of a report, in the same directory.
fn create_temp(path: &Path) -> std::io::Result<NamedTempFile> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    let temp_path = temp_path(path);
    match std::fs::remove_file(&temp_path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    Builder::new()
        .prefix(temp_path.file_name().unwrap_or_default())
        .rand_bytes(0)
        .tempfile_in(dir)
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temporary_file_of_a_killed_process_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.csv");
        let killed = AtomicFile::create(path.clone()).unwrap();
        // Not dropped, as in a process that is killed.
        std::mem::forget(killed);
        let mut report = AtomicFile::create(path.clone()).unwrap();
        report.write_all(b"all").unwrap();
        report.finish().unwrap().persist().unwrap();
        assert_eq!(std::fs::read(path).unwrap(), b"all");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
