//! The core as its users meet it, each scenario a sentence.

use std::collections::BTreeSet;
use std::time::Duration;

use chime_bulk::engine::{Command, Ending, Event, ListFault};
use chime_bulk::model::{Limits, Outcome, RefusalKind};
use chime_bulk::sandbox::{
    Fault, FaultShare, MemberAnswer, OverCapacity, ReAdd, Scripted, Settings as World,
};
use chime_bulk::schedule::{FailureThreshold, LowerBound, Stop};

use crate::rehearsal::{
    Cut, Ended, Pace, Rehearsal, channel, instance, list, one_channel, refusal, user,
};

const SECOND: Duration = Duration::from_secs(1);

fn fault(fault: Fault, share: f64) -> World {
    World {
        faults: vec![FaultShare { fault, share }],
        ..World::default()
    }
}

/// Members `u0`… of so many channels each.
fn many_channels(channels: usize, members: usize) -> Vec<(usize, String)> {
    (0..channels)
        .flat_map(|c| (0..members).map(move |m| (c, format!("u{m}"))))
        .collect()
}

/// The same rows in an order that follows no channel.
fn shuffled<T>(mut rows: Vec<T>) -> Vec<T> {
    let mut state = 1_u64;
    for last in (1..rows.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let other = usize::try_from(state >> 33).unwrap() % (last + 1);
        rows.swap(last, other);
    }
    rows
}

fn slow_calls(latency_ms: u64) -> World {
    World {
        latency: Duration::from_millis(latency_ms),
        ..World::default()
    }
}

fn stop(ended: &Ended) -> &Stop {
    match &ended.ending {
        Some(Ending::Stopped(stop)) => stop,
        other => panic!("not stopped: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_list_gets_in_with_the_fewest_calls_at_the_limit() {
    let mut run = Rehearsal::new(one_channel(10_000));
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 10_000);
    let stats = run.service.stats();
    assert_eq!((stats.batch_calls, stats.throttled_calls), (100, 0));
    assert_eq!(stats.members[channel(0).as_str()], 10_000);
    assert!(ended.took < Duration::from_secs(103), "{:?}", ended.took);
}

#[tokio::test(start_paused = true)]
async fn a_list_sorted_by_channel_takes_little_more_than_the_lower_bound() {
    // One channel much larger than the others, and it comes last.
    let mut rows = many_channels(60, 450);
    rows.extend((0..3_000).map(|m| (60, format!("u{m}"))));
    let mut bound = LowerBound::default();
    (0..60).for_each(|_| bound.add_channel(450));
    bound.add_channel(3_000);
    let mut run = Rehearsal::in_world(list(rows), slow_calls(120));
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 30_000);
    let stats = run.service.stats();
    assert_eq!(
        (stats.batch_calls, stats.throttled_calls),
        (bound.calls(), 0)
    );
    let (least, _) = bound.time(&run.scheduling.limits, 1);
    assert!(
        ended.took < least.mul_f64(1.05) + SECOND,
        "{:?} of {least:?}",
        ended.took
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_channels_shuffled_take_the_fewest_calls() {
    let rows = shuffled(many_channels(1_000, 30));
    let mut run = Rehearsal::in_world(list(rows), slow_calls(100)).bearers(10);
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 30_000);
    let stats = run.service.stats();
    assert_eq!((stats.batch_calls, stats.throttled_calls), (1_000, 0));
    assert!(ended.took < Duration::from_secs(12), "{:?}", ended.took);
}

#[tokio::test(start_paused = true)]
async fn a_slow_list_is_sent_while_it_comes() {
    let mut run = Rehearsal::new(one_channel(10_000)).pace(Pace::Slow(Duration::from_secs(60)));
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 10_000);
    // A parcel has 2,048 rows: 20 full calls and a rest that needs not wait for the next.
    let first: usize = run
        .seen()
        .iter()
        .filter(|call| call.at < Duration::from_secs(120))
        .map(|call| call.members.len())
        .sum();
    assert_eq!(first, 2_048);
}

