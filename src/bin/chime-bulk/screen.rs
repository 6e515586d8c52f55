//! What is shown of a run, and what is logged.

use chime_bulk::engine::Watch;
use chime_bulk::job::Started;
use clap::Args;

use crate::output;
use crate::progress::{Mode, Progress};

/// Arguments for what is shown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ScreenArguments {
    /// How to show progress, on standard error.
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        default_value = "auto",
        hide_possible_values = true,
        help = "How to show progress: auto, bars, plain, json or none"
    )]
    pub(crate) progress: Mode,
}

impl ScreenArguments {
    /// To be called before anything is said.
    pub(crate) fn prepare(&self) {
        if self.progress == Mode::Json {
            output::speak_json();
        }
    }

    /// Whoever watches a run that has begun.
    pub(crate) fn watch(&self, started: &Started) -> Box<dyn Watch> {
        if self.progress != Mode::Json {
            output::note(format_args!("list: {}", started.detected));
            output::note(format_args!(
                "run:  {} against {}",
                started.dir.display(),
                started.service
            ));
        }
        Box::new(Progress::begin(started, self.progress))
    }
}
