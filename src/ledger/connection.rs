//! SQLite's file: how it is opened, and what its errors mean.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, Incompatibility};
use super::{LedgerError, checksum, files};
use crate::file_system::{self, FileSystem};

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
        share_no_memory(&connection, &file_system_of(path))?;
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
        share_no_memory(&connection, &file_system_of(path))?;
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

/// The file system that the files of a ledger are on.
fn file_system_of(path: &Path) -> FileSystem {
    if files::is_temporary(path) {
        FileSystem::Local
    } else {
        file_system::of(path)
    }
}

/// On a network file system, locks the file for this connection alone, from its first access until it
/// closes. The index of the write-ahead log is then in the memory of the process, not in a `-shm` file
/// that other hosts would see with another content: <https://www.sqlite.org/wal.html#noshm>.
///
/// A rollback journal would let others read between two commits. But each commit then takes four to
/// five syncs and nine locks instead of one sync and no lock, each of them a round trip to the server,
/// and a reader that stays for ten seconds would end the run.
pub(super) fn share_no_memory(
    connection: &Connection,
    file_system: &FileSystem,
) -> rusqlite::Result<()> {
    if file_system.is_network() {
        // Before anything is read: later the shared memory is in use already.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    /// A connection on such a file system, which does not wait for others.
    fn open(path: &Path, kind: &str) -> Connection {
        let connection = Connection::open(path).unwrap();
        share_no_memory(&connection, &kind.parse().unwrap()).unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        connection
    }

    fn tables(connection: &Connection) -> rusqlite::Result<i64> {
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
    }

    #[test]
    fn on_a_network_a_ledger_is_open_once_and_its_log_has_no_shared_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        let [_, wal, shm, _] = files::all(&path);
        for (writer, shares) in [("local", true), ("network", false), ("local", true)] {
            let owner = open(&path, writer);
            schema::create(&owner).map_or_else(drop, |()| owner.execute_batch("COMMIT").unwrap());
            owner
                .execute_batch("CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (1);")
                .unwrap();
            assert_eq!((wal.exists(), shm.exists()), (true, shares), "{writer}");
            for reader in ["local", "network"] {
                let read = tables(&open(&path, reader));
                if shares && reader == "local" {
                    assert!(read.is_ok_and(|tables| tables > 1));
                } else {
                    let error = read.unwrap_err().sqlite_error().map(|error| error.code);
                    let code = ffi::ErrorCode::DatabaseBusy;
                    assert_eq!(error, Some(code), "{writer} {reader}");
                }
            }
        }
    }
}
