//! Runs cut short and resumed.

use std::time::Duration;

use chime_bulk::engine::{Command, Ending};
use chime_bulk::model::Outcome;
use chime_bulk::sandbox::{SandboxConfig, Scripted};

use super::{SECOND, many_channels, shuffled, slow_calls};
use crate::support::harness::{Cut, Harness, Pace, channel, list, one_channel};

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_calls_in_flight_and_leaves_the_rest() {
    let mut run = Harness::in_world(list(many_channels(10, 1_000)), slow_calls(400));
    let cut = Cut::Command(Command::Drain);
    let ended = run.run_until(Duration::from_millis(2_050), cut).await;
    assert!(matches!(ended.ending, Some(Ending::Interrupted)));
    assert!(
        (2_051..=2_500).contains(&ended.took.as_millis()),
        "{:?}",
        ended.took
    );
    let sent = run.seen().len() as u64 * 100;
    assert_eq!(ended.of(Outcome::Added), sent);
    assert_eq!(ended.of(Outcome::NotAttempted), 10_000 - sent);
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 10_000);
    assert_eq!(run.seen().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_halt_stops_at_once_and_leaves_calls_in_flight_in_doubt() {
    let mut run = Harness::in_world(list(many_channels(10, 1_000)), slow_calls(400));
    let cut = Cut::Command(Command::Halt);
    let ended = run.run_until(Duration::from_millis(2_050), cut).await;
    assert!(matches!(ended.ending, Some(Ending::Interrupted)));
    assert!(ended.took.as_millis() <= 2_052, "{:?}", ended.took);
    let doubtful = ended.of(Outcome::Unconfirmed);
    assert!((100..=500).contains(&doubtful), "{doubtful}");
    let ended = run.run().await;
    assert!(ended.is_finished());
    let (added, before) = (ended.of(Outcome::Added), ended.of(Outcome::AlreadyMember));
    assert_eq!(added + before, 10_000);
    assert!(before > 0 && before <= doubtful, "{before} of {doubtful}");
    assert_eq!(run.service.stats().members_added, 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_halt_in_the_last_attempt_takes_nobodys_verdict() {
    let mut run = Harness::in_world(one_channel(300), slow_calls(400))
        .scheduling(|settings| settings.limits.max_attempts = 1);
    let cut = Cut::Command(Command::Halt);
    let ended = run.run_until(Duration::from_millis(100), cut).await;
    assert_eq!(ended.of(Outcome::Unconfirmed), 100);
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 300);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_again_and_again_still_gets_everybody_in_once() {
    let rows = shuffled(many_channels(12, 700));
    let mut run = Harness::in_world(list(rows), slow_calls(300));
    for after in [1, 700, 1_500, 1_501, 2_000, 150] {
        run.run_until(Duration::from_millis(after), Cut::Crash)
            .await;
    }
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.tally.in_channel(), 8_400);
    assert_eq!(run.service.stats().members_added, 8_400);
    assert!(ended.of(Outcome::AlreadyMember) > 0);
}

#[tokio::test(start_paused = true)]
async fn rows_held_back_when_the_process_dies_fail_with_their_channel() {
    // The first call is refused as a whole and halved. While one half is in flight and the other
    // held back beside it, the channel ends; before the half is back, the process dies. The other
    // half is never sent again: it failed with its channel, and is not left without a verdict.
    let world = SandboxConfig {
        unlimited: true,
        ..slow_calls(60)
    };
    let mut run = Harness::in_world(one_channel(300), world).scheduling(|settings| {
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
    run.run_until(Duration::from_millis(300), Cut::Crash).await;
    assert_eq!(run.seen().len(), 4);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 100);
    assert_eq!(ended.of(Outcome::Unconfirmed), 50);
    assert_eq!(ended.of(Outcome::Failed), 150);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_in_the_middle_of_staging_reads_the_rest_later() {
    for cut in [
        Cut::Crash,
        Cut::Command(Command::Drain),
        Cut::Command(Command::Halt),
    ] {
        let mut rows = shuffled(many_channels(7, 1_500));
        rows.extend(many_channels(7, 300));
        let mut run =
            Harness::in_world(list(rows), slow_calls(300)).pace(Pace::Slow(Duration::from_secs(2)));
        let ended = run.run_until(Duration::from_millis(5_100), cut).await;
        let read: u64 = ended.tally.total();
        assert!((2_048..10_500).contains(&read), "{read} rows read");
        let ended = run.run_until(Duration::from_secs(9), cut).await;
        assert!(ended.tally.total() < 12_600);
        let ended = run.run().await;
        assert!(ended.is_finished());
        assert_eq!(ended.of(Outcome::Duplicate), 2_100);
        assert_eq!(ended.tally.in_channel(), 10_500);
        assert_eq!(run.service.stats().members_added, 10_500);
    }
}

#[tokio::test(start_paused = true)]
async fn rows_read_and_not_to_be_sent_count_also_when_the_run_is_interrupted() {
    // Of what was read last no row is to be sent: the session said that they are invalid, and the
    // next one, interrupted before it had read as far, knew nothing of them.
    let mut rows = many_channels(1, 2_048);
    rows.extend((0..100).map(|_| (0, "no+body".to_owned())));
    rows.extend((0..4_000).map(|n| (0, format!("late{n}"))));
    let mut run = Harness::new(list(rows)).pace(Pace::Slow(SECOND * 10));
    run.scheduling.limits.channel_rate = 100.0;
    let drain = Cut::Command(Command::Drain);
    for after in [25, 1] {
        let ended = run.run_until(SECOND * after, drain).await;
        assert_eq!(ended.of(Outcome::Invalid), 100, "after {after} s");
    }
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Invalid), 100);
    assert_eq!(ended.of(Outcome::Added), 6_048);
}

#[tokio::test(start_paused = true)]
async fn channels_that_a_dead_session_read_and_did_not_keep_are_read_anew() {
    // A few rows of new channels, staged and not queued when the process dies.
    let head = many_channels(1, 6_144);
    let with_tail = |first: usize| {
        let tail = (0..3_000).map(move |n| (first + n % 2, format!("t{n}")));
        list(head.iter().cloned().chain(tail))
    };
    let mut run = Harness::in_world(with_tail(1), slow_calls(500)).pace(Pace::Slow(SECOND));
    run.run_until(Duration::from_millis(4_100), Cut::Crash)
        .await;
    // What was read and not kept may change: nothing of it was sent.
    run.list = with_tail(5);
    run.pace = Pace::Inline;
    let ended = run.run().await;
    assert_eq!(ended.tally.in_channel(), 9_144, "{:?}", ended.ending);
    let stats = run.service.stats();
    assert_eq!(stats.members.get(channel(1).as_str()), None);
    assert_eq!(stats.members[channel(5).as_str()], 1_500);
}

#[tokio::test(start_paused = true)]
async fn resuming_a_finished_run_does_nothing() {
    let world = SandboxConfig {
        missing_channels: vec!["c1".into()],
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(list(many_channels(2, 300)), world);
    let first = run.run().await;
    let calls = run.seen().len();
    let again = run.run().await;
    assert!(again.is_finished());
    assert_eq!(again.rows, first.rows);
    assert_eq!(run.seen().len(), calls);
}
