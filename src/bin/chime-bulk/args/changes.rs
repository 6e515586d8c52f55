//! The arguments of the commands about members that are there already: `undo`, `sync` and `verify`.

use std::num::NonZeroU64;
use std::path::PathBuf;

use chime_bulk::model::ChannelArn;
use chime_bulk::report::MaxRemovals;
use clap::{Args, Command};

use super::{AwsArguments, ConfigArguments, ReportsToArguments, RunArguments};
use crate::limits::{FailureArguments, LimitArguments};
use crate::run_output::RunOutputArguments;
use crate::value;

/// Arguments of `undo`.
#[derive(Debug, Args)]
pub(crate) struct UndoArguments {
    /// The run's directory.
    #[arg(value_name = "RUN_DIR")]
    pub(crate) run_dir: PathBuf,
    /// Show how many members would be removed, and how long that takes; make no call.
    #[arg(long, help_heading = "What to remove")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) choice: RemovalArguments,
    /// Do not ask.
    #[arg(long, help_heading = "What to remove")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) failures: FailureArguments,
    #[command(flatten)]
    pub(crate) aws: AwsArguments,
    #[command(flatten)]
    pub(crate) reports_to: ReportsToArguments,
    /// Print the closing summary as JSON.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) output: RunOutputArguments,
    #[command(flatten)]
    config: ConfigArguments,
}

/// Which members to remove.
#[derive(Debug, Clone, Args)]
pub(crate) struct RemovalArguments {
    /// Remove without looking up each member: twice as fast, but members who were there before may go.
    #[arg(long, help_heading = "What to remove")]
    pub(crate) no_guard: bool,
    /// Also look up members whose call was lost, and remove those whom this run added.
    #[arg(long, help_heading = "What to remove")]
    pub(crate) include_in_doubt: bool,
    /// Remove members of this channel only (ARN); repeat for more.
    #[arg(
        long,
        value_name = "ARN",
        value_delimiter = ',',
        value_parser = value::parsed::<ChannelArn>,
        help_heading = "What to remove"
    )]
    pub(crate) channel: Vec<ChannelArn>,
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArguments {
    #[command(flatten)]
    pub(crate) choice: SyncChoice,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

/// Whom a sync removes, and whom it adds again.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What to change")]
pub(crate) struct SyncChoice {
    /// Remove members who are not on the list, as many as --max-removals allows.
    #[arg(long)]
    pub(crate) remove_others: bool,
    /// Remove at most so many, or such a share of each channel and of all: 20, 5% [default: 0].
    #[arg(long, value_name = "N|N%", value_parser = value::parsed::<MaxRemovals>)]
    pub(crate) max_removals: Option<MaxRemovals>,
    /// Never remove the members in this file: an ARN or user id on each line; repeat for more.
    #[arg(long, value_name = "FILE")]
    pub(crate) protect: Vec<PathBuf>,
    /// Add again who left since the sync before.
    #[arg(long)]
    pub(crate) add_left: bool,
    /// The list is a diff.csv: do exactly that, and leave channels alone that have changed since.
    #[arg(long)]
    pub(crate) apply: bool,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The runs' directories.
    #[arg(value_name = "RUN_DIR", required = true)]
    pub(crate) run_dirs: Vec<PathBuf>,
    /// Check only this many rows of each run, drawn at random.
    #[arg(long, value_name = "N", help_heading = "What to check")]
    pub(crate) sample: Option<NonZeroU64>,
    /// Show how many calls it takes, and how long; make none.
    #[arg(long, help_heading = "What to check")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) aws: AwsArguments,
    #[command(flatten)]
    pub(crate) reports_to: ReportsToArguments,
    /// Print the counts as JSON.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) output: RunOutputArguments,
    #[command(flatten)]
    config: ConfigArguments,
}

/// The command `undo`, of which the limits are those of `resume`, but for those of lists and batches.
pub(super) fn undo_of(undo: Command) -> Command {
    undo.mut_args(|arg| match arg.get_long() {
        Some("single-rate") => {
            arg.help("Removals per second on one channel [default: 15; eu-central-1: 10]")
        }
        Some("bearer-rate") => {
            arg.help("Requests per second by one bearer [default: 10; eu-central-1: 5]")
        }
        Some("max-rate") => {
            arg.help("Requests per second, all channels together [default: no limit]")
        }
        Some("max-attempts") => arg.help("Attempts to remove a member [default: 8]"),
        Some("channel-rate" | "single-adds" | "members-per-call" | "max-record-size") => {
            arg.hide(true)
        }
        _ => arg,
    })
}

/// The command `verify`, of which the limits are those of `resume`, but for those of adding.
pub(super) fn verify_of(verify: Command) -> Command {
    verify.mut_args(|arg| match arg.get_long() {
        Some("max-attempts") => arg.help("Attempts to ask a question [default: 8]"),
        Some(
            "channel-rate" | "single-adds" | "single-rate" | "members-per-call" | "max-record-size",
        ) => arg.hide(true),
        _ => arg,
    })
}

/// The command `sync`, of which the arguments are those of `run`, but for what it decides itself.
pub(super) fn sync_of(sync: Command) -> Command {
    sync.mut_args(|arg| match arg.get_long() {
        Some("dry-run") => arg
            .hide(false)
            .help("Write the difference, and neither add nor remove")
            .help_heading("What to change"),
        Some("run-dir") => {
            arg.help("The directory of the sync before, or a new one [default: below runs/]")
        }
        Some("if-exists" | "skip-existing" | "shard") => arg.hide(true),
        _ => arg,
    })
}
