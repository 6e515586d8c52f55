//! Runs the whole core, from a list in memory to the outcomes in the ledger, against the simulated
//! service on tokio's paused clock. It records every call and, at the end of every session, checks
//! the rules that hold for all of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chime_bulk::chime::Chime;
use chime_bulk::engine::{
    Ending, Engine, EngineError, Event, Feed, ReadAhead, Setup, Task, replay, restore,
};
use chime_bulk::ledger::{Durability, Ledger, LedgerError, Stager};
use chime_bulk::limits::CallLimits;
use chime_bulk::model::{
    AddMembers, AppInstanceArn, ChannelArn, Finding, Limits, MemberArn, Outcome, Refusal, Tally,
    quota,
};
use chime_bulk::report::{QuestionList, RemovalChoice, write_removals};
use chime_bulk::roster::{Options, Roster, Source};
use chime_bulk::sandbox::{SandboxConfig, Service};
use chime_bulk::schedule::{Scheduler, SchedulerConfig};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::interruption::{CrashImage, until};
pub(crate) use crate::support::interruption::{Interruption, Moment};
pub(crate) use crate::support::recorder::refusal;
use crate::support::recorder::{RecordedCall, Recorder};

const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";
const KEY: [u8; 16] = [7; 16];
/// Longer than any run can take. A run that has not ended by then never ends.
const FOREVER: Duration = Duration::from_hours(240);

fn instance() -> AppInstanceArn {
    AppInstanceArn::parse(INSTANCE).unwrap()
}

pub(crate) fn channel(id: impl std::fmt::Display) -> ChannelArn {
    instance().channel(&format!("c{id}")).unwrap()
}

pub(crate) fn user(id: &str) -> MemberArn {
    instance().user(id).unwrap()
}

/// A list with the columns channel, member and type; ids replace ARNs.
pub(crate) fn list<C: std::fmt::Display, M: std::fmt::Display>(
    rows: impl IntoIterator<Item = (C, M)>,
) -> String {
    let mut text = "channel_id,user_id\n".to_owned();
    for (channel, member) in rows {
        let _ = writeln!(text, "c{channel},{member}");
    }
    text
}

/// Members `u0`, `u1`, … of channel 0.
pub(crate) fn one_channel(members: usize) -> String {
    list((0..members).map(|n| (0, format!("u{n}"))))
}

/// How fast the list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListPace {
    /// By the engine itself, as fast as it stages rows.
    Inline,
    /// By a task that sends a chunk at this interval.
    Slow(Duration),
    /// All chunks are there from the start, as from a thread that is far ahead.
    Ahead,
}

/// What the ledger has of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowRecord {
    pub(crate) outcome: Outcome,
    pub(crate) code: String,
    pub(crate) attempts: u16,
}

/// How a session ended, and the state of the run after it.
#[derive(Debug)]
pub(crate) struct SessionResult {
    /// `None` after a crash.
    pub(crate) ending: Option<Ending>,
    pub(crate) tally: Tally,
    /// By row, from 1.
    pub(crate) rows: BTreeMap<u64, RowRecord>,
    pub(crate) took: Duration,
    pub(crate) events: Vec<Event>,
}

impl SessionResult {
    /// The number of rows with this outcome.
    pub(crate) fn count(&self, outcome: Outcome) -> u64 {
        self.tally.of(outcome)
    }

    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.ending, Some(Ending::Finished))
    }

    /// The number of rows with this outcome and error code.
    pub(crate) fn with_code(&self, outcome: Outcome, code: &str) -> usize {
        let fits = |row: &&RowRecord| row.outcome == outcome && row.code == code;
        self.rows.values().filter(fits).count()
    }
}

/// A run on virtual time: its list, its service, its ledger.
pub(crate) struct Harness {
    dir: TempDir,
    pub(crate) list: String,
    pub(crate) options: Options,
    pub(crate) scheduling: SchedulerConfig,
    pub(crate) bearers: Vec<MemberArn>,
    pub(crate) pace: ListPace,
    pub(crate) task: Task,
    pub(crate) service: Arc<Service>,
    recorder: Arc<Recorder>,
    /// Times right before a crash: answers that came then may not have been read.
    unread: Vec<RangeInclusive<Duration>>,
    /// The wall clock when this run began.
    since: Duration,
}

impl Harness {
    pub(crate) fn new(list: String) -> Self {
        Self::with_sandbox(list, SandboxConfig::default())
    }

    pub(crate) fn with_sandbox(list: String, sandbox: SandboxConfig) -> Self {
        let service = Arc::new(Service::new(sandbox));
        Self {
            dir: tempfile::tempdir().unwrap(),
            list,
            options: Options {
                app_instance: Some(INSTANCE.parse().unwrap()),
                ..Options::default()
            },
            scheduling: SchedulerConfig::new(Limits::of_region("us-east-1"), 1),
            bearers: vec![user("admin")],
            pace: ListPace::Inline,
            task: Task::Add,
            recorder: Arc::new(Recorder::new(&service)),
            service,
            unread: Vec::new(),
            since: Duration::ZERO,
        }
    }

