//! Throttling, outages, lost answers, too many failures.

use std::collections::BTreeSet;
use std::time::Duration;

use chime_bulk::engine::{Command, Event};
use chime_bulk::model::{Outcome, RefusalKind};
use chime_bulk::sandbox::{ExistingAnswer, Fault, MemberRule, SandboxConfig, Scripted};
use chime_bulk::schedule::{FailureThreshold, Stop};

use super::{fault, many_channels, stop};
use crate::support::harness::{Harness, Interruption, channel, list, one_channel, refusal, user};

#[tokio::test(start_paused = true)]
async fn a_member_that_is_always_throttled_fails_after_its_attempts() {
    let sandbox = SandboxConfig {
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
    let mut run = Harness::with_sandbox(list(rows), sandbox);
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 249);
    assert_eq!(result.rows[&8].outcome, Outcome::Failed);
    assert_eq!(result.rows[&8].code, "Throttled");
    assert_eq!(result.rows[&8].attempts, 8);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_costs_its_members_no_attempt() {
    let sandbox = fault(Fault::CallThrottled, 0.5);
    let mut run = Harness::with_sandbox(list(many_channels(20, 300)), sandbox)
        .scheduling(|settings| settings.limits.max_attempts = 1);
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 6_000);
    assert!(result.rows.values().all(|row| row.attempts == 1));
    assert!(run.service.stats().throttled_calls > 10);
}

#[tokio::test(start_paused = true)]
async fn a_run_probes_an_outage_with_one_call_at_a_time_and_goes_on_after_it() {
    let sandbox = SandboxConfig {
        outage: Some(Duration::from_secs(5)..Duration::from_secs(125)),
        latency: Duration::from_millis(50),
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(list(many_channels(40, 500)), sandbox)
        .scheduling(|settings| settings.limits.max_attempts = 3);
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 20_000);
    let during: Vec<_> = run
        .calls()
        .into_iter()
        .filter(|call| (6..125).contains(&call.at.as_secs()))
        .collect();
    assert!((30..240).contains(&during.len()), "{} probes", during.len());
    for pair in during.windows(2) {
        let (back, _) = pair[0].answer.as_ref().unwrap();
        assert!(*back <= pair[1].at, "two probes in flight");
    }
    let is_outage = |event: &Event| matches!(event, Event::CallSettled { outage: true, .. });
    assert!(result.events.iter().any(is_outage));
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_stops_the_run_fails_no_row_and_the_run_can_be_resumed() {
    let sandbox = SandboxConfig {
        outage: Some(Duration::from_secs(3)..Duration::from_mins(10)),
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(list(many_channels(10, 500)), sandbox)
        .scheduling(|settings| settings.limits.max_attempts = 2);
    let result = run.run().await;
    assert!(matches!(stop(&result), Stop::Outage(_)));
    assert_eq!(result.count(Outcome::Failed), 0);
    assert!(
        (300..330).contains(&result.took.as_secs()),
        "{:?}",
        result.took
    );
    tokio::time::sleep(Duration::from_mins(10)).await;
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 5_000);
}

#[tokio::test(start_paused = true)]
async fn an_outage_over_several_sessions_uses_up_no_attempts() {
    // The members of a probe are sent a hundred times before the run stops. If these attempts
    // counted, their first failure in the next session would be final.
    let sandbox = SandboxConfig {
        outage: Some(Duration::from_secs(3)..Duration::from_mins(8)),
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(list(many_channels(10, 500)), sandbox);
    for _ in 0..2 {
        let result = run.run().await;
        assert!(result.is_finished() || matches!(stop(&result), Stop::Outage(_)));
        assert_eq!(result.count(Outcome::Failed), 0);
    }
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 5_000);
}

#[tokio::test(start_paused = true)]
async fn members_of_a_lost_call_are_sent_again_and_found_to_be_members() {
    let mut run = Harness::new(one_channel(300));
    run.service.script([vec![], vec![Scripted::Silence]]);
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 200);
    assert_eq!(result.with_code(Outcome::AlreadyMember, "Conflict"), 100);
}

#[tokio::test(start_paused = true)]
async fn members_of_a_lost_call_count_as_added_if_the_service_adds_them_silently_again() {
    let sandbox = SandboxConfig {
        existing_answer: ExistingAnswer::Silent,
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(one_channel(300), sandbox);
    run.service.script([vec![], vec![Scripted::Silence]]);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 300);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_no_answer_mentions_stays_unconfirmed() {
    let mut run = Harness::new(one_channel(100));
    let omitted = || {
        vec![Scripted::LeaveOut {
            member: user("u5").to_string(),
        }]
    };
    run.service.script((0..100).map(|_| omitted()));
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 99);
    assert_eq!(result.rows[&6].outcome, Outcome::Unconfirmed);
    assert_eq!(result.rows[&6].attempts, 8);
}

