//! The ledger of its owner, and its transactions.

use std::fs::OpenOptions;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::Serialize;

use super::connection::{Durability, connect, connect_existing, connect_to_read, sqlite};
use super::duplicates::DuplicateScan;
use super::page_cache::PageCache;
use super::queue::{LaneQueue, Queue};
use super::tables::FACT;
use super::{Chunk, LedgerError, LedgerReader, Staged, checksum, fact, files, schema, staging};
use crate::model::{ChannelArn, LaneId, MemberArn};
use crate::private_file;
use crate::roster::Layout;

/// A run's ledger, open for the one process that writes it. It derefs to a [`LedgerReader`], which
/// has the methods that only read.
#[derive(Debug)]
pub struct Ledger {
    reader: LedgerReader,
    in_transaction: bool,
    pages: PageCache,
    queue: Queue,
    scan: Option<DuplicateScan>,
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
        files::all(path)
    }

    /// Whether there is no ledger yet: no file, or one that nothing was committed to.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_blank(path: &Path) -> Result<bool, LedgerError> {
        // To SQLite a file shorter than its header is empty.
        match files::begins_as_sqlite(path) {
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

    /// Reads the state of the queue from its table.
    pub(super) fn restore_queue(&mut self) -> Result<(), LedgerError> {
        self.queue = Queue::restore(&self.reader)?;
        Ok(())
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

    /// Whether anything was written since the last commit.
    pub(super) fn has_uncommitted(&self) -> bool {
        self.in_transaction
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
        self.begin_transaction()?;
        self.read(statement)
    }

    fn begin_transaction(&mut self) -> Result<(), LedgerError> {
        if std::mem::replace(&mut self.in_transaction, true) {
            return Ok(());
        }
        self.read(|connection| connection.execute_batch("BEGIN IMMEDIATE"))
    }

    /// Writes a fact.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn set_fact(&mut self, name: &str, value: &impl Serialize) -> Result<(), LedgerError> {
        let text = serde_json::to_string(value).map_err(|error| self.damaged(error.to_string()))?;
        self.write(|connection| {
            connection
                .prepare_cached(&FACT.replace())?
                .execute((name, text))
        })?;
        Ok(())
    }

    /// Writes a chunk of the list. Its rows can be taken after [`flush_staged`](Self::flush_staged);
    /// after a kill, rows that were not flushed are staged again.
    ///
    /// A list that is read again repeats pages that are in the ledger. They must be the same, and are
    /// skipped. Returns the first row that differs, if one does: the list has changed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn stage(&mut self, chunk: &Chunk) -> Result<Option<u64>, LedgerError> {
        if let Some(notes) = &chunk.notes {
            self.set_fact(fact::NOTES, notes)?;
        }
        if let Some(digest) = &chunk.digest {
            self.set_fact(fact::LIST_DIGEST, digest)?;
        }
        if let Some((first, _)) = chunk.pages.first()
            && *first < self.staged().queued_pages
        {
            let changed = staging::first_changed(&self.reader, chunk)?;
            self.queue.skip(chunk);
            return Ok(changed);
        }
        self.write(|connection| staging::insert(connection, chunk))?;
        self.reader.staged_mut().add(chunk);
        self.queue.add(chunk);
        Ok(None)
    }

    /// Whether the list, if it ends here, lacks rows that an earlier session read: it has changed.
    #[must_use]
    pub fn is_list_short(&self) -> bool {
        self.queue.has_unseen()
    }

    /// Whether enough rows are buffered to put them in the queue.
    #[must_use]
    pub fn should_flush(&self) -> bool {
        self.queue.should_flush()
    }

    /// Whether anything staged is not in the queue: rows, or pages of which none is to be sent.
    #[must_use]
    pub fn has_unflushed(&self) -> bool {
        self.queue.has_buffered() || self.queue.staged_pages() > self.staged().queued_pages
    }

    /// Writes the buffered rows to the queue, so that they can be taken. Returns how many, by lane.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn flush_staged(&mut self) -> Result<Vec<(LaneId, u64)>, LedgerError> {
        self.begin_transaction()?;
        let counts = self
            .reader
            .read(|connection| self.queue.flush(connection))?;
        self.reader.staged_mut().queued_pages = self.queue.staged_pages();
        self.write_staged()?;
        Ok(counts)
    }

    /// Records that the whole list is staged: the scan for duplicates can begin.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end_list(&mut self) -> Result<(), LedgerError> {
        self.queue.end_list();
        self.reader.staged_mut().list_ended = true;
        self.write_staged()
    }

    /// Runs one step of the scan for duplicates. Returns true when no row is suspected any more: then
    /// every row is queued or settled.
    ///
    /// # Errors
    /// If the ledger cannot be read or written.
    pub fn scan_duplicates(&mut self) -> Result<bool, LedgerError> {
        let scan = match self.scan.take() {
            None => DuplicateScan::begin(&self.reader)?,
            some => some,
        };
        let Some(mut scan) = scan else {
            self.reader.staged_mut().complete = true;
            self.write_staged()?;
            return Ok(true);
        };
        if scan.step(&self.reader)? {
            let found = self.write(|connection| scan.settle(connection))?;
            self.reader.staged_mut().duplicate += found.duplicates;
            self.queue.buffer(found.unique);
            self.write_staged()?;
        } else {
            self.scan = Some(scan);
        }
        Ok(false)
    }

    /// Sets the counts of staging.
    pub(super) fn set_staged(&mut self, staged: Staged) -> Result<(), LedgerError> {
        *self.reader.staged_mut() = staged;
        self.write_staged()
    }

    fn write_staged(&mut self) -> Result<(), LedgerError> {
        let staged = *self.staged();
        self.set_fact(fact::STAGED, &staged)
    }

    /// Takes the next rows of a lane, at most this many.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn take_rows(&mut self, lane: LaneId, max: usize) -> Result<Vec<u64>, LedgerError> {
        self.queue.take(&self.reader, lane, max)
    }

    /// A lane's rows in the queue.
    pub(super) fn lane_queue(&self, lane: LaneId) -> LaneQueue {
        self.queue.lane(lane)
    }

    /// The members of these rows, all of this channel, resolved from their records.
    ///
    /// # Errors
    /// If a row is not there or does not resolve as it did when it was staged.
    pub fn members(
        &mut self,
        channel: &ChannelArn,
        rows: &[u64],
    ) -> Result<Vec<MemberArn>, LedgerError> {
        self.pages.members(&self.reader, channel, rows)
    }

    /// The fields of a row, as they are in the list.
    ///
    /// # Errors
    /// If the row is not there.
    pub fn fields(&mut self, row: u64) -> Result<Vec<String>, LedgerError> {
        self.pages.fields(&self.reader, row)
    }
}
