//! Good lists: the fewest calls, as fast as the limits allow.

use std::fmt::Write as _;
use std::time::Duration;

use chime_bulk::engine::Event;
use chime_bulk::model::{Limits, Outcome, Refusal, RefusalKind};
use chime_bulk::sandbox::{Fault, Quotas, SandboxConfig, Scripted};
use chime_bulk::schedule::LowerBound;
use chime_bulk::{Run, Target};
use tokio::time::Instant;

use super::{SECOND, fault, many_channels, shuffled, slow_calls};
use crate::support::harness::{Harness, ListPace, channel, list, one_channel, user};
use crate::support::interruption::Interruption;
use crate::support::recorder::RecordedCall;

#[tokio::test(start_paused = true)]
async fn a_good_list_takes_the_fewest_calls_at_the_limit() {
    let mut run = Harness::new(one_channel(10_000));
    let result = run.run().await;
    assert!(result.is_finished());
    assert_eq!(result.count(Outcome::Added), 10_000);
    let stats = run.service.stats();
    assert_eq!((stats.batch_calls, stats.throttled_calls), (100, 0));
    assert_eq!(stats.members[channel(0).as_str()], 10_000);
    assert!(result.took < Duration::from_secs(103), "{:?}", result.took);
}

#[tokio::test(start_paused = true)]
async fn a_list_sorted_by_channel_takes_little_more_than_the_lower_bound() {
    // The largest channel comes last.
    let mut rows = many_channels(60, 450);
    rows.extend((0..3_000).map(|m| (60, format!("u{m}"))));
    let mut bound = LowerBound::default();
    (0..60).for_each(|_| bound.add_channel(450));
    bound.add_channel(3_000);
    let mut run = Harness::with_sandbox(list(rows), slow_calls(120));
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 30_000);
    let stats = run.service.stats();
    assert_eq!(
        (stats.batch_calls, stats.throttled_calls),
        (bound.calls(), 0)
    );
    let (least, _) = bound.time(&run.scheduling.limits, 1);
    assert!(
        result.took < least.mul_f64(1.05) + SECOND,
        "{:?} of {least:?}",
        result.took
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_channels_shuffled_take_the_fewest_calls() {
    let rows = shuffled(many_channels(1_000, 30));
    let mut run = Harness::with_sandbox(list(rows), slow_calls(100)).bearers(10);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 30_000);
    let stats = run.service.stats();
    assert_eq!((stats.batch_calls, stats.throttled_calls), (1_000, 0));
    assert!(result.took < Duration::from_secs(12), "{:?}", result.took);
}

#[tokio::test(start_paused = true)]
async fn a_slow_list_is_sent_while_it_is_read() {
    let mut run = Harness::new(one_channel(10_000)).pace(ListPace::Slow(Duration::from_mins(1)));
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 10_000);
    // A chunk has 2,048 rows: 20 full calls, and a partial one that does not wait for the next chunk.
    let first: usize = run
        .calls()
        .iter()
        .filter(|call| call.at < Duration::from_mins(2))
        .map(|call| call.members.len())
        .sum();
    assert_eq!(first, 2_048);
}

#[tokio::test(start_paused = true)]
async fn members_of_both_types_share_the_channels_limit_but_not_a_call() {
    let mut text = "channel_id,user_id,membership_type\n".to_owned();
    for n in 0..300 {
        let kind = if n % 2 == 0 { "HIDDEN" } else { "DEFAULT" };
        let _ = writeln!(text, "c0,u{n},{kind}");
    }
    let mut run = Harness::new(text);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 300);
    let stats = run.service.stats();
    assert_eq!((stats.batch_calls, stats.throttled_calls), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn retries_join_the_next_full_call() {
    let mut run = Harness::new(one_channel(1_000));
    let throttled = |n: usize| Scripted::MemberError {
        member: user(&format!("u{n}")).to_string(),
        code: "Throttled".into(),
    };
    run.service
        .script([(0..40).map(throttled).collect::<Vec<_>>()]);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 1_000);
    assert_eq!(run.calls().len(), 11);
    let full = run
        .calls()
        .iter()
        .filter(|call| call.members.len() == 100)
        .count();
    assert_eq!(full, 10);
    assert_eq!(
        result.rows.values().filter(|row| row.attempts == 2).count(),
        40
    );
}

#[tokio::test(start_paused = true)]
async fn the_total_rate_and_the_calls_in_flight_stay_within_their_limits() {
    let limits = Limits {
        max_rate: Some(4.0),
        max_in_flight: Some(3),
        ..Limits::of_region("us-east-1")
    };
    let mut run = Harness::with_sandbox(list(many_channels(30, 200)), slow_calls(900))
        .bearers(4)
        .scheduling(|settings| settings.limits = limits);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 6_000);
    let stats = run.service.stats();
    assert!(stats.busiest_second <= 5, "{}", stats.busiest_second);
    assert_eq!(stats.busiest_channel_second, 1);
    let most = result.events.iter().map(|event| match event {
        Event::CallSent { in_flight, .. } => *in_flight,
        _ => 0,
    });
    assert_eq!(most.max(), Some(3));
}