#[tokio::test(start_paused = true)]
async fn too_many_failures_stop_the_run() {
    let sandbox = SandboxConfig {
        missing_users: vec!["gone".into()],
        ..SandboxConfig::default()
    };
    let rows = (0..2_000).map(|n| {
        let name = if n % 10 == 0 { "gone" } else { "u" };
        (0, format!("{name}{n}"))
    });
    let mut run = Harness::with_sandbox(list(rows), sandbox)
        .scheduling(|settings| settings.max_failures = Some(FailureThreshold::Rows(25)));
    let result = run.run().await;
    let failures = 30;
    let settled = 300;
    assert_eq!(stop(&result), &Stop::TooManyFailures { failures, settled });
    assert_eq!(result.count(Outcome::NotAttempted), 1_700);
    run.scheduling.max_failures = None;
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.with_code(Outcome::Failed, "NotFound"), 200);
    assert_eq!(result.count(Outcome::Added), 1_800);
}

#[tokio::test(start_paused = true)]
async fn max_waiting_limits_the_rows_that_wait_while_all_members_are_throttled() {
    let sandbox = SandboxConfig {
        answers: vec!["u=Throttled".parse().unwrap()],
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(list(many_channels(40, 500)), sandbox)
        .scheduling(|settings| settings.max_waiting = 1_000);
    let result = run
        .run_until(
            Duration::from_secs(20),
            Interruption::Command(Command::Drain),
        )
        .await;
    // At most one call more than may wait was taken from the queue and sent.
    let tried = result.rows.values().filter(|row| row.attempts > 0).count();
    assert!((1_000..=1_100).contains(&tried), "{tried}");
}

#[tokio::test(start_paused = true)]
async fn max_waiting_limits_the_rows_that_wait_while_every_call_is_bisected() {
    let mut run = Harness::new(list(many_channels(60, 300)))
        .intercept(|_| Some(refusal(RefusalKind::BadRequest, "BadRequestException")))
        .scheduling(|settings| settings.max_waiting = 1_000);
    run.run_until(
        Duration::from_secs(100),
        Interruption::Command(Command::Drain),
    )
    .await;
    let mut sent = BTreeSet::new();
    let mut failed = BTreeSet::new();
    for call in run.calls() {
        if let [alone] = call.members.as_slice() {
            failed.insert((call.channel.clone(), alone.clone()));
        }
        sent.extend(
            call.members
                .into_iter()
                .map(|member| (call.channel.clone(), member)),
        );
        // As many as may wait, and those in flight when that number was reached.
        let waiting = sent.len() - failed.len();
        assert!(waiting < 2_000, "{waiting} wait");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_in_doubt_when_their_channel_ends_are_unconfirmed_not_failed() {
    let sandbox = SandboxConfig {
        unlimited: true,
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(one_channel(300), sandbox).scheduling(|settings| {
        settings.limits.channel_rate = 1_000.0;
        settings.limits.bearer_rate = 1_000.0;
    });
    let gone = Scripted::Refuse {
        status: 404,
        exception: "NotFoundException".into(),
        message: "gone".into(),
    };
    // The first call is applied and its answer lost. Before it is sent again, the channel ends.
    run.service.script([vec![Scripted::Reset], vec![gone]]);
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(run.service.stats().members[channel(0).as_str()], 100);
    assert_eq!(result.count(Outcome::Unconfirmed), 100);
    assert_eq!(result.count(Outcome::Failed), 200);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_a_call_is_shorter_when_answers_are_quick() {
    let sandbox = SandboxConfig {
        latency: Duration::from_millis(100),
        attempt_timeout: Duration::from_mins(1),
        ..SandboxConfig::default()
    };
    let mut run = Harness::with_sandbox(one_channel(2_000), sandbox);
    run.service
        .script((0..19).map(|_| vec![]).chain([vec![Scripted::Silence]]));
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.with_code(Outcome::AlreadyMember, "Conflict"), 100);
    assert!(
        result.took < Duration::from_secs(19 + 4 + 3),
        "{:?}",
        result.took
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_half_of_its_calls_gets_fewer_calls() {
    let sandbox = SandboxConfig {
        latency: Duration::from_millis(50),
        ..fault(Fault::CallUnavailable, 0.5)
    };
    let mut run = Harness::with_sandbox(list(many_channels(40, 500)), sandbox).bearers(4);
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 20_000);
    // Once the retry budget is spent, far fewer calls are made than the forty a second allowed.
    let calls = run.calls();
    let late = calls.iter().filter(|call| call.at.as_secs() >= 5).count();
    let seconds = usize::try_from(calls.last().unwrap().at.as_secs()).unwrap() - 5;
    assert!(late < 20 * seconds, "{late} calls in {seconds} s");
}
