//! Single adds through the engine and the ledger. The tests set the operation of each plan
//! themselves, whatever the scheduler chooses.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::engine::{Feed, restore};
use crate::ledger::{Durability, Ledger, LedgerError, Stager};
use crate::limits::CallLimits;
use crate::model::{ChannelId, Limits, MemberArn};
use crate::roster::{Options, Roster, Source};
use crate::sandbox::{SandboxConfig, Scripted, Service, Simulated};
use crate::schedule::{Scheduler, SchedulerConfig};

const INSTANCE: &str = "arn:aws:chime:us-east-1:1:app-instance/i";

fn channel() -> ChannelArn {
    ChannelArn::parse(&format!("{INSTANCE}/channel/c")).unwrap()
}

fn member(id: &str) -> MemberArn {
    MemberArn::parse(&format!("{INSTANCE}/user/{id}")).unwrap()
}

/// The ledger of a list of these members of one channel, read to its end.
fn ledger(path: &Path, ids: &[&str]) -> Ledger {
    let options = Options {
        channel_arn: Some(channel().into()),
        ..Options::default()
    };
    let lines: Vec<String> = ids.iter().map(|id| member(id).to_string()).collect();
    let source = Source::Bytes {
        name: "list".to_owned(),
        bytes: format!("member_arn\n{}\n", lines.join("\n")).into_bytes(),
    };
    let roster = Roster::open(&source, &options).unwrap();
    let mut ledger = Ledger::create(path, Durability::None, roster.layout(), [7; 16]).unwrap();
    let mut stager = Stager::new(roster, [7; 16]);
    while let Some(chunk) = stager.next_chunk().unwrap() {
        ledger.stage(&chunk).unwrap();
    }
    ledger.flush_staged().unwrap();
    ledger.end_list().unwrap();
    while !ledger.scan_duplicates().unwrap() {
        ledger.flush_staged().unwrap();
    }
    ledger.commit().unwrap();
    ledger
}

/// What a session needs. The call limits allow single adds, and one batch.
fn setup(ledger: Ledger, service: &Arc<Service>, members_per_call: u32) -> Setup {
    let limits = Limits {
        channel_rate: 1e6,
        single_rate: Some(1e6),
        bearer_rate: 1e6,
        members_per_call,
        ..Limits::of_region("us-east-1")
    };
    let mut scheduler = Scheduler::new(SchedulerConfig::new(limits, 1));
    restore(&ledger, &mut scheduler).unwrap();
    let (_, commands) = mpsc::channel(1);
    Setup {
        task: Task::Add,
        ledger,
        scheduler,
        call_limits: CallLimits::new(&Limits {
            channel_rate: 0.001,
            ..limits
        }),
        service: Arc::new(Simulated::new(Arc::clone(service))),
        bearers: vec![member("admin")],
        feed: Feed::Ended,
        commands,
        epoch_millis: 0,
    }
}

fn service() -> Arc<Service> {
    Arc::new(Service::new(SandboxConfig {
        unlimited: true,
        missing_users: vec!["gone".to_owned()],
        ..SandboxConfig::default()
    }))
}

/// Does the next step, a call as a single add. Returns false at the end.
async fn step(engine: &mut Engine<'_>) -> bool {
    let now = engine.now();
    match engine.setup.scheduler.next(now) {
        Step::Call(mut plan) => {
            plan.operation = Operation::Single;
            let prepared = engine.admit(plan, now).unwrap();
            engine.setup.ledger.commit().unwrap();
            if let Some(prepared) = prepared {
                engine.delay_call(&prepared, Duration::from_millis(1));
                engine.send(prepared);
            }
        }
        Step::Wait(until) => {
            let input = engine.wait(until).await.unwrap();
            engine.handle(input).unwrap();
            engine.setup.ledger.commit().unwrap();
        }
        Step::Done => return false,
    }
    true
}

/// The outcome, the code and the attempts of each row.
fn rows(ledger: &Ledger) -> Vec<(Outcome, String, u16)> {
    let mut rows = Vec::new();
    let each = |row: &crate::ledger::ResultRow<'_>| {
        let code = row.code.clone().unwrap_or_default();
        rows.push((row.outcome, code, row.attempts));
        Ok::<_, LedgerError>(())
    };
    ledger.project(each).unwrap();
    rows
}