#[tokio::test(start_paused = true)]
async fn members_of_both_types_share_a_channels_limit_but_no_call() {
    let mut text = "channel_id,user_id,membership_type\n".to_owned();
    for n in 0..300 {
        let kind = if n % 2 == 0 { "HIDDEN" } else { "DEFAULT" };
        text.push_str(&format!("c0,u{n},{kind}\n"));
    }
    let mut run = Rehearsal::new(text);
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 300);
    let stats = run.service.stats();
    assert_eq!((stats.batch_calls, stats.throttled_calls), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn retries_ride_in_the_next_full_call() {
    let mut run = Rehearsal::new(one_channel(1_000));
    let throttled = |n: usize| Scripted::MemberError {
        member: user(&format!("u{n}")).to_string(),
        code: "Throttled".into(),
    };
    run.service
        .script([(0..40).map(throttled).collect::<Vec<_>>()]);
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 1_000);
    assert_eq!(run.seen().len(), 11);
    let full = run
        .seen()
        .iter()
        .filter(|call| call.members.len() == 100)
        .count();
    assert_eq!(full, 10);
    assert_eq!(
        ended.rows.values().filter(|row| row.attempts == 2).count(),
        40
    );
}

#[tokio::test(start_paused = true)]
async fn a_member_throttled_for_ever_fails_after_its_attempts() {
    let world = World {
        answers: vec!["bad=Throttled".parse::<MemberAnswer>().unwrap()],
        ..World::default()
    };
    let rows = (0..250).map(|n| {
        (
            0,
            if n == 7 {
                "bad".into()
            } else {
                format!("u{n}")
            },
        )
    });
    let mut run = Rehearsal::in_world(list(rows), world);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 249);
    assert_eq!(ended.rows[&8].outcome, Outcome::Failed);
    assert_eq!(ended.rows[&8].code, "Throttled");
    assert_eq!(ended.rows[&8].attempts, 8);
}

#[tokio::test(start_paused = true)]
async fn one_poisonous_member_costs_the_other_99_nothing() {
    for kind in [RefusalKind::BadRequest, RefusalKind::Forbidden] {
        let rows = (0..300).map(|n| (0, format!("u{n}")));
        let mut run = Rehearsal::new(list(rows)).intercept(move |call| {
            let poison = user("u137");
            let is_in = call.members.members().contains(&poison);
            is_in.then(|| refusal(kind, "Poisoned"))
        });
        let ended = run.run().await;
        assert!(ended.is_finished());
        assert_eq!(ended.of(Outcome::Added), 299);
        assert_eq!(ended.with_code(Outcome::Failed, "Poisoned"), 1);
        assert_eq!(ended.rows[&138].attempts, 1);
        assert!(run.seen().len() <= 3 + 2 * 7, "{}", run.seen().len());
    }
}

