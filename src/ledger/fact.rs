//! Names of the facts about a run as a whole.

use rusqlite::{Connection, OptionalExtension};

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
/// What the list is, if it is remote (`roster::RemoteIdentity`).
pub const LIST_IDENTITY: &str = "list_identity";
/// The digest of the list (`roster::ListDigest`), once it is read to its end.
pub const LIST_DIGEST: &str = "list_digest";
/// Key of the fingerprints, so that no list can be made to collide.
pub const KEY: &str = "fingerprint_key";
/// Counts kept while staging.
pub const STAGED: &str = "staged";
/// What was found while reading the list (`roster::ListNotes`).
pub const NOTES: &str = "notes";
/// First start, UTC.
pub const STARTED_AT: &str = "started_at";
/// Last end, UTC.
pub const FINISHED_AT: &str = "finished_at";
/// How many bearers there are.
pub const BEARERS: &str = "bearers";
/// The address that the last session called; null with a sandbox in the process.
pub const ADDRESS: &str = "address";
/// The quotas of the account (`model::AccountQuotas`); null if no session asked for them.
pub const QUOTAS: &str = "quotas";
/// The calls per second in all that the last session found to be the limit; null if it found none below
/// the limits of the run.
pub const LEARNED_RATE: &str = "learned_rate";
/// The counts of the last verification; null if a later session changed the run.
pub const VERIFICATION: &str = "verification";
/// Of a merged run: which calls were made by which clock.
pub const MERGED_CALLS: &str = "merged_calls";
/// Whether the last session was stopped by `--max-failures`.
pub const TOO_MANY_FAILURES: &str = "too_many_failures";
/// Of a run that was merged of shards: how that was done.
pub const MERGED: &str = "merged";
/// Whether the rows that need no call are settled by listings.
pub const LISTED: &str = "listed";
/// The difference that a sync found (`report::Diff`).
pub const DIFF: &str = "diff";
/// When a sync found its difference, in milliseconds since 1970.
pub const COMPARED_AT: &str = "compared_at";
/// The digest of `diff.csv` as a sync wrote it.
pub const DIFF_DIGEST: &str = "diff_digest";
/// How a sync ended, once it is over.
pub const SYNC: &str = "sync";
/// How many sessions changed the run, including this one.
pub const GENERATION: &str = "generation";
/// The generation of the reports, and whether all four are in place.
pub const REPORTS: &str = "reports";

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
        .query_row("SELECT value FROM fact WHERE name = ?1", [KEY], |row| {
            row.get(0)
        })
        .optional()
}
