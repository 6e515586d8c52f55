//! The arguments of the commands that work on a list: `plan`, `run`, `resume` and `retry`; and those that
//! others share with them.

use std::num::NonZeroU32;
use std::path::PathBuf;

use chime_bulk::chime::{Api, EndpointUrl};
use chime_bulk::job::{self, JobError};
use chime_bulk::model::{self, BearerPool, MemberArn, Shard};
use clap::Args;

use super::ReportsToArguments;
use crate::limits::{FailureArguments, LimitArguments};
use crate::roster::RosterArguments;
use crate::run_output::RunOutputArguments;
use crate::sandbox::SandboxShape;
use crate::value;

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
