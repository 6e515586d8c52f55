//! Limits, outages and thresholds: what many answers together mean.

use super::*;
use crate::schedule::Patience;
use crate::schedule::outage::{OUTAGE_AFTER, OUTAGE_PROBES, SHORT_PATIENCE, USUAL_PATIENCE};

#[test]
fn a_throttled_call_costs_its_members_nothing_and_comes_again_whole() {
    let mut desk = SchedulerHarness::usual(&[100]);
    for _ in 0..20 {
        let flight = desk.next_call();
        assert_eq!(flight.rows.len(), 100);
        assert!(
            flight
                .rows
                .iter()
                .all(|t| t.attempts == 0 && t.charged_attempts == 0)
        );
        let settlement = desk.refuse(flight, RefusalKind::Throttled);
        assert!(settlement.rulings.iter().all(|r| !r.charged));
        assert!(desk.scheduler.stopped().is_none());
    }
}

#[test]
fn ten_calls_throttled_together_are_one_cool_down() {
    let mut desk = SchedulerHarness::new(&[10_000], |settings| settings.limits.channel_rate = 1e6);
    let first = desk.at_once();
    desk.accept(first);
    desk.now += Duration::from_micros(1);
    let mut flights = Vec::new();
    for _ in 0..10 {
        flights.push(desk.at_once());
        desk.now += Duration::from_nanos(10);
    }
    for flight in flights {
        desk.refuse(flight, RefusalKind::Throttled);
    }
    assert_eq!(desk.scheduler.pacing().cool_downs(ChannelId(0)), 1);
    let flight = desk.next_call();
    desk.refuse(flight, RefusalKind::Throttled);
    assert_eq!(desk.scheduler.pacing().cool_downs(ChannelId(0)), 2);
    let flight = desk.next_call();
    desk.accept(flight);
    assert_eq!(desk.scheduler.pacing().cool_downs(ChannelId(0)), 0);
}

/// Four channels that were just called, and calls on three of them, by a bearer of ten calls a second.
fn called_lately() -> (SchedulerHarness, [InFlightCall; 3]) {
    let mut desk = SchedulerHarness::new(&[500, 500, 500, 100], |settings| {
        settings.limits.bearer_rate = 10.0;
    });
    for channel in 0..4 {
        let flight = desk.next_call();
        assert_eq!(flight.channel, ChannelId(channel));
        desk.accept(flight);
    }
    let flights = [(); 3].map(|()| desk.next_call());
    (desk, flights)
}

/// How long the bearer waits from now to his next call.
fn pause(desk: &SchedulerHarness) -> Duration {
    let (_, at) = desk.scheduler.pacing().first_of(0..1).unwrap();
    at.saturating_sub(desk.now)
}

const TENTH: Duration = Duration::from_millis(100);

#[test]
fn a_channel_throttled_alone_is_to_blame_and_the_bearer_goes_on() {
    let (mut desk, [first, second, _]) = called_lately();
    desk.accept(second);
    desk.refuse(first, RefusalKind::Throttled);
    assert_eq!(desk.scheduler.pacing().cool_downs(ChannelId(0)), 1);
    assert!(pause(&desk) <= TENTH);
}

#[test]
fn a_bearer_throttled_on_two_channels_in_a_row_slows_down_once() {
    let (mut desk, [first, second, third]) = called_lately();
    desk.now += TENTH / 10;
    desk.refuse(first, RefusalKind::Throttled);
    assert!(pause(&desk) <= TENTH);
    desk.refuse(second, RefusalKind::Throttled);
    assert_eq!(desk.scheduler.pacing().cool_downs(ChannelId(1)), 0);
    let slower = pause(&desk);
    assert!(slower > TENTH);
    // Sent before it slowed down, this one shows nothing new.
    desk.refuse(third, RefusalKind::Throttled);
    assert_eq!(pause(&desk), slower);
}

#[test]
fn a_channel_not_called_before_cannot_be_over_its_limit() {
    let mut desk =
        SchedulerHarness::new(&[100, 100], |settings| settings.limits.bearer_rate = 10.0);
    let flight = desk.next_call();
    let channel = flight.channel;
    desk.refuse(flight, RefusalKind::Throttled);
    assert!(pause(&desk) > TENTH, "the bearer is to blame");
    assert_eq!(desk.scheduler.pacing().cool_downs(channel), 0);
}

#[test]
fn a_channel_throttled_again_and_again_while_others_are_not_is_to_blame() {
    let mut desk =
        SchedulerHarness::new(&[10_000; 2], |settings| settings.limits.bearer_rate = 10.0);
    let mut refused = 0;
    while desk.scheduler.pacing().cool_downs(ChannelId(0)) < 3 {
        let flight = desk.next_call();
        if flight.channel == ChannelId(0) {
            desk.refuse(flight, RefusalKind::Throttled);
            refused += 1;
        } else {
            desk.accept(flight);
        }
        assert!(refused < 10);
    }
    assert_eq!(refused, 5);
}

