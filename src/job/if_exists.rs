//! A run whose directory may hold one already: so a scheduled job can be started again.

use std::path::Path;

use tokio::sync::mpsc;

use super::conclusion::Conclusion;
use super::list_path::absolute;
use super::session::Started;
use super::{JobError, Request, RunSettings, directory, report, resume, run, session};
use crate::engine::{Command, Ending, Observer};
use crate::ledger::{LedgerError, LedgerReader, fact};
use crate::model::{BearerPool, RunState};
use crate::roster::Source;

/// What to do where the run directory holds a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// Refuse.
    Fail,
    /// Go on with it if it is not finished; if it is, do nothing.
    Resume,
    /// Begin a new one in a directory beside it, numbered.
    New,
}

/// As [`run`](super::run()), but `if_exists` decides where the run directory contains a run. The
/// observer is created only if there is something to do.
///
/// # Errors
/// As `run`, or `resume`; and if the run that is there was asked for another list, in another way
/// or in another's name.
pub async fn run_or_resume(
    mut request: Request,
    if_exists: IfExists,
    observer: impl FnOnce(&Started) -> Box<dyn Observer>,
    mut commands: mpsc::Receiver<Command>,
) -> Result<Conclusion, JobError> {
    let dir = request.run_dir.clone();
    let Some(dir) = dir.filter(|dir| directory::holds_run(dir)) else {
        return Box::pin(run(request, observer, commands)).await;
    };
    match if_exists {
        IfExists::Fail => return Err(JobError::RunExists(dir)),
        IfExists::New => {
            request.run_dir = Some(directory::unused(dir));
            return Box::pin(run(request, observer, commands)).await;
        }
        IfExists::Resume => {}
    }
    let is_finished = {
        let (_lock, ledger) = session::open(&dir)?;
        check_same(&ledger, &request, &dir)?;
        ledger.fact(fact::STATE)? == Some(RunState::Finished)
    };
    if is_finished {
        return Ok(Conclusion {
            summary: report(&dir, &mut commands)?,
            ending: Ending::Finished,
            dir,
            bearers: BearerPool::default(),
            channels: Vec::new(),
        });
    }
    let (target, limits) = (request.target, request.limits);
    Box::pin(resume(&dir, |_| target, limits, observer, commands)).await
}

/// Sees that the run in a directory is the one that is asked for, but for limits.
fn check_same(ledger: &LedgerReader, request: &Request, dir: &Path) -> Result<(), JobError> {
    let settings = RunSettings::of(ledger, dir)?;
    difference(ledger, &settings, request)?.map_or(Ok(()), |what| {
        Err(JobError::AnotherRun {
            dir: dir.to_owned(),
            what: what.to_owned(),
        })
    })
}

fn difference(
    ledger: &LedgerReader,
    settings: &RunSettings,
    request: &Request,
) -> Result<Option<&'static str>, LedgerError> {
    let is_sandbox = request.target.is_sandbox();
    let list = match &request.source {
        Source::File(path) => Some(absolute(path)),
        _ => None,
    };
    // Where nobody is named, a sandbox makes somebody up.
    let names_bearers = !(is_sandbox && request.bearers.is_empty());
    let mut options = request.options.clone();
    options
        .bearer_app_instance
        .clone_from(&settings.options.bearer_app_instance);
    let size: Option<u64> = ledger.fact(fact::LIST_SIZE)?.flatten();
    let size_now = list
        .as_deref()
        .and_then(|path| std::fs::metadata(path).ok());
    let is_of_size = match (size, size_now) {
        (Some(before), Some(now)) => before == now.len(),
        // A list that was read to its end may be put away.
        _ => true,
    };
    Ok(match () {
        () if settings.sandbox && !is_sandbox => Some("it is a rehearsal with --sandbox"),
        () if !settings.sandbox && is_sandbox => Some("it is not a rehearsal with --sandbox"),
        () if settings.list != list => Some("it is of another list"),
        () if !is_of_size => Some("its list had another size"),
        () if settings.options != options => Some("its list was to be read in another way"),
        () if names_bearers && settings.bearers != request.bearers => Some("it has another bearer"),
        () => None,
    })
}
