//! The use cases: run, resume, retry, plan, report and status, from the list to the reports.
//!
//! Promises: everything a run needs to be resumed is in its directory, except credentials; a run
//! that ends early names the command that resumes it. Must not: print, exit, or name a terminal.

mod account_quotas;
mod address;
mod bearers;
mod builder;
mod commands;
mod conclusion;
mod directory;
mod error;
mod existing;
mod failed_upload;
mod if_exists;
mod inquiry;
mod list_address;
mod list_change;
mod lock;
mod merge;
mod merge_error;
mod open_list;
mod open_run;
mod part;
mod plan;
mod preflight;
mod protected;
mod report;
mod resume;
mod retry;
mod rounds;
mod run;
mod service;
mod session;
mod settings;
mod staged_run;
mod status;
mod supported;
mod sync;
mod sync_end;
mod target_aws;
mod undo;
mod upload;
mod verify;

#[doc(hidden)]
pub use address::{address, address_of_run};
pub use builder::{PlanOf, Resume, Run, Undo};
pub use conclusion::{Conclusion, RunVerdict};
pub use directory::{LEDGER, holds_run, shard_directory};
use directory::{REMOVAL, UNDO_DIR};
pub use error::JobError;
pub use failed_upload::FailedUpload;
pub use if_exists::{IfExists, run_or_resume};
pub use list_address::{ListAddress, source};
pub use list_change::ChangedList;
pub use merge::{Merged, merge};
pub use merge_error::MergeError;
pub use plan::{PlanRequest, plan, plan_with_quotas};
pub use preflight::{CheckedPlan, Preflight};
pub use report::report;
pub use resume::resume;
pub use retry::retry;
pub use run::{Request, run};
pub use service::Target;
pub use session::Started;
pub use settings::{LimitOverrides, RunSettings, SyncSettings, UndoSettings};
pub use status::{runs, status};
pub use sync::{Confirm, SyncConclusion, SyncRequest, sync};
pub use target_aws::AwsTarget;
pub use undo::{UndoConclusion, UndoRequest, plan_undo, undo};
pub use upload::{set_reports_to, upload_reports};
pub use verify::{VerifyConclusion, VerifyRequest, plan_verify, verify};
