//! What answers and refusals mean for rows, channels and the run.

use super::*;

/// The rows whose members did not get in.
fn failed(ended: &[(u64, Outcome)]) -> Vec<u64> {
    let out = ended.iter().filter(|(_, outcome)| !outcome.is_in());
    out.map(|(row, _)| *row).collect()
}

#[test]
fn a_call_with_one_bad_row_is_bisected_down_to_it() {
    for culprits in [vec![1], vec![37], vec![100], vec![5, 6, 77]] {
        let mut desk = SchedulerHarness::usual(&[100]);
        let poisoned = culprits.clone();
        let (calls, mut ended) = desk.play(|flight| {
            if flight.rows.iter().any(|t| poisoned.contains(&t.row)) {
                Answer::Refused(refusal(RefusalKind::BadRequest))
            } else {
                added(flight)
            }
        });
        ended.sort_unstable();
        assert_eq!(ended.len(), 100);
        for (row, outcome) in ended {
            let expected = if culprits.contains(&row) {
                Outcome::Failed
            } else {
                Outcome::Added
            };
            assert_eq!(outcome, expected, "row {row} of {culprits:?}");
        }
        assert!(
            calls <= 1 + 10 * culprits.len(),
            "{calls} calls for {culprits:?}"
        );
    }
}

#[test]
fn a_bad_row_is_found_however_many_calls_fail_meanwhile() {
    let mut desk = SchedulerHarness::usual(&[100]);
    let number = std::cell::Cell::new(0);
    let (calls, ended) = desk.play(|flight| {
        number.set(number.get() + 1);
        if number.get() % 2 == 0 {
            Answer::Refused(refusal(RefusalKind::ServiceFailure))
        } else if flight.rows.iter().any(|t| t.row == 37) {
            Answer::Refused(refusal(RefusalKind::BadRequest))
        } else {
            added(flight)
        }
    });
    assert_eq!((ended.len(), failed(&ended)), (100, vec![37]));
    // Every other one fails, besides the eleven that find the bad row anyway; a row that was tried a
    // different number of times waits differently, and is sent by itself.
    assert!(calls <= 2 * (11 + 3), "{calls}");
}

#[test]
fn a_member_over_the_limit_alone_ends_its_channel() {
    let mut desk = SchedulerHarness::usual(&[1_000, 100]);
    let taken = std::cell::Cell::new(0);
    let (calls, ended) = desk.play(|flight| {
        let members = flight.rows.len();
        if flight.channel == ChannelId(0) && taken.get() + members > 359 {
            return Answer::Refused(refusal(RefusalKind::LimitExceeded));
        }
        if flight.channel == ChannelId(0) {
            taken.set(taken.get() + members);
        }
        added(flight)
    });
    let is_in = ended.iter().filter(|(_, outcome)| outcome.is_in()).count();
    assert_eq!((taken.get(), is_in), (359, 359 + 100));
    assert!(calls < 20, "{calls}");
    assert_eq!(desk.scheduler.failures(), 641);
}

#[test]
fn a_missing_channel_takes_all_its_lanes_and_nothing_else() {
    let mut desk = SchedulerHarness::usual(&[250, 100]);
    let hidden = desk.scheduler.open_lane(ChannelId(0));
    desk.scheduler.stage(hidden, 30);
    let flight = desk.at_once();
    assert_eq!(flight.channel, ChannelId(0));
    let settlement = desk.refuse(flight, RefusalKind::NotFound);
    let closed: Vec<LaneId> = settlement.closed.iter().map(|(lane, _)| *lane).collect();
    assert_eq!(closed, [LaneId(0), hidden]);
    assert_eq!(settlement.unsent, 180);
    assert!(
        settlement
            .rulings
            .iter()
            .all(|r| r.outcome == Some(Outcome::Failed))
    );
    let flight = desk.next_call();
    assert_eq!(flight.channel, ChannelId(1));
    desk.accept(flight);
    assert_eq!(desk.scheduler.next(desk.now), Step::Done);
    assert_eq!(desk.scheduler.stage(hidden, 5), 5);
}