    /// Calls this service, with this client, instead of the simulated one.
    pub(crate) fn over(mut self, service: Arc<Service>, client: Arc<dyn Chime>) -> Self {
        self.service = service;
        self.recorder().inner = client;
        self
    }

    /// Answers some calls in place of the service.
    pub(crate) fn intercept(
        mut self,
        answer: impl Fn(&AddMembers) -> Option<Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.recorder().intercept = Some(Box::new(answer));
        self
    }

    /// The undo of this run: a run of its own, against the same service.
    pub(crate) fn undo(&self, guarded: bool, include_in_doubt: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let choice = RemovalChoice {
            include_in_doubt,
            ..RemovalChoice::default()
        };
        let ledger = Ledger::open(&self.ledger_path(), Durability::None).unwrap();
        write_removals(&ledger, &choice, dir.path(), "list.csv").unwrap();
        let limits = Limits::of_region("us-east-1");
        let limits = limits.of_removals(quota::SINGLE_RATE, guarded);
        self.part(dir, limits, Task::Remove { guarded })
    }

    /// An inquiry of this run, at this rate on one channel. `write` writes its questions.
    pub(crate) fn inquiry(&self, channel_rate: f64, write: impl FnOnce(&mut QuestionList)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut questions = QuestionList::create(dir.path(), "list.csv").unwrap();
        write(&mut questions);
        questions.finish().unwrap();
        let limits = Limits::of_region("us-east-1").of_reading(channel_rate);
        self.part(dir, limits, Task::Read)
    }

    /// A part of this run: a run of its own, over the list in this directory.
    fn part(&self, dir: TempDir, limits: Limits, task: Task) -> Self {
        Self {
            list: std::fs::read_to_string(dir.path().join("list.csv")).unwrap(),
            dir,
            options: Options::default(),
            scheduling: SchedulerConfig {
                limits,
                operation: task.operation(),
                ..self.scheduling.clone()
            },
            bearers: self.bearers.clone(),
            pace: ListPace::Inline,
            task,
            service: Arc::clone(&self.service),
            recorder: Arc::new(Recorder::new(&self.service)),
            unread: Vec::new(),
            since: self.since + self.recorder.now(),
        }
    }

    /// What was found for a row.
    pub(crate) fn findings(&self, row: u64) -> Vec<Finding> {
        let ledger = Ledger::open(&self.ledger_path(), Durability::None).unwrap();
        ledger.findings(row, INSTANCE).unwrap()
    }

    /// The recorder, to configure it.
    pub(crate) fn recorder(&mut self) -> &mut Recorder {
        Arc::get_mut(&mut self.recorder).expect("no session is running")
    }

    /// Keeps the ledger on a memory file system, if there is one: for many small runs.
    pub(crate) fn in_memory(mut self) -> Self {
        if let Ok(dir) = tempfile::tempdir_in("/dev/shm") {
            self.dir = dir;
        }
        self
    }

    pub(crate) fn bearers(mut self, count: usize) -> Self {
        self.bearers = (0..count).map(|n| user(&format!("admin{n}"))).collect();
        self.scheduling.bearers = count;
        self
    }

    pub(crate) fn scheduling(mut self, change: impl FnOnce(&mut SchedulerConfig)) -> Self {
        change(&mut self.scheduling);
        self
    }

