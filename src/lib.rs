//! Adds very many members to Amazon Chime SDK channels.
//!
//! The way of the data: a member list (`roster`) is staged into a ledger (`ledger`); the engine
//! (`engine`) asks a pure scheduler (`schedule`) what to call next, lets the limits (`limits`) pay the
//! rate limits, makes the call (`chime`) and settles its outcome in the ledger, from which the
//! reports (`report`) are written. `job` strings these together into use cases; `sandbox` is a
//! simulated service to rehearse against, and `private_file` opens the files of a run. A module uses
//! only those named before it here: `model`, `schedule`, `limits`, `chime`, `sandbox`, `roster`,
//! `private_file`, `ledger`, `report`, `engine`, `job`.

pub mod chime;
pub mod engine;
pub mod job;
pub mod ledger;
pub mod limits;
pub mod model;
pub mod private_file;
pub mod report;
pub mod roster;
pub mod sandbox;
pub mod schedule;

pub use job::{Conclusion, JobError, LimitOverrides, PlanOf, Resume, Run, Target};
