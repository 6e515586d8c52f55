//! The files of a ledger: its own, and those that SQLite keeps beside it.

use std::fs::OpenOptions;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::private_file::{self, PrivateFileError};

/// Whether this is the path of a ledger that has no file of its own.
pub(super) fn is_temporary(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

/// Whether a file is empty, or begins as SQLite's files do.
pub(super) fn begins_as_sqlite(path: &Path) -> Result<bool, PrivateFileError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    check(path)?;
    let mut start = Vec::new();
    let file = private_file::open(path, OpenOptions::new().read(true))?;
    let read = file.take(16).read_to_end(&mut start);
    read.map_err(|source| PrivateFileError::Io {
        path: path.to_owned(),
        source,
    })?;
    Ok(start.is_empty() || start == MAGIC)
}

/// The files of a ledger: its own, and those that SQLite keeps beside it.
pub(super) fn all(path: &Path) -> [PathBuf; 4] {
    ["", "-wal", "-shm", "-journal"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        name.into()
    })
}

/// Checks what SQLite is about to open: it would wait for a FIFO, and write to the target of a link.
pub(super) fn check(path: &Path) -> Result<(), PrivateFileError> {
    if !is_temporary(path) {
        for file in all(path) {
            private_file::check(&file)?;
        }
    }
    Ok(())
}
