//! What can go wrong with a ledger.

use std::path::{Path, PathBuf};

use super::files::is_temporary;
use super::schema::VERSION;
use crate::private_file::PrivateFileError;

/// A ledger that cannot be used, or stopped working.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// SQLite failed: the disk is full, or the file cannot be written.
    #[error("{}: {source}", display_name(path))]
    Sqlite {
        /// The ledger's file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The file cannot be made or opened.
    #[error("{}: {source}", display_name(path))]
    Io {
        /// The ledger's file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Something else than a file of its own has the name of one of the ledger's files.
    #[error(transparent)]
    NotAFile(PrivateFileError),
    /// Another program's file.
    #[error("{}: not a ledger of chime-bulk", display_name(path))]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A ledger that an earlier or later chime-bulk wrote.
    #[error(
        "{} is of version {version}, and this chime-bulk reads version {VERSION} only",
        display_name(path)
    )]
    OtherVersion {
        /// The ledger's file.
        path: PathBuf,
        /// Its version.
        version: i32,
    },
    /// Its contents are not what was written.
    #[error("{} is damaged: {what}", display_name(path))]
    Damaged {
        /// The ledger's file.
        path: PathBuf,
        /// Where the damage is.
        what: String,
    },
}

/// The ledger's name in messages.
fn display_name(path: &Path) -> String {
    if is_temporary(path) {
        "the temporary ledger".to_owned()
    } else {
        format!("the ledger {}", path.display())
    }
}

impl From<PrivateFileError> for LedgerError {
    fn from(error: PrivateFileError) -> Self {
        match error {
            PrivateFileError::Io { path, source } => Self::Io { path, source },
            other => Self::NotAFile(other),
        }
    }
}

impl LedgerError {
    /// How to fix it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Sqlite { path, .. } if is_temporary(path) => {
                "set SQLITE_TMPDIR to a directory with room for the list"
            }
            Self::Sqlite { source, .. } => match source.sqlite_error_code()? {
                rusqlite::ErrorCode::DiskFull => "free space on that disk, then try again",
                rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::CannotOpen => {
                    "make the run directory writable, then try again"
                }
                rusqlite::ErrorCode::DatabaseBusy => {
                    "another process has it open; on a network file system, one at a time can: wait \
                     for it to end"
                }
                rusqlite::ErrorCode::SystemIoFailure => "check that disk, then try again",
                _ => return None,
            },
            Self::Io { .. } => "choose a directory you may write to with --run-dir",
            Self::NotAFile(error) => error.hint(),
            Self::Foreign { .. } => "name a directory that chime-bulk made",
            Self::OtherVersion { .. } => {
                "use the chime-bulk that wrote it, or start a new run in another directory"
            }
            Self::Damaged { .. } => {
                "restore the run directory from a copy, or start a new run: \
                                     members added already will be reported as already_member"
            }
        };
        Some(hint.to_owned())
    }
}
