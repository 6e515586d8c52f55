//! Files that are replaced whole or not at all.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::ReportError;

/// A report being written, under a temporary name beside its place and readable by its owner
/// alone.
pub(super) struct Replacement {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl Replacement {
    pub(super) fn begin(path: PathBuf) -> Result<Self, ReportError> {
        let place = path.parent().unwrap_or_else(|| Path::new("."));
        let file = NamedTempFile::new_in(place);
        let file = file.map_err(|source| ReportError::Io {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            path,
            file: BufWriter::with_capacity(1 << 16, file),
        })
    }

    /// Puts the report in its place.
    pub(super) fn finish(self) -> Result<(), ReportError> {
        let Self { path, file } = self;
        let placed = || -> std::io::Result<()> {
            let file = file
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            // The name is on the disk with its directory.
            #[cfg(unix)]
            std::fs::File::open(path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()?;
            Ok(())
        };
        placed().map_err(|source| ReportError::Io {
            path: path.clone(),
            source,
        })
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
