//! The one loop that feeds the scheduler and performs what it returns.
//!
//! Promises: a call is in the ledger, committed, before it leaves; its outcome is, before anyone
//! sees it; all time is tokio's. Must not: decide (that is `schedule`), print, or block on
//! anything but the ledger.

mod commit_delay;
mod ending;
#[expect(clippy::module_inception, reason = "named for its main type")]
mod engine;
mod event;
mod feed;
mod input;
mod reading;
mod reconcile;
mod redact;
mod removal;
mod restore;
mod standing;
mod task;

pub use ending::{Ending, EngineError, ListError};
#[doc(hidden)]
pub use engine::{Engine, Setup};
pub use event::{Event, Observer, OpenChannel, Standing};
pub use feed::Command;
#[doc(hidden)]
pub use feed::{Feed, ReadAhead};
#[doc(hidden)]
pub use reconcile::reconcile;
#[doc(hidden)]
pub use restore::{replay, replay_parts, restore};
#[doc(hidden)]
pub use task::Task;
