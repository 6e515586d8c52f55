//! `status` and `runs`.

use std::path::Path;

use chime_bulk::job;
use chime_bulk::report::Listing;

use crate::exit::Exit;
use crate::output;

/// Shows the state of the run in this directory.
pub(crate) fn status(dir: &Path, json: bool) -> Exit {
    match job::status(dir) {
        Ok(status) => output::show(&status, json, Exit::AllIn),
        Err(error) => {
            output::error(&error, error.hint().as_deref());
            Exit::from(&error)
        }
    }
}

/// Lists the runs below a directory.
pub(crate) fn runs(dir: &Path, json: bool) -> Exit {
    match job::runs(dir) {
        Ok(runs) => {
            if runs.is_empty() {
                output::note(format_args!("no runs in {}", dir.display()));
            }
            output::show(&Listing(runs), json, Exit::AllIn)
        }
        Err(error) => {
            output::error(
                &error,
                Some("name the directory that holds run directories"),
            );
            Exit::Usage
        }
    }
}