#[tokio::test(start_paused = true)]
async fn calls_stay_near_the_fewest_when_one_member_in_a_hundred_needs_a_retry() {
    let sandbox = SandboxConfig {
        seed: 3,
        ..fault(Fault::MemberThrottled, 0.01)
    };
    let mut run = Harness::with_sandbox(one_channel(10_000), sandbox);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 10_000);
    let attempts: u64 = result
        .rows
        .values()
        .map(|row| u64::from(row.attempts))
        .sum();
    assert!(attempts > 10_050, "{attempts}");
    let fewest = attempts.div_ceil(100);
    let calls = run.service.stats().batch_calls;
    assert!(
        calls * 100 <= fewest * 102,
        "{calls} calls, {fewest} at least"
    );
}

#[tokio::test(start_paused = true)]
async fn a_channels_last_call_does_not_wait_to_be_full() {
    let mut run = Harness::with_sandbox(one_channel(130), slow_calls(100));
    run.service.script([vec![Scripted::MemberError {
        member: user("u7").to_string(),
        code: "Throttled".into(),
    }]]);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 130);
    // The last rows are sent once the channel may be called, whether or not the retry is due.
    let second = &run.calls()[1];
    assert!(second.at <= Duration::from_millis(1_051), "{:?}", second.at);
    assert!((30..=31).contains(&second.members.len()));
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_bearers_is_used_evenly() {
    let mut run = Harness::with_sandbox(list(many_channels(100, 400)), slow_calls(150)).bearers(5);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 40_000);
    let mut calls = std::collections::BTreeMap::<_, u64>::new();
    for call in run.calls() {
        *calls.entry(call.bearer).or_default() += 1;
    }
    assert_eq!(calls.len(), 5);
    let (fewest, most) = (calls.values().min(), calls.values().max());
    assert!(most.unwrap() - fewest.unwrap() <= 2, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn slow_answers_cost_no_throughput() {
    // 200 calls a second whose answers take two seconds each: 400 are in flight.
    let mut run =
        Harness::with_sandbox(list(many_channels(2_000, 10)), slow_calls(2_000)).bearers(20);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 20_000);
    assert!(result.took < SECOND * 13, "{:?}", result.took);
}

#[tokio::test(start_paused = true)]
async fn a_bearer_in_europe_makes_half_the_calls_a_second() {
    let limits = Limits::of_region("eu-central-1");
    let mut run = Harness::with_sandbox(list(many_channels(100, 10)), slow_calls(150))
        .scheduling(|settings| settings.limits = limits);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 1_000);
    let stats = run.service.stats();
    assert!(
        stats.busiest_bearer_second <= 6,
        "{}",
        stats.busiest_bearer_second
    );
    assert!(result.took < SECOND * 21, "{:?}", result.took);
}

#[tokio::test(start_paused = true)]
async fn members_per_call_limits_the_size_of_calls() {
    let mut run =
        Harness::new(one_channel(95)).scheduling(|settings| settings.limits.members_per_call = 10);
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 95);
    let sizes: Vec<usize> = run.calls().iter().map(|call| call.members.len()).collect();
    assert_eq!(sizes, [10, 10, 10, 10, 10, 10, 10, 10, 10, 5]);
}

