//! A ledger's file: its schema, and how it is recognized.

use rusqlite::Connection;

use super::tables::{TABLES, Table};

/// `PRAGMA application_id` of a ledger: `ChBk`.
pub(super) const APPLICATION_ID: i32 = 0x4368_426B;
/// `PRAGMA user_version` of the ledgers that this program writes and reads.
pub(super) const VERSION: i32 = 5;
/// Records in one page: row `n` is entry `(n - 1) % 64` of page `(n - 1) / 64`.
pub(super) const PAGE_ROWS: u64 = 64;

/// The views that unfold lists of rows for any SQLite client.
const VIEWS: &str = "
CREATE VIEW member AS
    -- One line per row of the list that was taken: its number and its record.
    SELECT page.id * 64 + entry.key + 1 AS row, entry.value AS record
    FROM page, json_each(page.records) AS entry WHERE entry.type <> 'null';
CREATE VIEW sent AS
    -- One line per row of each call.
    SELECT call.id AS call, call.operation, sum(entry.value) OVER (PARTITION BY call.id ORDER BY entry.key) AS row
    FROM call, json_each(call.rows) AS entry;
CREATE VIEW ruling AS
    -- One line per row of each verdict.
    SELECT verdict.id AS verdict, verdict.call AS call, verdict.outcome, verdict.charged, verdict.in_doubt,
        verdict.code, verdict.message,
        sum(entry.value) OVER (PARTITION BY verdict.id ORDER BY entry.key) AS row
    FROM verdict JOIN call ON call.id = verdict.call, json_each(coalesce(verdict.rows, call.rows)) AS entry;
CREATE VIEW result AS
    -- One line per row that was sent, with what was decided last.
    SELECT row, outcome, code, message, max(verdict) AS verdict, sum(charged) AS attempts
    FROM ruling GROUP BY row;
";

/// Makes an empty file a ledger, in a transaction that is left open: what belongs to a ledger
/// from its beginning is written before it ends.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;")?;
    let tables = TABLES.map(Table::create).concat();
    connection.execute_batch(&format!(
        "BEGIN; {tables} {VIEWS} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
    ))
}

/// Whether nothing was ever committed to the file.
pub(super) fn is_blank(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)",
        [],
        |row| row.get(0),
    )
}

/// Why this program cannot read a file.
#[derive(Debug)]
pub(super) enum Incompatibility {
    /// Another program's file.
    NotALedger,
    /// A ledger of this other version.
    OtherVersion(i32),
}

/// Why this program cannot read the file, if it cannot.
pub(super) fn incompatibility(
    connection: &Connection,
) -> rusqlite::Result<Option<Incompatibility>> {
    let number =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    if number("application_id")? != APPLICATION_ID {
        return Ok(Some(Incompatibility::NotALedger));
    }
    let version = number("user_version")?;
    Ok((version != VERSION).then_some(Incompatibility::OtherVersion(version)))
}
