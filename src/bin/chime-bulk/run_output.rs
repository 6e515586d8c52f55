//! What is shown of a run, and what is logged.

use std::path::PathBuf;

use chime_bulk::engine::{Event, Observer};
use chime_bulk::job::Started;
use chime_bulk::private_file::PrivateFileError;
use clap::{ArgAction, Args};

use crate::exit::Exit;
use crate::log::{Level, Log, set_aside};
use crate::progress::Progress;
use crate::screen::{Mode, Screen};

/// Arguments for what is shown and logged.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct RunOutputArguments {
    /// How to show progress: auto, bars, plain, json or none.
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) progress: Mode,
    /// Log refused calls and the run's course; -vv: each call.
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Log to the end of this file instead of standard error.
    #[arg(long, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
}

impl RunOutputArguments {
    /// Opens the log, if there is to be one.
    pub(crate) fn open(&self, screen: &Screen) -> Result<RunOutput, Exit> {
        let level = match self.verbose {
            0 | 1 => Level::Info,
            _ => Level::Debug,
        };
        let log = match &self.log_file {
            None if self.verbose == 0 => None,
            file => match Log::open(level, file.as_deref(), screen) {
                Ok(log) => Some(log),
                Err(error) => {
                    let what = match error {
                        PrivateFileError::Io { .. } => {
                            format!("cannot write to the log file {error}")
                        }
                        error => format!("the log file {error}"),
                    };
                    screen.error(
                        &what,
                        Some("name another with --log-file; nothing is begun"),
                    );
                    return Err(Exit::Usage);
                }
            },
        };
        Ok(RunOutput {
            screen: screen.clone(),
            log,
        })
    }
}

/// What a command shows and logs of a run.
pub(crate) struct RunOutput {
    screen: Screen,
    log: Option<Log>,
}

impl RunOutput {
    pub(crate) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Whoever watches a run that has begun.
    pub(crate) fn observer(&self, started: &Started) -> Box<dyn Observer> {
        let is_for_people = self.screen.mode() != Mode::Json;
        if is_for_people {
            self.screen.note(format_args!("list: {}", started.detected));
            self.screen.note(format_args!(
                "run:  {} against {}",
                started.dir.display(),
                started.service
            ));
        }
        let mut log = self.log.clone();
        if let Some(log) = &mut log {
            log.begun(started);
        }
        Box::new(RunObserver {
            screen: self.screen.clone(),
            progress: Progress::begin(started, &self.screen),
            notes: is_for_people && !log.as_ref().is_some_and(Log::is_on_screen),
            log,
        })
    }

    /// The end of the command.
    pub(crate) fn ended(&self, exit: Exit) -> Exit {
        if let Some(log) = &self.log {
            log.clone().ended(exit);
        }
        exit
    }
}

/// A run that is shown and logged.
struct RunObserver {
    screen: Screen,
    progress: Progress,
    log: Option<Log>,
    /// Whether what nobody else shows is noted on standard error.
    notes: bool,
}

impl Observer for RunObserver {
    fn event(&mut self, event: &Event) {
        if let Some(log) = &mut self.log {
            log.event(event);
        }
        if let Event::BearerSetAside { bearer } = event
            && self.notes
        {
            let text = set_aside(bearer.as_str());
            self.screen.note(format_args!("note: {text}"));
        }
        if let Event::ListComplete { notes, .. } = event
            && self.notes
        {
            for line in notes.lines() {
                self.screen.note(format_args!("note: {line}"));
            }
        }
        self.progress.event(event);
    }
}
