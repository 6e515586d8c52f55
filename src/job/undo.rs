//! `undo`: removes the members that a run added.
//!
//! An undo is a run of its own, in a directory inside the run's: its list is made from the run's
//! ledger, and its calls remove members. Promises: the run's ledger and reports stay as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::commands::is_halted;
use super::conclusion::{NAMED_CHANNELS, SessionEnd, explains_end};
use super::lock;
use super::open_run::open_run;
use super::part::{self, LIST, NewPart};
use super::resume::restored;
use super::session::{EndedSession, Session, Started};
use super::sync_end::check_acted;
use super::{
    JobError, LEDGER, LimitOverrides, RunSettings, RunVerdict, Target, UNDO_DIR, UndoSettings,
    directory,
};
use crate::engine::{Command, Ending, Observer};
use crate::ledger::{Ledger, LedgerError, LedgerReader, fact};
use crate::model::{BearerPool, ChannelArn, Outcome, RunState, codes};
use crate::report::{
    RemovalChoice, UndoPlan, UndoSummary, check_undo_report, count_removals, write_removals,
    write_undo,
};
use crate::schedule::{LowerBound, Scheduler};

/// The IAM actions of an undo; the first only with the guard.
const ACTIONS: [&str; 2] = [
    "chime:DescribeChannelMembership",
    "chime:DeleteChannelMembership",
];

/// The request to undo a run.
#[derive(Debug, Clone)]
pub struct UndoRequest {
    /// The run's directory.
    pub dir: PathBuf,
    /// Whether a member is removed only if the service describes that the run added it.
    pub guarded: bool,
    /// Which members to remove. An undo that is continued has its choice already.
    pub choice: RemovalChoice,
    /// Limits; those not set are the run's.
    pub limits: LimitOverrides,
}

/// The end of an undo.
#[derive(Debug)]
pub struct UndoConclusion {
    /// The counts.
    pub summary: UndoSummary,
    /// Why it ended.
    pub ending: Ending,
    /// The directory of the run that is undone.
    pub dir: PathBuf,
    /// Whether its reports go to object storage, too.
    pub uploads: bool,
    address: Option<String>,
    bearers: BearerPool,
    channels: Vec<ChannelArn>,
    guarded: bool,
}

explains_end!(UndoConclusion);

impl UndoConclusion {
    /// The result: [`RunVerdict::AllIn`] if every member is gone.
    #[must_use]
    pub fn verdict(&self) -> RunVerdict {
        self.end().verdict(self.summary.is_all_gone())
    }

    fn end(&self) -> SessionEnd<'_> {
        let actions = if self.guarded {
            &ACTIONS[..]
        } else {
            &ACTIONS[1..]
        };
        SessionEnd {
            ending: &self.ending,
            address: self.address.as_deref(),
            bearers: &self.bearers,
            channels: &self.channels,
            actions,
            reports: "undo.csv",
        }
    }
}

/// Counts what an undo would remove, and how long that takes at least. Makes no call and writes
/// nothing.
///
/// # Errors
/// If the directory contains no run that can be undone, or a process works on it.
pub fn plan_undo(request: &UndoRequest) -> Result<UndoPlan, JobError> {
    let dir = &request.dir;
    if let Some(owner) = lock::owner(dir)? {
        let dir = dir.clone();
        return Err(JobError::Owned { dir, owner });
    }
    if Ledger::is_blank(&dir.join(LEDGER))? {
        return Err(directory::no_run(dir));
    }
    let ledger = LedgerReader::open(&dir.join(LEDGER))?;
    let settings = RunSettings::of(&ledger, dir)?;
    if settings.is_part() {
        return Err(JobError::IsPart(dir.clone()));
    }
    check_acted(&ledger, dir)?;
    let undo_dir = dir.join(UNDO_DIR);
    let mut plan = UndoPlan::default();
    let bound = if directory::holds_run(&undo_dir) {
        let ledger = LedgerReader::open(&undo_dir.join(LEDGER))?;
        check_choice(&ledger, &undo_dir, request)?;
        let left = rows_left(&ledger)?;
        plan.members = left.values().sum();
        plan.channels = left.len() as u64;
        let mut bound = LowerBound::default();
        for rows in left.into_values() {
            bound.add_calls(rows);
        }
        plan.is_continued = true;
        bound
    } else {
        let counts = count_removals(&ledger, &request.choice)?;
        plan.members = counts.members;
        plan.channels = counts.channels;
        plan.in_doubt_left_out = counts.in_doubt_left_out;
        counts.bound
    };
    let settings = undo_settings(&settings, request);
    let bearers = settings.bearers.len();
    let (least, _) = bound.time(&settings.resolve_limits()?, bearers);
    plan.run_id = ledger.fact(fact::RUN_ID)?.unwrap_or_default();
    plan.guarded = request.guarded;
    plan.calls = bound.calls();
    plan.seconds = least.as_secs_f64();
    Ok(plan)
}

