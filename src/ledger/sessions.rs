//! Sessions: the processes that worked on a run, each with its time.
//!
//! Promises: the time of a session counts up to its last commit, however it ended. The times are wall
//! clock times, and the clock may have been set between two sessions.

use super::tables::SESSION;
use super::{Ledger, LedgerError, LedgerReader};

/// At most this many seconds of work; more is a damaged time.
const MAX_SECONDS: f64 = 1e10;

/// One session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRecord {
    /// When it began, in milliseconds since 1970.
    pub begun_at: i64,
    /// When it committed last, in milliseconds since 1970.
    pub worked_until: i64,
    /// Calls with this id and later ones are part of it, or of later sessions.
    pub first_call: i64,
}

impl LedgerReader {
    /// The sessions, in their order.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn sessions(&self) -> Result<Vec<SessionRecord>, LedgerError> {
        self.read(|connection| {
            connection
                .prepare(
                    "SELECT begun_at, worked_until, first_call FROM verified_session ORDER BY id",
                )?
                .query_map([], |row| {
                    Ok(SessionRecord {
                        begun_at: row.get(0)?,
                        worked_until: row.get(1)?,
                        first_call: row.get(2)?,
                    })
                })?
                .collect()
        })
    }

    /// Seconds of work, all sessions together.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn elapsed_seconds(&self) -> Result<f64, LedgerError> {
        let milliseconds: f64 = self.read(|connection| {
            connection.query_row(
                "SELECT total(worked_until - begun_at) FROM verified_session",
                [],
                |row| row.get(0),
            )
        })?;
        Ok((milliseconds / 1_000.0).clamp(0.0, MAX_SECONDS))
    }
}

impl Ledger {
    /// Begins a session at this time in milliseconds since 1970.
    ///
    /// # Errors
    /// If it cannot be written. It counts once it is [committed](Self::commit).
    pub fn begin_session(&mut self, at: i64) -> Result<(), LedgerError> {
        self.write(|connection| {
            let query =
                "SELECT (SELECT coalesce(max(id), 0) + 1 FROM session) AS id, ?1 AS begun_at,
                    ?1 AS worked_until, (SELECT coalesce(max(id), 0) + 1 FROM call) AS first_call";
            connection.execute(&SESSION.insert_from(query), [at])
        })?;
        Ok(())
    }

    /// Makes everything since the last commit permanent, and with it that the session worked until
    /// this time in milliseconds since 1970.
    ///
    /// # Errors
    /// If it cannot be written: then none of it counts.
    pub fn commit_at(&mut self, at: i64) -> Result<(), LedgerError> {
        if self.has_uncommitted() {
            let values = [("worked_until", "max(worked_until, ?1)")];
            let update = SESSION.update(&values, "id = (SELECT max(id) FROM session)");
            self.write(|connection| connection.prepare_cached(&update)?.execute([at]))?;
        }
        self.commit()
    }
}
