//! Calls refused as a whole, because of a member, a channel or the bearer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use chime_bulk::engine::Command;
use chime_bulk::model::{Outcome, RefusalKind};
use chime_bulk::sandbox::{OverCapacity, SandboxConfig};
use chime_bulk::schedule::{FailureThreshold, Stop};

use super::{many_channels, stop};
use crate::support::harness::{
    Harness, Interruption, ListPace, channel, list, one_channel, refusal, user,
};

#[tokio::test(start_paused = true)]
async fn one_bad_row_fails_and_the_other_99_are_added() {
    for kind in [RefusalKind::BadRequest, RefusalKind::Denied] {
        let rows = (0..300).map(|n| (0, format!("u{n}")));
        let mut run = Harness::new(list(rows)).intercept(move |call| {
            let poison = user("u137");
            let is_in = call.members.members().contains(&poison);
            is_in.then(|| refusal(kind, "Poisoned"))
        });
        let result = run.run().await;
        assert!(result.is_finished());
        assert_eq!(result.count(Outcome::Added), 299);
        assert_eq!(result.with_code(Outcome::Failed, "Poisoned"), 1);
        assert_eq!(result.rows[&138].attempts, 1);
        assert!(run.calls().len() <= 3 + 9, "{}", run.calls().len());
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
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 95);
    assert_eq!(result.with_code(Outcome::Failed, "Poisoned"), 5);
    for member in poison {
        assert!(!run.service.is_member(&channel(0), &member));
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_is_filled_to_its_capacity_and_closed() {
    for over_capacity in [OverCapacity::RefuseCall, OverCapacity::RefuseMembers] {
        let sandbox = SandboxConfig {
            capacity: 250,
            over_capacity,
            ..SandboxConfig::default()
        };
        let rows = (0..1_000).map(|n| (0, format!("u{n}")));
        let rows = rows.chain((0..50).map(|n| (1, format!("u{n}"))));
        let mut run = Harness::with_sandbox(list(rows), sandbox);
        let result = run.run().await;
        assert!(result.is_finished());
        assert_eq!(result.count(Outcome::Added), 300);
        assert_eq!(result.count(Outcome::Failed), 750);
        assert_eq!(run.service.stats().members[channel(0).as_str()], 250);
        if over_capacity == OverCapacity::RefuseCall {
            let code = "ResourceLimitExceededException";
            assert_eq!(result.with_code(Outcome::Failed, code), 750);
            assert!(
                run.calls_on(&channel(0)) < 20,
                "{}",
                run.calls_on(&channel(0))
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_channel_ends_and_the_others_go_on() {
    let sandbox = SandboxConfig {
        missing_channels: vec!["c1".into()],
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(list(many_channels(3, 500)), sandbox);
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 1_000);
    assert_eq!(result.with_code(Outcome::Failed, "NotFoundException"), 500);
    assert_eq!(run.calls_on(&channel(1)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bearer_denied_from_the_start_stops_the_run_and_fails_no_row() {
    let sandbox = SandboxConfig {
        admins: Some(Vec::new()),
        latency: Duration::from_millis(100),
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(list(many_channels(20, 500)), sandbox);
    let result = run.run().await;
    let Stop::Denied(refusal) = stop(&result) else {
        panic!("{result:?}")
    };
    assert_eq!(refusal.code, "ForbiddenException");
    assert_eq!(result.count(Outcome::NotAttempted), 10_000);
    // The ten in flight, and those that find out whether other channels are denied too.
    assert!(run.calls().len() <= 28, "{}", run.calls().len());
}

#[tokio::test(start_paused = true)]
async fn a_bearer_denied_on_one_channel_ends_that_channel_after_a_few_calls() {
    let mut run = Harness::new(list(many_channels(3, 2_000))).intercept(|call| {
        let denied = call.channel == channel(1);
        denied.then(|| refusal(RefusalKind::Denied, "ForbiddenException"))
    });
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 4_000);
    assert_eq!(
        result.with_code(Outcome::Failed, "ForbiddenException"),
        2_000
    );
    assert!(
        run.calls_on(&channel(1)) <= 12,
        "{}",
        run.calls_on(&channel(1))
    );
}

/// A run whose credentials expire after two calls. Setting the flag renews them.
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
    // Several members refused alone show a denied bearer only if no call was ever accepted.
    let forbidden: BTreeSet<_> = (100..104).map(|n| user(&format!("u{n}"))).collect();
    let mut run = Harness::new(one_channel(300)).intercept(move |call| {
        let mut members = call.members.members().iter();
        let is_in = members.any(|member| forbidden.contains(member));
        is_in.then(|| refusal(RefusalKind::Denied, "ForbiddenException"))
    });
    let interruption = Interruption::Command(Command::Drain);
    let result = run
        .run_until(Duration::from_millis(500), interruption)
        .await;
    assert_eq!(result.count(Outcome::Added), 100);
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 296);
    assert_eq!(result.count(Outcome::Failed), 4);
}

#[tokio::test(start_paused = true)]
async fn expired_credentials_stop_the_run_which_is_resumed_with_new_ones() {
    let (mut run, renewed) = expiring();
    let result = run.run().await;
    assert!(matches!(stop(&result), Stop::Credentials(_)));
    assert!(
        (300..330).contains(&result.took.as_secs()),
        "{:?}",
        result.took
    );
    assert!(run.calls().len() < 25, "{}", run.calls().len());
    assert_eq!(result.count(Outcome::Added), 200);
    assert_eq!(result.count(Outcome::NotAttempted), 800);

    // A session whose credentials are rejected from the start does not wait.
    let result = run.run().await;
    assert!(matches!(stop(&result), Stop::Credentials(_)));
    // The channels were called just before.
    assert!(result.took < Duration::from_secs(2), "{:?}", result.took);

    renewed.store(true, Relaxed);
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 1_000);
    assert!(result.rows.values().all(|row| row.attempts == 1));
}

#[tokio::test(start_paused = true)]
async fn credentials_renewed_in_time_let_the_run_go_on() {
    let (mut run, renewed) = expiring();
    let renewal = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        renewed.store(true, Relaxed);
    };
    let (result, ()) = tokio::join!(run.run(), renewal);
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 1_000);
    assert!(
        (100..130).contains(&result.took.as_secs()),
        "{:?}",
        result.took
    );
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_closed_channel_count_as_failures() {
    let sandbox = SandboxConfig {
        missing_channels: vec!["c1".into()],
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(list(many_channels(2, 1_000)), sandbox)
        .scheduling(|settings| settings.max_failures = Some(FailureThreshold::Rows(900)));
    let result = run.run().await;
    assert!(matches!(stop(&result), Stop::TooManyFailures { .. }));
}

#[tokio::test(start_paused = true)]
async fn rows_that_reach_a_closed_channel_late_count_as_failures_at_once() {
    // The first call closes the channel. All later chunks belong to it.
    let sandbox = SandboxConfig {
        missing_channels: vec!["c0".into()],
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(one_channel(6_000), sandbox)
        .pace(ListPace::Slow(Duration::from_secs(10)))
        .scheduling(|settings| settings.max_failures = Some(FailureThreshold::Rows(5_000)));
    let result = run.run().await;
    assert_eq!(run.calls().len(), 1);
    assert!(matches!(stop(&result), Stop::TooManyFailures { .. }));
}
