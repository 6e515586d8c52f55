//! `--skip-existing`: who is a member before is skipped without a call, and never removed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chime_bulk::engine::{Command, Event, Observer};
use chime_bulk::job::{self, Conclusion, RunVerdict, Started, UndoRequest};
use chime_bulk::ledger::{LedgerError, LedgerReader};
use chime_bulk::model::{Outcome, SkipExisting, codes};
use chime_bulk::report::{RemovalChoice, UndoSummary};
use chime_bulk::roster::Options;
use chime_bulk::sandbox::{ExistingAnswer, SandboxConfig, Scripted, Service};
use chime_bulk::{JobError, LimitOverrides, Resume, Run, Target};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::support::harness::{channel, user};

/// A run with `--skip-existing`, by the library.
struct Skipping {
    dir: TempDir,
    service: Arc<Service>,
    list: String,
    bearers: usize,
    skip: SkipExisting,
}

/// The events of a session, with their times.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(Instant, Event)>>>);

impl Seen {
    fn observer(&self) -> impl Observer + 'static {
        let seen = Arc::clone(&self.0);
        move |event: &Event| seen.lock().unwrap().push((Instant::now(), event.clone()))
    }

    /// From the first call to the last answer.
    fn makespan(&self) -> f64 {
        let seen = self.0.lock().unwrap();
        let sent = |(_, event): &&(Instant, Event)| matches!(event, Event::CallSent { .. });
        let settled = |(_, event): &&(Instant, Event)| matches!(event, Event::CallSettled { .. });
        let first = seen.iter().find(sent).unwrap().0;
        let last = seen.iter().rfind(settled).unwrap().0;
        (last - first).as_secs_f64()
    }

    fn find<T>(&self, of: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        let seen = self.0.lock().unwrap();
        seen.iter().filter_map(|(_, event)| of(event)).collect()
    }
}

impl Skipping {
    fn new(list: String, sandbox: SandboxConfig) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            service: Arc::new(Service::new(sandbox)),
            list,
            bearers: 1,
            skip: SkipExisting::Always,
        }
    }

    fn skip(self, skip: SkipExisting) -> Self {
        Self { skip, ..self }
    }

    fn bearers(self, bearers: usize) -> Self {
        Self { bearers, ..self }
    }

    fn run_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("run")
    }

    fn target(&self) -> Target {
        Target::Sandbox(Arc::clone(&self.service))
    }

    fn request(&self) -> Run {
        let list = self.dir.path().join("list.csv");
        std::fs::write(&list, &self.list).unwrap();
        let options = Options {
            app_instance: Some(channel(0).app_instance().parse().unwrap()),
            ..Options::default()
        };
        let run = Run::new(list).options(options).dir(self.run_dir());
        let run = run.target(self.target()).skip_existing(self.skip);
        (0..self.bearers).fold(run, |run, n| run.bearer(user(&format!("admin{n}"))))
    }

    async fn run(&self) -> (Conclusion, Seen) {
        let seen = Seen::default();
        let run = self.request().observer(seen.observer()).run();
        (Box::pin(run).await.unwrap(), seen)
    }

    fn resume(&self) -> Resume {
        Resume::new(self.run_dir()).target(self.target())
    }

    fn calls(&self, operation: &str) -> u64 {
        let stats = self.service.stats();
        stats.calls.get(operation).copied().unwrap_or_default()
    }

    fn adds(&self) -> u64 {
        self.calls("BatchCreateChannelMembership")
    }

    fn pages(&self) -> u64 {
        self.calls("ListChannelMemberships")
    }

    /// The rows with this outcome and code.
    fn rows(&self, outcome: Outcome, code: Option<&str>) -> BTreeSet<u64> {
        let ledger = LedgerReader::open(&self.run_dir().join(job::LEDGER)).unwrap();
        let mut rows = BTreeSet::new();
        ledger
            .project(|row| {
                if row.outcome == outcome && row.code.as_deref() == code {
                    rows.insert(row.row);
                }
                Ok::<_, LedgerError>(())
            })
            .unwrap();
        rows
    }

    fn skipped(&self) -> BTreeSet<u64> {
        self.rows(Outcome::AlreadyMember, Some(codes::LISTED))
    }

    fn is_listed(&self) -> bool {
        let ledger = LedgerReader::open(&self.run_dir().join(job::LEDGER)).unwrap();
        ledger.fact(chime_bulk::ledger::fact::LISTED).unwrap() == Some(true)
    }
}

/// A list with these lines of channel, member and type.
fn list<'a>(lines: impl IntoIterator<Item = (u32, String, &'a str)>) -> String {
    let lines = lines.into_iter();
    let lines = lines.map(|(channel, id, kind)| format!("c{channel},{id},{kind}\n"));
    let mut list = "channel_id,user_id,membership_type\n".to_owned();
    list.extend(lines);
    list
}

