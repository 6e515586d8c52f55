//! The changes of a sync: who is missing is added, and then others are removed.

use std::collections::HashSet;
use std::path::Path;

use tokio::sync::mpsc;

use super::{Synchronization, spend};
use crate::engine::{Command, Ending, Observer, replay, replay_parts};
use crate::job::commands::is_halted;
use crate::job::part::{self, LIST, NewPart};
use crate::job::resume::restored;
use crate::job::session::{EndedSession, Started};
use crate::job::staged_run::adding;
use crate::job::{
    JobError, LEDGER, LimitOverrides, REMOVAL, RunSettings, UndoSettings, directory, report,
};
use crate::ledger::{Durability, Ledger, LedgerReader, fact};
use crate::model::{Outcome, RunState, codes};
use crate::report::{
    DIFF, Reports, Sign, SyncSummary, diff_digest, read_diff, write_sync_removals,
};
use crate::roster::Entry;

impl Synchronization {
    /// Adds who is missing, unless that is done, and writes the run's reports.
    pub(super) async fn add(
        &self,
        staged: EndedSession,
        listing: &Ledger,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<EndedSession, JobError> {
        if staged.ledger.fact(fact::STATE)? == Some(RunState::Finished) {
            return Ok(staged);
        }
        let (service, address) = self.target.connect(&staged.settings).await?;
        let staged = EndedSession { address, ..staged };
        let (session, mut scheduler, settled_before) = adding(staged, service)?;
        let (ledger, bearers) = (&session.ledger, session.settings.bearers.as_slice());
        let now = jiff::Timestamp::now().as_millisecond();
        replay(ledger, &mut scheduler, bearers, now)?;
        replay_parts([listing], &mut scheduler, bearers)?;
        let started = session.started("the list is read to its end".to_owned(), settled_before)?;
        let observer = &mut *observer(&started);
        let mut ended = Box::pin(session.work(scheduler, observer, commands)).await?;
        let reports = Reports {
            dir: &self.dir,
            state: ended.state,
            limits: &ended.limits,
        };
        report::write(&mut ended.ledger, reports, || !is_halted(commands))?;
        Ok(ended)
    }

    /// Removes who is to be removed, but for channels in which an add failed.
    pub(super) async fn remove(
        &self,
        added: &EndedSession,
        summary: &mut SyncSummary,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Ending, JobError> {
        let dir = self.dir.join(REMOVAL);
        let path = self.dir.join(DIFF);
        let digest = diff_digest(&path, added.ledger.key()?)?;
        if added.ledger.fact(fact::DIFF_DIGEST)? != Some(digest) {
            return Err(JobError::DiffChanged(path));
        }
        let failed = failed_channels(&added.ledger)?;
        let settings = removal_settings(&added.settings, &dir);
        let new = NewPart::connect(&dir, settings, self.target.clone()).await?;
        let lock = new.lock_directory()?;
        let run_id: String = added.ledger.fact(fact::RUN_ID)?.unwrap_or_default();
        let (session, scheduler, started) = if directory::holds_run(&dir) {
            let ledger = Ledger::open(&dir.join(LEDGER), Durability::Full)?;
            if ledger.fact(fact::RUN_ID)?.as_ref() != Some(&run_id) {
                let what = "the removals of another sync".to_owned();
                return Err(JobError::AnotherRun { dir, what });
            }
            let settings = RunSettings::of(&ledger, &dir)?;
            let limits = LimitOverrides::default();
            let target = self.target.clone();
            let open = (dir.as_path(), lock, ledger);
            withhold(&failed, summary, &self.dir)?;
            restored(open, |_| Ok(()), settings, |_| target, limits, commands).await?
        } else {
            withhold(&failed, summary, &self.dir)?;
            if write_sync_removals(&path, |channel| failed.contains(channel), &dir, LIST)? == 0 {
                return Ok(Ending::Finished);
            }
            let (session, started) = new.begin(lock, &run_id, commands).await?;
            let mut scheduler = session.scheduler();
            let bearers = session.settings.bearers.as_slice();
            replay_parts([&added.ledger], &mut scheduler, bearers)?;
            (session, scheduler, started)
        };
        let started = Started {
            part_of: Some(self.dir.clone()),
            ..started
        };
        let observer = &mut *observer(&started);
        let ended = Box::pin(session.work(scheduler, observer, commands)).await?;
        spend(&ended.ledger, summary)?;
        count_removals(&ended.ledger, summary)?;
        Ok(ended.ending)
    }
}

/// The settings of the part that removes.
fn removal_settings(run: &RunSettings, dir: &Path) -> RunSettings {
    RunSettings {
        undo: Some(UndoSettings {
            guarded: false,
            include_in_doubt: false,
            channels: Vec::new(),
        }),
        ..part::settings(run, dir)
    }
}

/// The channels in which a row is not in, and did not leave by itself.
fn failed_channels(run: &LedgerReader) -> Result<HashSet<String>, JobError> {
    let mut failed = HashSet::new();
    let mut entry = Entry::default();
    run.project(|row| {
        let is_open =
            row.outcome.can_be_retried() && row.code.as_deref() != Some(codes::LEFT_SINCE);
        if is_open && run.layout().resolve(row.record, &mut entry).is_ok() {
            failed.insert(entry.channel_arn().to_owned());
        }
        Ok::<_, JobError>(())
    })?;
    Ok(failed)
}

/// Counts the removals that are withheld because an add failed.
fn withhold(
    failed: &HashSet<String>,
    summary: &mut SyncSummary,
    dir: &Path,
) -> Result<(), JobError> {
    let mut withheld = 0;
    read_diff(&dir.join(DIFF), |row| {
        if row.sign == Sign::Remove && failed.contains(&row.channel) {
            withheld += 1;
            let reason = "not everybody could be added to it".to_owned();
            summary.withheld_channels.insert(row.channel, reason);
        }
        Ok(())
    })?;
    summary.withheld += withheld;
    Ok(())
}

/// Counts the rows of the run.
pub(super) fn count_adds(run: &LedgerReader, summary: &mut SyncSummary) -> Result<(), JobError> {
    run.project(|row| {
        let code = row.code.as_deref().unwrap_or_default();
        match row.outcome {
            Outcome::Added => summary.added += 1,
            Outcome::Failed if code == codes::LEFT_SINCE => {}
            Outcome::Failed | Outcome::Unconfirmed => {
                summary.failed += 1;
                *summary.errors_by_code.entry(code.to_owned()).or_default() += 1;
            }
            Outcome::NotAttempted => summary.not_attempted += 1,
            Outcome::AlreadyMember | Outcome::Invalid | Outcome::Duplicate => {}
        }
        Ok::<_, JobError>(())
    })?;
    Ok(())
}

/// Counts the rows of the part that removes.
fn count_removals(part: &LedgerReader, summary: &mut SyncSummary) -> Result<(), JobError> {
    part.project(|row| {
        match row.outcome {
            Outcome::Added => summary.removed += 1,
            Outcome::AlreadyMember => summary.gone_already += 1,
            Outcome::NotAttempted => summary.not_attempted += 1,
            _ => {
                summary.failed += 1;
                let code = row.code.clone().unwrap_or_default();
                *summary.errors_by_code.entry(code).or_default() += 1;
            }
        }
        Ok::<_, JobError>(())
    })?;
    Ok(())
}