#[test]
fn a_run_in_which_everything_is_denied_stops_after_a_few_calls_with_nobody_failed() {
    // On many channels as many are asked, on one or two a few members alone.
    for (channels, most) in [(40, 20), (2, 14), (1, 7)] {
        for accepted_first in [0, 30] {
            let mut desk = SchedulerHarness::usual(&vec![10_000; channels]);
            for _ in 0..accepted_first {
                let flight = desk.next_call();
                desk.accept(flight);
            }
            // Bisected where something was accepted before, and then a control call.
            let most = if accepted_first > 0 && channels < 40 {
                most + 10
            } else {
                most
            };
            let (calls, ended) = desk.play(|_| Answer::Refused(refusal(RefusalKind::Denied)));
            assert!(calls <= most, "{calls} calls on {channels} channels");
            assert_eq!(ended, []);
            assert!(matches!(desk.scheduler.stopped(), Some(Stop::Denied(_))));
        }
    }
}

#[test]
fn a_bearer_in_question_makes_one_call_at_a_time() {
    let mut desk = SchedulerHarness::usual(&[100; 5]);
    let (first, second) = (desk.at_once(), desk.at_once());
    desk.now += Duration::from_micros(1);
    let settlement = desk.refuse(first, RefusalKind::Denied);
    assert!(
        settlement
            .rulings
            .iter()
            .all(|r| r.outcome.is_none() && !r.charged)
    );
    assert_eq!(desk.call(), None);
    // Sent before the refusal came, this one shows nothing about the time after it.
    desk.accept(second);
    let third = desk.at_once();
    assert_eq!(desk.call(), None);
    desk.accept(third);
    let (_, _) = (desk.at_once(), desk.at_once());
}

#[test]
fn forbidden_is_bisected_once_something_is_accepted() {
    let mut desk = SchedulerHarness::usual(&[100, 100]);
    let (first, second) = (desk.at_once(), desk.at_once());
    let poisoned = first.rows[40].row;
    let place = first.channel;
    desk.refuse(first, RefusalKind::Denied);
    desk.accept(second);
    assert_eq!(desk.scheduler.stopped(), None);
    // Nothing was accepted there yet, so it is more likely denied as a whole: one alone tells.
    let flight = desk.next_call();
    assert_eq!((flight.channel, flight.rows.len()), (place, 1));
    desk.accept(flight);
    let flight = desk.next_call();
    assert_eq!((flight.channel, flight.rows.len()), (place, 50));
    let poisons = |flight: &InFlightCall| flight.rows.iter().any(|t| t.row == poisoned);
    if poisons(&flight) {
        desk.refuse(flight, RefusalKind::Denied);
    } else {
        desk.accept(flight);
    }
    let (_, ended) = desk.play(|flight| {
        if poisons(flight) {
            Answer::Refused(refusal(RefusalKind::Denied))
        } else {
            added(flight)
        }
    });
    assert_eq!(failed(&ended), [poisoned]);
}

#[test]
fn the_last_row_refused_fails_only_after_control_calls_elsewhere_and_two_more_refusals() {
    let mut desk = SchedulerHarness::usual(&[1, 1]);
    let (first, second) = (desk.at_once(), desk.at_once());
    let (row, place, other) = (first.rows[0].row, first.channel, second.channel);
    desk.now += SECOND / 10;
    desk.refuse(first, RefusalKind::Denied);
    let settlement = desk.accept(second);
    assert_eq!(settlement.others, []);
    // Once within ten seconds, and once after: two short incidents must not look like a denial.
    let mut settlement = Settlement::default();
    for is_last in [false, true] {
        assert_eq!(settlement.others, []);
        let control = desk.next_call();
        assert_eq!((control.channel, control.rows.len()), (other, 0));
        desk.accept(control);
        let again = desk.next_call();
        assert_eq!((again.channel, again.rows[0].row), (place, row));
        assert_eq!(desk.now >= 10 * SECOND, is_last, "{:?}", desk.now);
        settlement = desk.refuse(again, RefusalKind::Denied);
    }
    assert_eq!(settlement.others.len(), 1);
    assert_eq!(settlement.others[0].pending.row, row);
    assert_eq!(settlement.others[0].outcome, Some(Outcome::Failed));
    assert_eq!(desk.scheduler.next(desk.now), Step::Done);
    assert_eq!(desk.scheduler.stopped(), None);
}

#[test]
fn a_member_refused_in_a_time_of_refusals_is_added_after_it() {
    // The last call of a channel falls into it: nobody of it fails.
    for (rows, most) in [(101, 1), (130, 3), (200, 3)] {
        let mut desk = SchedulerHarness::usual(&[rows]);
        let first = desk.at_once();
        desk.accept(first);
        let refused = std::cell::Cell::new(0);
        let (_, ended) = desk.play(|flight| {
            refused.set(refused.get() + 1);
            if refused.get() <= most {
                Answer::Refused(refusal(RefusalKind::Denied))
            } else {
                added(flight)
            }
        });
        assert!(failed(&ended).is_empty());
        assert_eq!(ended.len() as u64, rows - 100);
    }
}

