//! One session of a run: from an open ledger to the reports. `run` has one, each `resume` another.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::commands::{forward, is_halted};
use super::conclusion::{Conclusion, NAMED_CHANNELS};
use super::list_change::ChangedList;
use super::lock::RunLock;
use super::{JobError, RunSettings, report};
use crate::chime::Chime;
use crate::engine::{Command, Ending, Engine, Feed, Observer, Setup, Task};
use crate::ledger::{Ledger, Staged, fact};
use crate::limits::CallLimits;
use crate::model::{AccountQuotas, LimitShare, Limits, RunState, Shard, SkipExisting};
use crate::report::{Reports, Verification};
use crate::schedule::{Scheduler, SchedulerConfig, Stop};

/// A session's starting point, for observers.
#[derive(Debug, Clone)]
pub struct Started {
    /// The run's name.
    pub run_id: String,
    /// The run directory.
    pub dir: PathBuf,
    /// The detected format of the list, in one line.
    pub detected: String,
    /// The limits in force.
    pub limits: Limits,
    /// How many bearers there are.
    pub bearers: usize,
    /// Which shard of its job the run is; `None` if it is a whole job.
    pub shard: Option<Shard>,
    /// The share of the job's limits that it has; `limits` are divided by it.
    pub share: LimitShare,
    /// The service: region, address, or the sandbox.
    pub service: String,
    /// The address that is called; a sandbox in the process has none.
    pub address: Option<String>,
    /// The rows that earlier sessions staged.
    pub staged: Staged,
    /// Rows sent and settled by earlier sessions.
    pub settled_before: u64,
    /// The list, if it was changed after an earlier session had read it to its end.
    pub changed_list: Option<ChangedList>,
    /// What is done with the rows. Rows of a removal that count as added are removed members, and rows
    /// of an inquiry are questions that are answered.
    pub task: Task,
    /// The directory of the run that this is a part of, if it is one.
    pub part_of: Option<PathBuf>,
    /// A process of another host that worked on the run before, and ended without releasing it.
    pub taken_over: Option<String>,
    /// The quotas of the account, if this session or one before asked for them.
    pub quotas: Option<AccountQuotas>,
    /// Why some of them are not those of the account.
    pub quota_warnings: Vec<String>,
}

/// A session about to begin.
pub(super) struct Session {
    pub(super) dir: PathBuf,
    pub(super) lock: RunLock,
    pub(super) ledger: Ledger,
    pub(super) settings: RunSettings,
    pub(super) limits: Limits,
    pub(super) service: Arc<dyn Chime>,
    pub(super) address: Option<String>,
    pub(super) feed: Feed,
    /// Why some figures of `--quotas` are not those of the account.
    pub(super) quota_warnings: Vec<String>,
}

/// A session whose calls are all settled or given up, and recorded in its ledger.
pub(super) struct EndedSession {
    pub(super) dir: PathBuf,
    pub(super) lock: RunLock,
    pub(super) ledger: Ledger,
    pub(super) settings: RunSettings,
    pub(super) limits: Limits,
    pub(super) address: Option<String>,
    pub(super) ending: Ending,
    pub(super) state: RunState,
}

impl Session {
    /// A scheduler for these limits, with nothing to do yet.
    pub(super) fn scheduler(&self) -> Scheduler {
        Scheduler::new(SchedulerConfig {
            operation: self.settings.task().operation(),
            max_failures: self.settings.limits.max_failures,
            patience: self.settings.limits.patience,
            seed: rand::random(),
            ..SchedulerConfig::new(self.limits, self.settings.bearers.len())
        })
    }

    /// The current starting point, for observers.
    pub(super) fn started(
        &self,
        detected: String,
        settled_before: u64,
    ) -> Result<Started, JobError> {
        Ok(Started {
            run_id: self.ledger.fact(fact::RUN_ID)?.unwrap_or_default(),
            dir: self.dir.clone(),
            detected,
            limits: self.limits,
            bearers: self.settings.bearers.len(),
            shard: self.settings.shard,
            share: self.settings.share,
            service: self.settings.service(self.address.as_deref()),
            address: self.address.clone(),
            staged: *self.ledger.staged(),
            settled_before,
            changed_list: None,
            task: self.settings.task(),
            part_of: None,
            taken_over: self.lock.taken_over().map(str::to_owned),
            quotas: self.settings.limits.quotas,
            quota_warnings: self.quota_warnings.clone(),
        })
    }

    /// Runs the engine to its end and writes the reports.
    pub(super) async fn run(
        self,
        scheduler: Scheduler,
        observer: &mut dyn Observer,
        mut commands: mpsc::Receiver<Command>,
    ) -> Result<Conclusion, JobError> {
        let ended = Box::pin(self.work(scheduler, observer, &mut commands)).await?;
        ended.conclude(&mut commands)
    }

