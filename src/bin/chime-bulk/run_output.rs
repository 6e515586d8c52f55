//! What is shown of a run, and what is logged.

use std::path::{Path, PathBuf};

use chime_bulk::engine::{Event, Observer, Task};
use chime_bulk::job::Started;
use chime_bulk::model::{CallAction, Shard};
use chime_bulk::private_file::PrivateFileError;
use clap::{ArgAction, Args};

use crate::args::FileSystemArguments;
use crate::exit::Exit;
use crate::log::{Level, Log, listing_text, set_aside};
use crate::metrics::{Metrics, MetricsArguments, MetricsObserver};
use crate::progress::Progress;
use crate::progress::counts::explained;
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
    #[command(flatten)]
    pub(crate) file_system: FileSystemArguments,
    #[command(flatten)]
    pub(crate) metrics: MetricsArguments,
}

impl RunOutputArguments {
    /// The same without metrics, for a command that is no run.
    pub(crate) fn without_metrics(&self) -> Self {
        Self {
            metrics: MetricsArguments::default(),
            ..self.clone()
        }
    }

    /// Whether the log goes to this file, which exists.
    pub(crate) fn logs_to(&self, file: &Path) -> bool {
        let log = self.log_file.as_deref().map(Path::canonicalize);
        matches!((log, file.canonicalize()), (Some(Ok(log)), Ok(file)) if log == file)
    }

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
            metrics: self.metrics.open(screen)?,
            log,
        })
    }
}

/// What a command shows and logs of a run.
pub(crate) struct RunOutput {
    screen: Screen,
    metrics: Metrics,
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
            for line in opening(started) {
                self.screen.note(line);
            }
        }
        let mut log = self.log.clone();
        if let Some(log) = &mut log {
            log.begun(started);
        }
        if let Some(earlier) = &started.taken_over {
            self.screen.note(format_args!(
                "note: taken over from {earlier}, which ended without releasing the run"
            ));
        }
        if let Some(quotas) = &started.quotas {
            self.screen.note(format_args!("quotas: {quotas}"));
        }
        for warning in &started.quota_warnings {
            self.screen.note(format_args!("warning: {warning}"));
        }
        let progress = Progress::begin(started, &self.screen, self.metrics.emf());
        let metrics = self.metrics.observer(started, progress.counts());
        if let Some(changed) = &started.changed_list {
            self.screen.note(format_args!("note: {changed}"));
        }
        Box::new(RunObserver {
            screen: self.screen.clone(),
            progress,
            metrics,
            address: started.address.clone(),
            trouble: Trouble::default(),
            task: started.task,
            notes: is_for_people && !log.as_ref().is_some_and(Log::is_on_screen),
            log,
        })
    }

    /// The end of the command.
    pub(crate) fn ended(&self, exit: Exit) -> Exit {
        if let Some(log) = &self.log {
            log.clone().ended(exit);
        }
        self.metrics.ended(exit);
        exit
    }
}

/// The first lines of a session.
fn opening(started: &Started) -> Vec<String> {
    let Started {
        detected,
        dir,
        service,
        ..
    } = started;
    let what = match started.task {
        Task::Remove { .. } => "removal",
        Task::Read => "reading the channels",
        Task::Add | Task::Stage => {
            let shard = started.shard.map(|shard| shard_line(shard, started));
            let lines = [
                format!("list: {detected}"),
                format!("run:  {} against {service}", dir.display()),
            ];
            return lines.into_iter().chain(shard).collect();
        }
    };
    let run = started.part_of.as_ref().unwrap_or(dir);
    vec![format!("{what}: {} against {service}", run.display())]
}

/// What a shard has of the limits of its job.
fn shard_line(shard: Shard, started: &Started) -> String {
    let (number, count) = (shard.number(), shard.count());
    let bearers = match started.share.processes_per_bearer() {
        1 => format!("bearers of its own: {}", started.bearers),
        shards => format!(
            "all {} bearers, at 1/{shards} of their rate: {} calls a second each",
            started.bearers, started.limits.bearer_rate
        ),
    };
    format!("shard: {number} of {count}, {bearers}")
}

/// A run that is shown and logged.
struct RunObserver {
    screen: Screen,
    progress: Progress,
    metrics: Option<MetricsObserver>,
    log: Option<Log>,
    address: Option<String>,
    trouble: Trouble,
    task: Task,
    /// Whether what nobody else shows is noted on standard error.
    notes: bool,
}

/// Whether calls are accepted, as far as it was noted.
#[derive(Default)]
struct Trouble {
    /// Whether a call was accepted in this session.
    accepted: bool,
    /// Whether the service counts as down.
    outage: bool,
    /// The reason that was noted last.
    noted: Option<String>,
}

impl Trouble {
    /// The reason to note: of the first calls that fail, if none was accepted before, and of an outage
    /// that begins.
    fn begins(&mut self, event: &Event) -> Option<String> {
        let Event::CallSettled {
            refusal,
            code,
            reason,
            outage,
            ..
        } = event
        else {
            return None;
        };
        let begins = *outage && !self.outage;
        self.outage = *outage;
        let Some(reason) = explained(code.as_deref(), reason.as_deref()) else {
            (self.accepted, self.noted) = (true, None);
            return None;
        };
        // What concerns members or a bearer is no trouble of the service.
        let fails = refusal.is_some_and(|kind| kind.action() == CallAction::Retry);
        if !(begins || fails && !self.accepted) || self.noted.as_ref() == Some(&reason) {
            return None;
        }
        self.noted = Some(reason.clone());
        Some(reason)
    }
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
        if let Some(text) = listing_text(event)
            && self.notes
        {
            let is_note = matches!(event, Event::ListingRefused { .. });
            let prefix = if is_note { "note: " } else { "" };
            self.screen.note(format_args!("{prefix}{text}"));
        }
        if let Some(reason) = self.trouble.begins(event)
            && self.notes
        {
            let place = self.address.as_deref().unwrap_or("the sandbox");
            let who = if self.task.removes() { "undo" } else { "run" };
            self.screen.note(format_args!(
                "note: no call is accepted by {place}: {reason}; the {who} keeps trying"
            ));
        }
        // The list of an undo is not the user's, who can change nothing about it.
        if let Event::ListComplete { notes, .. } = event
            && self.notes
            && !self.task.removes()
            && self.task != Task::Read
        {
            for line in notes.lines() {
                self.screen.note(format_args!("note: {line}"));
            }
        }
        if let Some(metrics) = &mut self.metrics {
            metrics.event(event);
        }
        self.progress.event(event);
    }
}
