//! SQLite's file: how it is opened, and what its errors mean.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{LedgerError, schema, seal};

/// SQLite's page cache, in KiB.
const CACHE_KIB: i64 = 8 * 1024;
/// How long another process's hold on the file is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How sure a commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk before it counts.
    Full,
    /// Left to the system: for tests and plans.
    None,
}

/// Whether a file is empty, or begins as SQLite's files do.
pub(super) fn begins_as_sqlite(path: &Path) -> Result<bool, LedgerError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut start));
    read.map_err(|source| LedgerError::Io {
        path: path.to_owned(),
        source,
    })?;
    Ok(start.is_empty() || start == MAGIC)
}

/// A connection to a file that is a ledger of a version this program knows.
pub(super) fn connect_existing(
    path: &Path,
    connect: impl FnOnce(&Path) -> Result<Connection, LedgerError>,
) -> Result<Connection, LedgerError> {
    if !path.is_file() {
        let source = std::io::ErrorKind::NotFound.into();
        return Err(LedgerError::Io {
            path: path.to_owned(),
            source,
        });
    }
    let connection = connect(path)?;
    let objection = schema::objection(&connection).map_err(|source| sqlite(path, source))?;
    objection.map_or(Ok(connection), |reason| {
        Err(LedgerError::Foreign {
            path: path.to_owned(),
            reason,
        })
    })
}

/// Whether this is the path of a ledger that has no file of its own.
pub(super) fn is_temporary(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

/// A connection for reading alone. To be allowed to write is to be allowed to clean up: the log's
/// files do not stay.
pub(super) fn connect_to_read(path: &Path) -> Result<Connection, LedgerError> {
    let open = || {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.busy_timeout(PATIENCE)?;
        Ok(connection)
    };
    open().map_err(|source| sqlite(path, source))
}

/// A connection for the owner of the file.
pub(super) fn connect(path: &Path, durability: Durability) -> Result<Connection, LedgerError> {
    let open = || {
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        // What is temporary is small but in a plan, which may sort whole lists.
        let temporary = if is_temporary(path) { "FILE" } else { "MEMORY" };
        connection.pragma_update(None, "temp_store", temporary)?;
        let synchronous = if durability == Durability::Full {
            "FULL"
        } else {
            "OFF"
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.busy_timeout(PATIENCE)?;
        Ok(connection)
    };
    open().map_err(|source| sqlite(path, source))
}

/// What SQLite said of a ledger's file.
pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> LedgerError {
    let is_damage = match source.sqlite_error_code() {
        // What is asked is always the same: that a table, a row or a value of it is not there, or
        // is there already, is the file's fault. So is what is not of the type that was written.
        None
        | Some(
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::Unknown,
        ) => true,
        _ => source.to_string().ends_with(seal::BROKEN),
    };
    let path = path.to_owned();
    if is_damage {
        let what = source.to_string();
        LedgerError::Damaged { path, what }
    } else {
        LedgerError::Sqlite { path, source }
    }
}
