//! The argument of all commands with a run directory: its file system.

use chime_bulk::file_system::FileSystem;
use clap::Args;

use super::Subcommand;
use crate::value;

/// Arguments for the file system of run directories.
#[derive(Debug, Clone, Args)]
pub(crate) struct FileSystemArguments {
    /// The file system of run directories: local, network, or network-locks (its locks are for all
    /// hosts) [default: as recognized].
    #[arg(
        long,
        value_name = "KIND",
        value_parser = value::parsed::<FileSystem>,
        help_heading = "Output"
    )]
    file_system: Option<FileSystem>,
}

impl Subcommand {
    /// The kind of file system that the user has set.
    pub(crate) fn file_system(&self) -> Option<FileSystem> {
        let arguments = match self {
            Self::Run(arguments) => &arguments.output.file_system,
            Self::Resume(arguments) => &arguments.output.file_system,
            Self::Retry(arguments) => &arguments.resume.output.file_system,
            Self::Undo(arguments) => &arguments.output.file_system,
            Self::Verify(arguments) => &arguments.output.file_system,
            Self::Sync(arguments) => &arguments.run.output.file_system,
            Self::Status(arguments) => &arguments.file_system,
            Self::Report(arguments) => &arguments.status.file_system,
            Self::Merge(arguments) => &arguments.file_system,
            Self::Runs { file_system, .. } => file_system,
            _ => return None,
        };
        arguments.file_system.clone()
    }
}
