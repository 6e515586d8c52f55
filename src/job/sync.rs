//! `sync`: makes the channels of a list equal to it.
//!
//! A sync is a run whose list is read to its end first. Then its channels are listed, the whole
//! difference is written and judged, and only then members are added, by the run, and removed, by a
//! part of it.
//!
//! Promises: nothing is added or removed before the whole difference is known and within the limit;
//! nobody is removed from a channel in which an add failed; a sync that was cut off goes on where it
//! was, with the difference it had.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::commands::is_halted;
use super::conclusion::{NAMED_CHANNELS, SessionEnd};
use super::if_exists::check_same;
use super::inquiry::{Inquired, Inquiry};
use super::lock::RunLock;
use super::open_run::open_run;
use super::part::{self, LIST, NewPart};
use super::protected::protected;
use super::resume::restored;
use super::run::{begun, new_directory};
use super::session::{EndedSession, Started};
use super::staged_run::adding;
use super::{
    JobError, LEDGER, LimitOverrides, Request, RunSettings, RunVerdict, SyncSettings, Target,
    UndoSettings, directory, report,
};
use crate::engine::{Command, Ending, Observer, replay, replay_parts};
use crate::ledger::{Durability, Ledger, LedgerReader, Settled, fact};
use crate::model::{
    BearerPool, ChannelArn, MembershipType, Outcome, Question, QuestionRow, RunState, codes, quota,
};
use crate::report::{
    AppliedDiff, Comparison, DIFF, Diff, FAILED, MaxRemovals, PAGE, QuestionList, RESULTS,
    ReportError, Reports, SUMMARY, Sign, Subject, SyncRules, SyncSummary, check_diff,
    each_channel_of, read_diff, write_sync_removals,
};
use crate::roster::{Entry, Options, Source};

/// The directories of its parts, in the run directory.
const LISTING: &str = "listing";
const REMOVAL: &str = "removal";
/// The directory of the ledger of the sync before, in the run directory.
const EARLIER: &str = "earlier";

/// The IAM actions of a sync; the last two only to remove.
const ACTIONS: [&str; 4] = [
    "chime:BatchCreateChannelMembership",
    "chime:ListChannelMemberships",
    "chime:ListChannelModerators",
    "chime:DeleteChannelMembership",
];

/// The request to synchronize channels with a list.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command"
)]
pub struct SyncRequest {
    /// The run: its list, its bearers, its service.
    pub run: Request,
    /// Whether the list is a `diff.csv`, to be done exactly.
    pub applies: bool,
    /// Whether others than those on the list are removed.
    pub remove_others: bool,
    /// How many at most.
    pub max_removals: MaxRemovals,
    /// Files with members who are never removed: an ARN or a user id on each line.
    pub protect: Vec<PathBuf>,
    /// Whether who left since an earlier run is added again.
    pub add_left: bool,
    /// Whether it only writes the difference.
    pub dry_run: bool,
    /// Whether to go on with a difference that removes somebody.
    pub confirm: Confirm,
}

/// A question to the user.
pub type Confirm = Box<dyn Fn(&Diff) -> bool + Send + Sync>;

/// How far a sync is, once it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SyncEnd {
    /// Members were added and removed.
    Done,
    /// It only looked.
    Looked,
}

/// The end of a sync.
#[derive(Debug)]
pub struct SyncConclusion {
    /// The counts.
    pub summary: SyncSummary,
    /// Why it ended.
    pub ending: Ending,
    /// The run directory.
    pub dir: PathBuf,
    /// Why nothing was done, if more would be removed than is allowed; and the number that is needed.
    pub excess: Option<(String, u64)>,
    removes: bool,
    address: Option<String>,
    bearers: BearerPool,
    channels: Vec<ChannelArn>,
}

impl SyncConclusion {
    fn stop(&mut self, ending: Ending) {
        self.summary.state = match ending {
            Ending::Finished => RunState::Finished,
            Ending::Interrupted => RunState::Interrupted,
            Ending::Stopped(_) | Ending::ListError(_) => RunState::Aborted,
        };
        self.ending = ending;
    }

    fn stopped(mut self, ending: Ending) -> Self {
        self.stop(ending);
        self
    }