#[test]
fn a_channel_is_not_ended_for_a_time_in_which_everything_is_denied() {
    for most in 1..8 {
        let mut desk = SchedulerHarness::usual(&[300, 300, 300]);
        let refused = std::cell::Cell::new(0);
        let (_, ended) = desk.play(|flight| {
            refused.set(refused.get() + 1);
            if refused.get() <= most {
                Answer::Refused(Refusal {
                    code: "AccessDeniedException".to_owned(),
                    ..refusal(RefusalKind::Denied)
                })
            } else {
                added(flight)
            }
        });
        assert!(failed(&ended).is_empty(), "{most}");
        // When nothing else is left to call, it stops.
        let is_stopped = desk.scheduler.stopped().is_some();
        assert_eq!(
            (ended.len(), is_stopped),
            if most < 3 { (900, false) } else { (0, true) }
        );
    }
}

#[test]
fn of_three_bearers_the_denied_one_is_set_aside_and_its_calls_go_to_the_others() {
    for code in [
        "ForbiddenException",
        "AccessDeniedException",
        "UnauthorizedClientException",
    ] {
        for rows in [vec![1_000], vec![100; 30], vec![1]] {
            let mut desk = SchedulerHarness::new(&rows, |settings| settings.bearers = 3);
            let denied = std::cell::Cell::new(0);
            let (calls, ended) = desk.play(|flight| {
                if flight.bearer == 1 {
                    denied.set(denied.get() + 1);
                    Answer::Refused(Refusal {
                        code: code.to_owned(),
                        ..refusal(RefusalKind::Denied)
                    })
                } else {
                    added(flight)
                }
            });
            let rows: u64 = rows.iter().sum();
            assert_eq!((ended.len() as u64, failed(&ended)), (rows, vec![]));
            assert!(denied.get() <= 5, "{} calls of the bearer", denied.get());
            let least = usize::try_from(rows.div_ceil(100)).unwrap().max(1);
            assert!(calls <= least + 2 * denied.get() + 1, "{calls} of {least}");
        }
    }
}

#[test]
fn bearers_that_may_each_add_to_other_channels_add_everybody_together() {
    let mut desk = SchedulerHarness::new(&[150; 12], |settings| settings.bearers = 3);
    let (_, ended) = desk.play(|flight| {
        if flight.channel.0 as usize % 3 == flight.bearer {
            added(flight)
        } else {
            Answer::Refused(refusal(RefusalKind::Denied))
        }
    });
    assert_eq!((ended.len(), failed(&ended)), (12 * 150, vec![]));
}

#[test]
fn a_channel_where_the_bearer_is_denied_ends_after_a_few_calls() {
    // Where others are called meanwhile, they show it; else control calls do.
    for (others, most) in [(3_000, 12), (100, 18)] {
        let mut desk = SchedulerHarness::usual(&[10_000, others]);
        let (calls, ended) = desk.play(|flight| {
            if flight.channel == ChannelId(1) {
                added(flight)
            } else {
                Answer::Refused(refusal(RefusalKind::Denied))
            }
        });
        let calls = calls as u64 - others / 100;
        assert!(calls <= most, "{calls}");
        let is_in = |(_, outcome): &&(u64, Outcome)| outcome.is_in();
        assert_eq!(ended.iter().filter(is_in).count() as u64, others);
        assert_eq!(
            (desk.scheduler.stopped(), desk.scheduler.failures()),
            (None, 10_000)
        );
    }
}

#[test]
fn unauthorized_stops_with_nobody_failed() {
    let mut desk = SchedulerHarness::usual(&[300]);
    let flight = desk.at_once();
    let settlement = desk.refuse(flight, RefusalKind::Credentials);
    assert!(
        settlement
            .rulings
            .iter()
            .all(|r| r.outcome.is_none() && !r.charged)
    );
    assert!(matches!(
        desk.scheduler.stopped(),
        Some(Stop::Credentials(_))
    ));
    assert_eq!(desk.scheduler.next(desk.now), Step::Done);
}

#[test]
fn a_member_throttled_for_ever_fails_after_its_attempts_and_an_unclear_one_stays_unconfirmed() {
    for (answer, outcome) in [
        (error("Throttled"), Outcome::Failed),
        (MemberAnswer::Unclear, Outcome::Unconfirmed),
    ] {
        let mut desk = SchedulerHarness::new(&[1], |settings| settings.limits.max_attempts = 5);
        let (calls, ended) = desk.play(|_| Answer::Members(vec![answer.clone()]));
        assert_eq!((calls, ended), (5, vec![(1, outcome)]));
    }
}