#[test]
fn in_an_outage_one_call_at_a_time_probes_and_nobody_loses_an_attempt() {
    let mut desk = SchedulerHarness::new(&[500; 20], |settings| settings.limits.max_attempts = 2);
    for _ in 0..OUTAGE_AFTER {
        let flight = desk.next_call();
        desk.refuse(flight, RefusalKind::ServiceUnavailable);
    }
    assert!(desk.scheduler.is_outage());
    for _ in 0..30 {
        let probe = desk.next_call();
        assert_eq!(
            desk.scheduler.next(desk.now),
            Step::Wait(None),
            "a second probe"
        );
        let settlement = desk.refuse(probe, RefusalKind::ServiceUnavailable);
        assert!(settlement.rulings.iter().all(|r| r.outcome.is_none()));
        if desk.scheduler.stopped().is_some() {
            break;
        }
    }
    assert!(desk.scheduler.stopped().is_none());
    let probe = desk.next_call();
    desk.accept(probe);
    assert!(!desk.scheduler.is_outage());
    desk.next_call();
    desk.next_call();
}

/// Refuses every call until the run stops. Returns when it stops, and the number of calls.
fn refuse_all(desk: &mut SchedulerHarness, kind: RefusalKind) -> (Duration, u32) {
    let mut calls = 0;
    while desk.scheduler.stopped().is_none() {
        let flight = desk.next_call();
        let settlement = desk.refuse(flight, kind);
        let is_open = |ruling: &Ruling| ruling.outcome.is_none() && ruling.pending.attempts > 0;
        assert!(settlement.rulings.iter().all(is_open));
        calls += 1;
        assert!(calls < 10_000, "patience never ends");
    }
    (desk.now, calls)
}

#[test]
fn patience_ends_an_endless_outage() {
    for kind in [RefusalKind::Unreachable, RefusalKind::Lost] {
        let mut desk = SchedulerHarness::usual(&[500; 5]);
        let flight = desk.next_call();
        desk.accept(flight);
        let (stopped, calls) = refuse_all(&mut desk, kind);
        assert!(matches!(desk.scheduler.stopped(), Some(Stop::Outage(_))));
        assert!(stopped >= USUAL_PATIENCE && stopped < USUAL_PATIENCE + SECOND * 10);
        assert!(calls >= OUTAGE_PROBES);
    }
    // A service that fails from the beginning is one all the same.
    let mut desk = SchedulerHarness::usual(&[500; 5]);
    let (stopped, _) = refuse_all(&mut desk, RefusalKind::ServiceUnavailable);
    assert!(matches!(desk.scheduler.stopped(), Some(Stop::Outage(_))));
    assert!(stopped >= USUAL_PATIENCE);
}

#[test]
fn where_nothing_ever_answers_the_run_stops_soon_and_no_attempt_is_charged() {
    for kind in [RefusalKind::Unreachable, RefusalKind::Lost] {
        let mut desk =
            SchedulerHarness::new(&[500; 5], |settings| settings.limits.max_attempts = 1);
        let (stopped, calls) = refuse_all(&mut desk, kind);
        assert!(matches!(desk.scheduler.stopped(), Some(Stop::NoAnswer(_))));
        assert!(stopped >= SHORT_PATIENCE && stopped < SHORT_PATIENCE + SECOND * 10);
        assert!(calls >= OUTAGE_AFTER);
    }
}

#[test]
fn patience_is_as_long_as_it_is_set() {
    for (seconds, accepted) in [(2, true), (2, false), (900, true), (900, false)] {
        for kind in [RefusalKind::Unreachable, RefusalKind::WrongAddress] {
            let mut desk = SchedulerHarness::new(&[500; 5], |settings| {
                settings.patience = Patience::try_from(seconds).ok();
            });
            if accepted {
                let flight = desk.next_call();
                desk.accept(flight);
            }
            let before = desk.now;
            let stopped = refuse_all(&mut desk, kind).0.saturating_sub(before);
            let patience = SECOND * seconds;
            assert!(stopped >= patience, "{stopped:?} of {patience:?}");
            assert!(stopped < patience + SECOND * 10, "{stopped:?}");
        }
    }
}

