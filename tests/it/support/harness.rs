//! The harness: the whole core, from a list in memory to the verdicts in the ledger, against the
//! simulated service on tokio's paused clock. Every call is recorded and, at the end of every
//! session, judged by the rules that hold whatever happens.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chime_bulk::chime::Chime;
use chime_bulk::engine::{Ending, Engine, EngineError, Event, Feed, ReadAhead, Setup, restore};
use chime_bulk::ledger::{Durability, Ledger, LedgerError, Stager};
use chime_bulk::limits::CallLimits;
use chime_bulk::model::{
    AddMembers, AppInstanceArn, ChannelArn, Limits, MemberArn, Outcome, Refusal, Tally,
};
use chime_bulk::roster::{Options, Roster, Source};
use chime_bulk::sandbox::{SandboxConfig, Service};
use chime_bulk::schedule::{Scheduler, SchedulerConfig};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub(crate) use crate::support::interruption::{Cut, Moment};
use crate::support::interruption::{Remains, until};
pub(crate) use crate::support::recorder::refusal;
use crate::support::recorder::{Recorder, Seen};

const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";
const KEY: [u8; 16] = [7; 16];
/// Longer than any run can take: a run that is not over by then does not end.
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

/// How the list comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As fast as it is taken.
    Inline,
    /// A chunk each time this has passed.
    Slow(Duration),
    /// All there, as from a thread far ahead.
    Ahead,
}

/// One row's verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowRecord {
    pub(crate) outcome: Outcome,
    pub(crate) code: String,
    pub(crate) attempts: u16,
}

/// How a session ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None after a crash.
    pub(crate) ending: Option<Ending>,
    pub(crate) tally: Tally,
    /// By row, from 1.
    pub(crate) rows: BTreeMap<u64, RowRecord>,
    pub(crate) took: Duration,
    pub(crate) events: Vec<Event>,
}

impl Ended {
    pub(crate) fn of(&self, outcome: Outcome) -> u64 {
        self.tally.of(outcome)
    }

    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.ending, Some(Ending::Finished))
    }

    /// Rows of this outcome and code.
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
    pub(crate) pace: Pace,
    pub(crate) service: Arc<Service>,
    witness: Arc<Recorder>,
    /// Answers that came in these times, up to a crash, may have been read by nobody.
    unread: Vec<RangeInclusive<Duration>>,
}

impl Harness {
    pub(crate) fn new(list: String) -> Self {
        Self::in_world(list, SandboxConfig::default())
    }

    pub(crate) fn in_world(list: String, world: SandboxConfig) -> Self {
        let service = Arc::new(Service::new(world));
        Self {
            dir: tempfile::tempdir().unwrap(),
            list,
            options: Options {
                app_instance: Some(INSTANCE.parse().unwrap()),
                ..Options::default()
            },
            scheduling: SchedulerConfig::new(Limits::of_region("us-east-1"), 1),
            bearers: vec![user("admin")],
            pace: Pace::Inline,
            witness: Arc::new(Recorder::new(&service)),
            service,
            unread: Vec::new(),
        }
    }

    /// Calls another service, by this client.
    pub(crate) fn over(mut self, service: Arc<Service>, client: Arc<dyn Chime>) -> Self {
        self.service = service;
        self.witness().inner = client;
        self
    }

    /// Answers some calls in the service's stead.
    pub(crate) fn intercept(
        mut self,
        answer: impl Fn(&AddMembers) -> Option<Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.witness().intercept = Some(Box::new(answer));
        self
    }

    /// The recorder, to configure it.
    pub(crate) fn witness(&mut self) -> &mut Recorder {
        Arc::get_mut(&mut self.witness).expect("no session is under way")
    }

    /// Keeps the ledger in memory, where the system has a directory there: for many small runs.
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

