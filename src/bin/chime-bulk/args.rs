//! The arguments of the command line.

mod changes;
mod file_system;

use std::num::NonZeroU32;
use std::path::PathBuf;

use chime_bulk::chime::{Api, EndpointUrl};
use chime_bulk::job::{self, JobError};
use chime_bulk::model::{self, BearerPool, MemberArn, Shard};
use chime_bulk::store::PrefixUrl;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Command, CommandFactory, FromArgMatches, Parser};

pub(crate) use changes::{SyncArguments, UndoArguments, VerifyArguments};
use changes::{sync_of, undo_of, verify_of};
pub(crate) use file_system::FileSystemArguments;

use crate::config::{self, NotRead, Places};
use crate::exit;
use crate::limits::{FailureArguments, LimitArguments};
use crate::roster::RosterArguments;
use crate::run_output::RunOutputArguments;
use crate::sandbox::{SandboxArguments, SandboxShape};
use crate::schema::Output;
use crate::screen::Mode;
use crate::value;

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
After 3, 4 and 130 of a shard, resume it and merge again.

Examples:
  chime-bulk run members.csv --bearer ARN --shard 1/4 --run-dir job
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

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// Also ask the service about each channel: does it exist, may the bearer add to it, is there room?
    /// Reads only.
    #[arg(long, help_heading = "Online")]
    pub(crate) online: bool,
    /// Also show the rows, calls and time of each of N shards.
    #[arg(long, value_name = "N", value_parser = value::shard_count, conflicts_with = "shard",
        help_heading = "What to add")]
    pub(crate) shards: Option<NonZeroU32>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

/// Arguments of `run`, and of `plan`: a command line that runs a list also plans it.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The member list.
    #[arg(
        value_name = "LIST",
        help = "The member list: a path, s3://BUCKET/KEY, or - for standard input"
    )]
    pub(crate) list: PathBuf,
    #[command(flatten)]
    pub(crate) roster: RosterArguments,
    #[command(flatten)]
    pub(crate) bearers: BearerArguments,
    /// List channels first, and skip who is a member already: auto (where that saves time), always or
    /// never. Needs the IAM action chime:ListChannelMemberships.
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value = "never",
        hide_possible_values = true,
        help_heading = "What to add"
    )]
    pub(crate) skip_existing: SkipExisting,
    /// Add only shard I of N, whole channels each; or batch, slurm/N or kubernetes/N: as the engine that
    /// runs it says. Works in shard-I of --run-dir; `merge` joins them.
    #[arg(long, value_name = "I/N", value_parser = value::shard, help_heading = "What to add")]
    pub(crate) shard: Option<Shard>,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) failures: FailureArguments,
    #[command(flatten)]
    pub(crate) aws: AwsArguments,
    /// Call a sandbox in this process: needs no AWS account.
    #[arg(long, help_heading = "Sandbox",
        conflicts_with_all = ["region", "profile", "endpoint_url", "api"])]
    pub(crate) sandbox: bool,
    #[command(flatten)]
    pub(crate) shape: SandboxShape,
    /// Where to keep the run [default: runs/<UTC time>-<list name>].
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) run_dir: Option<PathBuf>,
    /// If --run-dir holds a run: fail, resume it, or begin a new one beside it.
    #[arg(
        long,
        value_name = "ACTION",
        value_enum,
        default_value = "fail",
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub(crate) if_exists: IfExists,
    #[command(flatten)]
    pub(crate) reports_to: ReportsToArguments,
    /// Print the closing summary as JSON.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) output: RunOutputArguments,
    /// Of `run` there is no trial; of `plan`, it is what it does.
    #[arg(long, hide = true)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    config: ConfigArguments,
}

/// The file with values of flags.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigArguments {
    /// A TOML file with flags. The command line and variables take precedence.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print each flag's value and where it comes from, and do nothing.
    #[arg(long)]
    print_config: bool,
}

/// What to do if the run directory contains a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum IfExists {
    /// Refuse.
    Fail,
    /// Resume it, unless it is finished.
    Resume,
    /// Begin a new run beside it.
    New,
}