/// Members `u0`, `u1`, … of a channel.
fn rows(of: u32, members: u32) -> impl Iterator<Item = (u32, String, &'static str)> {
    (0..members).map(move |n| (of, format!("u{n}"), "DEFAULT"))
}

fn ms(latency: u64) -> SandboxConfig {
    SandboxConfig {
        latency: Duration::from_millis(latency),
        ..SandboxConfig::default()
    }
}

#[tokio::test(start_paused = true)]
async fn members_who_were_there_before_take_no_call_and_are_never_removed() {
    for existing_answer in [ExistingAnswer::Conflict, ExistingAnswer::Silent] {
        let sandbox = SandboxConfig {
            existing_answer,
            ..SandboxConfig::default()
        };
        let run = Skipping::new(list(rows(0, 300).chain(rows(1, 40))), sandbox);
        for n in (0..300).filter(|n| n % 3 != 0) {
            run.service
                .add_existing(&channel(0), &user(&format!("u{n}")));
        }
        let before = run.service.members(&channel(0));
        let (conclusion, seen) = run.run().await;
        assert_eq!(conclusion.verdict(), RunVerdict::AllIn);
        let summary = &conclusion.summary;
        assert_eq!((summary.added, summary.already_member), (140, 200));
        // 100 in one channel, 40 in the other; four pages of 200 members, one of nobody.
        assert_eq!((run.adds(), run.pages()), (2, 5));
        assert_eq!(run.skipped().len(), 200);
        assert_eq!(run.service.members(&channel(0)).len(), 300);
        assert_eq!(
            seen.find(|event| match event {
                Event::Listed { rows } => Some(*rows),
                _ => None,
            }),
            [200]
        );

        let undone = undo(&run).await;
        assert_eq!((undone.members, undone.removed), (140, 140));
        let after = run.service.members(&channel(0));
        assert_eq!(after, before, "{existing_answer:?}");
        assert!(run.service.members(&channel(1)).is_empty());
    }
}

async fn undo(run: &Skipping) -> UndoSummary {
    let begin = || {
        let request = UndoRequest {
            dir: run.run_dir(),
            guarded: true,
            choice: RemovalChoice::default(),
            limits: LimitOverrides::default(),
        };
        let target = run.target();
        let nobody = |_: &Started| Box::new(|_: &Event| {}) as Box<dyn Observer>;
        job::undo(request, |_| target, nobody, mpsc::channel(1).1)
    };
    free(begin).await.summary
}

/// Does it once the run directory is free: a process that another test starts holds every open file, and
/// so its lock, until it executes its program.
async fn free<T, F: Future<Output = Result<T, JobError>>>(mut begin: impl FnMut() -> F) -> T {
    for _ in 0..100 {
        match Box::pin(begin()).await {
            Err(JobError::Owned { .. }) => {}
            done => return done.unwrap(),
        }
    }
    panic!("the run directory stays locked");
}

#[tokio::test(start_paused = true)]
async fn duplicates_types_and_several_bearers_are_told_apart() {
    let kinds = |n: u32| {
        if n.is_multiple_of(2) {
            "HIDDEN"
        } else {
            "DEFAULT"
        }
    };
    let lines = (0..160).map(|n| (0, format!("u{n}"), kinds(n)));
    // A duplicate of a member, a duplicate of a row to add, and a defect.
    let more = [(0, "u1"), (0, "u159"), (0, "not an id")];
    let more = more.map(|(channel, id)| (channel, id.to_owned(), "DEFAULT"));
    let run = Skipping::new(list(lines.chain(more)), SandboxConfig::default()).bearers(3);
    // u0 to u99 are members of type DEFAULT: those of the rows with that type are skipped.
    for n in 0..100 {
        run.service
            .add_existing(&channel(0), &user(&format!("u{n}")));
    }
    let (conclusion, _) = run.run().await;
    let summary = &conclusion.summary;
    assert_eq!((summary.added, summary.already_member), (60, 100));
    assert_eq!((summary.duplicate, summary.invalid), (2, 1));
    let expected: BTreeSet<u64> = (0..100).filter(|n| n % 2 == 1).map(|n| n + 1).collect();
    assert_eq!(run.skipped(), expected);
    // Two pages or three of 100 members, one of the hidden; 30 rows of one type, 80 of the other.
    assert_eq!((run.adds(), run.pages()), (2, 3));
    assert!(conclusion.summary.accounts);
}

/// When a run is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    Staging,
    Staged,
    ListingBegun,
    /// After so many pages.
    Pages(usize),
    Listed,
    Added,
}

