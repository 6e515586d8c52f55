//! Undoing a run: exactly the members that it added are removed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chime_bulk::engine::Command;
use chime_bulk::model::{Outcome, codes};
use chime_bulk::sandbox::{
    AbsentAnswer, ExistingAnswer, Fault, FaultShare, SandboxConfig, Scripted, Simulated,
};
use chime_bulk::schedule::LowerBound;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{SECOND, fault, many_channels, shuffled, slow_calls};
use crate::support::harness::{Harness, Interruption, channel, list, one_channel, user};

/// The members of channel 0.
fn members(run: &Harness) -> BTreeSet<String> {
    run.service.members(&channel(0)).into_iter().collect()
}

fn users(ids: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    ids.into_iter().map(|id| user(&id).to_string()).collect()
}

/// Another run against the service of this one.
fn run_after(run: &Harness, list: String) -> Harness {
    let client = Arc::new(Simulated::new(Arc::clone(&run.service)));
    Harness::new(list).over(Arc::clone(&run.service), client)
}

#[tokio::test(start_paused = true)]
async fn members_who_were_there_before_are_never_removed() {
    for existing_answer in [ExistingAnswer::Conflict, ExistingAnswer::Silent] {
        let sandbox = SandboxConfig {
            existing_answer,
            ..SandboxConfig::default()
        };
        // u0 to u9 came by themselves, u10 to u19 by an earlier run of the same bearer.
        let mut earlier =
            Harness::with_sandbox(list((10..20).map(|n| (0, format!("u{n}")))), sandbox);
        for n in 0..10 {
            earlier
                .service
                .add_existing(&channel(0), &user(&format!("u{n}")));
        }
        earlier.run().await;
        let before = members(&earlier);
        tokio::time::sleep(SECOND * 10).await;
        let mut run = run_after(&earlier, one_channel(300));
        run.run().await;
        assert_eq!(members(&run).len(), 300);
        let mut undo = run.undo(true, false);
        let result = undo.run().await;
        assert!(result.is_finished());
        assert_eq!(members(&run), before, "{existing_answer:?}");
        assert_eq!(result.count(Outcome::Added), 280);
        let kept = |code| result.with_code(Outcome::Failed, code);
        let kept = [codes::INVITED_BY_OTHER, codes::CREATED_EARLIER].map(kept);
        let expected = match existing_answer {
            ExistingAnswer::Conflict => [0, 0],
            ExistingAnswer::Silent => [10, 10],
        };
        assert_eq!(kept, expected);
        assert!(undo.calls().is_empty(), "an undo adds nobody");
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_guard_every_member_that_was_answered_as_added_is_removed() {
    let sandbox = SandboxConfig {
        existing_answer: ExistingAnswer::Silent,
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(one_channel(30), sandbox);
    run.service.add_existing(&channel(0), &user("u7"));
    run.service.add_existing(&channel(0), &user("boss"));
    run.run().await;
    let result = run.undo(false, false).run().await;
    assert_eq!(result.count(Outcome::Added), 30);
    assert_eq!(members(&run), users(["boss".to_owned()]));
    let calls = run.service.stats().calls;
    assert_eq!(calls.get("DescribeChannelMembership"), None, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn who_left_after_the_run_and_came_again_is_kept() {
    let mut run = Harness::new(one_channel(20));
    run.run().await;
    run.service.ban(&channel(0), &user("u3"));
    run.service.ban(&channel(0), &user("u4"));
    tokio::time::sleep(SECOND * 10).await;
    run.service.add_existing(&channel(0), &user("u4"));
    run_after(&run, list([(0, "u5"), (0, "u6")])).run().await;
    let result = run.undo(true, false).run().await;
    assert_eq!(members(&run), users(["u4".to_owned()]));
    let code = |row: u64| (result.rows[&row].outcome, result.rows[&row].code.as_str());
    assert_eq!(code(4), (Outcome::AlreadyMember, codes::ALREADY_GONE));
    assert_eq!(code(5), (Outcome::Failed, codes::INVITED_BY_OTHER));
    assert_eq!(code(6), (Outcome::Added, ""));
}

#[tokio::test(start_paused = true)]
async fn a_member_added_again_by_the_same_bearer_is_kept() {
    let mut run = Harness::new(one_channel(3));
    run.run().await;
    run.undo(true, false).run().await;
    tokio::time::sleep(SECOND * 10).await;
    run_after(&run, one_channel(2)).run().await;
    let result = run.undo(true, false).run().await;
    assert_eq!(result.with_code(Outcome::Failed, codes::CREATED_LATER), 2);
    assert_eq!(
        result.with_code(Outcome::AlreadyMember, codes::ALREADY_GONE),
        1
    );
    assert_eq!(members(&run).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_removal_counts_as_removed_once_the_member_is_gone() {
    for absent_answer in [AbsentAnswer::Silent, AbsentAnswer::NotFound] {
        for guarded in [true, false] {
            let sandbox = SandboxConfig {
                absent_answer,
                ..slow_calls(50)
            };
            let mut run = Harness::with_sandbox(one_channel(1), sandbox);
            run.run().await;
            let mut undo = run.undo(guarded, false);
            let described = guarded.then(Vec::new);
            run.service
                .script(described.into_iter().chain([vec![Scripted::Silence]]));
            let result = undo.run().await;
            assert_eq!(result.count(Outcome::Added), 1, "{result:?}");
            assert_eq!(result.rows[&1].attempts, 2);
            assert!(members(&run).is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_description_leaves_no_doubt_about_the_removal() {
    let mut run = Harness::with_sandbox(one_channel(1), slow_calls(50));
    run.run().await;
    let mut undo = run.undo(true, false);
    run.service.script([vec![Scripted::Silence]]);
    run.service.ban(&channel(0), &user("u0"));
    let result = undo.run().await;
    assert_eq!(
        result.with_code(Outcome::AlreadyMember, codes::ALREADY_GONE),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn throttled_and_failed_removals_are_made_again() {
    for kind in [
        Fault::CallThrottled,
        Fault::CallUnavailable,
        Fault::Reset,
        Fault::Lost,
    ] {
        let mut run = Harness::with_sandbox(list(many_channels(3, 40)), fault(kind, 0.1));
        let first = run.run().await;
        assert!(first.is_finished());
        let result = run.undo(true, true).run().await;
        assert!(result.is_finished(), "{kind}: {:?}", result.ending);
        assert!(members(&run).is_empty(), "{kind}");
        assert_eq!(result.tally.not_in(), 0, "{kind}: {:?}", result.tally);
    }
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_is_interrupted_is_resumed() {
    for interruption in [
        Interruption::Crash,
        Interruption::Command(Command::Drain),
        Interruption::Command(Command::Halt),
    ] {
        let mut run = Harness::with_sandbox(one_channel(200), slow_calls(80));
        run.run().await;
        let mut undo = run.undo(true, false);
        undo.run_until(SECOND * 10, interruption).await;
        let left = members(&run).len();
        assert!((100..180).contains(&left), "{left}");
        let result = undo.run().await;
        assert!(result.is_finished());
        assert_eq!(result.count(Outcome::Added), 200, "{:?}", result.tally);
        assert!(members(&run).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn rows_in_doubt_are_removed_only_on_request_and_only_if_the_run_added_them() {
    // The call is applied and its answer lost; when it is sent again, the members are there.
    let mut run = Harness::with_sandbox(one_channel(50), slow_calls(80));
    run.service.add_existing(&channel(0), &user("u1"));
    run.service.script([vec![Scripted::Silence]]);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::AlreadyMember), 50);
    assert!(run.undo(true, false).list.lines().count() == 1, "no row");
    let result = run.undo(false, true).run().await;
    assert_eq!(result.count(Outcome::Added), 49);
    assert_eq!(
        result.with_code(Outcome::Failed, codes::INVITED_BY_OTHER),
        1
    );
    assert_eq!(members(&run), users(["u1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn an_undo_takes_little_more_than_its_lower_bound() {
    // Guarded, one bearer binds; without the guard, four bearers leave the channel to bind.
    for (guarded, bearers, sizes) in [(true, 1, [500, 30]), (false, 4, [1_500, 300])] {
        let rows = (0..)
            .zip(sizes)
            .flat_map(|(c, size)| (0..size).map(move |n| (c, format!("u{n}"))));
        let mut run = Harness::with_sandbox(list(rows), slow_calls(60)).bearers(bearers);
        run.run().await;
        tokio::time::sleep(SECOND * 5).await;
        let mut bound = LowerBound::default();
        for size in sizes {
            bound.add_calls(size);
        }
        let mut undo = run.undo(guarded, false);
        let (least, _) = bound.time(&undo.scheduling.limits, bearers);
        let result = undo.run().await;
        assert_eq!(result.count(Outcome::Added), sizes.iter().sum::<u64>());
        assert_eq!(run.service.stats().throttled_calls, 0);
        let most = least.mul_f64(1.05) + SECOND;
        assert!(result.took < most, "{:?} of {least:?}", result.took);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_and_its_undo_leave_the_channels_as_they_were() {
    for seed in 0..12 {
        let mut rng = StdRng::seed_from_u64(seed);
        let share = |fault, share| FaultShare { fault, share };
        let sandbox = SandboxConfig {
            seed,
            existing_answer: if rng.random() {
                ExistingAnswer::Silent
            } else {
                ExistingAnswer::Conflict
            },
            absent_answer: if rng.random() {
                AbsentAnswer::Silent
            } else {
                AbsentAnswer::NotFound
            },
            faults: vec![
                share(Fault::Lost, rng.random_range(0.0..0.1)),
                share(Fault::CallThrottled, rng.random_range(0.0..0.1)),
                share(Fault::MemberThrottled, rng.random_range(0.0..0.05)),
                share(Fault::CallUnavailable, rng.random_range(0.0..0.05)),
            ],
            ..slow_calls(rng.random_range(20..400))
        };
        let channels = rng.random_range(1..4);
        let rows = shuffled(many_channels(channels, rng.random_range(20..150)));
        let mut run = Harness::with_sandbox(list(rows), sandbox).in_memory();
        for n in 0..10 {
            let member = user(&format!("u{}", n * 3));
            run.service.add_existing(&channel(n % channels), &member);
        }
        let state = |run: &Harness| -> Vec<_> {
            (0..channels)
                .map(|c| run.service.members(&channel(c)))
                .collect()
        };
        let before = state(&run);
        tokio::time::sleep(SECOND * 5).await;
        run.run_until(
            Duration::from_millis(rng.random_range(100..3_000)),
            Interruption::Crash,
        )
        .await;
        run.run().await;
        let mut undo = run.undo(true, true);
        let until = Duration::from_millis(rng.random_range(100..20_000));
        undo.run_until(until, Interruption::Crash).await;
        let result = undo.run().await;
        assert!(result.is_finished(), "seed {seed}: {:?}", result.ending);
        assert_eq!(state(&run), before, "seed {seed}: {:?}", result.tally);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_is_removed_from_the_sub_channel_that_the_run_added_it_to() {
    let rows = |sub: &str| {
        let row = |n| format!("c0,u{n},sub-{sub}\n");
        "channel_id,user_id,sub_channel_id\n".to_owned() + &(0..4).map(row).collect::<String>()
    };
    let sandbox = SandboxConfig {
        unlimited: true,
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(rows("a"), sandbox);
    run.run().await;
    let result = run.undo(true, false).run().await;
    assert_eq!(result.count(Outcome::Added), 4);
    assert!(members(&run).is_empty());
    // At once, the same bearer adds them to another sub-channel.
    run_after(&run, rows("b")).run().await;
    let result = run.undo(true, false).run().await;
    assert_eq!(
        result.with_code(Outcome::AlreadyMember, codes::ALREADY_GONE),
        4
    );
    assert_eq!(members(&run).len(), 4);
}