/// Removes the members that a run added, or continues to. `target` returns the service to call, from
/// the run's settings.
///
/// # Errors
/// As [`resume`](super::resume()); and if the run was a rehearsal in a sandbox that is gone, if there is
/// nobody to remove, or if another undo of the run exists.
pub async fn undo(
    request: UndoRequest,
    target: impl FnOnce(&RunSettings) -> Target,
    observer: impl FnOnce(&Started) -> Box<dyn Observer>,
    mut commands: mpsc::Receiver<Command>,
) -> Result<UndoConclusion, JobError> {
    let dir = request.dir.clone();
    // Held to the end: the run must not add members meanwhile.
    let (lock_of_run, run) = open_run(&dir)?;
    let settings = RunSettings::of(&run, &dir)?;
    if settings.is_part() {
        return Err(JobError::IsPart(dir));
    }
    check_acted(&run, &dir)?;
    let uploads = settings.reports_to.is_some();
    let target = target(&settings);
    if settings.sandbox && !target.is_sandbox() {
        return Err(JobError::SandboxGone(dir));
    }
    check_undo_report(&dir)?;
    let undo_dir = dir.join(UNDO_DIR);
    let (session, scheduler, started) = if directory::holds_run(&undo_dir) {
        let run_id: String = run.fact(fact::RUN_ID)?.unwrap_or_default();
        drop(run);
        Box::pin(continued(
            &request,
            (&undo_dir, &run_id),
            target,
            &mut commands,
        ))
        .await?
    } else {
        let settings = undo_settings(&settings, &request);
        let (session, started) = Box::pin(created(
            run,
            &request,
            settings,
            &undo_dir,
            target,
            &mut commands,
        ))
        .await?;
        let scheduler = session.scheduler();
        (session, scheduler, started)
    };
    let started = Started {
        part_of: Some(dir.clone()),
        ..started
    };
    let ended = Box::pin(session.work(scheduler, &mut *observer(&started), &mut commands)).await?;
    let EndedSession {
        lock,
        ledger,
        settings,
        address,
        ending,
        state,
        ..
    } = ended;
    let summary = write_undo(&ledger, &dir, state, || !is_halted(&mut commands))?;
    drop((lock, lock_of_run));
    Ok(UndoConclusion {
        summary,
        ending,
        dir,
        uploads,
        address,
        bearers: settings.bearers,
        channels: ledger.first_channels(NAMED_CHANNELS + 1)?,
        guarded: request.guarded,
    })
}

/// The settings of the undo of a run with these settings.
fn undo_settings(run: &RunSettings, request: &UndoRequest) -> RunSettings {
    let channels = request.choice.channels.iter();
    let part = part::settings(run, &request.dir.join(UNDO_DIR));
    RunSettings {
        limits: request.limits.or_else(part.limits),
        undo: Some(UndoSettings {
            guarded: request.guarded,
            include_in_doubt: request.choice.include_in_doubt,
            channels: channels.map(ToString::to_string).collect(),
        }),
        ..part
    }
}

