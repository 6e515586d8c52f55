//! Good lists: the fewest calls, at the limits and never above.

use std::fmt::Write as _;
use std::time::Duration;

use chime_bulk::engine::Event;
use chime_bulk::model::{Limits, Outcome};
use chime_bulk::sandbox::Scripted;
use chime_bulk::schedule::LowerBound;

use super::{SECOND, many_channels, shuffled, slow_calls};
use crate::rehearsal::{Pace, Rehearsal, channel, list, one_channel, user};

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
    let mut run = Rehearsal::new(one_channel(10_000)).pace(Pace::Slow(Duration::from_mins(1)));
    let ended = run.run().await;
    assert_eq!(ended.of(Outcome::Added), 10_000);
    // A parcel has 2,048 rows: 20 full calls and a rest that needs not wait for the next.
    let first: usize = run
        .seen()
        .iter()
        .filter(|call| call.at < Duration::from_mins(2))
        .map(|call| call.members.len())
        .sum();
    assert_eq!(first, 2_048);
}

#[tokio::test(start_paused = true)]
async fn members_of_both_types_share_a_channels_limit_but_no_call() {
    let mut text = "channel_id,user_id,membership_type\n".to_owned();
    for n in 0..300 {
        let kind = if n % 2 == 0 { "HIDDEN" } else { "DEFAULT" };
        let _ = writeln!(text, "c0,u{n},{kind}");
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
async fn limits_are_kept_over_all_calls_together() {
    let limits = Limits {
        max_rate: Some(4.0),
        max_in_flight: Some(3),
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
}