#[tokio::test(start_paused = true)]
async fn members_throttled_together_are_retried_together() {
    let throttled = |n: usize| Scripted::MemberError {
        member: user(&format!("u{n}")).to_string(),
        code: "Throttled".into(),
    };
    for seed in 0..20 {
        // The answer comes so late that some retries are due only after the channel is.
        let mut run = Harness::with_sandbox(one_channel(100), slow_calls(700))
            .scheduling(|settings| settings.seed = seed);
        run.service
            .script([(0..60).map(throttled).collect::<Vec<_>>()]);
        let result = run.run().await;
        assert_eq!(result.count(Outcome::Added), 100);
        assert_eq!(run.calls().len(), 2, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_that_follow_at_once_keep_the_limits_together() {
    let rows = (0..12).flat_map(|c| (0..900).map(move |m| (c, format!("u{m}"))));
    let mut run = Harness::new(list(rows));
    for milliseconds in [50, 700, 1_300, 990, 2_480] {
        let after = Duration::from_millis(milliseconds);
        run.run_until(after, Interruption::Crash).await;
    }
    let result = run.run().await;
    assert_eq!(
        result.count(Outcome::Added) + result.count(Outcome::AlreadyMember),
        10_800
    );
    let stats = run.service.stats();
    assert_eq!(stats.throttled_calls, 0);
    assert_eq!(stats.busiest_channel_second, 1);
    assert!(stats.busiest_bearer_second <= 10, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn a_spell_in_which_everything_is_throttled_is_over_when_it_is_over() {
    for seconds in [10, 30, 60] {
        let rows = (0..60).flat_map(|c| (0..60).map(move |m| (c, format!("u{m}"))));
        let begin = Instant::now();
        let spell = 20 * SECOND..(20 + seconds) * SECOND;
        let during = spell.clone();
        let mut run = Harness::new(list(rows))
            .scheduling(|settings| settings.limits.members_per_call = 3)
            .intercept(move |_| during.contains(&begin.elapsed()).then(throttled));
        let result = run.run().await;
        assert_eq!(result.count(Outcome::Added), 3_600);
        let calls = run.calls();
        let is_accepted = |call: &&RecordedCall| matches!(&call.answer, Some((_, Ok(_))));
        let full_speed = spell.end + 5 * SECOND..spell.end + 15 * SECOND;
        let accepted = calls.iter().filter(is_accepted);
        let soon_after = accepted
            .filter(|call| full_speed.contains(&call.at))
            .count();
        assert!(
            soon_after >= 90,
            "{soon_after} in ten seconds, after {seconds} s"
        );
        let outside = calls.iter().filter(|call| !spell.contains(&call.at));
        let refused = outside.filter(|call| !is_accepted(call)).count();
        assert!(
            refused * 100 <= calls.len() * 3,
            "{refused} refused outside of {seconds} s"
        );
        assert!(result.took < (122 + seconds) * SECOND, "{:?}", result.took);
    }
}

fn throttled() -> Refusal {
    Refusal {
        kind: RefusalKind::Throttled,
        code: "ThrottledClientException".to_owned(),
        message: "Rate exceeded".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_channel_gets_single_adds_and_nobody_is_added_twice() {
    for (bearers, most) in [(1, 28), (2, 27)] {
        let mut run = Harness::new(one_channel(3_000))
            .bearers(bearers)
            .scheduling(|settings| settings.limits.single_rate = Some(15.0));
        let result = run.run().await;
        assert_eq!(result.count(Outcome::Added), 3_000);
        let stats = run.service.stats();
        assert_eq!(stats.throttled_calls, 0);
        assert!(stats.single_calls > 200, "{stats:?}");
        assert!(result.took < most * SECOND, "{:?}", result.took);
    }
}

#[tokio::test(start_paused = true)]
async fn bearers_without_time_to_spare_make_no_single_adds() {
    let rows = (0..40).flat_map(|c| (0..400).map(move |m| (c, format!("u{m}"))));
    let mut run =
        Harness::new(list(rows)).scheduling(|settings| settings.limits.single_rate = Some(15.0));
    let result = run.run().await;
    assert_eq!(result.count(Outcome::Added), 16_000);
    let stats = run.service.stats();
    assert_eq!((stats.batch_calls, stats.single_calls), (160, 0));
}

/// A service that takes so many batch calls a second in all.
fn limited_in_all(total_rate: f64) -> SandboxConfig {
    SandboxConfig {
        quotas: Quotas {
            total_rate: Some(total_rate),
            ..Quotas::default()
        },
        ..slow_calls(150)
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_on_all_calls_together_is_found_whatever_the_number_of_bearers() {
    for bearers in [1, 2, 4] {
        let list = list(many_channels(40, 1_000));
        let mut run = Harness::with_sandbox(list, limited_in_all(1.0)).bearers(bearers);
        let result = run.run().await;
        assert_eq!(result.count(Outcome::Added), 40_000);
        assert!(
            result.took < SECOND * 460,
            "{:?} with {bearers} bearers",
            result.took
        );
        // The first seconds find the limit; later about one call in thirty is refused.
        let late = run.calls().into_iter().filter(|call| call.at > SECOND * 60);
        let (calls, refused) = late.fold((0, 0), |(calls, refused), call| {
            let is_refused = matches!(call.answer, Some((_, Err(_))));
            (calls + 1, refused + u32::from(is_refused))
        });
        assert!(
            refused * 15 < calls,
            "{refused} of {calls}, {bearers} bearers"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_summary_names_a_limit_on_all_calls_and_the_flag_for_it() {
    for (total_rate, is_told) in [(1.0, true), (1_000.0, false)] {
        let dir = tempfile::tempdir().unwrap();
        let rows = many_channels(30, 100);
        let run = Run::of_bytes("list", list(rows)).dir(dir.path().join("run"));
        let conclusion = run
            .bearer(user("b0"))
            .target(Target::sandbox(limited_in_all(total_rate)))
            .run()
            .await
            .unwrap();
        let summary = conclusion.summary;
        let told = summary.to_string().contains("with --max-rate 0.9");
        assert_eq!(told, is_told, "{summary}");
        let near = |rate: f64| (0.9..1.0).contains(&rate);
        assert_eq!(summary.learned_max_rate.is_some_and(near), is_told);
    }
}