    pub(crate) fn pace(mut self, pace: ListPace) -> Self {
        self.pace = pace;
        self
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<RecordedCall> {
        self.recorder.calls()
    }

    /// Calls so far on a channel.
    pub(crate) fn calls_on(&self, channel: &ChannelArn) -> usize {
        self.calls()
            .iter()
            .filter(|call| call.channel == *channel)
            .count()
    }

    /// Runs a session to its end: the first, or one that resumes.
    pub(crate) async fn run(&mut self) -> SessionResult {
        self.session(None).await
    }

    /// Runs a session, and interrupts it after this time.
    pub(crate) async fn run_until(
        &mut self,
        after: Duration,
        interruption: Interruption,
    ) -> SessionResult {
        self.session(Some((Moment::After(after), interruption)))
            .await
    }

    /// Runs a session, and interrupts it at this moment.
    pub(crate) async fn interrupt_at(
        &mut self,
        moment: Moment,
        interruption: Interruption,
    ) -> SessionResult {
        self.session(Some((moment, interruption))).await
    }

    async fn session(&mut self, interruption: Option<(Moment, Interruption)>) -> SessionResult {
        let start = Instant::now();
        let events = Arc::new(Mutex::new(Vec::new()));
        let mut crash_image = None;
        let ending = {
            let (scheduler, ledger, feed) = self.open();
            let (send, commands) = mpsc::channel(2);
            let setup = Setup {
                task: self.task,
                ledger,
                scheduler,
                call_limits: CallLimits::new(&self.scheduling.limits),
                service: Arc::clone(&self.recorder) as Arc<dyn Chime>,
                bearers: self.bearers.clone(),
                feed,
                commands,
                epoch_millis: self.millis(),
            };
            let seen = Arc::clone(&events);
            let mut observer = move |event: &Event| seen.lock().unwrap().push(event.clone());
            let mut running = std::pin::pin!(Engine::new(setup, &mut observer).run());
            let (moment, how) =
                interruption.unwrap_or((Moment::After(FOREVER), Interruption::Crash));
            let mut done: Option<Result<(Ledger, Ending), EngineError>> =
                until(moment, running.as_mut()).await;
            assert!(
                done.is_some() || interruption.is_some(),
                "the run does not end"
            );
            if done.is_none() {
                let now = self.recorder.now();
                match how {
                    Interruption::Command(command) => {
                        send.try_send(command).unwrap();
                        done = until(Moment::After(FOREVER), running.as_mut()).await;
                        assert!(done.is_some(), "the run does not stop");
                    }
                    Interruption::Crash => {}
                    Interruption::Stall(time) => tokio::time::sleep(time).await,
                    Interruption::PowerLoss(torn) => {
                        crash_image = Some(CrashImage::of(&self.ledger_path(), torn));
                    }
                }
                if done.is_none() {
                    self.unread.push(now..=self.recorder.now());
                }
            }
            done.map(|done| {
                let (mut ledger, ending) = done.unwrap();
                let counted = ledger.staged().rows_read;
                ledger.commit().unwrap();
                let tally = ledger.project(|_| Ok::<_, LedgerError>(())).unwrap().tally;
                assert!(tally.accounts_for(counted), "{tally:?} of {counted} rows");
                ending
            })
        };
        if let Some(crash_image) = crash_image {
            crash_image.restore(&self.ledger_path());
        }
        // Lets the tasks of calls that were given up drop them.
        tokio::task::yield_now().await;
        let ledger = Ledger::open(&self.ledger_path(), Durability::None).unwrap();
        let (tally, rows) = outcomes(&ledger);
        self.recorder.audit(&self.unread);
        let events = events.lock().unwrap().clone();
        SessionResult {
            ending,
            tally,
            rows,
            took: start.elapsed(),
            events,
        }
    }

    /// The time of the wall clock.
    fn millis(&self) -> i64 {
        i64::try_from((self.since + self.recorder.now()).as_millis()).unwrap()
    }

    pub(crate) fn ledger_path(&self) -> PathBuf {
        self.dir.path().join("ledger.db")
    }

    /// Opens what a session needs: a new ledger, or the one of the session before.
    fn open(&self) -> (Scheduler, Ledger, Feed) {
        let path = self.ledger_path();
        let bytes = self.list.clone().into_bytes();
        let name = "list".to_owned();
        let roster = Roster::open(&Source::Bytes { name, bytes }, &self.options).unwrap();
        let mut scheduler = Scheduler::new(self.scheduling.clone());
        if !path.exists() {
            let mut ledger = Ledger::create(&path, Durability::None, roster.layout(), KEY).unwrap();
            ledger.begin_session(self.millis()).unwrap();
            ledger.commit().unwrap();
            let feed = self.feed(Stager::new(roster, KEY));
            return (scheduler, ledger, feed);
        }
        let mut ledger = Ledger::open(&path, Durability::None).unwrap();
        let now = self.millis();
        ledger.recover(now).unwrap();
        ledger.begin_session(now).unwrap();
        restore(&ledger, &mut scheduler).unwrap();
        replay(&ledger, &mut scheduler, &self.bearers, now).unwrap();
        let feed = if ledger.staged().list_ended {
            Feed::Ended
        } else {
            self.feed(Stager::new(roster, ledger.key().unwrap()))
        };
        (scheduler, ledger, feed)
    }

    fn feed(&self, mut stager: Stager) -> Feed {
        let pause = match self.pace {
            ListPace::Inline => return Feed::Inline(Box::new(stager)),
            ListPace::Slow(pause) => pause,
            ListPace::Ahead => Duration::ZERO,
        };
        let mut chunks: Vec<ReadAhead> = Vec::new();
        while let Some(chunk) = stager.next_chunk().transpose() {
            let is_last = chunk.is_err();
            chunks.push(chunk.into());
            if is_last {
                break;
            }
        }
        let (send, receive) = mpsc::channel(chunks.len().max(1));
        if pause.is_zero() {
            for chunk in chunks {
                send.try_send(chunk).unwrap();
            }
        } else {
            tokio::spawn(async move {
                for chunk in chunks {
                    tokio::time::sleep(pause).await;
                    if send.send(chunk).await.is_err() {
                        return;
                    }
                }
            });
        }
        Feed::Thread(receive)
    }
}

/// The outcomes of a ledger, counted and by row.
fn outcomes(ledger: &Ledger) -> (Tally, BTreeMap<u64, RowRecord>) {
    let mut rows = BTreeMap::new();
    let mut counted = Tally::default();
    let totals = ledger
        .project(|row| {
            counted.add(row.outcome, 1);
            let record = RowRecord {
                outcome: row.outcome,
                code: row.code.clone().unwrap_or_default(),
                attempts: row.attempts,
            };
            let earlier = rows.insert(row.row, record);
            assert!(earlier.is_none(), "row {} occurs twice", row.row);
            Ok::<_, LedgerError>(())
        })
        .unwrap();
    assert_eq!(totals.tally, counted);
    (counted, rows)
}
