//! What can go wrong with a ledger.

use std::path::PathBuf;

/// A ledger that cannot be used, or stopped working.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// SQLite refused: the disk is full, the file unwritable, the data damaged.
    #[error("the ledger {}: {source}", path.display())]
    Sqlite {
        /// The ledger's file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// The file cannot be made or opened.
    #[error("the ledger {}: {source}", path.display())]
    Io {
        /// The ledger's file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// Not a ledger of this program, or one of another version.
    #[error("the ledger {}: {reason}", path.display())]
    Foreign {
        /// The ledger's file.
        path: PathBuf,
        /// What it is instead.
        reason: String,
    },
    /// What is in it contradicts itself.
    #[error("the ledger {} is damaged: {what}", path.display())]
    Damaged {
        /// The ledger's file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
}

impl LedgerError {
    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Sqlite { source, .. } => match source.sqlite_error_code()? {
                rusqlite::ErrorCode::DiskFull => "free space on that disk, then resume the run",
                rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::CannotOpen => {
                    "make the run directory writable, then resume the run"
                }
                rusqlite::ErrorCode::SystemIoFailure => "check that disk, then resume the run",
                _ => return None,
            },
            Self::Io { .. } => "choose a directory you may write to with --run-dir",
            Self::Foreign { .. } => "name a directory that chime-bulk made",
            Self::Damaged { .. } => {
                "restore the run directory from a copy, or start a new run: \
                                     members added already will be reported as already_member"
            }
        };
        Some(hint.to_owned())
    }
}
