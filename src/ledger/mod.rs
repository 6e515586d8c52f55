//! The ledger: one SQLite file that holds a run's list, its calls and their outcomes. Its owner
//! writes it through [`Ledger`]; everything that only asks takes a [`LedgerReader`].
//!
//! Promises: what [`Ledger::commit`] has returned from survives the process, and the machine as
//! far as the disk keeps its word; every report is a projection of it; memory does not grow with
//! the list. Must not: call the service, or hold a secret.
//!
//! The list is staged in pages of 64 records, the work queue in runs
//! of rows of one lane, and verdicts per call, not per row: so a row costs its own text and little
//! more, and a call of a hundred members costs two inserts. The views `member`, `sent`, `ruling`
//! and `result` unfold this for any SQLite client; see `tables` and `schema`.

mod calls;
mod checksum;
mod chunk;
mod connection;
mod control;
mod counts;
mod duplicate_filter;
mod duplicates;
mod error;
mod facts;
mod generation;
mod history;
#[expect(clippy::module_inception, reason = "named for its main type")]
mod ledger;
mod page;
mod pages;
mod passes;
mod progress;
mod projection;
mod queue;
mod reader;
mod resume;
mod rows;
mod schema;
mod stager;
mod survey;
mod tables;
#[cfg(test)]
mod tests;

pub use calls::NewCall;
pub use chunk::{Chunk, NewLane};
pub use connection::Durability;
pub use counts::CallCounts;
pub use error::LedgerError;
pub use facts::{Staged, fact};
pub use generation::ReportRecord;
pub use history::{CallRecord, CallResult};
pub use ledger::Ledger;
pub use progress::RunProgress;
pub use projection::{ResultRow, Totals};
pub use reader::LedgerReader;
pub use resume::{LaneLeft, Unsettled};
pub use stager::Stager;
pub use survey::{ChannelLoad, DefectKind, Repeat};