#[tokio::test(start_paused = true)]
async fn several_poisonous_members_are_each_found() {
    let poison: BTreeSet<_> = [0, 1, 50, 51, 99].map(|n| user(&format!("u{n}"))).into();
    let is_poison = poison.clone();
    let mut run = Rehearsal::new(one_channel(100)).intercept(move |call| {
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
        let world = World {
            capacity: 250,
            over_capacity,
            ..World::default()
        };
        let rows = (0..1_000).map(|n| (0, format!("u{n}")));
        let rows = rows.chain((0..50).map(|n| (1, format!("u{n}"))));
        let mut run = Rehearsal::in_world(list(rows), world);
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
    let world = World {
        missing_channels: vec!["c1".into()],
        ..World::default()
    };
    let mut run = Rehearsal::in_world(list(many_channels(3, 500)), world);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 1_000);
    assert_eq!(ended.with_code(Outcome::Failed, "NotFoundException"), 500);
    assert_eq!(run.calls_on(&channel(1)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bearer_denied_from_the_start_stops_the_run_with_nobody_failed() {
    let world = World {
        admins: Some(Vec::new()),
        latency: Duration::from_millis(100),
        ..World::default()
    };
    let mut run = Rehearsal::in_world(list(many_channels(20, 500)), world);
    let ended = run.run().await;
    let Stop::Denied(refusal) = stop(&ended) else {
        panic!("{ended:?}")
    };
    assert_eq!(refusal.code, "ForbiddenException");
    assert_eq!(ended.of(Outcome::NotAttempted), 10_000);
    assert!(run.seen().len() <= 2, "{}", run.seen().len());
}

#[tokio::test(start_paused = true)]
async fn a_bearer_denied_on_one_channel_only_ends_that_channel_in_a_few_calls() {
    let mut run = Rehearsal::new(list(many_channels(3, 2_000))).intercept(|call| {
        let denied = call.channel == channel(1);
        denied.then(|| refusal(RefusalKind::Forbidden, "ForbiddenException"))
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

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_stop_the_run_and_it_is_resumed_with_others() {
    let mut run = Rehearsal::new(one_channel(1_000));
    let expired = Scripted::Refuse {
        status: 403,
        exception: "ExpiredTokenException".into(),
        message: "expired".into(),
    };
    run.service.script([vec![], vec![], vec![expired]]);
    let ended = run.run().await;
    assert!(matches!(stop(&ended), Stop::Credentials(_)));
    assert_eq!(ended.of(Outcome::Added), 200);
    assert_eq!(ended.of(Outcome::NotAttempted), 800);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 1_000);
    assert!(ended.rows.values().all(|row| row.attempts == 1));
}

#[tokio::test(start_paused = true)]
async fn throttled_calls_cost_no_attempt_and_each_episode_one_cool_down() {
    let world = fault(Fault::CallThrottled, 0.5);
    let mut run = Rehearsal::in_world(list(many_channels(20, 300)), world)
        .scheduling(|settings| settings.limits.max_attempts = 1);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 6_000);
    assert!(ended.rows.values().all(|row| row.attempts == 1));
    assert!(run.service.stats().throttled_calls > 10);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_probed_one_call_at_a_time_and_outlasted() {
    let world = World {
        outage: Some(Duration::from_secs(5)..Duration::from_secs(125)),
        latency: Duration::from_millis(50),
        ..World::default()
    };
    let mut run = Rehearsal::in_world(list(many_channels(40, 500)), world)
        .scheduling(|settings| settings.limits.max_attempts = 3);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 20_000);
    let during: Vec<_> = run
        .seen()
        .into_iter()
        .filter(|call| (6..125).contains(&call.at.as_secs()))
        .collect();
    assert!((30..240).contains(&during.len()), "{} probes", during.len());
    for pair in during.windows(2) {
        let (back, _) = pair[0].answer.as_ref().unwrap();
        assert!(*back <= pair[1].at, "two probes at a time");
    }
    let told = |event: &Event| matches!(event, Event::CallSettled { outage: true, .. });
    assert!(ended.events.iter().any(told));
}

#[tokio::test(start_paused = true)]
async fn an_endless_outage_stops_the_run_with_nobody_failed_and_it_is_resumed() {
    let world = World {
        outage: Some(Duration::from_secs(3)..Duration::from_secs(600)),
        ..World::default()
    };
    let mut run = Rehearsal::in_world(list(many_channels(10, 500)), world)
        .scheduling(|settings| settings.limits.max_attempts = 2);
    let ended = run.run().await;
    assert!(matches!(stop(&ended), Stop::Outage(_)));
    assert_eq!(ended.of(Outcome::Failed), 0);
    assert!(
        (300..330).contains(&ended.took.as_secs()),
        "{:?}",
        ended.took
    );
    tokio::time::sleep(Duration::from_secs(600)).await;
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 5_000);
}

#[tokio::test(start_paused = true)]
async fn an_answer_lost_is_asked_again_and_settled_as_already_a_member() {
    let mut run = Rehearsal::new(one_channel(300));
    run.service.script([vec![], vec![Scripted::Silence]]);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 200);
    assert_eq!(ended.with_code(Outcome::AlreadyMember, "Conflict"), 100);
}

#[tokio::test(start_paused = true)]
async fn an_answer_lost_is_asked_again_and_settled_where_the_service_says_nothing() {
    let world = World {
        re_add: ReAdd::Silent,
        ..World::default()
    };
    let mut run = Rehearsal::in_world(one_channel(300), world);
    run.service.script([vec![], vec![Scripted::Silence]]);
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 300);
}

#[tokio::test(start_paused = true)]
async fn a_member_the_service_never_mentions_stays_unconfirmed() {
    let mut run = Rehearsal::new(one_channel(100));
    let forgotten = || {
        vec![Scripted::LeaveOut {
            member: user("u5").to_string(),
        }]
    };
    run.service.script((0..100).map(|_| forgotten()));
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 99);
    assert_eq!(ended.rows[&6].outcome, Outcome::Unconfirmed);
    assert_eq!(ended.rows[&6].attempts, 8);
}

#[tokio::test(start_paused = true)]
async fn too_many_failures_stop_the_run() {
    let world = World {
        missing_users: vec!["gone".into()],
        ..World::default()
    };
    let rows = (0..2_000).map(|n| {
        let name = if n % 10 == 0 { "gone" } else { "u" };
        (0, format!("{name}{n}"))
    });
    let mut run = Rehearsal::in_world(list(rows), world)
        .scheduling(|settings| settings.max_failures = Some(FailureThreshold::Rows(25)));
    let ended = run.run().await;
    let failures = 30;
    let settled = 300;
    assert_eq!(stop(&ended), &Stop::TooManyFailures { failures, settled });
    assert_eq!(ended.of(Outcome::NotAttempted), 1_700);
    run.scheduling.max_failures = None;
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.with_code(Outcome::Failed, "NotFound"), 200);
    assert_eq!(ended.of(Outcome::Added), 1_800);
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_closed_channel_count_as_failures() {
    let world = World {
        missing_channels: vec!["c1".into()],
        ..World::default()
    };
    let mut run = Rehearsal::in_world(list(many_channels(2, 1_000)), world)
        .scheduling(|settings| settings.max_failures = Some(FailureThreshold::Rows(900)));
    let ended = run.run().await;
    assert!(matches!(stop(&ended), Stop::TooManyFailures { .. }));
}

#[tokio::test(start_paused = true)]
async fn rows_that_reach_a_closed_channel_late_count_as_failures_at_once() {
    // The first parcel closes the channel; all that comes after belongs to it.
    let world = World {
        missing_channels: vec!["c0".into()],
        ..World::default()
    };
    let mut run = Rehearsal::in_world(one_channel(6_000), world)
        .pace(Pace::Slow(Duration::from_secs(10)))
        .scheduling(|settings| settings.max_failures = Some(FailureThreshold::Rows(5_000)));
    let ended = run.run().await;
    assert_eq!(run.seen().len(), 1);
    assert!(matches!(stop(&ended), Stop::TooManyFailures { .. }));
}

#[tokio::test(start_paused = true)]
async fn while_everything_is_refused_only_so_many_rows_wait() {
    let world = World {
        answers: vec!["u=Throttled".parse().unwrap()],
        ..World::default()
    };
    let mut run = Rehearsal::in_world(list(many_channels(40, 500)), world)
        .scheduling(|settings| settings.max_waiting = 1_000);
    let ended = run
        .run_until(Duration::from_secs(20), Cut::Command(Command::Drain))
        .await;
    // The rows drawn so far were tried; at most a call's worth more than may wait.
    let tried = ended.rows.values().filter(|row| row.attempts > 0).count();
    assert!((1_000..=1_100).contains(&tried), "{tried}");
}

#[tokio::test(start_paused = true)]
async fn while_every_call_is_taken_apart_only_so_many_rows_wait() {
    let mut run = Rehearsal::new(list(many_channels(60, 300)))
        .intercept(|_| Some(refusal(RefusalKind::BadRequest, "BadRequestException")))
        .bearers(6)
        .scheduling(|settings| settings.max_waiting = 1_000);
    run.run_until(Duration::from_secs(100), Cut::Command(Command::Drain))
        .await;
    let mut drawn = BTreeSet::new();
    let mut failed = BTreeSet::new();
    for call in run.seen() {
        if let [alone] = call.members.as_slice() {
            failed.insert((call.channel.clone(), alone.clone()));
        }
        drawn.extend(
            call.members
                .into_iter()
                .map(|member| (call.channel.clone(), member)),
        );
        // As many as may wait, and what was under way when they began to be too many.
        let waiting = drawn.len() - failed.len();
        assert!(waiting < 2_000, "{waiting} wait");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_awaits_what_is_under_way_and_leaves_the_rest() {
    let mut run = Rehearsal::in_world(list(many_channels(10, 1_000)), slow_calls(400));
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
async fn a_halt_stops_at_once_and_what_was_under_way_is_in_doubt() {
    let mut run = Rehearsal::in_world(list(many_channels(10, 1_000)), slow_calls(400));
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
    let mut run = Rehearsal::in_world(one_channel(300), slow_calls(400))
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
    let mut run = Rehearsal::in_world(list(rows), slow_calls(300));
    for after in [1, 700, 1_500, 1_501, 2_000, 150] {
        run.run_until(Duration::from_millis(after), Cut::Crash)
            .await;
    }
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.tally.is_in(), 8_400);
    assert_eq!(run.service.stats().members_added, 8_400);
    assert!(ended.of(Outcome::AlreadyMember) > 0);
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
        let mut run = Rehearsal::in_world(list(rows), slow_calls(300))
            .pace(Pace::Slow(Duration::from_secs(2)));
        let ended = run.run_until(Duration::from_millis(5_100), cut).await;
        let read: u64 = ended.tally.total();
        assert!((2_048..10_500).contains(&read), "{read} rows read");
        let ended = run.run_until(Duration::from_millis(9_000), cut).await;
        assert!(ended.tally.total() < 12_600);
        let ended = run.run().await;
        assert!(ended.is_finished());
        assert_eq!(ended.of(Outcome::Duplicate), 2_100);
        assert_eq!(ended.tally.is_in(), 10_500);
        assert_eq!(run.service.stats().members_added, 10_500);
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_list_is_refused_and_the_right_one_taken_later() {
    for pace in [Pace::Inline, Pace::Slow(SECOND), Pace::Ahead] {
        let right = one_channel(9_000);
        let mut run = Rehearsal::new(right.clone()).pace(Pace::Slow(SECOND));
        let cut = Cut::Command(Command::Drain);
        run.run_until(Duration::from_millis(2_500), cut).await;
        let sent = run.seen().len();
        run.pace = pace;
        run.list = right
            .replace(",u100\n", ",v100\n")
            .replace(",u5000\n", ",v5000\n");
        let ended = run
            .run_until(Duration::from_secs(1), Cut::Command(Command::Drain))
            .await;
        if let Some(Ending::ListFault(fault)) = &ended.ending {
            assert!(matches!(fault, ListFault::Changed));
        } else {
            assert!(matches!(pace, Pace::Slow(_)), "{:?}", ended.ending);
        }
        assert!(run.seen().len() <= sent + 2);
        run.list = right;
        let ended = run.run().await;
        assert!(ended.is_finished(), "{pace:?}: {:?}", ended.ending);
        assert_eq!(ended.of(Outcome::Added), 9_000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lost_its_end_is_refused() {
    let mut run = Rehearsal::new(one_channel(9_000)).pace(Pace::Slow(SECOND));
    let cut = Cut::Command(Command::Drain);
    run.run_until(Duration::from_millis(3_500), cut).await;
    run.list = one_channel(2_048);
    let ended = run.run().await;
    assert!(matches!(
        ended.ending,
        Some(Ending::ListFault(ListFault::Changed))
    ));
}

#[tokio::test(start_paused = true)]
async fn channels_that_a_dead_session_read_and_did_not_keep_are_read_anew() {
    // A few rows of new channels, staged and not queued when the process dies.
    let head = many_channels(1, 6_144);
    let with_tail = |first: usize| {
        let tail = (0..3_000).map(move |n| (first + n % 2, format!("t{n}")));
        list(head.iter().cloned().chain(tail))
    };
    let mut run = Rehearsal::in_world(with_tail(1), slow_calls(500)).pace(Pace::Slow(SECOND));
    run.run_until(Duration::from_millis(4_100), Cut::Crash)
        .await;
    // What was read and not kept may change: nothing of it was sent.
    run.list = with_tail(5);
    run.pace = Pace::Inline;
    let ended = run.run().await;
    assert_eq!(ended.tally.is_in(), 9_144, "{:?}", ended.ending);
    let stats = run.service.stats();
    assert_eq!(stats.members.get(channel(1).as_str()), None);
    assert_eq!(stats.members[channel(5).as_str()], 1_500);
}

#[tokio::test(start_paused = true)]
async fn duplicates_are_found_across_the_whole_list() {
    // More rows than the first layer of the sieve holds, the first ones repeated at the end.
    let rows = many_channels(10, 7_000).into_iter();
    let again = (0..10).flat_map(|c| (0..50).map(move |m| (c, format!("u{m}"))));
    let mut run = Rehearsal::new(list(rows.chain(again))).bearers(3);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 70_000);
    assert_eq!(ended.of(Outcome::Duplicate), 500);
    assert!((70_001..=70_500).all(|row| ended.rows[&row].outcome == Outcome::Duplicate));
    assert_eq!(run.service.stats().members_added, 70_000);
}

#[tokio::test(start_paused = true)]
async fn the_repetition_of_a_defective_row_is_as_defective() {
    let rows = ["-bad-", "u1", "-bad-", "u1", "u2"].map(|member| (0, member));
    let mut run = Rehearsal::new(list(rows));
    let ended = run.run().await;
    let outcomes: Vec<_> = ended.rows.values().map(|row| row.outcome).collect();
    use Outcome::{Added, Duplicate, Invalid};
    assert_eq!(outcomes, [Invalid, Added, Invalid, Duplicate, Added]);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_one_row_repeated_adds_one() {
    let mut run = Rehearsal::new(list((0..5_000).map(|_| (0, "u"))));
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(
        (ended.of(Outcome::Added), ended.of(Outcome::Duplicate)),
        (1, 4_999)
    );
    assert_eq!(run.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_defects_alone_ends_without_a_call() {
    let mut run = Rehearsal::new(list((0..3_000).map(|_| (0, "-"))));
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Invalid), 3_000);
    assert!(run.seen().is_empty());
    assert_eq!(run.run().await.of(Outcome::Invalid), 3_000);
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_taken_up_again_does_nothing() {
    let world = World {
        missing_channels: vec!["c1".into()],
        ..World::default()
    };
    let mut run = Rehearsal::in_world(list(many_channels(2, 300)), world);
    let first = run.run().await;
    let calls = run.seen().len();
    let again = run.run().await;
    assert!(again.is_finished());
    assert_eq!(again.rows, first.rows);
    assert_eq!(run.seen().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn rows_in_doubt_when_their_channel_ends_are_unconfirmed_not_failed() {
    let world = World {
        unlimited: true,
        ..World::default()
    };
    let mut run = Rehearsal::in_world(one_channel(300), world).scheduling(|settings| {
        settings.limits.channel_rate = 1_000.0;
        settings.limits.bearer_rate = 1_000.0;
    });
    let gone = Scripted::Refuse {
        status: 404,
        exception: "NotFoundException".into(),
        message: "gone".into(),
    };
    // The first call is applied and its answer lost; before it is asked again the channel ends.
    run.service.script([vec![Scripted::Reset], vec![gone]]);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(run.service.stats().members[channel(0).as_str()], 100);
    assert_eq!(ended.of(Outcome::Unconfirmed), 100);
    assert_eq!(ended.of(Outcome::Failed), 200);
}

#[tokio::test(start_paused = true)]
async fn limits_are_kept_over_all_calls_together() {
    let limits = Limits {
        max_rate: Some(4.0),
        max_in_flight: 3,
        ..Limits::of_region("us-east-1")
    };
    let mut run = Rehearsal::in_world(list(many_channels(30, 200)), slow_calls(900))
        .bearers(4)
        .scheduling(|settings| settings.limits = limits);
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 6_000);
    let stats = run.service.stats();
    assert!(stats.busiest_second <= 5, "{}", stats.busiest_second);
    assert_eq!(stats.busiest_channel_second, 1);
    let most = ended.events.iter().map(|event| match event {
        Event::CallSent { in_flight, .. } => *in_flight,
        _ => 0,
    });
    assert_eq!(most.max(), Some(3));
    assert_eq!(instance().as_str(), channel(0).app_instance());
}