    /// Reads the list to its end, and makes no call.
    pub(super) async fn stage(
        self,
        observer: &mut dyn Observer,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<EndedSession, JobError> {
        let scheduler = self.scheduler();
        Box::pin(self.perform(Task::Stage, scheduler, observer, commands)).await
    }

    /// Runs the engine to its end.
    pub(super) async fn work(
        self,
        scheduler: Scheduler,
        observer: &mut dyn Observer,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<EndedSession, JobError> {
        let task = self.settings.task();
        Box::pin(self.perform(task, scheduler, observer, commands)).await
    }

    async fn perform(
        self,
        task: Task,
        scheduler: Scheduler,
        observer: &mut dyn Observer,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<EndedSession, JobError> {
        let Self {
            dir,
            lock,
            mut ledger,
            settings,
            limits,
            service,
            address,
            feed,
            quota_warnings: _,
        } = self;
        let begun = Instant::now();
        let begun_at = jiff::Timestamp::now().as_millisecond();
        ledger.begin_session(begun_at)?;
        ledger.set_fact(fact::STATE, &RunState::Running)?;
        ledger.set_fact(fact::SETTINGS, &settings)?;
        ledger.set_fact(fact::BEARERS, &settings.bearers.len())?;
        ledger.set_fact(fact::ADDRESS, &address)?;
        ledger.set_fact(fact::QUOTAS, &settings.limits.quotas)?;
        if ledger
            .fact::<serde_json::Value>(fact::VERIFICATION)?
            .is_some()
        {
            ledger.set_fact(fact::VERIFICATION, &None::<Verification>)?;
        }
        ledger.commit()?;
        let (sender, receiver) = mpsc::channel(2);
        let setup = Setup {
            ledger,
            scheduler,
            call_limits: CallLimits::new(&limits),
            task,
            service,
            bearers: settings.bearers.as_slice().to_vec(),
            feed,
            commands: receiver,
            epoch_millis: begun_at,
        };
        let (mut ledger, ending) =
            forward(Engine::new(setup, observer).run(), commands, &sender).await?;
        let state = match ending {
            // Its rows are still to be sent.
            Ending::Finished if task == Task::Stage => RunState::Running,
            _ => ending.state(),
        };
        ledger.set_fact(fact::FINISHED_AT, &now_text())?;
        ledger.set_fact(fact::STATE, &state)?;
        let is_limited = matches!(ending, Ending::Stopped(Stop::TooManyFailures { .. }));
        ledger.set_fact(fact::TOO_MANY_FAILURES, &is_limited)?;
        let worked = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        ledger.commit_at(begun_at.saturating_add(worked))?;
        Ok(EndedSession {
            dir,
            lock,
            ledger,
            settings,
            limits,
            address,
            ending,
            state,
        })
    }
}

impl From<Session> for EndedSession {
    /// A session that ends before it worked.
    fn from(session: Session) -> Self {
        Self {
            dir: session.dir,
            lock: session.lock,
            ledger: session.ledger,
            settings: session.settings,
            limits: session.limits,
            address: session.address,
            ending: Ending::Finished,
            state: RunState::Running,
        }
    }
}

impl EndedSession {
    /// Ends it for this reason, after so long.
    pub(super) fn end(&mut self, ending: Ending, after: Duration) -> Result<(), JobError> {
        self.state = match ending {
            Ending::Finished => RunState::Running,
            _ => ending.state(),
        };
        self.ending = ending;
        self.ledger.set_fact(fact::FINISHED_AT, &now_text())?;
        self.ledger.set_fact(fact::STATE, &self.state)?;
        let session = self.ledger.sessions()?.pop();
        let until = session.map_or(0, |session| session.worked_until);
        let after = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        Ok(self.ledger.commit_at(until.saturating_add(after))?)
    }

    /// Writes the reports.
    pub(super) fn conclude(
        self,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Conclusion, JobError> {
        let Self {
            dir,
            lock,
            mut ledger,
            settings,
            limits,
            address,
            ending,
            state,
        } = self;
        let reports = Reports {
            dir: &dir,
            state,
            limits: &limits,
        };
        let summary = report::write(&mut ledger, reports, || !is_halted(commands))?;
        drop(lock);
        Ok(Conclusion {
            summary,
            ending,
            dir,
            address,
            bearers: settings.bearers,
            single_adds: settings.limits.single_adds,
            listed_first: settings.skip_existing != SkipExisting::Never,
            channels: ledger.first_channels(NAMED_CHANNELS + 1)?,
            uploads: settings.reports_to.is_some(),
        })
    }
}

/// Now, in UTC, to the second.
pub(super) fn now_text() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