    /// The result: [`RunVerdict::AllIn`] if the channels are as the list says.
    #[must_use]
    pub fn verdict(&self) -> RunVerdict {
        if self.excess.is_some() {
            return RunVerdict::TooManyFailures;
        }
        self.end().verdict(self.summary.is_in_sync())
    }

    /// Why it stopped, if it was stopped.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.end().reason()
    }

    /// How to fix it, if it was stopped.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.end().hint()
    }

    /// The IAM policy that it needs, if it stopped because it was denied.
    #[must_use]
    pub fn policy(&self) -> Option<String> {
        self.end().policy()
    }

    fn end(&self) -> SessionEnd<'_> {
        let actions = if self.removes {
            &ACTIONS[..]
        } else {
            &ACTIONS[..2]
        };
        SessionEnd {
            ending: &self.ending,
            address: self.address.as_deref(),
            bearers: &self.bearers,
            channels: &self.channels,
            actions,
            reports: "failed.csv",
        }
    }
}

/// Synchronizes channels with a list, or continues to.
///
/// # Errors
/// As [`run`](super::run()); if the list has no valid row; if a file of protected members cannot be
/// read.
pub async fn sync(
    mut request: SyncRequest,
    observer: impl Fn(&Started) -> Box<dyn Observer>,
    mut commands: mpsc::Receiver<Command>,
) -> Result<SyncConclusion, JobError> {
    let dir = request.run.run_dir.clone();
    let dir = dir.unwrap_or_else(|| new_directory(&request.run.source));
    request.run.run_dir = Some(dir.clone());
    let protected = protected(&request.protect, &request.run)?;
    let rules = SyncRules {
        remove_others: request.remove_others || request.applies,
        protected,
        add_left: request.add_left,
    };
    let target = request.run.target.clone();
    let sync = Synchronization {
        applies: request.applies.then(|| request.run.source.clone()),
        removes: rules.remove_others,
        rules,
        max_removals: request.max_removals,
        dry_run: request.dry_run,
        confirm: request.confirm,
        dir,
        target,
    };
    let staged = Box::pin(sync.stage(request.run, &observer, &mut commands)).await?;
    Box::pin(sync.go_on(staged, &observer, &mut commands)).await
}

/// A sync in progress.
struct Synchronization {
    /// The difference to do exactly, if it is one.
    applies: Option<Source>,
    removes: bool,
    rules: SyncRules,
    max_removals: MaxRemovals,
    dry_run: bool,
    confirm: Confirm,
    dir: PathBuf,
    target: Target,
}

/// How a row is settled without a call.
type Settle = Box<dyn FnMut(&Entry) -> Option<Settled>>;