impl Kill {
    /// Whether a session that saw these events is killed now.
    fn is_now(self, seen: &Seen) -> bool {
        let count = |of: fn(&Event) -> bool| seen.find(|event| of(event).then_some(())).len();
        let settled = count(|event| matches!(event, Event::CallSettled { .. }));
        let listed = count(|event| matches!(event, Event::Listed { .. })) > 0;
        match self {
            Self::Staging => count(|event| matches!(event, Event::Staged { .. })) > 0,
            Self::Staged => count(|event| matches!(event, Event::ListComplete { .. })) > 0,
            Self::ListingBegun => count(|event| matches!(event, Event::ListingMembers { .. })) > 0,
            Self::Pages(pages) => settled >= pages,
            Self::Listed => listed,
            Self::Added => listed && seen.find(added).iter().sum::<u64>() > 0,
        }
    }
}

fn added(event: &Event) -> Option<u64> {
    match event {
        Event::CallSettled { settled, .. } => Some(settled.of(Outcome::Added)),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_killed_at_any_moment_never_adds_before_it_has_skipped_and_is_resumed() {
    let moments = [
        Kill::Staging,
        Kill::Staged,
        Kill::ListingBegun,
        Kill::Pages(1),
        Kill::Pages(3),
        Kill::Listed,
        Kill::Added,
    ];
    for (kill, skip) in moments
        .into_iter()
        .flat_map(|kill| [SkipExisting::Always, SkipExisting::Auto].map(|skip| (kill, skip)))
    {
        let run = Skipping::new(list(rows(0, 400)), ms(60)).skip(skip);
        for n in 0..200 {
            run.service
                .add_existing(&channel(0), &user(&format!("u{n}")));
        }
        let (seen, killed) = (Seen::default(), Arc::new(Notify::new()));
        let observer = {
            let (mut record, killed) = (seen.observer(), Arc::clone(&killed));
            move |event: &Event| {
                record.event(event);
                if kill.is_now(&seen) {
                    killed.notify_one();
                }
            }
        };
        tokio::select! {
            biased;
            () = killed.notified() => {}
            _ = Box::pin(run.request().observer(observer).run()) => {
                panic!("not killed at {kill:?}")
            }
        }
        tokio::task::yield_now().await;
        let is_listed = matches!(kill, Kill::Listed | Kill::Added);
        assert_eq!(run.is_listed(), is_listed, "{kill:?}, {skip:?}");
        assert_eq!(run.adds() > 0, kill == Kill::Added, "{kill:?}, {skip:?}");
        let conclusion = free(|| run.resume().run()).await;
        assert_eq!(conclusion.verdict(), RunVerdict::AllIn);
        let expected: BTreeSet<u64> = (1..=200).collect();
        assert_eq!(run.skipped(), expected, "{kill:?}, {skip:?}");
        assert_eq!(run.service.members(&channel(0)).len(), 400);
        assert_eq!(run.service.stats().members_added, 200);
        assert!(run.adds() <= 3, "{} adds, {kill:?}, {skip:?}", run.adds());
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_stopped_while_it_lists_is_resumed_where_it_stopped() {
    let run = Skipping::new(list(rows(0, 3_000)), ms(60));
    for n in 0..2_000 {
        run.service
            .add_existing(&channel(0), &user(&format!("u{n}")));
    }
    let (send, commands) = mpsc::channel(2);
    let mut answers = 0;
    let observer = move |event: &Event| {
        if matches!(event, Event::CallSettled { .. }) {
            answers += 1;
            if answers == 10 {
                send.try_send(Command::Drain).unwrap();
            }
        }
    };
    let stopped = run.request().observer(observer).commands(commands).run();
    let stopped = Box::pin(stopped).await.unwrap();
    assert_eq!(stopped.verdict(), RunVerdict::Interrupted);
    assert_eq!((run.adds(), run.is_listed()), (0, false));
    assert_eq!(stopped.summary.not_attempted, 3_000);
    let conclusion = free(|| run.resume().run()).await;
    assert_eq!(conclusion.verdict(), RunVerdict::AllIn);
    assert_eq!((run.adds(), run.skipped().len()), (10, 2_000));
}

#[tokio::test(start_paused = true)]
async fn a_listing_takes_as_long_as_its_pages_and_saves_the_adds_of_members() {
    let before = 9_000;
    let run = Skipping::new(list(rows(0, 10_000)), ms(60)).skip(SkipExisting::Auto);
    for n in 0..before {
        run.service
            .add_existing(&channel(0), &user(&format!("u{n}")));
    }
    let (conclusion, seen) = run.run().await;
    assert_eq!(conclusion.summary.already_member, 9_000);
    // The first two pages decide, then all are read.
    assert_eq!((run.pages(), run.adds()), (182, 10));
    let ideal = f64::from(before) / 50.0 / 10.0 + 1_000.0 / 100.0;
    let took = seen.makespan();
    assert!(took <= 1.05 * ideal, "{took} s of {ideal} s");
    assert_eq!(run.service.stats().throttled_calls, 0);
}

#[tokio::test(start_paused = true)]
async fn auto_gives_up_after_the_first_pages_where_few_members_are_on_the_list() {
    let mut took = Vec::new();
    for skip in [SkipExisting::Never, SkipExisting::Auto] {
        let run = Skipping::new(list(rows(0, 9_000)), ms(60)).skip(skip);
        // One in ten is on the list.
        for n in 0..1_000 {
            let id = if n % 10 == 0 {
                format!("u{n}")
            } else {
                format!("x{n}")
            };
            run.service.add_existing(&channel(0), &user(&id));
        }
        let (conclusion, seen) = run.run().await;
        assert_eq!(conclusion.verdict(), RunVerdict::AllIn);
        let pages = if skip == SkipExisting::Auto { 2 } else { 0 };
        assert_eq!(run.pages(), pages);
        // What the two pages had is skipped all the same.
        assert_eq!(run.skipped().len(), usize::try_from(pages * 5).unwrap());
        took.push(seen.makespan());
    }
    assert!(took[1] <= 1.03 * took[0], "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn auto_lists_nothing_where_the_bearers_set_the_time() {
    let many = (0..40).flat_map(|channel| rows(channel, 500));
    let run = Skipping::new(list(many), SandboxConfig::default()).skip(SkipExisting::Auto);
    for n in 0..500 {
        run.service
            .add_existing(&channel(0), &user(&format!("u{n}")));
    }
    let (conclusion, seen) = run.run().await;
    assert_eq!(conclusion.verdict(), RunVerdict::AllIn);
    assert_eq!((run.pages(), run.skipped().len()), (0, 0));
    assert!(run.is_listed());
    assert!(
        seen.find(|event| matches!(event, Event::ListingMembers { .. }).then_some(()))
            .is_empty()
    );
}

fn refusals(seen: &Seen) -> Vec<(u64, bool)> {
    seen.find(|event| match event {
        Event::ListingRefused {
            channels, denied, ..
        } => Some((*channels, *denied)),
        _ => None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_denied_listing_skips_nobody_and_the_run_goes_on() {
    for skip in [SkipExisting::Auto, SkipExisting::Always] {
        // As many listings are denied as it takes to find that all are; then the adds too, and then none.
        let denied = |calls: usize| {
            let run = Skipping::new(list(rows(0, 400)), SandboxConfig::default()).skip(skip);
            let refusal = Scripted::Refuse {
                status: 403,
                exception: "AccessDeniedException".to_owned(),
                message: "not authorized".to_owned(),
            };
            run.service.script(vec![vec![refusal]; calls]);
            run
        };
        let all = denied(1_000);
        let (conclusion, seen) = all.run().await;
        assert_eq!(conclusion.verdict(), RunVerdict::Fatal);
        assert_eq!(refusals(&seen), [(1, true)]);
        let policy = conclusion.policy().unwrap();
        assert!(policy.contains("chime:ListChannelMemberships"), "{policy}");

        let only_listings = denied(usize::try_from(all.pages()).unwrap());
        let (conclusion, seen) = only_listings.run().await;
        assert_eq!(conclusion.verdict(), RunVerdict::AllIn, "{skip:?}");
        assert_eq!(refusals(&seen), [(1, true)]);
        assert_eq!((conclusion.summary.added, only_listings.adds()), (400, 4));
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_cannot_be_listed_is_added_to_in_full() {
    let sandbox = SandboxConfig {
        missing_channels: vec!["c1".to_owned()],
        ..SandboxConfig::default()
    };
    let run = Skipping::new(list(rows(0, 300).chain(rows(1, 100))), sandbox);
    for n in 0..200 {
        run.service
            .add_existing(&channel(0), &user(&format!("u{n}")));
    }
    let (conclusion, seen) = run.run().await;
    assert_eq!(refusals(&seen), [(1, true)]);
    let summary = &conclusion.summary;
    assert_eq!(
        (summary.added, summary.already_member, summary.failed),
        (100, 200, 100)
    );
    // `retry` sends what failed, and nobody who was skipped.
    let adds = run.adds();
    free(|| run.resume().retry(Vec::<String>::new())).await;
    assert_eq!((run.adds() - adds, run.skipped().len()), (1, 200));
}