    pub(crate) fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Every call so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.witness.seen()
    }

    /// Calls so far on a channel.
    pub(crate) fn calls_on(&self, channel: &ChannelArn) -> usize {
        self.seen()
            .iter()
            .filter(|call| call.channel == *channel)
            .count()
    }

    /// A first or further session, to its end.
    pub(crate) async fn run(&mut self) -> Ended {
        self.session(None).await
    }

    /// A session that is cut short after some time, if it lasts so long.
    pub(crate) async fn run_until(&mut self, after: Duration, cut: Cut) -> Ended {
        self.session(Some((Moment::After(after), cut))).await
    }

    /// A session that is cut short at a moment, if it lasts so long.
    pub(crate) async fn cut_short(&mut self, moment: Moment, cut: Cut) -> Ended {
        self.session(Some((moment, cut))).await
    }

    async fn session(&mut self, cut: Option<(Moment, Cut)>) -> Ended {
        let start = Instant::now();
        let events = Arc::new(Mutex::new(Vec::new()));
        let mut remains = None;
        let ending = {
            let (scheduler, ledger, feed) = self.open();
            let (send, commands) = mpsc::channel(2);
            let setup = Setup {
                ledger,
                scheduler,
                call_limits: CallLimits::new(&self.scheduling.limits),
                service: Arc::clone(&self.witness) as Arc<dyn Chime>,
                bearers: self.bearers.clone(),
                feed,
                commands,
                epoch_millis: 0,
            };
            let told = Arc::clone(&events);
            let mut watch = move |event: &Event| told.lock().unwrap().push(event.clone());
            let mut running = std::pin::pin!(Engine::new(setup, &mut watch).run());
            let (moment, how) = cut.unwrap_or((Moment::After(FOREVER), Cut::Crash));
            let mut done: Option<Result<(Ledger, Ending), EngineError>> =
                until(moment, running.as_mut()).await;
            assert!(done.is_some() || cut.is_some(), "the run does not end");
            if done.is_none() {
                let now = self.witness.now();
                match how {
                    Cut::Command(command) => {
                        send.try_send(command).unwrap();
                        done = until(Moment::After(FOREVER), running.as_mut()).await;
                        assert!(done.is_some(), "the run does not stop");
                    }
                    Cut::Crash => {}
                    Cut::Stall(time) => tokio::time::sleep(time).await,
                    Cut::PowerLoss(torn) => remains = Some(Remains::of(&self.ledger(), torn)),
                }
                if done.is_none() {
                    self.unread.push(now..=self.witness.now());
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
        if let Some(remains) = remains {
            remains.put_back(&self.ledger());
        }
        // Calls given up are dropped by their tasks' next turn.
        tokio::task::yield_now().await;
        let ledger = Ledger::open(&self.ledger(), Durability::None).unwrap();
        let (tally, rows) = verdicts(&ledger);
        self.witness.audit(&self.unread);
        let events = events.lock().unwrap().clone();
        Ended {
            ending,
            tally,
            rows,
            took: start.elapsed(),
            events,
        }
    }

    /// Where the ledger is.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.dir.path().join("ledger.db")
    }

    /// What a session begins with: new, or as the one before left it.
    fn open(&self) -> (Scheduler, Ledger, Feed) {
        let path = self.ledger();
        let bytes = self.list.clone().into_bytes();
        let name = "list".to_owned();
        let roster = Roster::open(&Source::Bytes { name, bytes }, &self.options).unwrap();
        let mut scheduler = Scheduler::new(self.scheduling.clone());
        if !path.exists() {
            let mut ledger = Ledger::create(&path, Durability::None, roster.layout(), KEY).unwrap();
            ledger.commit().unwrap();
            let feed = self.feed(Stager::new(roster, KEY));
            return (scheduler, ledger, feed);
        }
        let mut ledger = Ledger::open(&path, Durability::None).unwrap();
        ledger.recover(0).unwrap();
        restore(&ledger, &mut scheduler).unwrap();
        let feed = if ledger.staged().list_ended {
            Feed::Ended
        } else {
            self.feed(Stager::new(roster, ledger.key().unwrap()))
        };
        (scheduler, ledger, feed)
    }

    fn feed(&self, mut stager: Stager) -> Feed {
        let pause = match self.pace {
            Pace::Inline => return Feed::Inline(Box::new(stager)),
            Pace::Slow(pause) => pause,
            Pace::Ahead => Duration::ZERO,
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

fn verdicts(ledger: &Ledger) -> (Tally, BTreeMap<u64, RowRecord>) {
    let mut rows = BTreeMap::new();
    let mut counted = Tally::default();
    let census = ledger
        .project(|row| {
            counted.add(row.outcome, 1);
            let verdict = RowRecord {
                outcome: row.outcome,
                code: row.code.clone().unwrap_or_default(),
                attempts: row.attempts,
            };
            assert!(rows.insert(row.row, verdict).is_none(), "a row twice");
            Ok::<_, LedgerError>(())
        })
        .unwrap();
    assert_eq!(census.tally, counted);
    (counted, rows)
}
