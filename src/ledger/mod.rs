//! The ledger: one SQLite file that holds a run's list, its calls and their outcomes. Its owner
//! writes it through [`Ledger`]; everything that only asks takes a [`LedgerReader`].
//!
//! Promises: what was written before [`Ledger::commit`] returned survives a crash of the process,
//! and of the machine if the disk does what it reports; every column of every row is covered by a
//! checksum; every report is a projection of it; memory does not grow with the list. Must not: call
//! the service, or contain a secret.
//!
//! The list is stored in pages of 64 records, the queue in lists of rows of one lane, and verdicts
//! per call, not per row: so a row costs its own text and little more, and a call of a hundred
//! members costs two inserts.
//!
//! # Queries
//!
//! Any SQLite client can read `ledger.db`, also while the run is working. `.schema` prints every
//! table and view with comments. The views unfold what the tables pack:
//!
//! | view | a line for each |
//! |---|---|
//! | `member` | row of the list, with its record as a JSON array |
//! | `sent` | row of each call |
//! | `ruling` | row of each verdict |
//! | `result` | row that was sent, with the last verdict and the number of attempts |
//!
//! Table `call` has every call with its times and its refusal, table `pass` one line for each
//! `retry`, table `session` one for each process that worked on the run. `samples/ledger.sql` has queries. Do not write to a ledger: its rows carry checksums,
//! and a damaged ledger is refused, as is one of another version.

mod calls;
mod checksum;
mod chunk;
mod connection;
mod control;
mod counts;
mod duplicate_filter;
mod duplicates;
mod error;
pub mod fact;
mod files;
mod findings;
mod generation;
mod history;
#[expect(clippy::module_inception, reason = "named for its main type")]
mod ledger;
mod listed;
mod merge;
mod page;
mod page_cache;
mod pass_tally;
mod passes;
mod plan_queries;
mod progress;
mod projection;
mod provenance;
mod queue;
mod reader;
mod rest;
mod resume;
mod rows;
mod schema;
mod sessions;
mod staged;
mod stager;
mod staging;
mod tables;
#[cfg(test)]
mod tests;

#[doc(hidden)]
pub use calls::{CallEnd, NewCall};
#[doc(hidden)]
pub use chunk::{Chunk, NewLane};
#[doc(hidden)]
pub use connection::Durability;
pub use counts::CallCounts;
#[doc(hidden)]
pub use duplicate_filter::{Fingerprint, FingerprintHasher};
pub use error::LedgerError;
#[doc(hidden)]
pub use findings::LastPage;
pub use generation::ReportRecord;
pub use history::{CallRecord, CallResult};
#[doc(hidden)]
pub use ledger::Ledger;
#[doc(hidden)]
pub use listed::Settled;
pub use plan_queries::{AppInstanceLoad, ChannelLoad, DefectKind, LaneLoad, Repeat};
pub use progress::RunProgress;
pub use projection::{ResultRow, Totals};
pub use reader::LedgerReader;
#[doc(hidden)]
pub use resume::{LaneState, UnsettledRow};
pub use sessions::SessionRecord;
pub use staged::Staged;
#[doc(hidden)]
pub use stager::Stager;
