//! Calls refused as a whole: for a member, a channel or the bearer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use chime_bulk::engine::Command;
use chime_bulk::model::{Outcome, RefusalKind};
use chime_bulk::sandbox::{OverCapacity, SandboxConfig};
use chime_bulk::schedule::{FailureThreshold, Stop};

use super::{many_channels, stop};
use crate::support::harness::{Cut, Harness, Pace, channel, list, one_channel, refusal, user};

#[tokio::test(start_paused = true)]
async fn one_bad_row_costs_the_other_99_nothing() {
    for kind in [RefusalKind::BadRequest, RefusalKind::Denied] {
        let rows = (0..300).map(|n| (0, format!("u{n}")));
        let mut run = Harness::new(list(rows)).intercept(move |call| {
            let poison = user("u137");
            let is_in = call.members.members().contains(&poison);
            is_in.then(|| refusal(kind, "Poisoned"))
        });
        let ended = run.run().await;
        assert!(ended.is_finished());
        assert_eq!(ended.of(Outcome::Added), 299);
        assert_eq!(ended.with_code(Outcome::Failed, "Poisoned"), 1);
        assert_eq!(ended.rows[&138].attempts, 1);
        assert!(run.seen().len() <= 3 + 9, "{}", run.seen().len());
    }
}

#[tokio::test(start_paused = true)]
async fn each_of_several_bad_rows_is_found() {
    let poison: BTreeSet<_> = [0, 1, 50, 51, 99].map(|n| user(&format!("u{n}"))).into();
    let is_poison = poison.clone();
    let mut run = Harness::new(one_channel(100)).intercept(move |call| {
        let is_in = call
            .members
            .members()
            .iter()
            .any(|member| is_poison.contains(member));
        is_in.then(|| refusal(RefusalKind::BadRequest, "Poisoned"))
    });
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 95);
    assert_eq!(ended.with_code(Outcome::Failed, "Poisoned"), 5);
    for member in poison {
        assert!(!run.service.is_member(&channel(0), &member));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_channel_is_filled_to_its_last_place_and_closed() {
    for over_capacity in [OverCapacity::RefuseCall, OverCapacity::RefuseMembers] {
        let world = SandboxConfig {
            capacity: 250,
            over_capacity,
            ..SandboxConfig::default()
        };
        let rows = (0..1_000).map(|n| (0, format!("u{n}")));
        let rows = rows.chain((0..50).map(|n| (1, format!("u{n}"))));
        let mut run = Harness::in_world(list(rows), world);
        let ended = run.run().await;
        assert!(ended.is_finished());
        assert_eq!(ended.of(Outcome::Added), 300);
        assert_eq!(ended.of(Outcome::Failed), 750);
        assert_eq!(run.service.stats().members[channel(0).as_str()], 250);
        if over_capacity == OverCapacity::RefuseCall {
            let code = "ResourceLimitExceededException";
            assert_eq!(ended.with_code(Outcome::Failed, code), 750);
            assert!(
                run.calls_on(&channel(0)) < 20,
                "{}",
                run.calls_on(&channel(0))
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_channel_ends_alone() {
    let world = SandboxConfig {
        missing_channels: vec!["c1".into()],
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(list(many_channels(3, 500)), world);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 1_000);
    assert_eq!(ended.with_code(Outcome::Failed, "NotFoundException"), 500);
    assert_eq!(run.calls_on(&channel(1)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bearer_denied_from_the_start_stops_the_run_with_nobody_failed() {
    let world = SandboxConfig {
        admins: Some(Vec::new()),
        latency: Duration::from_millis(100),
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(list(many_channels(20, 500)), world);
    let ended = run.run().await;
    let Stop::Denied(refusal) = stop(&ended) else {
        panic!("{ended:?}")
    };
    assert_eq!(refusal.code, "ForbiddenException");
    assert_eq!(ended.of(Outcome::NotAttempted), 10_000);
    // The two in flight, and those that find out whether it is so on other channels.
    assert!(run.seen().len() <= 20, "{}", run.seen().len());
}

#[tokio::test(start_paused = true)]
async fn a_bearer_denied_on_one_channel_only_ends_that_channel_in_a_few_calls() {
    let mut run = Harness::new(list(many_channels(3, 2_000))).intercept(|call| {
        let denied = call.channel == channel(1);
        denied.then(|| refusal(RefusalKind::Denied, "ForbiddenException"))
    });
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 4_000);
    assert_eq!(
        ended.with_code(Outcome::Failed, "ForbiddenException"),
        2_000
    );
    assert!(
        run.calls_on(&channel(1)) <= 12,
        "{}",
        run.calls_on(&channel(1))
    );
}

/// A run whose credentials expire after two calls; set true when they are renewed.
fn expiring() -> (Harness, Arc<AtomicBool>) {
    let renewed = Arc::new(AtomicBool::new(false));
    let (calls, are_renewed) = (AtomicU32::new(0), Arc::clone(&renewed));
    let run = Harness::new(one_channel(1_000)).intercept(move |_| {
        let is_expired = calls.fetch_add(1, Relaxed) >= 2 && !are_renewed.load(Relaxed);
        is_expired.then(|| refusal(RefusalKind::Credentials, "ExpiredTokenException"))
    });
    (run, renewed)
}

#[tokio::test(start_paused = true)]
async fn a_bearer_that_was_allowed_on_a_channel_counts_as_allowed_after_a_resume() {
    // Members forbidden one by one tell of a bearer denied only where nothing was ever accepted.
    let forbidden: BTreeSet<_> = (100..104).map(|n| user(&format!("u{n}"))).collect();
    let mut run = Harness::new(one_channel(300)).intercept(move |call| {
        let mut members = call.members.members().iter();
        let is_in = members.any(|member| forbidden.contains(member));
        is_in.then(|| refusal(RefusalKind::Denied, "ForbiddenException"))
    });
    let cut = Cut::Command(Command::Drain);
    let ended = run.run_until(Duration::from_millis(500), cut).await;
    assert_eq!(ended.of(Outcome::Added), 100);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 296);
    assert_eq!(ended.of(Outcome::Failed), 4);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_stop_the_run_and_it_is_resumed_with_others() {
    let (mut run, renewed) = expiring();
    let ended = run.run().await;
    assert!(matches!(stop(&ended), Stop::Credentials(_)));
    assert!(
        (300..330).contains(&ended.took.as_secs()),
        "{:?}",
        ended.took
    );
    assert!(run.seen().len() < 25, "{}", run.seen().len());
    assert_eq!(ended.of(Outcome::Added), 200);
    assert_eq!(ended.of(Outcome::NotAttempted), 800);

    // A session that begins with credentials that are not accepted waits for nothing.
    let ended = run.run().await;
    assert!(matches!(stop(&ended), Stop::Credentials(_)));
    assert!(ended.took < Duration::from_secs(1), "{:?}", ended.took);

    renewed.store(true, Relaxed);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 1_000);
    assert!(ended.rows.values().all(|row| row.attempts == 1));
}

#[tokio::test(start_paused = true)]
async fn credentials_renewed_in_time_are_found_and_the_run_goes_on() {
    let (mut run, renewed) = expiring();
    let renewal = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        renewed.store(true, Relaxed);
    };
    let (ended, ()) = tokio::join!(run.run(), renewal);
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 1_000);
    assert!(
        (100..130).contains(&ended.took.as_secs()),
        "{:?}",
        ended.took
    );
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_closed_channel_count_as_failures() {
    let world = SandboxConfig {
        missing_channels: vec!["c1".into()],
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(list(many_channels(2, 1_000)), world)
        .scheduling(|settings| settings.max_failures = Some(FailureThreshold::Rows(900)));
    let ended = run.run().await;
    assert!(matches!(stop(&ended), Stop::TooManyFailures { .. }));
}

#[tokio::test(start_paused = true)]
async fn rows_that_reach_a_closed_channel_late_count_as_failures_at_once() {
    // The first chunk closes the channel; all that comes after belongs to it.
    let world = SandboxConfig {
        missing_channels: vec!["c0".into()],
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(one_channel(6_000), world)
        .pace(Pace::Slow(Duration::from_secs(10)))
        .scheduling(|settings| settings.max_failures = Some(FailureThreshold::Rows(5_000)));
    let ended = run.run().await;
    assert_eq!(run.seen().len(), 1);
    assert!(matches!(stop(&ended), Stop::TooManyFailures { .. }));
}