/// A new undo: its list, its ledger and its first session.
async fn created(
    run: Ledger,
    request: &UndoRequest,
    settings: RunSettings,
    undo_dir: &Path,
    target: Target,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<(Session, Started), JobError> {
    let new = NewPart::connect(undo_dir, settings, target).await?;
    new.check_address(&run, &request.dir)?;
    if count_removals(&run, &request.choice)?.members == 0 {
        return Err(JobError::NothingToUndo);
    }
    let lock = new.lock_directory()?;
    directory::check_vacant(undo_dir)?;
    write_removals(&run, &request.choice, undo_dir, LIST)?;
    let run_id: String = run.fact(fact::RUN_ID)?.unwrap_or_default();
    drop(run);
    new.begin(lock, &run_id, commands).await
}

/// The next session of an undo that exists. If it is finished, the rows that failed are tried again.
async fn continued(
    request: &UndoRequest,
    (undo_dir, run_id): (&Path, &str),
    target: Target,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<(Session, Scheduler, Started), JobError> {
    let (lock, ledger) = open_run(undo_dir)?;
    if ledger.fact::<String>(fact::RUN_ID)?.as_deref() != Some(run_id) {
        return Err(JobError::AnotherUndo(request.dir.clone()));
    }
    check_choice(&ledger, undo_dir, request)?;
    let mut settings = RunSettings::of(&ledger, undo_dir)?;
    if let Some(undo) = &mut settings.undo {
        undo.guarded = request.guarded;
    }
    let first = |ledger: &mut Ledger| {
        if ledger.fact(fact::STATE)? != Some(RunState::Finished) {
            return Ok(());
        }
        let failed = failed_codes(ledger)?;
        let now = jiff::Timestamp::now().as_millisecond();
        if failed.is_empty() || ledger.begin_pass(now, &failed)? == 0 {
            return Err(JobError::Undone(request.dir.clone()));
        }
        // In the same commit as the new pass, as `retry` does.
        ledger.set_fact(fact::STATE, &RunState::Interrupted)?;
        Ok(ledger.commit()?)
    };
    let open = (undo_dir, lock, ledger);
    Box::pin(restored(
        open,
        first,
        settings,
        |_| target,
        request.limits,
        commands,
    ))
    .await
}

/// Checks that an undo that exists has the choice of the request, if the request makes one.
fn check_choice(
    ledger: &LedgerReader,
    undo_dir: &Path,
    request: &UndoRequest,
) -> Result<(), JobError> {
    let RemovalChoice {
        channels,
        include_in_doubt,
    } = &request.choice;
    let undo = RunSettings::of(ledger, undo_dir)?.undo;
    let undo = undo.ok_or_else(|| JobError::NoRun(undo_dir.to_owned()))?;
    let channels: BTreeSet<&str> = channels.iter().map(ChannelArn::as_str).collect();
    let chosen: BTreeSet<&str> = undo.channels.iter().map(String::as_str).collect();
    let is_same =
        (channels.is_empty() || channels == chosen) && (!include_in_doubt || undo.include_in_doubt);
    if is_same {
        Ok(())
    } else {
        Err(JobError::AnotherUndo(request.dir.clone()))
    }
}

/// Whether a row of an undo is tried again when the undo is continued.
fn is_left(outcome: Outcome, code: Option<&str>) -> bool {
    match outcome {
        Outcome::Failed => !code.is_some_and(|code| codes::KEPT.contains(&code)),
        Outcome::Unconfirmed | Outcome::NotAttempted => true,
        _ => false,
    }
}

/// The error codes of the rows that failed.
fn failed_codes(ledger: &LedgerReader) -> Result<Vec<String>, LedgerError> {
    let mut failed = BTreeSet::new();
    ledger.project(|row| {
        if is_left(row.outcome, row.code.as_deref()) {
            failed.extend(row.code.clone());
        }
        Ok::<_, LedgerError>(())
    })?;
    Ok(failed.into_iter().collect())
}

/// How many rows of an undo are left, by channel.
fn rows_left(ledger: &LedgerReader) -> Result<BTreeMap<String, u64>, LedgerError> {
    let mut left = BTreeMap::new();
    ledger.project(|row| {
        if is_left(row.outcome, row.code.as_deref()) {
            let channel = row.record.get(1).map(ToString::to_string);
            *left.entry(channel.unwrap_or_default()).or_default() += 1;
        }
        Ok::<_, LedgerError>(())
    })?;
    Ok(left)
}
