//! The upload of reports, after they are written.

use std::path::Path;

use chime_bulk::job::{self, JobError};
use chime_bulk::store::{PrefixUrl, UploadError};

use crate::args::{AwsArguments, ReportsToArguments};
use crate::exit::Exit;
use crate::run::show_error;
use crate::screen::Screen;
use crate::signals::Signals;

/// Where the command line says that reports go, and with whose credentials.
pub(crate) struct Upload {
    pub(crate) to: Option<PrefixUrl>,
    pub(crate) profile: Option<String>,
}

impl Upload {
    pub(crate) fn new(reports_to: &ReportsToArguments, aws: &AwsArguments) -> Self {
        Self {
            to: reports_to.reports_to.clone(),
            profile: aws.profile.clone(),
        }
    }

    /// Uploads the reports in a run directory, if the command line or the run says where to. Returns the exit code of the
    /// command, which had this one until here. If they are not uploaded, the last line is the command that
    /// does it.
    pub(crate) async fn reports(
        &self,
        dir: &Path,
        run_uploads: bool,
        exit: Exit,
        screen: &Screen,
    ) -> Exit {
        // The ledger is not opened for nothing: the run is at its end, and its disk may be, too.
        if self.to.is_none() && !run_uploads {
            return exit;
        }
        let stop = async {
            match Signals::listen() {
                Ok(mut signals) => signals.next().await,
                // It ends by itself.
                Err(_) => std::future::pending().await,
            }
        };
        let (to, profile) = (self.to.clone(), self.profile.as_deref());
        match Box::pin(job::upload_reports(dir, to, profile, stop)).await {
            Ok(None) => exit,
            Ok(Some(to)) => {
                screen.note(format_args!("uploaded: {to}"));
                exit
            }
            Err(JobError::Upload(failed)) => {
                let stopped = matches!(failed.error, UploadError::Stopped);
                let command = failed.command.clone();
                show_error(&JobError::Upload(failed), screen);
                screen.print_line(command);
                match exit {
                    exit if exit.is_resumable() => exit,
                    _ if stopped => Exit::Interrupted,
                    _ => Exit::Fatal,
                }
            }
            Err(error) => {
                show_error(&error, screen);
                Exit::Fatal
            }
        }
    }
}
