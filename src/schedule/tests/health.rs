//! Limits, outages and thresholds: what many answers together mean.

use super::*;
use crate::schedule::scheduler::{OUTAGE_AFTER, OUTAGE_PROBES};

#[test]
fn a_throttled_call_costs_its_members_nothing_and_comes_again_whole() {
    let mut desk = Desk::usual(&[100]);
    for _ in 0..20 {
        let flight = desk.next_call();
        assert_eq!(flight.tickets.len(), 100);
        assert!(
            flight
                .tickets
                .iter()
                .all(|t| t.attempts == 0 && t.tries == 0)
        );
        let settlement = desk.refuse(flight, RefusalKind::Throttled);
        assert!(settlement.rulings.iter().all(|r| !r.charged));
        assert!(desk.scheduler.stopped().is_none());
    }
}

#[test]
fn ten_calls_throttled_together_are_one_cool_down() {
    let mut desk = Desk::new(&[10_000], |settings| settings.limits.channel_rate = 1e6);
    let mut flights = Vec::new();
    for _ in 0..10 {
        flights.push(desk.at_once());
        desk.now += Duration::from_millis(1);
    }
    for flight in flights {
        desk.refuse(flight, RefusalKind::Throttled);
    }
    assert_eq!(desk.scheduler.channels[0].level, 1);
    let flight = desk.next_call();
    desk.refuse(flight, RefusalKind::Throttled);
    assert_eq!(desk.scheduler.channels[0].level, 2);
    let flight = desk.next_call();
    desk.accept(flight);
    assert_eq!(desk.scheduler.channels[0].level, 0);
}

#[test]
fn two_channels_throttled_in_a_row_cool_their_bearer_down() {
    let mut desk = Desk::usual(&[500, 500, 500]);
    let (first, second) = (desk.at_once(), desk.at_once());
    desk.refuse(first, RefusalKind::Throttled);
    assert!(desk.scheduler.bearers.first().1 <= desk.now + Duration::from_micros(2));
    desk.refuse(second, RefusalKind::Throttled);
    assert!(desk.scheduler.bearers.first().1 > desk.now + Duration::from_micros(2));
}

#[test]
fn in_an_outage_one_call_at_a_time_probes_and_nobody_loses_an_attempt() {
    let mut desk = Desk::new(&[500; 20], |settings| settings.limits.max_attempts = 2);
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

#[test]
fn patience_ends_an_endless_outage() {
    let mut desk = Desk::usual(&[500; 5]);
    let mut probes = 0;
    while desk.scheduler.stopped().is_none() {
        let flight = desk.next_call();
        let settlement = desk.refuse(flight, RefusalKind::Unreachable);
        assert!(settlement.rulings.iter().all(|r| r.outcome.is_none()));
        probes += 1;
        assert!(probes < 10_000, "patience never ends");
    }
    assert!(matches!(desk.scheduler.stopped(), Some(Stop::Outage(_))));
    assert!(desk.now >= Duration::from_mins(5) && desk.now < Duration::from_secs(310));
    assert!(probes >= OUTAGE_PROBES);
}

#[test]
fn failures_beyond_the_threshold_stop_the_run_closed_channels_included() {
    let threshold = |settings: &mut Settings| {
        settings.max_failures = Some(FailureThreshold::Rows(50));
    };
    let mut desk = Desk::new(&[300], threshold);
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

    let mut desk = Desk::new(&[10], threshold);
    let flight = desk.at_once();
    desk.refuse(flight, RefusalKind::NotFound);
    assert_eq!(desk.scheduler.stopped(), None);
    desk.scheduler.stage(LaneId(0), 41);
    assert!(desk.scheduler.stopped().is_some());
}

#[test]
fn so_many_rows_wait_and_no_more() {
    let mut desk = Desk::new(&[1_000; 50], |settings| settings.max_waiting = 700);
    for _ in 0..50 {
        let flight = desk.next_call();
        desk.answer(flight, |_| error("Throttled"));
        assert!(desk.scheduler.waiting() < 800);
    }
    assert!(desk.drawn <= 800, "{} rows drawn", desk.drawn);

    // Parts of refused calls wait as well.
    let mut desk = Desk::new(&[1_000; 50], |settings| settings.max_waiting = 700);
    for _ in 0..50 {
        let flight = desk.next_call();
        desk.refuse(flight, RefusalKind::BadRequest);
        assert!(desk.scheduler.waiting() < 800);
    }
    assert!(desk.drawn <= 900, "{} rows drawn", desk.drawn);
}
