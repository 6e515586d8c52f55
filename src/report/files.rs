//! Files that are replaced whole or not at all: written aside, then renamed.
//!
//! A report in the making has a name of its own, always the same: what a killed process left of one
//! is removed by the next that writes it, and does not pile up.

use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempPath};

use super::{FAILED, PAGE, RESULTS, ReportError, SUMMARY};
use crate::private_file::{PrivateFileError, check_replaceable};

/// Checks that each report of a run in this directory can be put in its place, as far as what has
/// its name now is concerned.
///
/// # Errors
/// If something else than a file has the name of a report, or of one being written.
pub fn check_destinations(dir: &Path) -> Result<(), PrivateFileError> {
    for name in [RESULTS, FAILED, SUMMARY, PAGE] {
        let path = dir.join(name);
        check_replaceable(&path)?;
        check_replaceable(&temp_path(&path))?;
    }
    Ok(())
}

/// A report being written, under a temporary name beside its place and readable by its owner
/// alone.
pub(super) struct AtomicFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl AtomicFile {
    /// Begins a report for this place, where there may be an earlier one but no directory: that
    /// would keep it from being placed once others of its set are.
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

    /// Ends the report, which is then on the disk under its temporary name.
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

/// A report that is on the disk beside its place. Dropped, it is removed.
pub(super) struct FinishedFile {
    path: PathBuf,
    temp_path: TempPath,
}

impl FinishedFile {
    /// Puts the report in its place. Its name is on the disk once the directory is.
    pub(super) fn persist(self) -> Result<(), ReportError> {
        let Self { path, temp_path } = self;
        match std::fs::rename(&temp_path, &path) {
            Ok(()) => {
                // Nothing has this name any more.
                let _ = temp_path.keep();
                Ok(())
            }
            Err(source) => Err(ReportError::Io { path, source }),
        }
    }
}

/// The name of a report of this name while it is written.
fn temp_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.part"))
}

/// A file of its own for a report of this name, in the same directory.
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
    fn what_a_killed_process_left_of_a_report_does_not_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.csv");
        let killed = AtomicFile::create(path.clone()).unwrap();
        // Never dropped: so does a process that is killed.
        std::mem::forget(killed);
        let mut report = AtomicFile::create(path.clone()).unwrap();
        report.write_all(b"all").unwrap();
        report.finish().unwrap().persist().unwrap();
        assert_eq!(std::fs::read(path).unwrap(), b"all");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
