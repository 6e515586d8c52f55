//! The commands, run as a user runs them.

mod config;
#[cfg(unix)]
mod emf;
#[cfg(unix)]
mod endpoint;
mod exit_codes;
mod failed_csv;
mod if_exists;
#[cfg(target_os = "linux")]
mod lost_output;
#[cfg(unix)]
mod metrics;
#[cfg(target_os = "linux")]
mod networks;
#[cfg(unix)]
mod one_line;
mod page;
pub(crate) mod plan;
mod plan_online;
mod progress;
mod quotas;
mod report;
mod resume;
mod retry;
mod sandbox;
#[cfg(unix)]
mod schema;
mod shard;
mod shell;
#[cfg(unix)]
mod signals;
mod skip_existing;
mod snapshots;
#[cfg(unix)]
mod starting;
#[cfg(unix)]
mod status;
mod sync;
#[cfg(unix)]
mod terminal;
mod undo;
#[cfg(unix)]
mod undo_continued;
mod undo_status;
#[cfg(unix)]
mod undo_terminal;
mod verify;
