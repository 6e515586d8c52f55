//! Throttling, outages, lost answers, too many failures.

use std::collections::BTreeSet;
use std::time::Duration;

use chime_bulk::engine::{Command, Event};
use chime_bulk::model::{Outcome, RefusalKind};
use chime_bulk::sandbox::{Fault, MemberRule, ReAdd, SandboxConfig, Scripted};
use chime_bulk::schedule::{FailureThreshold, Stop};

use super::{fault, many_channels, stop};
use crate::support::harness::{Cut, Harness, channel, list, one_channel, refusal, user};

#[tokio::test(start_paused = true)]
async fn a_member_throttled_for_ever_fails_after_its_attempts() {
    let world = SandboxConfig {
        answers: vec!["bad=Throttled".parse::<MemberRule>().unwrap()],
        ..SandboxConfig::default()
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
    let mut run = Harness::in_world(list(rows), world);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 249);
    assert_eq!(ended.rows[&8].outcome, Outcome::Failed);
    assert_eq!(ended.rows[&8].code, "Throttled");
    assert_eq!(ended.rows[&8].attempts, 8);
}

#[tokio::test(start_paused = true)]
async fn throttled_calls_cost_no_attempt_and_each_episode_one_cool_down() {
    let world = fault(Fault::CallThrottled, 0.5);
    let mut run = Harness::in_world(list(many_channels(20, 300)), world)
        .scheduling(|settings| settings.limits.max_attempts = 1);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 6_000);
    assert!(ended.rows.values().all(|row| row.attempts == 1));
    assert!(run.service.stats().throttled_calls > 10);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_probed_one_call_at_a_time_and_outlasted() {
    let world = SandboxConfig {
        outage: Some(Duration::from_secs(5)..Duration::from_secs(125)),
        latency: Duration::from_millis(50),
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(list(many_channels(40, 500)), world)
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
    let world = SandboxConfig {
        outage: Some(Duration::from_secs(3)..Duration::from_mins(10)),
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(list(many_channels(10, 500)), world)
        .scheduling(|settings| settings.limits.max_attempts = 2);
    let ended = run.run().await;
    assert!(matches!(stop(&ended), Stop::Outage(_)));
    assert_eq!(ended.of(Outcome::Failed), 0);
    assert!(
        (300..330).contains(&ended.took.as_secs()),
        "{:?}",
        ended.took
    );
    tokio::time::sleep(Duration::from_mins(10)).await;
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 5_000);
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_lasts_over_sessions_uses_up_nobodys_attempts() {
    // Whoever is in a probe is tried a hundred times before the run is stopped. Counted against
    // the next session, its first failure would be the last.
    let world = SandboxConfig {
        outage: Some(Duration::from_secs(3)..Duration::from_mins(8)),
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(list(many_channels(10, 500)), world);
    for _ in 0..2 {
        let ended = run.run().await;
        assert!(ended.is_finished() || matches!(stop(&ended), Stop::Outage(_)));
        assert_eq!(ended.of(Outcome::Failed), 0);
    }
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 5_000);
}

#[tokio::test(start_paused = true)]
async fn an_answer_lost_is_asked_again_and_settled_as_already_a_member() {
    let mut run = Harness::new(one_channel(300));
    run.service.script([vec![], vec![Scripted::Silence]]);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 200);
    assert_eq!(ended.with_code(Outcome::AlreadyMember, "Conflict"), 100);
}

#[tokio::test(start_paused = true)]
async fn an_answer_lost_is_asked_again_and_settled_where_the_service_says_nothing() {
    let world = SandboxConfig {
        re_add: ReAdd::Silent,
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(one_channel(300), world);
    run.service.script([vec![], vec![Scripted::Silence]]);
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 300);
}

#[tokio::test(start_paused = true)]
async fn a_member_the_service_never_mentions_stays_unconfirmed() {
    let mut run = Harness::new(one_channel(100));
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
    let world = SandboxConfig {
        missing_users: vec!["gone".into()],
        ..SandboxConfig::default()
    };
    let rows = (0..2_000).map(|n| {
        let name = if n % 10 == 0 { "gone" } else { "u" };
        (0, format!("{name}{n}"))
    });
    let mut run = Harness::in_world(list(rows), world)
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
async fn while_everything_is_refused_only_so_many_rows_wait() {
    let world = SandboxConfig {
        answers: vec!["u=Throttled".parse().unwrap()],
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(list(many_channels(40, 500)), world)
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
    let mut run = Harness::new(list(many_channels(60, 300)))
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
        // As many as may wait, and what was in flight when they began to be too many.
        let waiting = drawn.len() - failed.len();
        assert!(waiting < 2_000, "{waiting} wait");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_in_doubt_when_their_channel_ends_are_unconfirmed_not_failed() {
    let world = SandboxConfig {
        unlimited: true,
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(one_channel(300), world).scheduling(|settings| {
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
async fn an_answer_overdue_is_given_up_sooner_where_answers_are_quick() {
    let world = SandboxConfig {
        latency: Duration::from_millis(100),
        attempt_timeout: Duration::from_mins(1),
        ..SandboxConfig::default()
    };
    let mut run = Harness::in_world(one_channel(2_000), world);
    run.service
        .script((0..19).map(|_| vec![]).chain([vec![Scripted::Silence]]));
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.with_code(Outcome::AlreadyMember, "Conflict"), 100);
    assert!(
        ended.took < Duration::from_secs(19 + 4 + 3),
        "{:?}",
        ended.took
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_half_of_its_calls_is_not_pressed() {
    let world = SandboxConfig {
        latency: Duration::from_millis(50),
        ..fault(Fault::CallUnavailable, 0.5)
    };
    let mut run = Harness::in_world(list(many_channels(40, 500)), world).bearers(4);
    let ended = run.run().await;
    assert!(ended.is_finished());
    assert_eq!(ended.of(Outcome::Added), 20_000);
    // Once the budget is spent, far fewer calls are made than the forty a second allowed.
    let calls = run.seen();
    let late = calls.iter().filter(|call| call.at.as_secs() >= 5).count();
    let seconds = usize::try_from(calls.last().unwrap().at.as_secs()).unwrap() - 5;
    assert!(late < 20 * seconds, "{late} calls in {seconds} s");
}
