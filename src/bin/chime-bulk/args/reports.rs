//! The arguments of the commands about reports: `report`, `status` and `merge`.

use std::path::PathBuf;

use chime_bulk::store::PrefixUrl;
use clap::Args;

use super::FileSystemArguments;
use crate::value;

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
    pub(crate) file_system: FileSystemArguments,
}