impl Synchronization {
    /// Reads the list to its end: that of a new run, or the rest of one that was cut off.
    async fn stage(
        &self,
        run: Request,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<EndedSession, JobError> {
        check_diff(&self.dir)?;
        let Some((lock, ledger)) = self.cut_off(&run, commands).await? else {
            let settings = SyncSettings {
                dry_run: self.dry_run,
            };
            let begun = Box::pin(begun(run, Some(settings), commands));
            let (session, started) = begun.await?;
            let observer = &mut *observer(&started);
            return Box::pin(session.stage(observer, commands)).await;
        };
        let settings = RunSettings::of(&ledger, &self.dir)?;
        let is_read = ledger.staged().complete;
        let (target, limits) = (self.target.clone(), run.limits);
        let open = (self.dir.as_path(), lock, ledger);
        let restored = restored(open, |_| Ok(()), settings, |_| target, limits, commands);
        let (session, _, started) = Box::pin(restored).await?;
        if is_read {
            return Ok(session.into());
        }
        let observer = &mut *observer(&started);
        Box::pin(session.stage(observer, commands)).await
    }

    /// The sync in the directory that was cut off, if there is one. One that is over is put aside.
    async fn cut_off(
        &self,
        run: &Request,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<(RunLock, Ledger)>, JobError> {
        if !directory::holds_run(&self.dir) {
            return Ok(None);
        }
        let (lock, ledger) = open_run(&self.dir)?;
        let settings = RunSettings::of(&ledger, &self.dir)?;
        let Some(before) = settings.sync else {
            return Err(JobError::RunExists(self.dir.clone()));
        };
        let end: Option<SyncEnd> = ledger.fact(fact::SYNC)?;
        if end.is_none() && before.dry_run == self.dry_run {
            check_same(&ledger, run, &self.dir, commands).await?;
            return Ok(Some((lock, ledger)));
        }
        if end.is_none() && !before.dry_run {
            // A look must not put aside what is under way.
            return Err(JobError::RunExists(self.dir.clone()));
        }
        ledger.checkpoint()?;
        drop(ledger);
        let is_kept = end == Some(SyncEnd::Done);
        let set_aside = || self.set_aside(is_kept);
        set_aside().map_err(|source| JobError::Directory {
            dir: self.dir.clone(),
            source,
        })?;
        drop(lock);
        Ok(None)
    }

    /// Removes the ledgers of the sync before, or moves that of the run to [`EARLIER`].
    fn set_aside(&self, is_kept: bool) -> std::io::Result<()> {
        let ledger = Ledger::files(&self.dir.join(LEDGER));
        if is_kept {
            let earlier = self.dir.join(EARLIER);
            let new = self.dir.join(format!("{EARLIER}.new"));
            remove_directory(&new)?;
            std::fs::create_dir(&new)?;
            std::fs::copy(self.dir.join(LEDGER), new.join(LEDGER))?;
            std::fs::File::open(new.join(LEDGER))?.sync_all()?;
            remove_directory(&earlier)?;
            std::fs::rename(new, earlier)?;
        }
        for part in [LISTING, REMOVAL] {
            remove_directory(&self.dir.join(part))?;
        }
        // Those of the run that is put aside: that was checked when it was opened.
        let reports = [RESULTS, FAILED, PAGE, SUMMARY].map(|name| self.dir.join(name));
        for file in reports.into_iter().chain(ledger) {
            if file.exists() {
                std::fs::remove_file(file)?;
            }
        }
        Ok(())
    }

    /// The rest of a sync whose list is read, or whose reading was stopped.
    async fn go_on(
        &self,
        staged: EndedSession,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<SyncConclusion, JobError> {
        let ledger = &staged.ledger;
        let run_id: String = ledger.fact(fact::RUN_ID)?.unwrap_or_default();
        let mut conclusion = SyncConclusion {
            summary: SyncSummary::of(&Diff::default(), run_id.clone(), self.dry_run),
            ending: Ending::Finished,
            dir: self.dir.clone(),
            excess: None,
            removes: self.removes,
            address: staged.address.clone(),
            bearers: staged.settings.bearers.clone(),
            channels: ledger.first_channels(NAMED_CHANNELS + 1)?,
        };
        if !matches!(staged.ending, Ending::Finished) {
            return Ok(conclusion.stopped(staged.ending));
        }
        let (diff, staged, listing) = if ledger.is_listed()? {
            let diff: Option<Diff> = ledger.fact(fact::DIFF)?;
            let diff = diff.ok_or_else(|| ledger.damaged("the difference is missing"))?;
            (diff, staged, None)
        } else {
            let looked = self.look(staged, &mut conclusion, &observer, commands);
            match Box::pin(looked).await? {
                Some((diff, staged, listing)) => (diff, staged, Some(listing)),
                None => return Ok(conclusion),
            }
        };
        conclusion.summary = SyncSummary::of(&diff, run_id, false);
        let listing = match listing {
            Some(listing) => listing,
            None => Ledger::open(&self.dir.join(LISTING).join(LEDGER), Durability::Full)?,
        };
        spend(&listing, &mut conclusion.summary)?;
        let added = Box::pin(self.add(staged, &listing, &observer, commands)).await?;
        let summary = &mut conclusion.summary;
        spend(&added.ledger, summary)?;
        count_adds(&added.ledger, summary)?;
        if !matches!(added.ending, Ending::Finished) {
            return Ok(conclusion.stopped(added.ending));
        }
        let removed = self.remove(&added, summary, &observer, commands);
        let ending = Box::pin(removed).await?;
        if !matches!(ending, Ending::Finished) {
            return Ok(conclusion.stopped(ending));
        }
        let mut ledger = added.ledger;
        ledger.set_fact(fact::SYNC, &SyncEnd::Done)?;
        ledger.commit()?;
        Ok(conclusion)
    }

    /// Compares the channels with the list, and judges the difference. Returns nothing if that is all
    /// that is done; then the conclusion says why.
    async fn look(
        &self,
        mut staged: EndedSession,
        conclusion: &mut SyncConclusion,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<(Diff, EndedSession, Ledger)>, JobError> {
        let rows = staged.ledger.staged();
        if self.applies.is_none() && rows.rows_read == rows.invalid {
            return Err(JobError::NothingToSync);
        }
        let asked = Box::pin(self.ask(&staged, &observer, commands)).await?;
        let inquired = asked.ok_or(JobError::NothingToSync)?;
        spend(&inquired.ledger, &mut conclusion.summary)?;
        if !matches!(inquired.ending, Ending::Finished) {
            conclusion.address = inquired.address.or(conclusion.address.take());
            conclusion.stop(inquired.ending);
            return Ok(None);
        }
        let (diff, settle) = self.compare(&staged, &inquired.ledger)?;
        let spent = &conclusion.summary;
        let mut summary = SyncSummary {
            calls: spent.calls,
            throttled_calls: spent.throttled_calls,
            elapsed_seconds: spent.elapsed_seconds,
            ..SyncSummary::of(&diff, spent.run_id.clone(), self.dry_run)
        };
        let excess = self.max_removals.excess(&diff);
        let is_over = excess.is_some() && !self.dry_run && self.applies.is_none();
        let is_left = self.dry_run || is_over || (diff.to_remove > 0 && !(self.confirm)(&diff));
        if is_left {
            summary.not_attempted = diff.to_add + diff.to_remove;
            conclusion.summary = summary;
            conclusion.excess = excess
                .filter(|_| is_over)
                .map(|excess| (excess, MaxRemovals::needed(&diff)));
            staged.ledger.set_fact(fact::SYNC, &SyncEnd::Looked)?;
            staged.ledger.commit()?;
            return Ok(None);
        }
        staged.ledger.settle_listed(settle)?;
        staged.ledger.set_fact(fact::DIFF, &diff)?;
        staged.ledger.commit()?;
        Ok(Some((diff, staged, inquired.ledger)))
    }

    /// Lists the channels, of both types, and their moderators if anybody is to be removed.
    async fn ask(
        &self,
        staged: &EndedSession,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<Inquired>, JobError> {
        let run_id: String = staged.ledger.fact(fact::RUN_ID)?.unwrap_or_default();
        let inquiry = Inquiry {
            dir: &self.dir.join(LISTING),
            part_of: &self.dir,
            run_id: &run_id,
            settings: &staged.settings,
            channel_rate: quota::LIST_RATE,
            target: self.target.clone(),
            earlier: &[],
        };
        let write = |list: &mut QuestionList| {
            let mut ask = |channel: &str| self.ask_channel(list, channel);
            if let Some(source) = &self.applies {
                return Ok(each_channel_of(Path::new(&source.name()), &mut ask)?);
            }
            let mut asked = Ok(());
            staged.ledger.for_each_channel(|channel| {
                if asked.is_ok() {
                    asked = ask(channel);
                }
            })?;
            Ok(asked?)
        };
        Box::pin(inquiry.perform(write, observer, commands)).await
    }

    fn ask_channel(&self, list: &mut QuestionList, channel: &str) -> Result<(), ReportError> {
        let instance = channel.rsplit_once("/channel/");
        let about = |membership_type| Subject {
            channel,
            instance: instance.map_or("", |(instance, _)| instance),
            member: None,
            membership_type,
            sub_channel: None,
        };
        for kind in [MembershipType::Default, MembershipType::Hidden] {
            list.ask(QuestionRow::new(Question::Members), about(kind))?;
        }
        if self.removes {
            let about = about(MembershipType::Default);
            list.ask(QuestionRow::new(Question::Moderators), about)?;
        }
        Ok(())
    }

    /// Writes the difference. Returns it, and how rows are settled without a call.
    fn compare(
        &self,
        staged: &EndedSession,
        inquiry: &LedgerReader,
    ) -> Result<(Diff, Settle), JobError> {
        let mut rules = SyncRules {
            remove_others: self.rules.remove_others,
            protected: self.rules.protected.clone(),
            add_left: self.rules.add_left,
        };
        for bearer in staged.settings.bearers.as_slice() {
            rules.protected.insert(bearer.to_string(), "a bearer");
        }
        if let Some(source) = &self.applies {
            let path = PathBuf::from(source.name());
            let applied = AppliedDiff::of(&path, inquiry, &rules)?;
            let diff = applied.write(&path, &self.dir)?;
            let changed = applied.into_changed();
            let settle: Settle = Box::new(move |entry| {
                changed.contains(entry.channel_arn()).then_some(Settled {
                    outcome: Outcome::Failed,
                    code: codes::CHANNEL_CHANGED,
                    message: "the members of the channel have changed since the difference was written",
                })
            });
            return Ok((diff, settle));
        }
        let earlier = self.dir.join(EARLIER).join(LEDGER);
        let earlier = if earlier.exists() {
            vec![LedgerReader::open(&earlier)?]
        } else {
            Vec::new()
        };
        let comparison = Comparison::of(inquiry, &earlier, rules)?;
        let diff = comparison.write(&staged.ledger, inquiry, &self.dir)?;
        Ok((diff, Box::new(move |entry| comparison.settled(entry))))
    }

    /// Adds who is missing, unless that is done, and writes the run's reports.
    async fn add(
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
        let (session, mut scheduler) = adding(staged, service)?;
        let (ledger, bearers) = (&session.ledger, session.settings.bearers.as_slice());
        let now = jiff::Timestamp::now().as_millisecond();
        replay(ledger, &mut scheduler, bearers, now)?;
        replay_parts([listing], &mut scheduler, bearers)?;
        let started = session.started("the list is read to its end".to_owned(), 0)?;
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
    async fn remove(
        &self,
        added: &EndedSession,
        summary: &mut SyncSummary,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Ending, JobError> {
        let dir = self.dir.join(REMOVAL);
        let failed = failed_channels(&added.ledger)?;
        let settings = removal_settings(&added.settings, &dir);
        let new = NewPart::connect(&dir, settings, self.target.clone()).await?;
        let lock = new.lock_directory()?;
        let (session, scheduler, started) = if directory::holds_run(&dir) {
            let ledger = Ledger::open(&dir.join(LEDGER), Durability::Full)?;
            let settings = RunSettings::of(&ledger, &dir)?;
            let limits = LimitOverrides::default();
            let target = self.target.clone();
            let open = (dir.as_path(), lock, ledger);
            withhold(&failed, summary, &self.dir)?;
            restored(open, |_| Ok(()), settings, |_| target, limits, commands).await?
        } else {
            withhold(&failed, summary, &self.dir)?;
            let path = self.dir.join(DIFF);
            if write_sync_removals(&path, |channel| failed.contains(channel), &dir, LIST)? == 0 {
                return Ok(Ending::Finished);
            }
            let run_id: String = added.ledger.fact(fact::RUN_ID)?.unwrap_or_default();
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
    let limits = LimitOverrides {
        // What the run tolerates is for adding.
        max_failures: None,
        max_record_size: None,
        ..run.limits
    };
    RunSettings {
        list: Some(part::list(dir)),
        options: Options {
            bearer_app_instance: run.bearers.instance(),
            ..Options::default()
        },
        limits,
        sync: None,
        undo: Some(UndoSettings {
            guarded: false,
            include_in_doubt: false,
            channels: Vec::new(),
        }),
        ..run.clone()
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

fn count_adds(run: &LedgerReader, summary: &mut SyncSummary) -> Result<(), JobError> {
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

/// Adds the calls in a ledger.
fn spend(ledger: &LedgerReader, summary: &mut SyncSummary) -> Result<(), JobError> {
    let calls = ledger.call_counts()?;
    summary.calls += calls.calls;
    summary.throttled_calls += calls.throttled;
    summary.elapsed_seconds += ledger.elapsed_seconds()?;
    Ok(())
}

/// Removes a directory with what is in it, if it exists.
fn remove_directory(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
