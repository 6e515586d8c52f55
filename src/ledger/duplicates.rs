//! Finds out which suspected rows really repeat an earlier one.
//!
//! Suspects are taken in windows, in the order of the list; for each window all rows up to its
//! last are read once, for the first row of each suspected membership. The scan runs in steps, so
//! that calls continue between them.

use std::collections::HashMap;

use super::duplicate_filter::{Fingerprint, FingerprintHasher};
use super::page;
use super::schema::PAGE_ROWS;
use super::stager::membership_fingerprint;
use super::tables::DUPLICATE;
use super::{Ledger, LedgerError, LedgerReader};
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

impl Ledger {
    /// Records that the whole list is staged: the scan for duplicates can begin.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end_list(&mut self) -> Result<(), LedgerError> {
        self.staged_mut().list_ended = true;
        self.write_staged()
    }

    /// Runs one step of the scan for duplicates. Returns true when no row is suspected any more: then
    /// every row is queued or settled.
    ///
    /// # Errors
    /// If the ledger cannot be read or written.
    pub fn scan_duplicates(&mut self) -> Result<bool, LedgerError> {
        let Some(mut scan) = self
            .scan
            .take()
            .map_or_else(|| self.begin_scan(), |s| Ok(Some(s)))?
        else {
            self.staged_mut().complete = true;
            self.write_staged()?;
            return Ok(true);
        };
        if self.scan_pages(&mut scan)? {
            self.finish_scan(scan)?;
        } else {
            self.scan = Some(scan);
        }
        Ok(false)
    }

    fn begin_scan(&self) -> Result<Option<DuplicateScan>, LedgerError> {
        let rows: Vec<(u64, u32)> = self.read(|connection| {
            connection
                .prepare_cached("SELECT row, lane FROM verified_suspect ORDER BY row LIMIT ?1")?
                .query_map([WINDOW], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        if rows.is_empty() {
            return Ok(None);
        }
        let hasher = FingerprintHasher::new(self.key()?);
        let mut entry = Entry::default();
        let mut suspects = Vec::with_capacity(rows.len());
        let mut first_rows = HashMap::with_capacity(rows.len());
        for in_page in rows.chunk_by(|a, b| (a.0 - 1) / PAGE_ROWS == (b.0 - 1) / PAGE_ROWS) {
            let id = (in_page[0].0 - 1) / PAGE_ROWS;
            let text = self.page(id)?;
            let records = page::records(&text).ok_or_else(|| self.damaged(format!("page {id}")))?;
            for (row, lane) in in_page {
                let index = usize::try_from((row - 1) % PAGE_ROWS).unwrap_or_default();
                let record = records.get(index).and_then(Option::as_ref);
                let record = record.ok_or_else(|| self.damaged(format!("row {row}")))?;
                if self.layout().resolve(record, &mut entry).is_ok() {
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
        Ok(Some(DuplicateScan {
            hasher,
            suspects,
            first_rows,
            next_page: 0,
        }))
    }

    /// Looks for earlier rows of the suspected memberships; true when the scan is at its end.
    fn scan_pages(&self, scan: &mut DuplicateScan) -> Result<bool, LedgerError> {
        let Some((last_suspect, ..)) = scan.suspects.last() else {
            return Ok(true);
        };
        let last_page = (last_suspect - 1) / PAGE_ROWS;
        let end = (scan.next_page + STEP_PAGES).min(last_page + 1);
        let mut entry = Entry::default();
        for id in scan.next_page..end {
            let text = self.page(id)?;
            let records = page::records(&text).ok_or_else(|| self.damaged(format!("page {id}")))?;
            for (index, record) in (0u64..).zip(records) {
                let Some(record) = record else { continue };
                if self.layout().resolve(&record, &mut entry).is_ok() {
                    let row = id * PAGE_ROWS + index + 1;
                    let fingerprint = membership_fingerprint(&scan.hasher, &entry);
                    scan.first_rows
                        .entry(fingerprint)
                        .and_modify(|first| *first = row.min(*first));
                }
            }
        }
        scan.next_page = end;
        Ok(end > last_page)
    }

    fn finish_scan(&mut self, scan: DuplicateScan) -> Result<(), LedgerError> {
        let DuplicateScan {
            suspects,
            first_rows,
            ..
        } = scan;
        let mut unique = Vec::new();
        let mut duplicates = 0;
        self.write(|connection| {
            let mut settle = connection.prepare_cached("DELETE FROM suspect WHERE row = ?1")?;
            let mut duplicate = connection.prepare_cached(&DUPLICATE.insert())?;
            for (row, lane, fingerprint) in &suspects {
                settle.execute([row])?;
                match first_rows.get(fingerprint) {
                    Some(first) if first < row => {
                        duplicate.execute((row, first))?;
                        duplicates += 1;
                    }
                    _ => unique.push((*lane, *row)),
                }
            }
            Ok(())
        })?;
        self.staged_mut().duplicate += duplicates;
        self.buffer(unique);
        self.write_staged()
    }
}

impl LedgerReader {
    /// The records of a page of the list.
    pub(super) fn page(&self, id: u64) -> Result<String, LedgerError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT records FROM verified_page WHERE id = ?1")?
                .query_row([id], |row| row.get(0))
        })
    }
}
