//! How a chunk of the list is written, or compared with what was written before.

use rusqlite::types::Null;
use rusqlite::{Connection, OptionalExtension};

use super::schema::PAGE_ROWS;
use super::tables::{CHANNEL, DEFECT, LANE, PAGE, SUSPECT};
use super::{Chunk, LedgerError, LedgerReader, page};

/// Writes a chunk, except for its rows.
pub(super) fn insert(connection: &Connection, chunk: &Chunk) -> rusqlite::Result<()> {
    let mut page = connection.prepare_cached(&PAGE.insert())?;
    for (id, records) in &chunk.pages {
        page.execute((id, records))?;
    }
    let mut channel = connection.prepare_cached(&CHANNEL.insert())?;
    for (id, arn) in &chunk.channels {
        channel.execute((id.0, arn))?;
    }
    let mut lane = connection.prepare_cached(&LANE.insert())?;
    for (id, new) in &chunk.lanes {
        lane.execute((
            id.0,
            new.channel.0,
            new.membership_type.as_str(),
            &new.sub_channel,
            Null,
            Null,
        ))?;
    }
    let mut suspect = connection.prepare_cached(&SUSPECT.insert())?;
    for (lane, row) in &chunk.suspects {
        suspect.execute((row, lane.0))?;
    }
    let mut defect = connection.prepare_cached(&DEFECT.insert())?;
    for found in &chunk.defects {
        defect.execute((found.0, &found.1, &found.2))?;
    }
    Ok(())
}

/// The first row of these pages that differs from the ledger.
pub(super) fn first_changed(
    ledger: &LedgerReader,
    chunk: &Chunk,
) -> Result<Option<u64>, LedgerError> {
    for (id, records) in &chunk.pages {
        let known: Option<String> = ledger.read(|connection| {
            connection
                .prepare_cached("SELECT records FROM verified_page WHERE id = ?1")?
                .query_row([id], |row| row.get(0))
                .optional()
        })?;
        let known = known.unwrap_or_default();
        if known != *records {
            let (before, now) = (page::records(&known), page::records(records));
            let (before, now) = (before.unwrap_or_default(), now.unwrap_or_default());
            let same = before.iter().zip(&now).take_while(|(a, b)| a == b).count();
            return Ok(Some(id * PAGE_ROWS + same as u64 + 1));
        }
    }
    Ok(None)
}
