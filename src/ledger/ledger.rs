//! The open ledger, and its transactions.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use rusqlite::{CachedStatement, Connection};
use serde::de::DeserializeOwned;

use super::connection::{
    self, Durability, begins_as_sqlite, connect, connect_existing, connect_to_read, sqlite,
};
use super::duplicates::DuplicateScan;
use super::pages::Pages;
use super::queue::Queue;
use super::{LedgerError, Staged, checksum, fact, facts, schema};
use crate::model::{ChannelArn, ChannelId, LaneId, Membership};
use crate::private_file;
use crate::roster::Layout;

/// A run's ledger, open for one owner.
#[derive(Debug)]
pub struct Ledger {
    pub(super) path: PathBuf,
    connection: Connection,
    in_transaction: bool,
    pub(super) staged: Staged,
    pub(super) layout: Layout,
    pub(super) pages: Pages,
    pub(super) queue: Queue,
    pub(super) scan: Option<DuplicateScan>,
}

impl Ledger {
    /// Makes a new ledger for a list of this layout, with a key for its fingerprints, readable by
    /// its owner alone. It is one from the first [`commit`](Self::commit) on.
    ///
    /// # Errors
    /// If there is a file already, or it cannot be made.
    pub fn create(
        path: &Path,
        durability: Durability,
        layout: &Layout,
        key: [u8; 16],
    ) -> Result<Self, LedgerError> {
        private_file::open(path, OpenOptions::new().write(true).create_new(true))?;
        Self::begin(path, connect(path, durability)?, layout, key)
    }

