//! Runs that are interrupted and resumed.

use std::time::Duration;

use chime_bulk::engine::{Command, Ending};
use chime_bulk::model::Outcome;
use chime_bulk::sandbox::{SandboxConfig, Scripted};

use super::{SECOND, many_channels, shuffled, slow_calls};
use crate::support::harness::{Harness, Interruption, ListPace, channel, list, one_channel};

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_calls_in_flight_and_makes_no_others() {
    let mut run = Harness::with_sandbox(list(many_channels(10, 1_000)), slow_calls(400));
    let interruption = Interruption::Command(Command::Drain);
    let result = run
        .run_until(Duration::from_millis(2_300), interruption)
        .await;
    assert!(matches!(result.ending, Some(Ending::Interrupted)));
    assert!(
        (2_301..=2_750).contains(&result.took.as_millis()),
        "{:?}",
        result.took
    );
    let sent = run.calls().len() as u64 * 100;
    assert_eq!(result.count(Outcome::Added), sent);
    assert_eq!(result.count(Outcome::NotAttempted), 10_000 - sent);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 10_000);
    assert_eq!(run.calls().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_halt_stops_at_once_and_leaves_calls_in_flight_in_doubt() {
    let mut run = Harness::with_sandbox(list(many_channels(10, 1_000)), slow_calls(400));
    let interruption = Interruption::Command(Command::Halt);
    let result = run
        .run_until(Duration::from_millis(2_350), interruption)
        .await;
    assert!(matches!(result.ending, Some(Ending::Interrupted)));
    assert!(result.took.as_millis() <= 2_352, "{:?}", result.took);
    let in_doubt = result.count(Outcome::Unconfirmed);
    assert!((100..=1_000).contains(&in_doubt), "{in_doubt}");
    let result = run.run().await;
    assert!(result.is_finished());
    let (added, before) = (
        result.count(Outcome::Added),
        result.count(Outcome::AlreadyMember),
    );
    assert_eq!(added + before, 10_000);
    assert!(before > 0 && before <= in_doubt, "{before} of {in_doubt}");
    assert_eq!(run.service.stats().members_added, 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_halt_during_the_last_attempt_does_not_use_it_up() {
    let mut run = Harness::with_sandbox(one_channel(300), slow_calls(400))
        .scheduling(|settings| settings.limits.max_attempts = 1);
    let interruption = Interruption::Command(Command::Halt);
    let result = run
        .run_until(Duration::from_millis(100), interruption)
        .await;
    assert_eq!(result.count(Outcome::Unconfirmed), 100);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 300);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_crashes_again_and_again_adds_each_member_once() {
    let rows = shuffled(many_channels(12, 700));
    let mut run = Harness::with_sandbox(list(rows), slow_calls(300));
    for after in [1, 700, 1_500, 1_501, 2_000, 150] {
        run.run_until(Duration::from_millis(after), Interruption::Crash)
            .await;
    }
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.tally.in_channel(), 8_400);
    assert_eq!(run.service.stats().members_added, 8_400);
    assert!(result.count(Outcome::AlreadyMember) > 0);
}

#[tokio::test(start_paused = true)]
async fn rows_held_back_at_a_crash_fail_with_their_channel() {
    // The first call is refused and bisected. While one half is in flight, the other is held back.
    // Then the channel ends, and before the answer for the first half comes, the process dies. The
    // other half is not sent again: it fails with its channel, and is not left open.
    let sandbox = SandboxConfig {
        unlimited: true,
        ..slow_calls(80)
    };
    let mut run = Harness::with_sandbox(one_channel(300), sandbox).scheduling(|settings| {
        settings.limits.channel_rate = 20.0;
        settings.limits.bearer_rate = 1_000.0;
    });
    let refuse = |status, exception: &str| Scripted::Refuse {
        status,
        exception: exception.into(),
        message: String::new(),
    };
    run.service.script([
        vec![refuse(400, "BadRequestException")],
        vec![],
        vec![Scripted::Silence],
        vec![refuse(404, "NotFoundException")],
    ]);
    run.run_until(Duration::from_millis(400), Interruption::Crash)
        .await;
    assert_eq!(run.calls().len(), 4);
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 100);
    assert_eq!(result.count(Outcome::Unconfirmed), 50);
    assert_eq!(result.count(Outcome::Failed), 150);
}

#[tokio::test(start_paused = true)]
async fn a_run_interrupted_while_it_stages_the_list_reads_the_rest_later() {
    for interruption in [
        Interruption::Crash,
        Interruption::Command(Command::Drain),
        Interruption::Command(Command::Halt),
    ] {
        let mut rows = shuffled(many_channels(7, 1_500));
        rows.extend(many_channels(7, 300));
        let mut run = Harness::with_sandbox(list(rows), slow_calls(300))
            .pace(ListPace::Slow(Duration::from_secs(2)));
        let result = run
            .run_until(Duration::from_millis(5_100), interruption)
            .await;
        let read: u64 = result.tally.total();
        assert!((2_048..10_500).contains(&read), "{read} rows read");
        let result = run.run_until(Duration::from_secs(9), interruption).await;
        assert!(result.tally.total() < 12_600);
        let result = run.run().await;
        assert!(result.is_finished());
        assert_eq!(result.count(Outcome::Duplicate), 2_100);
        assert_eq!(result.tally.in_channel(), 10_500);
        assert_eq!(run.service.stats().members_added, 10_500);
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_rows_still_count_when_the_next_session_is_interrupted_early() {
    // The rows read last are all invalid, and none of them is sent. The next session is interrupted
    // before it has read as far; it must still count them.
    let mut rows = many_channels(1, 2_048);
    rows.extend((0..100).map(|_| (0, "no+body".to_owned())));
    rows.extend((0..4_000).map(|n| (0, format!("late{n}"))));
    let mut run = Harness::new(list(rows)).pace(ListPace::Slow(SECOND * 10));
    run.scheduling.limits.channel_rate = 100.0;
    let drain = Interruption::Command(Command::Drain);
    for after in [25, 1] {
        let result = run.run_until(SECOND * after, drain).await;
        assert_eq!(result.count(Outcome::Invalid), 100, "after {after} s");
    }
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Invalid), 100);
    assert_eq!(result.count(Outcome::Added), 6_048);
}

#[tokio::test(start_paused = true)]
async fn channels_that_a_crashed_session_read_but_did_not_commit_are_read_again() {
    // A few rows of new channels are staged, but not queued, at the crash.
    let head = many_channels(1, 6_144);
    let with_tail = |first: usize| {
        let tail = (0..3_000).map(move |n| (first + n % 2, format!("t{n}")));
        list(head.iter().cloned().chain(tail))
    };
    let mut run = Harness::with_sandbox(with_tail(1), slow_calls(500)).pace(ListPace::Slow(SECOND));
    run.run_until(Duration::from_millis(4_100), Interruption::Crash)
        .await;
    // Rows that were read but not committed may change: none of them was sent.
    run.list = with_tail(5);
    run.pace = ListPace::Inline;
    let result = run.run().await;
    assert_eq!(result.tally.in_channel(), 9_144, "{:?}", result.ending);
    let stats = run.service.stats();
    assert_eq!(stats.members.get(channel(1).as_str()), None);
    assert_eq!(stats.members[channel(5).as_str()], 1_500);
}

#[tokio::test(start_paused = true)]
async fn resuming_a_finished_run_does_nothing() {
    let sandbox = SandboxConfig {
        missing_channels: vec!["c1".into()],
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(list(many_channels(2, 300)), sandbox);
    let first = run.run().await;
    let calls = run.calls().len();
    let second = run.run().await;
    assert!(second.is_finished());
    assert_eq!(second.rows, first.rows);
    assert_eq!(run.calls().len(), calls);
}