#[test]
fn a_lost_call_leaves_doubt_and_conflict_settles_it() {
    let mut desk = SchedulerHarness::usual(&[10]);
    let flight = desk.at_once();
    let settlement = desk.refuse(flight, RefusalKind::Lost);
    assert!(
        settlement
            .rulings
            .iter()
            .all(|r| r.pending.in_doubt && r.charged)
    );
    desk.now += Duration::from_mins(1);
    let flight = desk.at_once();
    assert_eq!(flight.rows.len(), 10);
    let settlement = desk.answer(flight, |_| error("Conflict"));
    let settled = |r: &Ruling| r.outcome == Some(Outcome::AlreadyMember) && r.pending.in_doubt;
    assert!(settlement.rulings.iter().all(settled));
}

#[test]
fn rows_in_doubt_are_never_said_to_have_failed_for_their_channels_end() {
    let mut desk = SchedulerHarness::new(&[200], |settings| settings.limits.channel_rate = 1e6);
    let (first, second) = (desk.at_once(), {
        desk.now += Duration::from_millis(1);
        desk.at_once()
    });
    desk.refuse(first, RefusalKind::Lost);
    let settlement = desk.refuse(second, RefusalKind::NotFound);
    assert_eq!(settlement.others.len(), 100);
    let unconfirmed = |r: &Ruling| r.outcome == Some(Outcome::Unconfirmed);
    assert!(settlement.others.iter().all(unconfirmed));
    assert_eq!(desk.scheduler.waiting(), 0);
}

#[test]
fn a_bad_row_costs_at_most_twice_the_logarithm_of_a_call() {
    // Twice the logarithm, to base two, of a hundred is 13.3.
    let most = 13;
    let mut state = 7_u64;
    let mut draw = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    for _ in 0..400 {
        let rows = 1 + draw(900);
        let culprits: Vec<u64> = (0..=draw(6)).map(|_| 1 + draw(rows)).collect();
        let kind =
            [RefusalKind::BadRequest, RefusalKind::Denied][usize::try_from(draw(2)).unwrap()];
        let mut desk = SchedulerHarness::usual(&[rows, 0]);
        desk.scheduler.was_accepted_before(ChannelId(1));
        let (calls, ended) = desk.play(|flight| {
            if flight.rows.iter().any(|t| culprits.contains(&t.row)) {
                Answer::Refused(refusal(kind))
            } else {
                added(flight)
            }
        });
        let mut failed: Vec<u64> = ended
            .iter()
            .filter(|(_, outcome)| !outcome.is_in())
            .map(|(row, _)| *row)
            .collect();
        failed.sort_unstable();
        let mut known = culprits.clone();
        known.sort_unstable();
        known.dedup();
        if kind == RefusalKind::Denied && failed.len() > known.len() {
            // So many were forbidden before anything was accepted that the channel was closed.
            continue;
        }
        assert_eq!(failed, known, "of {rows}");
        let extra = calls - usize::try_from(rows.div_ceil(100)).unwrap();
        assert!(
            extra <= most * known.len(),
            "{extra} more calls for {known:?} of {rows}, {kind:?}"
        );
    }
}

#[test]
fn a_part_that_is_throttled_stays_a_part() {
    let mut desk = SchedulerHarness::usual(&[100]);
    let flight = desk.at_once();
    desk.refuse(flight, RefusalKind::BadRequest);
    let part = desk.next_call();
    let rows: Vec<u64> = part.rows.iter().map(|pending| pending.row).collect();
    desk.refuse(part, RefusalKind::Throttled);
    let part = desk.next_call();
    assert!(part.rows.iter().map(|pending| pending.row).eq(rows));
    assert!(part.rows.iter().all(|pending| pending.attempts == 0));
}

#[test]
fn rows_of_the_other_half_end_with_their_channel() {
    for refused in [false, true] {
        let mut desk = SchedulerHarness::new(&[200], |settings| settings.limits.channel_rate = 1e6);
        let (first, second) = (desk.at_once(), {
            desk.now += Duration::from_micros(1);
            desk.at_once()
        });
        desk.refuse(first, RefusalKind::BadRequest);
        desk.now += Duration::from_micros(1);
        let part = desk.at_once();
        assert_eq!((part.rows.len(), desk.scheduler.waiting()), (50, 0));
        desk.refuse(second, RefusalKind::NotFound);
        let settlement = if refused {
            desk.refuse(part, RefusalKind::Throttled)
        } else {
            desk.accept(part)
        };
        let unsent = settlement.others.iter().filter_map(|r| r.outcome);
        assert!(unsent.eq([Outcome::Failed; 50]));
        assert_eq!(desk.scheduler.next(desk.now), Step::Done);
    }
}