/// The number of calls, and of single adds among them.
fn calls(ledger: &Ledger) -> (u64, u64) {
    let counts = ledger.call_counts().unwrap();
    (counts.calls, counts.single)
}

fn ledger_in(dir: &TempDir) -> std::path::PathBuf {
    dir.path().join("ledger.db")
}

#[tokio::test(start_paused = true)]
async fn single_adds_are_settled_as_batches_of_one_and_charge_no_batch() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(&ledger_in(&dir), &["ann", "in", "gone", "left-out", "slow"]);
    let service = service();
    service.add_existing(&channel(), &member("in"));
    let throttled = Scripted::Refuse {
        status: 429,
        exception: "ThrottledClientException".to_owned(),
        message: String::new(),
    };
    let left_out = member("left-out").to_string();
    service.script([
        Vec::new(),
        Vec::new(),
        Vec::new(),
        vec![Scripted::LeaveOut { member: left_out }],
        vec![throttled],
    ]);
    let mut observer = |_: &Event| {};
    let mut engine = Engine::new(setup(ledger, &service, 1), &mut observer);
    while step(&mut engine).await {}
    let row = |outcome, code: &str, attempts| (outcome, code.to_owned(), attempts);
    assert_eq!(
        rows(&engine.setup.ledger),
        [
            row(Outcome::Added, "", 1),
            row(Outcome::AlreadyMember, "Conflict", 1),
            row(Outcome::Failed, "NotFound", 1),
            row(Outcome::Added, "", 2),
            // The throttled call charges no attempt.
            row(Outcome::Added, "", 1),
        ]
    );
    assert_eq!(calls(&engine.setup.ledger), (7, 7));
    let stats = service.stats();
    assert_eq!((stats.single_calls, stats.batch_calls), (7, 0));
    let limits = &engine.setup.call_limits;
    let batch = limits.try_acquire(ChannelId(0), 1, Operation::Batch);
    assert!(batch.is_ok(), "a single add was charged as a batch");
}

#[tokio::test(start_paused = true)]
async fn a_single_add_in_flight_at_a_kill_is_in_doubt_and_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = ledger_in(&dir);
    let service = service();
    service.script([vec![Scripted::Silence]]);
    let mut observer = |_: &Event| {};
    let mut engine = Engine::new(
        setup(ledger(&path, &["ann", "bob"]), &service, 1),
        &mut observer,
    );
    assert!(step(&mut engine).await);
    while !service.is_member(&channel(), &member("ann")) {
        tokio::task::yield_now().await;
    }
    drop(engine);

    let mut ledger = Ledger::open(&path, Durability::None).unwrap();
    assert_eq!(rows(&ledger)[0].0, Outcome::Unconfirmed);
    ledger.recover(0).unwrap();
    let mut observer = |_: &Event| {};
    let engine = Engine::new(setup(ledger, &service, 2), &mut observer);
    let (ledger, _) = engine.run().await.unwrap();
    assert_eq!(
        rows(&ledger),
        [
            (Outcome::AlreadyMember, "Conflict".to_owned(), 2),
            (Outcome::Added, String::new(), 1),
        ]
    );
    assert_eq!(calls(&ledger), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_several_members_is_a_batch() {
    let dir = tempfile::tempdir().unwrap();
    let path = ledger_in(&dir);
    let service = service();
    let mut observer = |_: &Event| {};
    let setup = setup(ledger(&path, &["ann", "bob"]), &service, 100);
    let mut engine = Engine::new(setup, &mut observer);
    while step(&mut engine).await {}
    let stats = service.stats();
    assert_eq!((stats.single_calls, stats.batch_calls), (0, 1));
    assert_eq!(calls(&engine.setup.ledger), (1, 0));
    let limits = &engine.setup.call_limits;
    let batch = limits.try_acquire(ChannelId(0), 1, Operation::Batch);
    assert!(batch.is_err(), "the batch was not charged as one");
}
