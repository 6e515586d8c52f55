//! Reports: projections of the ledger.
//!
//! Promises: a report is there whole or as it was before; where `summary.json` is there, all are of
//! one state of the run (see `set`); the same ledger returns the same reports.
//! Must not: change the ledger, or depend on how a run is made.

mod csv_report;
mod explain;
mod files;
mod format;
mod listing;
mod page;
mod path;
mod plan;
mod plan_text;
mod results;
mod set;
mod status;
mod summary;

pub use explain::Explanation;
pub use files::check_destinations;
pub use format::lower_bound_text;
pub use listing::{Listed, Listing, RunDirectory};
pub use path::{shell_value, shell_word};
pub use plan::{OverCapacityChannel, Plan, PlanInput, PlannedChannel, Undo};
pub use results::{Reports, prepare, write};
pub use set::{ReportSet, ReportsState};
pub use status::{Status, status};
pub use summary::{ReportError, Summary};

/// The results of every row.
pub const RESULTS: &str = "results.csv";
/// The rows that did not get in, as they stood in the list.
pub const FAILED: &str = "failed.csv";
/// The counts.
pub const SUMMARY: &str = "summary.json";
/// All of it on one page, for a browser.
pub const PAGE: &str = "report.html";
