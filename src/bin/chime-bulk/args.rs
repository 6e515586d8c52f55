//! The arguments of the command line.

mod changes;
mod file_system;
mod reports;
mod run;

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Command, CommandFactory, FromArgMatches, Parser};

pub(crate) use changes::{SyncArguments, UndoArguments, VerifyArguments};
use changes::{sync_of, undo_of, verify_of};
pub(crate) use file_system::FileSystemArguments;
pub(crate) use reports::{MergeArguments, ReportArguments, ReportsToArguments, StatusArguments};
pub(crate) use run::{
    AwsArguments, ConfigArguments, IfExists, PlanArguments, ResumeArguments, RetryArguments,
    RunArguments,
};

use crate::config::{self, NotRead, Places};
use crate::exit;
use crate::sandbox::SandboxArguments;
use crate::schema::Output;
use crate::screen::Mode;

/// The version, and the commit that it was built from.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("CHIME_BULK_BUILT_FROM"));

/// Adds large numbers of members to Amazon Chime SDK channels.
///
/// Reads a member list (CSV), makes calls as fast as AWS's rate limits allow, retries the members
/// that can still succeed, and ends with one outcome for every row.
#[derive(Debug, Parser)]
#[command(
    name = "chime-bulk",
    version = VERSION,
    max_term_width = 80,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "\
Rehearse without an AWS account:
  chime-bulk run members.csv --channel-arn ARN --sandbox

Exit codes: 0 all rows in, 1 finished but some rows not, 2 usage, 3 stopped,
4 stopped by --max-failures, 130 interrupted. After 3, 4 and 130 the last line
is the command that resumes.

Each flag can also be an environment variable, CHIME_BULK_BEARER for --bearer,
or a line in the TOML file of --config: bearer = \"ARN\".")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Subcommand,
}

impl Arguments {
    /// The command line that the program accepts, with the exit codes of each command in its help.
    pub(crate) fn described() -> Command {
        let command = Self::command().mut_subcommand("plan", plan_of);
        let command = command.mut_subcommand("undo", undo_of);
        let command = command.mut_subcommand("verify", verify_of);
        let command = command.mut_subcommand("sync", sync_of);
        command.mut_subcommands(|command| {
            let codes = exit::help(command.get_name());
            let help = match command.get_after_help() {
                Some(help) => format!("{help}\n\n{codes}"),
                None => codes.to_owned(),
            };
            command.after_help(help)
        })
    }

    /// Reads the command line. Flags that are not in it come from the environment, or from the file of
    /// `--config`.
    pub(crate) fn read() -> Result<(Self, Places), NotRead> {
        let command = with_environment(Self::described());
        let (matches, places) = config::read(&command, std::env::args_os().collect())?;
        match Self::from_arg_matches(&matches) {
            Ok(arguments) => Ok((arguments, places)),
            Err(error) => Err(NotRead {
                error: error.into(),
                mode: Mode::Plain,
            }),
        }
    }
}

/// The command `plan`, of which the arguments are those of `run`.
fn plan_of(plan: Command) -> Command {
    plan.mut_args(|arg| match arg.get_long() {
        Some("json") => arg.help("Print the plan as JSON"),
        Some("region") => {
            arg.help("The AWS region [default: that of the bearer's or channel's ARN]")
        }
        Some("shard") => arg.help(
            "Plan only shard I of N; or batch, slurm/N or kubernetes/N: as the engine that runs it says",
        ),
        Some("sandbox") => arg.help("With --online: call a sandbox in this process"),
        Some(flag) if is_for_run_only(flag) => arg.hide(true),
        _ => arg,
    })
}

/// Whether `plan` accepts a flag without any use for it, so that its help does not show it.
fn is_for_run_only(flag: &str) -> bool {
    [
        "max-failures",
        "run-dir",
        "if-exists",
        "reports-to",
        "file-system",
        "metrics-listen",
        "metrics-file",
        "emf",
    ]
    .contains(&flag)
}

/// Lets each flag also be an environment variable. Help never shows its value.
fn with_environment(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let Some(flag) = arg
            .get_long()
            .filter(|flag| !["help", "version"].contains(flag))
        else {
            return arg;
        };
        let variable = config::variable(flag);
        // clap would take an empty variable for an empty value.
        let arg = if config::is_set(&variable) {
            arg.env(variable).hide_env(true)
        } else {
            arg
        };
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            arg.value_parser(BoolishValueParser::new())
        } else {
            arg
        }
    });
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, with_environment)
    })
}

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Read and check a list, and estimate the work; adds nobody.
    #[command(after_help = "\
--online needs the IAM action chime:DescribeChannel, for elastic channels also
chime:ListSubChannels, for restricted ones chime:ListChannelModerators.

Examples:
  chime-bulk plan members.csv --channel-arn ARN
  chime-bulk plan members.csv --bearer ARN --online")]
    Plan(Box<PlanArguments>),
    /// Add the members of a list.
    #[command(after_help = "\
Examples:
  chime-bulk run members.csv --channel-arn ARN --sandbox
  chime-bulk run members.csv --channel-arn ARN --bearer ARN
  chime-bulk run members.csv --config job.toml --run-dir onboarding \\
      --if-exists resume")]
    Run(Box<RunArguments>),
    /// Resume an interrupted run.
    #[command(after_help = "\
Example:
  chime-bulk resume runs/20240506T070809Z-members")]
    Resume(Box<ResumeArguments>),
    /// Retry the failed rows of a finished run.
    #[command(after_help = "\