#[test]
fn rows_of_the_other_half_fail_with_their_channels_code_after_it_ended() {
    let mut desk = SchedulerHarness::usual(&[300]);
    let whole = desk.at_once();
    desk.refuse(whole, RefusalKind::BadRequest);
    let part = desk.next_call();
    let other = desk.next_call();
    desk.refuse(other, RefusalKind::NotFound);
    let settlement = desk.accept(part);
    assert_eq!(settlement.others.len(), 50);
    let said = refusal(RefusalKind::NotFound);
    for ruling in &settlement.others {
        assert_eq!(ruling.outcome, Some(Outcome::Failed));
        assert_eq!(ruling.code, Some(said.code.clone()));
        assert_eq!(ruling.message, Some(said.message.clone()));
    }
}

#[test]
fn credentials_that_expire_are_waited_for_and_stop_the_run_when_they_do_not_come() {
    for renewed in [true, false] {
        let mut desk = SchedulerHarness::usual(&[3_000, 3_000]);
        let first = desk.next_call();
        desk.accept(first);
        let (second, third) = (desk.next_call(), desk.next_call());
        let expired_at = desk.now;
        for flight in [second, third] {
            let settlement = desk.refuse(flight, RefusalKind::Credentials);
            assert!(
                settlement
                    .rulings
                    .iter()
                    .all(|r| r.outcome.is_none() && !r.charged)
            );
        }
        let mut probes = 0;
        while desk.scheduler.stopped().is_none() && desk.now < expired_at + SECOND * 100 {
            let probe = desk.next_call();
            assert!(desk.now >= expired_at + SECOND * 15 * (probes + 1));
            assert_eq!(
                desk.scheduler.next(desk.now),
                Step::Wait(None),
                "one at a time"
            );
            desk.refuse(probe, RefusalKind::NoCredentials);
            probes += 1;
        }
        assert!((6..=7).contains(&probes), "{probes}");
        if renewed {
            let probe = desk.next_call();
            desk.accept(probe);
            assert!(!desk.scheduler.is_outage());
            continue;
        }
        while desk.scheduler.stopped().is_none() {
            let probe = desk.next_call();
            desk.refuse(probe, RefusalKind::Credentials);
        }
        let waited = desk.now.saturating_sub(expired_at);
        assert!(
            waited >= SECOND * 300 && waited < SECOND * 320,
            "{waited:?}"
        );
        assert!(matches!(
            desk.scheduler.stopped(),
            Some(Stop::Credentials(_))
        ));
    }
}

#[test]
fn a_channel_that_is_full_for_whole_calls_of_members_ends() {
    let mut desk = SchedulerHarness::usual(&[40_000, 500]);
    let added_to_first = std::cell::Cell::new(0);
    let (calls, ended) = desk.play(|flight| {
        if flight.channel.index() == 1 || added_to_first.get() < 10_000 {
            if flight.channel.index() == 0 {
                added_to_first.set(added_to_first.get() + flight.rows.len());
            }
            return added(flight);
        }
        let full = || MemberAnswer::Error {
            code: "ResourceLimitExceeded".to_owned(),
            message: "the channel is full".to_owned(),
        };
        Answer::Members(flight.rows.iter().map(|_| full()).collect())
    });
    // The rest of the first channel is never sent.
    assert_eq!((calls, failed(&ended).len()), (100 + 1 + 5, 100));
    assert_eq!(ended.len(), 10_000 + 100 + 500);
}

#[test]
fn members_at_limits_of_their_own_do_not_end_a_channel() {
    let mut desk = SchedulerHarness::usual(&[1_000]);
    let (calls, ended) = desk.play(|flight| {
        let answer = |row: &PendingRow| match row.row % 100 {
            1 => MemberAnswer::Added,
            _ => MemberAnswer::Error {
                code: "ResourceLimitExceeded".to_owned(),
                message: String::new(),
            },
        };
        Answer::Members(flight.rows.iter().map(answer).collect())
    });
    assert_eq!((calls, ended.len(), failed(&ended).len()), (10, 1_000, 990));
}