impl From<IfExists> for job::IfExists {
    fn from(action: IfExists) -> Self {
        match action {
            IfExists::Fail => Self::Fail,
            IfExists::Resume => Self::Resume,
            IfExists::New => Self::New,
        }
    }
}

/// Which channels to list first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SkipExisting {
    /// Those where that saves time.
    Auto,
    /// All.
    Always,
    /// None.
    Never,
}

impl From<SkipExisting> for model::SkipExisting {
    fn from(channels: SkipExisting) -> Self {
        match channels {
            SkipExisting::Auto => Self::Auto,
            SkipExisting::Always => Self::Always,
            SkipExisting::Never => Self::Never,
        }
    }
}

/// The bearers.
#[derive(Debug, Clone, Args)]
pub(crate) struct BearerArguments {
    /// The AppInstanceAdmin to call as (ARN); repeat to spread the load.
    #[arg(
        long,
        value_name = "ARN",
        value_delimiter = ',',
        value_parser = value::bearer,
        help_heading = "What to add"
    )]
    bearer: Vec<MemberArn>,
}

impl TryFrom<BearerArguments> for BearerPool {
    type Error = JobError;
    fn try_from(arguments: BearerArguments) -> Result<Self, JobError> {
        Ok(Self::new(arguments.bearer)?)
    }
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    /// The run's directory.
    #[arg(value_name = "RUN_DIR")]
    pub(crate) run_dir: PathBuf,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) failures: FailureArguments,
    #[command(flatten)]
    pub(crate) aws: AwsArguments,
    #[command(flatten)]
    pub(crate) shape: SandboxShape,
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

/// Arguments of `retry`.
#[derive(Debug, Args)]
pub(crate) struct RetryArguments {
    /// Retry only the rows with one of these error codes of results.csv.
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(crate) codes: Vec<String>,
    #[command(flatten)]
    pub(crate) resume: ResumeArguments,
}

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// The directory of the job.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Merge even if shards are missing, at work, or have not read their list; exits with 1 then.
    #[arg(long)]
    pub(crate) partial: bool,
    /// Print the summary as JSON.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) file_system: FileSystemArguments,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    #[command(flatten)]
    pub(crate) status: StatusArguments,
    /// Where to upload the reports.
    #[arg(
        long,
        value_name = "URL",
        value_parser = value::reports_to,
        help_heading = "Output",
        help = "Upload the reports to this prefix: s3://BUCKET/PREFIX/ [default: the run's --reports-to]"
    )]
    pub(crate) to: Option<PrefixUrl>,
    /// The profile of the AWS configuration, for the upload.
    #[arg(long, value_parser = value::name, help_heading = "AWS")]
    pub(crate) profile: Option<String>,
}

/// Where the reports go.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportsToArguments {
    /// Where else the reports go.
    #[arg(
        long,
        value_name = "URL",
        value_parser = value::reports_to,
        help_heading = "Output",
        help = "Also upload the reports to this prefix: s3://BUCKET/PREFIX/"
    )]
    pub(crate) reports_to: Option<PrefixUrl>,
}

/// Arguments of `status`, and of `report`.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// The run's directory.
    #[arg(value_name = "RUN_DIR")]
    pub(crate) run_dir: PathBuf,
    /// Print it as JSON.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    #[command(flatten)]
    file_system: FileSystemArguments,
}

/// The service to call.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct AwsArguments {
    /// The AWS region [default: that of the bearer's ARN].
    #[arg(long, value_parser = value::name)]
    pub(crate) region: Option<String>,
    /// The profile of the AWS configuration.
    #[arg(long, value_parser = value::name)]
    pub(crate) profile: Option<String>,
    /// Call this URL instead of AWS.
    #[arg(long, value_name = "URL", value_parser = value::endpoint_url)]
    pub(crate) endpoint_url: Option<EndpointUrl>,
    /// The API to call: messaging, or legacy (the first namespace; us-east-1 only).
    #[arg(long, value_parser = value::parsed::<Api>)]
    pub(crate) api: Option<Api>,
}

impl From<AwsArguments> for job::AwsTarget {
    fn from(arguments: AwsArguments) -> Self {
        Self {
            api: arguments.api,
            region: arguments.region,
            profile: arguments.profile,
            endpoint_url: arguments.endpoint_url,
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
