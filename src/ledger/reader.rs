//! The ledger as it is read: by reports, `status`, and its owner.

use std::path::{Path, PathBuf};

use rusqlite::{CachedStatement, Connection};
use serde::de::DeserializeOwned;

use super::connection::{connect_existing, connect_to_read, sqlite};
use super::{LedgerError, Staged, checksum, fact};
use crate::model::{ChannelArn, ChannelId, LaneId, Membership};
use crate::roster::{Layout, ListNotes};

/// A run's ledger, for reading. It has no method that writes:
///
/// ```compile_fail
/// use chime_bulk::ledger::{LedgerReader, fact};
///
/// fn finish(ledger: &mut LedgerReader) {
///     let _ = ledger.set_fact(fact::STATE, &"finished");
/// }
/// ```
#[derive(Debug)]
pub struct LedgerReader {
    path: PathBuf,
    connection: Connection,
    layout: Layout,
    staged: Staged,
}

impl LedgerReader {
    /// Opens a ledger as it is at this moment. Its owner may write to it meanwhile; until this is
    /// closed, the owner's write-ahead log grows.
    ///
    /// # Errors
    /// If it is not a ledger of this program's version, or damaged.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let connection = connect_existing(path, connect_to_read)?;
        let snapshot = connection.execute_batch("BEGIN");
        snapshot.map_err(|source| sqlite(path, source))?;
        Self::verified(path, connection)
    }

    /// A reader of an open file that contains a ledger.
    pub(super) fn verified(path: &Path, connection: Connection) -> Result<Self, LedgerError> {
        let key = stored(path, fact::read_key(&connection), fact::KEY)?;
        let ready = || {
            checksum::register_functions(&connection, key)?;
            checksum::create_views(&connection)?;
            checksum::verify(&connection)
        };
        ready().map_err(|source| sqlite(path, source))?;
        let layout = stored(path, fact::read(&connection, fact::LAYOUT), fact::LAYOUT)?;
        let staged = stored(path, fact::read(&connection, fact::STAGED), fact::STAGED)?;
        let reader = Self::new(path, connection, layout, staged);
        reader.check_numbers()?;
        Ok(reader)
    }

    /// Checks that lanes and channels are numbered from 0 without a gap, and that no row refers to
    /// a number beyond: tables by number would be wrong, or grow without bound.
    fn check_numbers(&self) -> Result<(), LedgerError> {
        let kinds = [
            (
                "lane",
                "SELECT max(id) FROM lane UNION ALL SELECT max(lane) FROM queue
                 UNION ALL SELECT max(lane) FROM suspect UNION ALL SELECT max(lane) FROM call",
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

    pub(super) fn new(path: &Path, connection: Connection, layout: Layout, staged: Staged) -> Self {
        Self {
            path: path.to_owned(),
            connection,
            layout,
            staged,
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

    /// Reads a fact, if it was ever written.
    ///
    /// # Errors
    /// If it cannot be read or has another type.
    pub fn fact<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, LedgerError> {
        let text = self.read(|connection| fact::read(connection, name))?;
        text.map(|text| {
            serde_json::from_str(&text).map_err(|error| self.damaged(format!("{name}: {error}")))
        })
        .transpose()
    }

    /// What was found while reading the list: nothing before its end.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn notes(&self) -> Result<ListNotes, LedgerError> {
        Ok(self.fact(fact::NOTES)?.unwrap_or_default())
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

    /// The records of a page of the list.
    pub(super) fn page(&self, id: u64) -> Result<String, LedgerError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT records FROM verified_page WHERE id = ?1")?
                .query_row([id], |row| row.get(0))
        })
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

    /// Counts of staging, for the owner to change.
    pub(super) fn staged_mut(&mut self) -> &mut Staged {
        &mut self.staged
    }

    /// An error of SQLite as this ledger's.
    pub(super) fn sqlite(&self, source: rusqlite::Error) -> LedgerError {
        sqlite(&self.path, source)
    }

    /// The error that this is damaged.
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
