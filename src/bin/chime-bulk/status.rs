//! `status` and `runs`.

use std::path::Path;

use chime_bulk::job;
use chime_bulk::report::Listing;

use crate::exit::Exit;
use crate::output;
use crate::screen::Screen;

/// Shows the state of the run in this directory.
pub(crate) fn status(dir: &Path, json: bool, screen: &Screen) -> Exit {
    match job::status(dir) {
        Ok(status) => output::show(&status, json, Exit::AllIn, screen),
        Err(error) => {
            screen.error(&error, error.hint().as_deref());
            Exit::from(&error)
        }
    }
}

/// Lists the runs below a directory.
pub(crate) fn runs(dir: &Path, json: bool, screen: &Screen) -> Exit {
    match job::runs(dir) {
        Ok(runs) => {
            if runs.is_empty() {
                screen.note(format_args!("no runs in {}", dir.display()));
            }
            output::show(&Listing(runs), json, Exit::AllIn, screen)
        }
        Err(error) => {
            screen.error(
                &error,
                Some("name the directory that holds run directories"),
            );
            Exit::Usage
        }
    }
}