    /// Makes a ledger that nobody can open but this process, and that is gone with it, however it
    /// ends: the list is not left behind. SQLite keeps it in a file that it unlinks at once, once
    /// it is larger than its page cache.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn temporary(layout: &Layout, key: [u8; 16]) -> Result<Self, LedgerError> {
        let nowhere = Path::new("");
        Self::begin(nowhere, connect(nowhere, Durability::None)?, layout, key)
    }

    fn begin(
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
        let mut ledger = Self::over(path, connection, layout.clone(), Staged::default());
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
        // SQLite takes what is shorter than its header for empty.
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
        let mut ledger = Self::ready(path, connection)?;
        ledger.reopen_queue()?;
        Ok(ledger)
    }

    /// Opens a ledger as it stands at this moment, to be read only. Its owner may be at work on it,
    /// and is not disturbed as long as this is not kept for long: meanwhile its log grows.
    ///
    /// # Errors
    /// If it is not a ledger of this program's version, or damaged.
    pub fn open_read_only(path: &Path) -> Result<Self, LedgerError> {
        let connection = connect_existing(path, connect_to_read)?;
        let snapshot = connection.execute_batch("BEGIN");
        snapshot.map_err(|source| sqlite(path, source))?;
        let mut ledger = Self::ready(path, connection)?;
        ledger.reopen_queue()?;
        Ok(ledger)
    }

    /// Checksums every row of a ledger's file anew, as it stands: for trying what a forged one does.
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

    /// A ledger over an open file that holds one.
    fn ready(path: &Path, connection: Connection) -> Result<Self, LedgerError> {
        let key = stored(path, facts::read_key(&connection), fact::KEY)?;
        let ready = || {
            checksum::register_functions(&connection, key)?;
            checksum::create_views(&connection)?;
            checksum::verify(&connection)
        };
        ready().map_err(|source| sqlite(path, source))?;
        let layout = stored(path, facts::read(&connection, fact::LAYOUT), fact::LAYOUT)?;
        let staged = stored(path, facts::read(&connection, fact::STAGED), fact::STAGED)?;
        let ledger = Self::over(path, connection, layout, staged);
        ledger.check_numbers()?;
        Ok(ledger)
    }

    /// Lanes and channels are numbered from 0 without a gap, and nothing goes by a number beyond:
    /// what is kept by number would go astray, or take room without end. Those of calls are looked at
    /// where all calls are read.
    fn check_numbers(&self) -> Result<(), LedgerError> {
        let kinds = [
            (
                "lane",
                "SELECT max(id) FROM lane UNION ALL SELECT max(lane) FROM queue
                 UNION ALL SELECT max(lane) FROM suspect",
            ),
            (
                "channel",
                "SELECT max(id) FROM channel UNION ALL SELECT max(channel) FROM lane",
            ),
        ];
        for (table, numbers) in kinds {
            let query = format!(
                "SELECT (SELECT count(*) FROM {table} WHERE id >= 0), coalesce(max(number), -1) + 1
                 FROM (SELECT NULL AS number UNION ALL {numbers})"
            );
            let (count, needed): (i64, i64) = self.read(|connection| {
                connection.query_row(&query, [], |row| Ok((row.get(0)?, row.get(1)?)))
            })?;
            if count != needed {
                return Err(self.damaged(format!("a {table} is missing")));
            }
        }
        Ok(())
    }

    fn over(path: &Path, connection: Connection, layout: Layout, staged: Staged) -> Self {
        let (pages, queue, scan) = (Pages::default(), Queue::default(), None);
        Self {
            path: path.to_owned(),
            connection,
            in_transaction: false,
            staged,
            layout,
            pages,
            queue,
            scan,
        }
    }

    /// The key of this ledger's fingerprints.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn key(&self) -> Result<[u8; 16], LedgerError> {
        self.fact(fact::KEY)?
            .ok_or_else(|| self.damaged("the fingerprint key is missing"))
    }

    /// How the list's records are read.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Counts of staging.
    #[must_use]
    pub fn staged(&self) -> &Staged {
        &self.staged
    }

    /// Makes everything since the last commit permanent.
    ///
    /// # Errors
    /// If the disk does not take it: then none of it counts.
    pub fn commit(&mut self) -> Result<(), LedgerError> {
        if self.in_transaction {
            self.in_transaction = false;
            self.connection
                .execute_batch("COMMIT")
                .map_err(|source| sqlite(&self.path, source))?;
        }
        Ok(())
    }

    /// Moves what is committed from the log into the ledger's own file: then the ledger is one even
    /// without its log.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn checkpoint(&self) -> Result<(), LedgerError> {
        self.read(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
    }

    /// A channel's ARN.
    ///
    /// # Errors
    /// If it is not there or not an ARN.
    pub fn channel_arn(&self, channel: ChannelId) -> Result<ChannelArn, LedgerError> {
        let arn: String = self.read(|connection| {
            connection
                .prepare_cached("SELECT arn FROM verified_channel WHERE id = ?1")?
                .query_row([channel.0], |row| row.get(0))
        })?;
        ChannelArn::parse(&arn)
            .map_err(|error| self.damaged(format!("channel {}: {error}", channel.0)))
    }

    /// The channel of a lane, and how its members are added.
    ///
    /// # Errors
    /// If it is not there or makes no sense.
    pub fn lane(&self, lane: LaneId) -> Result<(ChannelId, Membership), LedgerError> {
        let (channel, kind, sub_channel): (u32, String, Option<String>) =
            self.read(|connection| {
                connection
                    .prepare_cached(
                        "SELECT channel, type, sub_channel FROM verified_lane WHERE id = ?1",
                    )?
                    .query_row([lane.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            })?;
        let damaged = || self.damaged(format!("lane {}", lane.0));
        let membership = Membership {
            membership_type: kind.parse().map_err(|_| damaged())?,
            sub_channel: sub_channel
                .map(|id| id.parse())
                .transpose()
                .map_err(|_| damaged())?,
        };
        Ok((ChannelId(channel), membership))
    }

    /// Runs a statement that writes, in the open transaction.
    pub(super) fn write<T>(
        &mut self,
        statement: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let begin = if self.in_transaction {
            Ok(())
        } else {
            self.connection.execute_batch("BEGIN IMMEDIATE")
        };
        self.in_transaction = true;
        begin
            .and_then(|()| statement(&self.connection))
            .map_err(|source| sqlite(&self.path, source))
    }

    /// Runs a statement that reads.
    pub(super) fn read<T>(
        &self,
        statement: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        statement(&self.connection).map_err(|source| sqlite(&self.path, source))
    }

    /// A statement whose rows are read one by one.
    pub(super) fn prepare(&self, query: &str) -> Result<CachedStatement<'_>, LedgerError> {
        self.connection
            .prepare_cached(query)
            .map_err(|source| self.sqlite(source))
    }

    /// What SQLite said, as this ledger's error.
    pub(super) fn sqlite(&self, source: rusqlite::Error) -> LedgerError {
        sqlite(&self.path, source)
    }

    pub(crate) fn damaged(&self, what: impl Into<String>) -> LedgerError {
        LedgerError::Damaged {
            path: self.path.clone(),
            what: what.into(),
        }
    }
}

/// A fact that every ledger has.
fn stored<T: DeserializeOwned>(
    path: &Path,
    text: rusqlite::Result<Option<String>>,
    name: &str,
) -> Result<T, LedgerError> {
    text.map_err(|source| sqlite(path, source))?.map_or_else(
        || {
            Err(LedgerError::Damaged {
                path: path.to_owned(),
                what: format!("{name} is missing"),
            })
        },
        |text| {
            serde_json::from_str(&text).map_err(|error| LedgerError::Damaged {
                path: path.to_owned(),
                what: format!("{name}: {error}"),
            })
        },
    )
}
