//! The ledger's tables and views, and their version.

use rusqlite::Connection;

/// `PRAGMA application_id` of a ledger: `ChBk`.
pub(super) const APPLICATION_ID: i32 = 0x4368_426B;
/// `PRAGMA user_version` of the ledgers that this program writes and reads.
pub(super) const VERSION: i32 = 1;
/// Records in one page: row `n` is entry `(n - 1) % 64` of page `(n - 1) / 64`.
pub(super) const PAGE_ROWS: u64 = 64;

/// Each row has a checksum, by which damage is found: see [`super::checksum`].
///
/// `rows` columns hold ascending row numbers as a JSON array: the first number, then the gaps to
/// the next: `[7,1,1,5]` means 7, 8, 9, 14.
const TABLES: &str = "
-- What is known of the run as a whole: settings, layout of the list, state, counts.
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
-- The list: each page a JSON array of 64 records, a record the array of its fields as they stood
-- in the list, null for a row that was filtered out.
CREATE TABLE page (id INTEGER PRIMARY KEY, records TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE channel (id INTEGER PRIMARY KEY, arn TEXT NOT NULL, checksum INTEGER NOT NULL);
-- The members of one channel that are added in the same way, and so can share a call. If the
-- channel could not be had, closed_code says why: rows of it that were never sent failed with it.
CREATE TABLE lane (id INTEGER PRIMARY KEY, channel INTEGER NOT NULL, type TEXT NOT NULL, sub_channel TEXT,
    closed_code TEXT, closed_message TEXT, checksum INTEGER NOT NULL);
-- Rows that are not sent, and why.
CREATE TABLE defect (row INTEGER PRIMARY KEY, column_name TEXT NOT NULL, reason TEXT NOT NULL,
    checksum INTEGER NOT NULL);
CREATE TABLE duplicate (row INTEGER PRIMARY KEY, of_row INTEGER NOT NULL, checksum INTEGER NOT NULL);
-- Rows that may be duplicates, held back until the whole list is read.
CREATE TABLE suspect (row INTEGER PRIMARY KEY, lane INTEGER NOT NULL, checksum INTEGER NOT NULL);
-- Rows to send, by lane, in the order of seq.
CREATE TABLE queue (lane INTEGER NOT NULL, seq INTEGER NOT NULL, count INTEGER NOT NULL, rows TEXT NOT NULL,
    checksum INTEGER NOT NULL, PRIMARY KEY (lane, seq)) WITHOUT ROWID;
-- Calls, written before they leave. settled_at is null while a call is under way, or was when the
-- process died. refusal: the kind of failure, if the call was refused or lost as a whole. Times
-- are milliseconds since 1970.
CREATE TABLE call (id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, bearer TEXT NOT NULL, rows TEXT NOT NULL,
    members INTEGER NOT NULL, fresh INTEGER NOT NULL, sent_at INTEGER NOT NULL, settled_at INTEGER,
    refusal TEXT, code TEXT, message TEXT, checksum INTEGER NOT NULL);
-- What was decided for rows of a call; of several for one row the last holds. outcome 'again': to
-- be tried again. rows null: all of the call's. charged: counted as an attempt.
CREATE TABLE verdict (id INTEGER PRIMARY KEY, call INTEGER NOT NULL, outcome TEXT NOT NULL, charged INTEGER NOT NULL,
    in_doubt INTEGER NOT NULL, code TEXT, message TEXT, first_row INTEGER NOT NULL, last_row INTEGER NOT NULL,
    rows TEXT, checksum INTEGER NOT NULL);
-- Times the run was told to try again what had failed, numbered from 2. Calls from first_call on
-- belong to it. codes: the error codes it was narrowed to, as a JSON array.
CREATE TABLE pass (id INTEGER PRIMARY KEY, begun_at INTEGER NOT NULL, codes TEXT, first_call INTEGER NOT NULL,
    checksum INTEGER NOT NULL);
-- One line per row of the list that was taken: its number and its record.
CREATE VIEW member AS
    SELECT page.id * 64 + entry.key + 1 AS row, entry.value AS record
    FROM page, json_each(page.records) AS entry WHERE entry.type <> 'null';
-- One line per row of each call.
CREATE VIEW sent AS
    SELECT call.id AS call, sum(entry.value) OVER (PARTITION BY call.id ORDER BY entry.key) AS row
    FROM call, json_each(call.rows) AS entry;
-- One line per row of each verdict.
CREATE VIEW ruling AS
    SELECT verdict.id AS verdict, verdict.call AS call, verdict.outcome, verdict.charged, verdict.in_doubt,
        verdict.code, verdict.message,
        sum(entry.value) OVER (PARTITION BY verdict.id ORDER BY entry.key) AS row
    FROM verdict JOIN call ON call.id = verdict.call, json_each(coalesce(verdict.rows, call.rows)) AS entry;
-- One line per row that was sent, with what was decided last.
CREATE VIEW result AS
    SELECT row, outcome, code, message, max(verdict) AS verdict, sum(charged) AS attempts
    FROM ruling GROUP BY row;
";

/// Makes an empty file a ledger, in a transaction that is left open: what belongs to a ledger
/// from its beginning is written before it ends.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;")?;
    connection.execute_batch(&format!(
        "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
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
