//! SQLite's file: how it is opened, and what its errors mean.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, Incompatibility};
use super::{LedgerError, checksum, files};

/// SQLite's page cache, in KiB.
const CACHE_KIB: i64 = 8 * 1024;
/// How long to wait for another process that has the file locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// When a commit returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Once it is on the disk.
    Full,
    /// Once the system has it: for tests and plans.
    None,
}

/// A connection to a file that is a ledger of this program's version.
pub(super) fn connect_existing(
    path: &Path,
    connect: impl FnOnce(&Path) -> Result<Connection, LedgerError>,
) -> Result<Connection, LedgerError> {
    files::check(path)?;
    if !path.exists() {
        let source = std::io::ErrorKind::NotFound.into();
        return Err(LedgerError::Io {
            path: path.to_owned(),
            source,
        });
    }
    let connection = connect(path)?;
    let incompatibility =
        schema::incompatibility(&connection).map_err(|source| sqlite(path, source))?;
    let path = path.to_owned();
    match incompatibility {
        None => Ok(connection),
        Some(Incompatibility::NotALedger) => Err(LedgerError::Foreign { path }),
        Some(Incompatibility::OtherVersion(version)) => {
            Err(LedgerError::OtherVersion { path, version })
        }
    }
}

/// A connection for reading. It is opened read-write so that SQLite can remove the files of the
/// write-ahead log when it closes.
pub(super) fn connect_to_read(path: &Path) -> Result<Connection, LedgerError> {
    files::check(path)?;
    let open = || {
        let connection =
            Connection::open_with_flags(literal(path), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        prepare_once(&connection)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    };
    open().map_err(|source| sqlite(path, source))
}

/// A connection for the owner of the file.
pub(super) fn connect(path: &Path, durability: Durability) -> Result<Connection, LedgerError> {
    files::check(path)?;
    let open = || {
        let connection = Connection::open(literal(path))?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        // Temporary data is small, except in a plan, which may sort whole lists.
        let temporary = if files::is_temporary(path) {
            "FILE"
        } else {
            "MEMORY"
        };
        connection.pragma_update(None, "temp_store", temporary)?;
        let synchronous = if durability == Durability::Full {
            "FULL"
        } else {
            "OFF"
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        prepare_once(&connection)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    };
    open().map_err(|source| sqlite(path, source))
}

/// Without this, SQLite prepares a statement anew each time its parameters change, to choose another
/// plan for them. Every statement here has one good plan.
fn prepare_once(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// The path for SQLite, which would read one that begins with `file:` as a URI.
fn literal(path: &Path) -> Cow<'_, Path> {
    if path.as_os_str().as_encoded_bytes().starts_with(b"file:") {
        Path::new(".").join(path).into()
    } else {
        path.into()
    }
}

/// An error of SQLite about a ledger's file.
pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> LedgerError {
    let is_damage = match source.sqlite_error_code() {
        // The statements are fixed. If one finds a table, row or value missing, there twice, or of
        // another type than was written, then the file is damaged.
        None
        | Some(
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::Unknown,
        ) => true,
        _ => source.to_string().ends_with(checksum::MISMATCH),
    };
    let path = path.to_owned();
    if is_damage {
        let what = source.to_string();
        LedgerError::Damaged { path, what }
    } else {
        LedgerError::Sqlite { path, source }
    }
}
