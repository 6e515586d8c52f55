//! Whose turn it is: order, full calls, orders taken back, the end.

use std::collections::VecDeque;

use super::*;
use crate::model::Operation;

#[test]
fn the_channel_with_most_calls_left_goes_first_and_none_goes_twice_a_second() {
    let mut desk = SchedulerHarness::usual(&[100, 700, 300]);
    let order: Vec<u32> = (0..3).map(|_| desk.at_once().channel.0).collect();
    assert_eq!(order, [1, 2, 0]);
    let Step::Wait(Some(until)) = desk.scheduler.next(desk.now) else {
        panic!("a channel is called twice at a time")
    };
    assert!(until >= SECOND, "{until:?}");
}

#[test]
fn a_listing_that_goes_on_does_not_wait_for_questions_that_come_after_it() {
    const PAGES: u32 = 60;
    let round_trip = Duration::from_millis(150);
    let mut desk = SchedulerHarness::new(&[2, 9, 9, 9, 9, 9, 9, 9, 9], |settings| {
        settings.operation = Operation::Read;
        settings.limits = Limits::of_region("us-east-1").of_reading(15.0);
    });
    let mut in_flight: VecDeque<(Duration, InFlightCall)> = VecDeque::new();
    let (mut ended_at, mut pages, mut long) = (ZERO, 0, None);
    loop {
        if let Some(flight) = desk.call() {
            in_flight.push_back((desk.now + round_trip, flight));
            continue;
        }
        let answered = in_flight.front().map(|(at, _)| *at);
        let next = match desk.scheduler.next(desk.now) {
            Step::Wait(until) => until.into_iter().chain(answered).min(),
            Step::Done => break,
            Step::Call(_) => panic!("a call after none"),
        };
        let next = next.expect("something happens");
        assert!(
            next > desk.now || answered == Some(next),
            "it does not wait"
        );
        desk.now = next;
        let Some((_, flight)) = in_flight.pop_front_if(|(at, _)| *at <= next) else {
            continue;
        };
        let is_long = flight.channel == ChannelId(0)
            && flight.rows[0].row == *long.get_or_insert(flight.rows[0].row);
        if is_long {
            pages += 1;
            ended_at = desk.now;
        }
        if is_long && pages < PAGES {
            desk.scheduler.settle(next, flight, Answer::GoesOn);
        } else {
            desk.accept(flight);
        }
    }
    assert_eq!((desk.drawn, pages), (74, PAGES));
    // 133 calls at ten a second take 12.5 s. The listing alone takes 9 s, after the first second.
    let (all, listing) = (desk.now.as_secs_f64(), ended_at.as_secs_f64());
    assert!(
        all < 13.5 && listing < 11.0,
        "all {all} s, the listing {listing} s"
    );
}

#[test]
fn of_equal_lanes_of_a_channel_the_first_goes_first() {
    let mut scheduler = Scheduler::new(SchedulerConfig::new(Limits::of_region("us-east-1"), 1));
    let lanes: Vec<LaneId> = (0..3).map(|_| scheduler.open_lane(ChannelId(0))).collect();
    for (lane, rows) in lanes.iter().zip([1, 200, 200]) {
        scheduler.stage(*lane, rows);
    }
    scheduler.end_staging();
    let Step::Call(order) = scheduler.next(SECOND) else {
        panic!("no call")
    };
    assert_eq!(order.lane, lanes[1]);
}

#[test]
fn a_retry_joins_the_next_full_call() {
    let mut desk = SchedulerHarness::usual(&[250]);
    let flight = desk.at_once();
    desk.answer(flight, |row| match row {
        1..=10 => error("Throttled"),
        _ => MemberAnswer::Added,
    });
    desk.now = Duration::from_secs(5);
    let flight = desk.at_once();
    assert_eq!(flight.rows.len(), 100);
    assert!((1..=10).all(|row| {
        flight
            .rows
            .iter()
            .any(|t| t.row == row && t.charged_attempts == 1)
    }));
}

#[test]
fn while_the_list_comes_only_full_calls_leave_until_it_is_slow() {
    let mut scheduler = Scheduler::new(SchedulerConfig::new(Limits::of_region("us-east-1"), 1));
    let lane = scheduler.open_lane(ChannelId(0));
    scheduler.stage(lane, 150);
    // More of the list may come at once, and a channel that takes longer with it.
    let Step::Wait(Some(opening)) = scheduler.next(ZERO) else {
        panic!("the first call does not wait")
    };
    assert!(opening <= Duration::from_millis(50));
    assert!(matches!(scheduler.next(opening), Step::Call(order) if order.fresh == 100));
    let later = Duration::from_secs(9);
    assert_eq!(scheduler.next(later), Step::Wait(None));
    scheduler.flush_partial_batches();
    assert!(matches!(scheduler.next(later), Step::Call(order) if order.fresh == 50));
}

#[test]
fn a_channel_due_before_rests_are_held_back_again_makes_no_empty_call() {
    let mut scheduler = Scheduler::new(SchedulerConfig::new(Limits::of_region("us-east-1"), 1));
    let _empty = scheduler.open_lane(ChannelId(0));
    let second = scheduler.open_lane(ChannelId(0));
    let other = scheduler.open_lane(ChannelId(1));
    scheduler.stage(second, 30);
    scheduler.flush_partial_batches();
    scheduler.stage(other, 1);
    let Step::Call(order) = scheduler.next(SECOND) else {
        panic!("no call")
    };
    assert_eq!((order.lane, order.fresh), (second, 30));
}

