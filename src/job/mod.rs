//! The use cases: what a user asks for, from the list to the reports.
//!
//! Promises: everything a run needs to go on is in its directory, credentials excepted; a run
//! that ends early says how to resume it. Must not: print, exit, or know of a terminal.

mod conclusion;
mod directory;
mod error;
mod if_exists;
mod list_path;
mod lock;
mod open_list;
mod plan;
mod report;
mod resume;
mod retry;
mod run;
mod service;
mod session;
mod settings;
mod status;
mod supported;

pub use conclusion::{Conclusion, RunVerdict};
pub use directory::{LEDGER, holds_run};
pub use error::JobError;
pub use if_exists::{IfExists, run_or_resume};
pub use plan::{PlanRequest, plan};
pub use report::report;
pub use resume::resume;
pub use retry::retry;
pub use run::{Request, run};
pub use service::Target;
pub use session::Started;
pub use settings::{LimitOverrides, RunSettings};
pub use status::{runs, status};