#[test]
fn failures_beyond_the_threshold_stop_the_run_closed_channels_included() {
    let threshold = |settings: &mut SchedulerConfig| {
        settings.max_failures = Some(FailureThreshold::Rows(50));
    };
    let mut desk = SchedulerHarness::new(&[300], threshold);
    let flight = desk.at_once();
    desk.answer(flight, |row| {
        if row <= 50 {
            error("NotFound")
        } else {
            MemberAnswer::Added
        }
    });
    assert_eq!(desk.scheduler.stopped(), None);
    desk.now = SECOND * 2;
    let flight = desk.at_once();
    desk.answer(flight, |row| {
        if row == 101 {
            error("NotFound")
        } else {
            MemberAnswer::Added
        }
    });
    let (failures, settled) = (51, 200);
    let stop = Stop::TooManyFailures { failures, settled };
    assert_eq!(desk.scheduler.stopped(), Some(&stop));

    let mut desk = SchedulerHarness::new(&[10], threshold);
    let flight = desk.at_once();
    desk.refuse(flight, RefusalKind::NotFound);
    assert_eq!(desk.scheduler.stopped(), None);
    desk.scheduler.stage(LaneId(0), 41);
    assert!(desk.scheduler.stopped().is_some());
}

#[test]
fn so_many_rows_wait_and_no_more() {
    let mut desk = SchedulerHarness::new(&[1_000; 50], |settings| settings.max_waiting = 700);
    for _ in 0..50 {
        let flight = desk.next_call();
        desk.answer(flight, |_| error("Throttled"));
        assert!(desk.scheduler.waiting() < 800);
    }
    assert!(desk.drawn <= 800, "{} rows drawn", desk.drawn);

    // Parts of refused calls wait as well.
    let mut desk = SchedulerHarness::new(&[1_000; 50], |settings| settings.max_waiting = 700);
    let mut accepted = 0;
    for _ in 0..50 {
        let flight = desk.next_call();
        if flight.rows.iter().any(|pending| pending.row % 40 == 0) {
            desk.refuse(flight, RefusalKind::BadRequest);
        } else {
            accepted += flight.rows.len() as u64;
            desk.accept(flight);
        }
        assert!(desk.scheduler.waiting() < 800);
    }
    assert!(desk.drawn <= 900 + accepted, "{} rows drawn", desk.drawn);
}

/// The timeout of the next order, whose call is then given this answer.
fn timeout_of_next(
    desk: &mut SchedulerHarness,
    answer: impl FnOnce(&mut SchedulerHarness, InFlightCall),
) -> Duration {
    for _ in 0..10 {
        match desk.scheduler.next(desk.now) {
            Step::Call(order) => {
                let timeout = order.timeout;
                desk.scheduler.postpone(order, desk.now);
                let flight = desk.at_once();
                desk.now += Duration::from_millis(100);
                answer(desk, flight);
                return timeout;
            }
            Step::Wait(Some(until)) => desk.now = until,
            other => panic!("no call, but {other:?}"),
        }
    }
    panic!("never a call");
}

#[test]
fn an_answer_is_waited_for_as_long_as_answers_take_and_longer_after_each_that_is_lost() {
    let mut desk = SchedulerHarness::usual(&[10_000]);
    let accept = |desk: &mut SchedulerHarness, flight| drop(desk.accept(flight));
    let lose = |desk: &mut SchedulerHarness, flight| drop(desk.refuse(flight, RefusalKind::Lost));
    assert_eq!(timeout_of_next(&mut desk, accept), SECOND * 15);
    for _ in 0..20 {
        timeout_of_next(&mut desk, accept);
    }
    assert_eq!(timeout_of_next(&mut desk, lose), SECOND * 4);
    assert_eq!(timeout_of_next(&mut desk, lose), SECOND * 8);
    assert_eq!(timeout_of_next(&mut desk, accept), SECOND * 15);
    assert_eq!(timeout_of_next(&mut desk, accept), SECOND * 4);
}

#[test]
fn a_service_that_refuses_calls_for_a_members_sake_is_not_down() {
    // One row in thirty is bad, and two calls of three fail besides: few are accepted for long, and
    // yet there is no outage to wait for, and nothing to stop the run for.
    let mut desk = SchedulerHarness::usual(&[100_000]);
    for call in 0..2_000 {
        let flight = desk.next_call();
        let is_bad = flight.rows.iter().any(|pending| pending.row % 30 == 7);
        match call % 3 {
            0 => drop(desk.refuse(flight, RefusalKind::Throttled)),
            1 => drop(desk.refuse(flight, RefusalKind::Unreachable)),
            _ if is_bad => drop(desk.refuse(flight, RefusalKind::BadRequest)),
            _ => drop(desk.accept(flight)),
        }
        assert_eq!(desk.scheduler.stopped(), None);
    }
    assert!(desk.now > USUAL_PATIENCE);
}
