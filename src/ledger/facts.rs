//! Facts about the run as a whole.

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::tables::FACT;
use super::{Ledger, LedgerError, LedgerReader};

/// Names of facts.
pub mod fact {
    /// The run's name, unique enough to tell runs apart.
    pub const RUN_ID: &str = "run_id";
    /// The run's state (`model::RunState`).
    pub const STATE: &str = "state";
    /// The job's settings.
    pub const SETTINGS: &str = "settings";
    /// How the list's records are read (`roster::Layout`).
    pub const LAYOUT: &str = "layout";
    /// The list's name, as given.
    pub const LIST: &str = "list";
    /// The list's size in bytes, if it was known.
    pub const LIST_SIZE: &str = "list_size";
    /// Key of the fingerprints, so that no list can be made to collide.
    pub const KEY: &str = "fingerprint_key";
    /// Counts kept while staging.
    pub const STAGED: &str = "staged";
    /// First start, UTC.
    pub const STARTED_AT: &str = "started_at";
    /// Last end, UTC.
    pub const FINISHED_AT: &str = "finished_at";
    /// Seconds of work, all sessions together.
    pub const ELAPSED_SECONDS: &str = "elapsed_seconds";
    /// How many bearers there are.
    pub const BEARERS: &str = "bearers";
    /// How many sessions changed the run, including this one.
    pub const GENERATION: &str = "generation";
    /// The generation of the reports, and whether all four are in place.
    pub const REPORTS: &str = "reports";
}

/// Counts of staging.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Staged {
    /// Rows taken from the list.
    pub rows_read: u64,
    /// Rows left out by a filter.
    pub rows_left_out: u64,
    /// Rows found defective.
    pub invalid: u64,
    /// Rows found to repeat an earlier one.
    pub duplicate: u64,
    /// Good rows whose member is a bot.
    pub bots: u64,
    /// Rows up to this page are in the queue.
    pub queued_pages: u64,
    /// Whether the whole list is read.
    pub list_ended: bool,
    /// Whether every suspected duplicate is settled as well.
    pub complete: bool,
}

impl Ledger {
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
}

impl LedgerReader {
    /// Reads a fact, if it was ever written.
    ///
    /// # Errors
    /// If it cannot be read or has another type.
    pub fn fact<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, LedgerError> {
        let text = self.read(|connection| read(connection, name))?;
        text.map(|text| {
            serde_json::from_str(&text).map_err(|error| self.damaged(format!("{name}: {error}")))
        })
        .transpose()
    }
}

/// A fact's text.
pub(super) fn read(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM verified_fact WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// The key's text. It is read before any checksum can be verified; if it is damaged, no checksum
/// matches.
pub(super) fn read_key(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection
        .query_row(
            "SELECT value FROM fact WHERE name = ?1",
            [fact::KEY],
            |row| row.get(0),
        )
        .optional()
}
