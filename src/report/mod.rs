//! Reports: projections of the ledger.
//!
//! Promises: a report is complete or unchanged; if `summary.json` exists, all four belong to one
//! state of the run (see `set`); the same ledger produces the same reports; no report replaces a file
//! that is not a report of the same run (see `own`). Must not: change the ledger, or depend on how a run is performed.

mod applied_diff;
mod channels_now;
mod channels_text;
mod comparison;
mod csv_report;
mod diff;
mod evidence;
mod explain;
mod files;
mod format;
mod listing;
mod listings;
mod next_steps;
mod origin;
mod own;
mod page;
mod path;
mod plan;
mod plan_text;
mod planned_listing;
mod planned_shards;
mod questions;
mod removals;
mod results;
mod set;
mod status;
mod summary;
mod sync;
mod undo;
mod undo_status;
mod verification;
mod verify;

pub use applied_diff::{AppliedDiff, check_applicable, each_channel_of, write_sync_removals};
#[doc(hidden)]
pub use channels_now::{ChannelCheck, Refused};
pub use channels_now::{ChannelNow, ChannelProblem, ChannelsNow, ProblemKind};
#[doc(hidden)]
pub use comparison::{Comparison, SyncRules};
#[doc(hidden)]
pub use diff::{ChannelDiff, Diff, DiffRow, Sign, check_diff, diff_digest, read_diff};
#[doc(hidden)]
pub use evidence::Evidence;
pub use explain::Explanation;
#[doc(hidden)]
pub use files::{check_destinations, files};
pub use format::{edit_text, lower_bound_text};
pub use listing::{Listed, Listing, RunDirectory};
#[doc(hidden)]
pub use listings::{Listing as MemberListing, ListingEnd, Listings};
#[doc(hidden)]
pub use own::foreign_report;
pub use path::{shell_value, shell_word};
#[doc(hidden)]
pub use plan::PlanInput;
pub use plan::{OverCapacityChannel, Plan, PlannedChannel, Undo};
pub use planned_listing::{ListingCandidates, PlannedListing};
pub use planned_shards::{PlannedShard, PlannedShards};
#[doc(hidden)]
pub use questions::{QuestionList, Subject};
#[doc(hidden)]
pub use removals::{RemovalChoice, RemovalCounts, count_removals, write_removals};
#[doc(hidden)]
pub use results::{Reports, prepare, write};
#[doc(hidden)]
pub use set::{ReportSet, ReportsState};
pub use status::{Status, status};
pub use summary::{ReportError, Summary};
pub use sync::{MaxRemovals, SyncSummary};
pub use undo::{UndoPlan, UndoSummary};
#[doc(hidden)]
pub use undo::{check_undo_report, write_undo};
pub use undo_status::UndoStatus;
pub use verification::{Verdict, Verification, VerificationPlan};
#[doc(hidden)]
pub use verify::{VerifiedRows, check_verify_report};

/// The results of every row.
pub const RESULTS: &str = "results.csv";
/// The rows whose members are not in their channels, with the fields of the list.
pub const FAILED: &str = "failed.csv";
/// The counts of the run.
pub const SUMMARY: &str = "summary.json";
/// What an undo did with each member that the run had added.
pub const UNDO: &str = "undo.csv";
/// What the channels say of each row of a run.
pub const VERIFY: &str = "verify.csv";
/// The channels of a list beside the list.
pub const DIFF: &str = "diff.csv";
/// The whole run on one page, for a browser.
pub const PAGE: &str = "report.html";
