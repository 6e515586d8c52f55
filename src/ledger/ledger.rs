//! The ledger of its owner, and its transactions.

use std::fs::OpenOptions;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::connection::{
    self, Durability, begins_as_sqlite, connect, connect_existing, connect_to_read, sqlite,
};
use super::duplicates::DuplicateScan;
use super::page_cache::PageCache;
use super::queue::Queue;
use super::{LedgerError, LedgerReader, Staged, checksum, fact, schema};
use crate::private_file;
use crate::roster::Layout;

/// A run's ledger, open for the one process that writes it. It derefs to a [`LedgerReader`], which
/// has the methods that only read.
#[derive(Debug)]
pub struct Ledger {
    reader: LedgerReader,
    in_transaction: bool,
    pub(super) pages: PageCache,
    pub(super) queue: Queue,
    pub(super) scan: Option<DuplicateScan>,
}

impl Deref for Ledger {
    type Target = LedgerReader;

    fn deref(&self) -> &LedgerReader {
        &self.reader
    }
}

impl Ledger {
    /// Creates a ledger for a list of this layout, with a key for its fingerprints. Only the user can
    /// read its file. It counts as a ledger from the first [`commit`](Self::commit) on.
    ///
    /// # Errors
    /// If there is a file already, or it cannot be created.
    pub fn create(
        path: &Path,
        durability: Durability,
        layout: &Layout,
        key: [u8; 16],
    ) -> Result<Self, LedgerError> {
        private_file::open(path, OpenOptions::new().write(true).create_new(true))?;
        Self::init(path, connect(path, durability)?, layout, key)
    }

    /// Creates a ledger that only this process can open, and that is gone when the process ends,
    /// however it ends: the list is not left behind. Once it is larger than its page cache, SQLite
    /// keeps it in an unlinked file.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn temporary(layout: &Layout, key: [u8; 16]) -> Result<Self, LedgerError> {
        let nowhere = Path::new("");
        Self::init(nowhere, connect(nowhere, Durability::None)?, layout, key)
    }

    fn init(
        path: &Path,
        connection: Connection,
        layout: &Layout,
        key: [u8; 16],
    ) -> Result<Self, LedgerError> {
        let make = || {
            checksum::register_functions(&connection, key)?;
            schema::create(&connection)?;
            checksum::create_views(&connection)
        };
        make().map_err(|source| sqlite(path, source))?;
        let reader = LedgerReader::new(path, connection, layout.clone(), Staged::default());
        let mut ledger = Self::from_reader(reader);
        ledger.in_transaction = true;
        ledger.set_fact(fact::LAYOUT, layout)?;
        ledger.set_fact(fact::KEY, &key)?;
        ledger.set_fact(fact::STAGED, &Staged::default())?;
        Ok(ledger)
    }

    /// The files of a ledger at this path: its own, and those that SQLite keeps beside it.
    #[must_use]
    pub fn files(path: &Path) -> [PathBuf; 4] {
        connection::files(path)
    }

    /// Whether there is no ledger yet: no file, or one that nothing was committed to.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_blank(path: &Path) -> Result<bool, LedgerError> {
        // To SQLite a file shorter than its header is empty.
        match begins_as_sqlite(path) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) if error.is_missing() => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        let connection = connect_to_read(path)?;
        schema::is_blank(&connection).map_err(|source| sqlite(path, source))
    }

    /// Opens a ledger that exists.
    ///
    /// # Errors
    /// If it is not a ledger of this program's version, or damaged.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, LedgerError> {
        let connection = connect_existing(path, |path| connect(path, durability))?;
        let mut ledger = Self::from_reader(LedgerReader::verified(path, connection)?);
        ledger.restore_queue()?;
        Ok(ledger)
    }

    fn from_reader(reader: LedgerReader) -> Self {
        Self {
            reader,
            in_transaction: false,
            pages: PageCache::default(),
            queue: Queue::default(),
            scan: None,
        }
    }

    /// Computes the checksums of all rows of a ledger anew: for tests of forged ledgers.
    ///
    /// # Errors
    /// If it cannot be written.
    #[doc(hidden)]
    pub fn rewrite_checksums(path: &Path, key: [u8; 16]) -> Result<(), LedgerError> {
        let connection = connect(path, Durability::None)?;
        let covered = checksum::register_functions(&connection, key)
            .and_then(|()| checksum::rewrite_checksums(&connection));
        covered.map_err(|source| sqlite(path, source))
    }

    /// Makes everything since the last commit permanent.
    ///
    /// # Errors
    /// If it cannot be written: then none of it counts.
    pub fn commit(&mut self) -> Result<(), LedgerError> {
        if self.in_transaction {
            self.in_transaction = false;
            self.read(|connection| connection.execute_batch("COMMIT"))?;
        }
        Ok(())
    }

    /// Moves what is committed from the write-ahead log into the ledger's own file, which is then
    /// complete without its log.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn checkpoint(&self) -> Result<(), LedgerError> {
        self.read(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
    }

    /// Runs a statement that writes, in the open transaction.
    pub(super) fn write<T>(
        &mut self,
        statement: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let is_begun = std::mem::replace(&mut self.in_transaction, true);
        self.read(|connection| {
            if !is_begun {
                connection.execute_batch("BEGIN IMMEDIATE")?;
            }
            statement(connection)
        })
    }

    /// The counts of staging, to change them; [`write_staged`](Self::write_staged) writes them.
    pub(super) fn staged_mut(&mut self) -> &mut Staged {
        self.reader.staged_mut()
    }
}
