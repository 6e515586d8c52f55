//! Reports: projections of the ledger.
//!
//! Promises: a report is there whole or as it was before; the same ledger gives the same reports.
//! Must not: change the ledger, or know how a run is made.

mod explain;
mod files;
mod listing;
mod page;
mod path;
mod plan;
mod plan_text;
mod results;
mod status;
mod summary;
mod words;

pub use explain::{Explanation, explain, explained};
pub use files::check_places;
pub use listing::{Listed, Listing, RunDirectory};
pub use path::{shell_value, shell_word};
pub use plan::{Basis, OverCapacity, Plan, PlannedChannel, Undo};
pub use results::{Reports, write};
pub use status::{Status, status};
pub use summary::{ReportError, Summary};
pub use words::least;

/// The results of every row.
pub const RESULTS: &str = "results.csv";
/// The rows that did not get in, as they stood in the list.
pub const FAILED: &str = "failed.csv";
/// The counts.
pub const SUMMARY: &str = "summary.json";
/// All of it on one page, for a browser.
pub const PAGE: &str = "report.html";
