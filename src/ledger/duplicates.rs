//! Finds out which suspected rows really repeat an earlier one.
//!
//! Suspects are taken in windows, in the order of the list; for each window all rows up to its
//! last are read once, for the first row of each suspected membership. The scan runs in steps, so
//! that calls continue between them.

use std::collections::HashMap;

use rusqlite::Connection;

use super::duplicate_filter::{Fingerprint, FingerprintHasher};
use super::page;
use super::schema::PAGE_ROWS;
use super::stager::membership_fingerprint;
use super::tables::DUPLICATE;
use super::{LedgerError, LedgerReader};
use crate::model::LaneId;
use crate::roster::Entry;

/// Suspects settled in one pass over the list (about 20 MB).
const WINDOW: usize = 400_000;
/// Pages read in one step: some ten milliseconds.
const STEP_PAGES: u64 = 128;

/// A pass in progress.
#[derive(Debug)]
pub(super) struct DuplicateScan {
    hasher: FingerprintHasher,
    suspects: Vec<(u64, LaneId, Fingerprint)>,
    first_rows: HashMap<Fingerprint, u64>,
    next_page: u64,
}

/// What a pass found out about its suspects.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that repeat no earlier row.
    pub(super) unique: Vec<(LaneId, u64)>,
    /// How many repeat one.
    pub(super) duplicates: u64,
}

impl DuplicateScan {
    /// A pass over the first suspects, if there are any.
    pub(super) fn begin(ledger: &LedgerReader) -> Result<Option<Self>, LedgerError> {
        let rows: Vec<(u64, u32)> = ledger.read(|connection| {
            connection
                .prepare_cached("SELECT row, lane FROM verified_suspect ORDER BY row LIMIT ?1")?
                .query_map([WINDOW], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        if rows.is_empty() {
            return Ok(None);
        }
        let hasher = FingerprintHasher::new(ledger.key()?);
        let mut entry = Entry::default();
        let mut suspects = Vec::with_capacity(rows.len());
        let mut first_rows = HashMap::with_capacity(rows.len());
        for in_page in rows.chunk_by(|a, b| (a.0 - 1) / PAGE_ROWS == (b.0 - 1) / PAGE_ROWS) {
            let id = (in_page[0].0 - 1) / PAGE_ROWS;
            let text = ledger.page(id)?;
            let records =
                page::records(&text).ok_or_else(|| ledger.damaged(format!("page {id}")))?;
            for (row, lane) in in_page {
                let index = usize::try_from((row - 1) % PAGE_ROWS).unwrap_or_default();
                let record = records.get(index).and_then(Option::as_ref);
                let record = record.ok_or_else(|| ledger.damaged(format!("row {row}")))?;
                if ledger.layout().resolve(record, &mut entry).is_ok() {
                    let fingerprint = membership_fingerprint(&hasher, &entry);
                    first_rows.insert(fingerprint, *row);
                    suspects.push((*row, LaneId(*lane), fingerprint));
                }
            }
        }
        // From the last suspect backwards the smallest row wins.
        for (row, _, fingerprint) in suspects.iter().rev() {
            first_rows.insert(*fingerprint, *row);
        }
        Ok(Some(Self {
            hasher,
            suspects,
            first_rows,
            next_page: 0,
        }))
    }

    /// Looks for earlier rows of the suspected memberships, in some pages; true at the end of the
    /// pass.
    pub(super) fn step(&mut self, ledger: &LedgerReader) -> Result<bool, LedgerError> {
        let Some((last_suspect, ..)) = self.suspects.last() else {
            return Ok(true);
        };
        let last_page = (last_suspect - 1) / PAGE_ROWS;
        let end = (self.next_page + STEP_PAGES).min(last_page + 1);
        let mut entry = Entry::default();
        for id in self.next_page..end {
            let text = ledger.page(id)?;
            let records =
                page::records(&text).ok_or_else(|| ledger.damaged(format!("page {id}")))?;
            for (index, record) in (0u64..).zip(records) {
                let Some(record) = record else { continue };
                if ledger.layout().resolve(&record, &mut entry).is_ok() {
                    let row = id * PAGE_ROWS + index + 1;
                    let fingerprint = membership_fingerprint(&self.hasher, &entry);
                    self.first_rows
                        .entry(fingerprint)
                        .and_modify(|first| *first = row.min(*first));
                }
            }
        }
        self.next_page = end;
        Ok(end > last_page)
    }

    /// Writes which suspects are duplicates, and that none of them is suspected any more.
    pub(super) fn settle(&self, connection: &Connection) -> rusqlite::Result<Found> {
        let mut settle = connection.prepare_cached("DELETE FROM suspect WHERE row = ?1")?;
        let mut duplicate = connection.prepare_cached(&DUPLICATE.insert())?;
        let mut found = Found::default();
        for (row, lane, fingerprint) in &self.suspects {
            settle.execute([row])?;
            match self.first_rows.get(fingerprint) {
                Some(first) if first < row => {
                    duplicate.execute((row, first))?;
                    found.duplicates += 1;
                }
                _ => found.unique.push((*lane, *row)),
            }
        }
        Ok(found)
    }
}