Example:
  chime-bulk retry runs/20240506T070809Z-members --codes NotFound")]
    Retry(Box<RetryArguments>),
    /// Remove the members that a run added.
    #[command(after_help = "\
Each member is looked up first, and kept unless the service describes that a
bearer of this run added it, at that time. undo.csv lists what became of each.
Needs the IAM actions chime:DescribeChannelMembership and
chime:DeleteChannelMembership.

Examples:
  chime-bulk undo runs/20240506T070809Z-members --dry-run
  chime-bulk undo runs/20240506T070809Z-members --yes")]
    Undo(Box<UndoArguments>),
    /// Make channels equal to a list; others are removed if told to.
    #[command(after_help = "\
Nothing is added or removed before the whole difference is known. Others than
those on the list are removed only with --remove-others, and at most
--max-removals of them; never bearers, moderators, bots and those of --protect,
and never where a listing, a row or an add failed. diff.csv in the run directory
lists the difference: + to add, - to remove, = equal, ! left alone, kept. The
run directory is that of the sync before, or a new one.
Needs the IAM actions chime:BatchCreateChannelMembership and
chime:ListChannelMemberships; to remove also chime:ListChannelModerators and
chime:DeleteChannelMembership.

Examples:
  chime-bulk sync team.csv --bearer ARN --run-dir team --dry-run
  chime-bulk sync team.csv --bearer ARN --run-dir team --remove-others \\
      --max-removals 5% --yes
  chime-bulk sync --apply team/diff.csv --bearer ARN --run-dir applied --yes")]
    Sync(Box<SyncArguments>),
    /// Read the channels of runs back, and check that everybody is in.
    #[command(after_help = "\
verify.csv in each run directory has a verdict for every row: confirmed,
missing, unexpected (in the channel though the run did not report it),
other_type, or unreadable. Several runs answer one question: is everybody in?
Needs the IAM actions chime:ListChannelMemberships and
chime:DescribeChannelMembership.

Examples:
  chime-bulk verify runs/20240506T070809Z-members
  chime-bulk verify runs/* --sample 1000 --json")]
    Verify(Box<VerifyArguments>),
    /// Show the status of a run.
    #[command(after_help = "\
Example:
  chime-bulk status runs/20240506T070809Z-members")]
    Status(StatusArguments),
    /// List runs: state, counts and age.
    #[command(after_help = "\
Example:
  chime-bulk runs --json")]
    Runs {
        /// The directory with the run directories.
        #[arg(value_name = "DIR", default_value = "runs")]
        dir: PathBuf,
        /// Print them as JSON.
        #[arg(long, help_heading = "Output")]
        json: bool,
        #[command(flatten)]
        file_system: FileSystemArguments,
    },
    /// Write the reports of a run again, from its ledger.
    #[command(after_help = "\
Example:
  chime-bulk report runs/20240506T070809Z-members
  chime-bulk report onboarding --to s3://example-bucket/reports/")]
    Report(Box<ReportArguments>),
    /// Join the shards of a job: one set of reports.
    #[command(after_help = "\
Reads the ledgers of DIR/shard-*, which `run --shard I/N --run-dir DIR` wrote,
and writes ledger.db, results.csv, failed.csv, summary.json and report.html in
DIR. failed.csv runs without --shard; verify, undo, retry and report take DIR.
A shard that stopped is merged as it is, with its exit code: resume it, then
merge again.

Examples:
  chime-bulk run members.csv --bearer ARN --shard 1/4 --run-dir job \\
      --if-exists resume
  chime-bulk merge job")]
    Merge(MergeArguments),
    /// Serve a simulated Chime over HTTP.
    #[command(after_help = "\
Example:
  chime-bulk sandbox --fault member-throttled=0.01 --missing-users gone")]
    Sandbox(Box<SandboxArguments>),
    /// Explain an error code and how to fix it.
    #[command(after_help = "\
Example:
  chime-bulk explain NotFound")]
    Explain {
        /// The code, as in results.csv [default: all].
        #[arg(value_name = "CODE")]
        code: Option<String>,
    },
    /// Print the JSON Schema of what a command writes as JSON.
    #[command(after_help = "\
The schema is JSON Schema draft 2020-12. It refuses any field that this version
does not write; a later version may add fields.

Example:
  chime-bulk schema summary > summary.schema.json")]
    Schema {
        /// The output.
        #[arg(value_name = "NAME")]
        output: Output,
    },
    /// Print completions for a shell.
    #[command(after_help = "\
Example:
  source <(chime-bulk completions bash)")]
    Completions {
        /// The shell.
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Write man pages, one for each command.
    #[command(after_help = "\
Example:
  chime-bulk man ~/.local/share/man/man1")]
    Man {
        /// The directory to write to.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

impl Subcommand {
    /// How to show progress: as lines, where there is no choice.
    pub(crate) fn progress(&self) -> Mode {
        match self {
            Self::Plan(arguments) => arguments.run.output.progress,
            Self::Run(arguments) => arguments.output.progress,
            Self::Resume(arguments) => arguments.output.progress,
            Self::Retry(arguments) => arguments.resume.output.progress,
            Self::Undo(arguments) => arguments.output.progress,
            Self::Verify(arguments) => arguments.output.progress,
            Self::Sync(arguments) => arguments.run.output.progress,
            _ => Mode::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_valid() {
        with_environment(Arguments::described()).debug_assert();
    }
}