#[test]
fn a_call_that_the_limits_refuse_is_planned_again_unchanged() {
    let mut desk = SchedulerHarness::usual(&[250]);
    let flight = desk.at_once();
    desk.answer(flight, |row| {
        if row <= 30 {
            error("Throttled")
        } else {
            MemberAnswer::Added
        }
    });
    desk.now = Duration::from_secs(10);
    let Step::Call(order) = desk.scheduler.next(desk.now) else {
        panic!("no call")
    };
    let until = desk.now + SECOND * 7;
    desk.scheduler.postpone(order.clone(), until);
    assert_eq!(desk.scheduler.in_flight(), 0);
    assert_eq!(desk.scheduler.waiting(), 30);
    assert_eq!(desk.scheduler.next(desk.now), Step::Wait(Some(until)));
    let Step::Call(again) = desk.scheduler.next(until) else {
        panic!("no call")
    };
    assert_eq!((again.retries.len(), again.fresh), (30, 70));

    // A part stays a part.
    let mut desk = SchedulerHarness::usual(&[100]);
    let flight = desk.at_once();
    desk.refuse(flight, RefusalKind::BadRequest);
    desk.now = SECOND * 2;
    let Step::Call(order) = desk.scheduler.next(desk.now) else {
        panic!("no call")
    };
    assert_eq!((order.retries.len(), desk.scheduler.waiting()), (50, 0));
    desk.scheduler.postpone(order.clone(), SECOND * 4);
    assert_eq!(desk.scheduler.waiting(), 100);
    assert_eq!(desk.scheduler.next(SECOND * 4), Step::Call(order));
}

#[test]
fn a_drained_scheduler_waits_for_calls_in_flight() {
    let mut desk = SchedulerHarness::usual(&[300, 300]);
    let flight = desk.at_once();
    desk.scheduler.drain();
    assert_eq!(desk.scheduler.next(desk.now), Step::Wait(None));
    desk.accept(flight);
    assert_eq!(desk.scheduler.next(desk.now), Step::Done);

    let mut desk = SchedulerHarness::usual(&[300]);
    desk.at_once();
    desk.scheduler.give_up_calls();
    assert_eq!(desk.scheduler.next(desk.now), Step::Done);
}

#[test]
fn rows_of_a_closed_lane_are_not_recovered() {
    let mut scheduler = Scheduler::new(SchedulerConfig::new(Limits::of_region("us-east-1"), 1));
    let lane = scheduler.open_lane(ChannelId(0));
    scheduler.close_lane(lane);
    scheduler.recover(lane, PendingRow::fresh(1));
    scheduler.end_staging();
    assert_eq!((scheduler.waiting(), scheduler.next(ZERO)), (0, Step::Done));
}

#[test]
fn a_slot_is_left_to_the_channel_that_takes_longest() {
    // Two hundred channels of one call, and one that takes 27 s: no other call may delay it.
    let sizes: Vec<u64> = std::iter::once(2_800).chain([100; 200]).collect();
    for max_rate in [None, Some(10.0)] {
        let mut desk = SchedulerHarness::new(&sizes, |settings| {
            settings.limits.bearer_rate = 10.0;
            settings.limits.max_rate = max_rate;
        });
        let mut sent = Vec::new();
        for _ in 0..228 {
            let flight = desk.next_call();
            if flight.channel == ChannelId(0) {
                sent.push(desk.now);
            }
            desk.accept(flight);
        }
        assert_eq!(sent.len(), 28);
        let last = sent[27].saturating_sub(sent[0]);
        assert!(last < SECOND * 277 / 10, "{last:?}: {sent:?}");
        assert!(desk.now < SECOND * 28, "{:?}", desk.now);
    }
}

#[test]
fn limits_that_earlier_sessions_met_hold_for_the_next_one() {
    use crate::model::Operation;
    use crate::schedule::{EarlierAnswer, EarlierCall};
    let ms = Duration::from_millis;
    let call = |sent_at: u64, answer: EarlierAnswer, bearer| EarlierCall {
        channel: ChannelId(0),
        operation: Operation::Batch,
        bearer,
        sent_at: ms(sent_at),
        answer: Some((ms(sent_at + 50), answer)),
    };
    let (accepted, throttled) = (EarlierAnswer::Accepted, EarlierAnswer::Throttled);
    let until = |calls: &[EarlierCall], begins_at: u64| {
        let mut desk = SchedulerHarness::usual(&[500]);
        desk.scheduler.replay(calls, ms(begins_at));
        match desk.scheduler.next(ms(begins_at)) {
            Step::Wait(Some(until)) => until,
            Step::Call(_) => ms(begins_at),
            other => panic!("{other:?}"),
        }
    };
    // When the channel was last called, also by a bearer that is not there any more.
    for bearer in [Some(0), None] {
        let next = until(&[call(900, accepted, bearer)], 1_000);
        assert!(next >= ms(1_900) && next < ms(2_300), "{next:?}");
    }
    assert_eq!(until(&[call(900, accepted, Some(0))], 5_000), ms(5_000));
    // What was learned: it takes a call every two seconds.
    let learned = [
        (0, accepted),
        (1_000, throttled),
        (1_100, throttled),
        (2_100, accepted),
    ];
    let learned = learned.into_iter().chain([(3_100, throttled)]);
    let learned: Vec<EarlierCall> = learned.map(|(at, how)| call(at, how, Some(0))).collect();
    let next = until(&learned, 3_200);
    assert!(next >= ms(4_100) && next < ms(4_300), "{next:?}");
}
