//! `resume`: continues a run from its ledger.

use std::path::Path;

use tokio::sync::mpsc;

use super::conclusion::Conclusion;
use super::list_change::{ChangedList, changed_object, list_change, remote_difference};
use super::lock::RunLock;
use super::open_list::{OpenList, Stage};
use super::open_run::open_run;
use super::session::{Session, Started};
use super::{
    JobError, LimitOverrides, RunSettings, Target, UNDO_DIR, account_quotas, directory, existing,
    merge, report, supported,
};
use crate::engine::{Command, Feed, Observer, replay, restore};
use crate::ledger::{Ledger, LedgerReader, fact};
use crate::model::RunState;
use crate::roster::{ListChange, RemoteIdentity, Source};
use crate::schedule::Scheduler;

/// Continues the run in this directory. `target` returns the service to call, from the run's
/// settings; limits that are set override those of the run.
///
/// # Errors
/// As [`run`](super::run()); and if the directory contains no run, or another process works on it.
pub async fn resume(
    dir: &Path,
    target: impl FnOnce(&RunSettings) -> Target,
    limits: LimitOverrides,
    observer: impl FnOnce(&Started) -> Box<dyn Observer>,
    commands: mpsc::Receiver<Command>,
) -> Result<Conclusion, JobError> {
    Box::pin(continue_run(
        dir,
        |_| Ok(()),
        target,
        limits,
        observer,
        commands,
    ))
    .await
}

/// Continues a run. `first` changes its ledger once everything else has succeeded.
pub(super) async fn continue_run(
    dir: &Path,
    first: impl FnOnce(&mut Ledger) -> Result<(), JobError>,
    target: impl FnOnce(&RunSettings) -> Target,
    limits: LimitOverrides,
    observer: impl FnOnce(&Started) -> Box<dyn Observer>,
    mut commands: mpsc::Receiver<Command>,
) -> Result<Conclusion, JobError> {
    let (lock, mut ledger) = open_run(dir)?;
    let settings = RunSettings::of(&ledger, dir)?;
    if settings.is_part() {
        return Err(JobError::IsPart(dir.to_owned()));
    }
    if directory::holds_run(&dir.join(UNDO_DIR)) {
        return Err(JobError::HasUndo(dir.to_owned()));
    }
    if settings.sync.is_some() {
        return Err(JobError::IsSync(dir.to_owned()));
    }
    merge::check_finished(&ledger, dir)?;
    report::complete(&mut ledger, dir, &mut commands)?;
    let mut called = None;
    let target = |settings: &RunSettings| called.insert(target(settings)).clone();
    let (session, scheduler, started) = restored(
        (dir, lock, ledger),
        first,
        settings,
        target,
        limits,
        &mut commands,
    )
    .await?;
    let observer = &mut *observer(&started);
    let Some(target) = called else {
        return Box::pin(session.run(scheduler, observer, commands)).await;
    };
    let start = (session, scheduler);
    Box::pin(existing::run(start, target, observer, commands)).await
}

/// A session that continues the run of an open ledger. `first` changes the ledger once everything else
/// has succeeded.
pub(super) async fn restored(
    (dir, lock, mut ledger): (&Path, RunLock, Ledger),
    first: impl FnOnce(&mut Ledger) -> Result<(), JobError>,
    mut settings: RunSettings,
    target: impl FnOnce(&RunSettings) -> Target,
    limits: LimitOverrides,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<(Session, Scheduler, Started), JobError> {
    let mut target = target(&settings);
    settings.retarget(&mut target);
    settings.limits = limits.or_else(settings.limits);
    target.check_profile().await?;
    settings.resolve_limits()?;
    let quota_warnings = account_quotas::ask(&mut settings, &target).await;
    let limits = settings.resolve_limits()?;
    supported::check_request(target.api(), &settings.options, &settings.bearers)?;
    supported::check_run(&target, &settings.options, &ledger)?;
    let (service, address) = Box::pin(target.connect(&settings)).await?;
    let changed_list = Box::pin(changed_list(&ledger, &settings, commands)).await?;
    let (feed, detected) = Box::pin(feed(&ledger, &settings, commands)).await?;
    first(&mut ledger)?;
    ledger.recover(jiff::Timestamp::now().as_millisecond())?;
    let dir = dir.to_owned();
    let session = Session {
        dir,
        lock,
        ledger,
        settings,
        limits,
        service,
        address,
        feed,
        quota_warnings,
    };
    let mut scheduler = session.scheduler();
    let sent = restore(&session.ledger, &mut scheduler)?;
    let settled_before = sent + session.ledger.listed_rows()?;
    let (bearers, now) = (session.settings.bearers.as_slice(), jiff::Timestamp::now());
    replay(
        &session.ledger,
        &mut scheduler,
        bearers,
        now.as_millisecond(),
    )?;
    let started = Started {
        changed_list,
        ..session.started(detected, settled_before)?
    };
    Ok((session, scheduler, started))
}

/// The run's list, if it was changed after the run had read it to its end.
///
/// # Errors
/// As [`list_change`]; and if the list is remote, has changed, and the run is not finished.
async fn changed_list(
    ledger: &LedgerReader,
    settings: &RunSettings,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<Option<ChangedList>, JobError> {
    let Some(list) = settings.list.clone() else {
        return Ok(None);
    };
    let source = list.clone().source(settings.aws.profile.as_deref(), None);
    let change = match remote_difference(ledger, &source, commands).await? {
        None => list_change(ledger, source, commands).await?,
        // Its rows are in the ledger, and `retry` sends no others.
        Some(_) if ledger.fact(fact::STATE)? == Some(RunState::Finished) => {
            Some(ListChange::Content)
        }
        Some(difference) => return Err(changed_object(&source, &difference)),
    };
    Ok(change.map(|change| ChangedList { list, change }))
}

/// The rest of the list, if it was not read to its end. The list is read again from its beginning;
/// rows that are already staged are compared and skipped.
async fn feed(
    ledger: &LedgerReader,
    settings: &RunSettings,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<(Feed, String), JobError> {
    if ledger.staged().list_ended {
        return Ok((Feed::Ended, "the list is read to its end".to_owned()));
    }
    let expected: Option<RemoteIdentity> = ledger.fact(fact::LIST_IDENTITY)?;
    let profile = settings.aws.profile.as_deref();
    let source = match settings.list.clone() {
        Some(list) => list.source(profile, expected),
        None => Source::Stdin,
    };
    let options = settings.limits.options(&settings.options);
    let stage = Stage {
        key: ledger.key()?,
        shard: settings.shard,
        with_first: false,
    };
    let list = OpenList::begin(source, options, stage, commands).await;
    let list = list.map_err(|error| match error {
        JobError::Roster(error) => JobError::Roster(error.after_it_was_read()),
        error => error,
    })?;
    let size: Option<u64> = ledger.fact(fact::LIST_SIZE)?.flatten();
    let what = match (size, list.size) {
        (Some(before), Some(now)) if before != now => {
            format!("it had {before} bytes, and has {now}")
        }
        _ if list.layout != *ledger.layout() => "its columns differ".to_owned(),
        _ => {
            let feed = Feed::spawn(None, list.stager).map_err(JobError::NoThread)?;
            return Ok((feed, list.detected));
        }
    };
    Err(JobError::ListChanged { what })
}
