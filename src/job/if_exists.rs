//! `run` with a directory that may already contain a run, so that a scheduled job can be repeated.

use std::path::Path;

use tokio::sync::mpsc;

use super::conclusion::Conclusion;
use super::list_address::ListAddress;
use super::list_change::{changed_object, list_change, remote_difference};
use super::open_run::open_run;
use super::session::Started;
use super::{JobError, Request, RunSettings, directory, report, resume, run, set_reports_to};
use crate::engine::{Command, Ending, Observer};
use crate::ledger::{LedgerError, LedgerReader, fact};
use crate::model::{BearerPool, RunState};
use crate::roster::ListChange;

/// What to do if the run directory contains a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// Fail.
    Fail,
    /// Resume it if it is not finished; if it is, do nothing.
    Resume,
    /// Start a new run in a numbered directory beside it.
    New,
}

/// As [`run`](super::run()), but `if_exists` decides what to do if the run directory contains a run.
/// The observer is created only if there is something to do.
///
/// # Errors
/// As `run`, or `resume`; and if the run that is there has another list, other options or other
/// bearers.
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
    let (is_finished, uploads, taken_over) = {
        let (lock, ledger) = open_run(&dir)?;
        check_same(&ledger, &request, &dir, &mut commands).await?;
        let is_finished = ledger.fact(fact::STATE)? == Some(RunState::Finished);
        let uploads = RunSettings::of(&ledger, &dir)?.reports_to.is_some();
        (is_finished, uploads, lock.taken_over().map(str::to_owned))
    };
    if is_finished {
        return Ok(Conclusion {
            summary: report(&dir, &mut commands)?,
            ending: Ending::Finished,
            dir,
            address: None,
            bearers: BearerPool::default(),
            single_adds: false,
            listed_first: false,
            channels: Vec::new(),
            uploads,
        });
    }
    if let Some(to) = &request.reports_to {
        set_reports_to(&dir, to)?;
    }
    let (target, limits) = (request.target, request.limits);
    let observer = |started: &Started| {
        observer(&Started {
            taken_over,
            ..started.clone()
        })
    };
    Box::pin(resume(&dir, |_| target, limits, observer, commands)).await
}

/// Checks that the run in a directory is the requested one. Limits may differ.
pub(super) async fn check_same(
    ledger: &LedgerReader,
    request: &Request,
    dir: &Path,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<(), JobError> {
    let settings = RunSettings::of(ledger, dir)?;
    let mut difference = difference(ledger, &settings, request)?;
    if difference.is_none() {
        let is_finished = ledger.fact(fact::STATE)? == Some(RunState::Finished);
        difference = match remote_difference(ledger, &request.source, commands).await? {
            Some(changed) if !is_finished => return Err(changed_object(&request.source, &changed)),
            changed => changed.map(|_| "its list was another object"),
        };
    }
    if difference.is_none() {
        // After a list is read to its end, its file may be moved or deleted.
        difference = list_change(ledger, request.source.clone(), commands)
            .await?
            .map(|change| match change {
                ListChange::Grown | ListChange::Size => "its list had another size",
                ListChange::Content => "its list had other content",
            });
    }
    difference.map_or(Ok(()), |what| {
        Err(JobError::AnotherRun {
            dir: dir.to_owned(),
            what: what.to_owned(),
        })
    })
}

/// The first difference between a run's settings and a request, if there is one.
fn difference(
    ledger: &LedgerReader,
    settings: &RunSettings,
    request: &Request,
) -> Result<Option<&'static str>, LedgerError> {
    let is_sandbox = request.target.is_sandbox();
    let list = ListAddress::of(&request.source);
    // Without --bearer a sandbox chooses one, so there is nothing to compare.
    let has_bearers = !(is_sandbox && request.bearers.is_empty());
    let bearers = match request.shard {
        Some(shard) => &shard.bearers(&request.bearers).0,
        None => &request.bearers,
    };
    let mut options = request.options.clone();
    options
        .bearer_app_instance
        .clone_from(&settings.options.bearer_app_instance);
    let size: Option<u64> = ledger.fact(fact::LIST_SIZE)?.flatten();
    let size_now = list
        .as_ref()
        .and_then(ListAddress::path)
        .and_then(|path| std::fs::metadata(path).ok());
    let is_same_size = match (size, size_now) {
        (Some(before), Some(now)) => before == now.len(),
        _ => true,
    };
    Ok(match () {
        () if settings.sandbox && !is_sandbox => Some("it was started with --sandbox"),
        () if !settings.sandbox && is_sandbox => Some("it was started without --sandbox"),
        () if settings.list != list => Some("it has another list"),
        () if !is_same_size => Some("its list had another size"),
        () if settings.options != options => Some("it has other options for reading the list"),
        () if settings.skip_existing != request.skip_existing => {
            Some("it has another --skip-existing")
        }
        () if settings.shard != request.shard => Some("it is another shard"),
        () if has_bearers && settings.bearers != *bearers => Some("it has another bearer"),
        () => None,
    })
}
