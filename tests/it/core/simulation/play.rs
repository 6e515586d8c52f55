//! Plays a case: through all its interruptions to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chime_bulk::engine::Ending;
use chime_bulk::model::{AddMembers, MemberArn, MemberError, Outcome, Refusal, RefusalKind, Reply};
use chime_bulk::schedule::Stop;

use super::case::Case;
use super::rng::SeededRng;
use crate::support::harness::{
    Harness, Interruption, Moment, SessionResult, channel, refusal, user,
};
use crate::support::recorder::RecordedCall;

/// Sessions after the last interruption. A long outage stops several of them.
const MAX_SESSIONS: u32 = 20;
/// Sessions in a row that stop because the bearer is denied. Further ones would do so too.
const DENIALS: u32 = 3;

/// A run that was played to its end.
pub(super) struct Played {
    pub(super) run: Harness,
    pub(super) result: SessionResult,
    /// Every call.
    pub(super) calls: Vec<RecordedCall>,
    /// The number of sessions that were interrupted before they ended.
    pub(super) interrupted: usize,
    /// Whether the run cannot be finished, because the bearer is denied.
    pub(super) is_open: bool,
}

/// Plays a case to its end.
pub(super) async fn play(case: &Case) -> Played {
    play_on(harness(case), case).await
}

/// Plays a case to its end, on its harness.
pub(super) async fn play_on(mut run: Harness, case: &Case) -> Played {
    let (result, interrupted) = to_end(&mut run, &case.interruptions, case.seed).await;
    // Calls that were given up may not have reached the service yet.
    tokio::time::sleep(Duration::from_mins(2)).await;
    Played {
        calls: run.calls(),
        is_open: !result.is_finished(),
        run,
        result,
        interrupted,
    }
}

/// Interrupts and resumes a run until it is finished, or stops again and again. Returns the result of
/// the last session, and the number of sessions that were interrupted.
pub(super) async fn to_end(
    run: &mut Harness,
    interruptions: &[(Moment, Interruption)],
    mut seed: u64,
) -> (SessionResult, usize) {
    let mut final_outcomes = BTreeMap::new();
    let mut next_seed = || {
        seed = seed.wrapping_add(1);
        seed
    };
    let mut interrupted = 0;
    for (moment, interruption) in interruptions {
        run.scheduling.seed = next_seed();
        let result = run.interrupt_at(*moment, *interruption).await;
        interrupted += usize::from(matches!(result.ending, None | Some(Ending::Interrupted)));
        fix_cause(run, &result);
        check_final_outcomes(&mut final_outcomes, &result);
    }
    let (mut sessions, mut denials) = (0, 0);
    let result = loop {
        run.scheduling.seed = next_seed();
        let result = run.run().await;
        fix_cause(run, &result);
        check_final_outcomes(&mut final_outcomes, &result);
        sessions += 1;
        match &result.ending {
            Some(Ending::Finished) => break result,
            Some(Ending::Stopped(Stop::Denied(_))) => denials += 1,
            Some(Ending::Stopped(_)) => denials = 0,
            other => panic!("ended as {other:?}"),
        }
        if denials == DENIALS || sessions == MAX_SESSIONS {
            break result;
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
    };
    if let Some(Ending::Stopped(stop)) = &result.ending {
        assert!(denials == DENIALS, "still stopped: {stop:?}");
    }
    (result, interrupted)
}

/// Removes the cause of a stop, as a user would do before `resume`.
fn fix_cause(run: &mut Harness, result: &SessionResult) {
    if let Some(Ending::Stopped(Stop::TooManyFailures { .. })) = &result.ending {
        run.scheduling.max_failures = None;
    }
}

/// Checks that final outcomes of earlier sessions are unchanged, and adds those of this one.
fn check_final_outcomes(final_outcomes: &mut BTreeMap<u64, Outcome>, result: &SessionResult) {
    for (row, before) in final_outcomes.iter() {
        let now = result.rows.get(row).map(|record| record.outcome);
        assert_eq!(now, Some(*before), "the outcome of row {row} has changed");
    }
    let is_final = |outcome: Outcome| {
        outcome.is_in() || matches!(outcome, Outcome::Invalid | Outcome::Duplicate)
    };
    for (row, record) in &result.rows {
        if is_final(record.outcome) && result.ending.is_some() {
            final_outcomes.insert(*row, record.outcome);
        }
    }
}

/// The harness of a case, with the members that exist before its run.
pub(super) fn harness(case: &Case) -> Harness {
    let mut run = Harness::with_sandbox(case.list(), case.sandbox.clone())
        .in_memory()
        .bearers(case.scheduling.bearers)
        .pace(case.pace);
    run.scheduling = case.scheduling.clone();
    run.options.filters = vec!["status!=left".parse().unwrap()];
    run.options.allow_empty = true;
    for (channel, member) in case.named(&case.existing) {
        run.service.add_existing(&channel, &member);
    }
    for (channel, member) in case.named(&case.banned) {
        run.service.ban(&channel, &member);
    }
    let (poison, kind) = (case.named(&case.poison), case.poison_kind);
    let (calls, expired) = (AtomicUsize::new(0), case.expired.clone());
    let mut run = run.intercept(move |call| {
        let is_expired = expired.contains(&calls.fetch_add(1, Ordering::Relaxed));
        if is_expired {
            return Some(refusal(RefusalKind::Credentials, "ExpiredTokenException"));
        }
        let mut members = call.members.members().iter();
        let is_in = members.any(|member| poison.contains(&(call.channel.clone(), member.clone())));
        is_in.then(|| refusal(kind, "Poisoned"))
    });
    let recorder = run.recorder();
    recorder.unstoppable = case.unstoppable;
    if case.distort_one_in > 0 {
        let (rng, one_in) = (Mutex::new(SeededRng::new(case.seed)), case.distort_one_in);
        recorder.distort = Some(Arc::new(Box::new(move |call, answer| {
            let mut rng = rng.lock().unwrap();
            if rng.one_in(one_in) {
                distorted(&mut rng, call, answer)
            } else {
                answer
            }
        })));
    }
    run
}

/// Distorts an answer. It contains nothing false about a member of the call, unless the same answer
/// also contradicts that.
fn distorted(
    rng: &mut SeededRng,
    call: &AddMembers,
    answer: Result<Reply, Refusal>,
) -> Result<Reply, Refusal> {
    let mut reply = answer?;
    let error = |member: String, code: &str| MemberError {
        member,
        code: code.to_owned(),
        message: "distorted".to_owned(),
    };
    let asked: BTreeSet<&str> = call
        .members
        .members()
        .iter()
        .map(MemberArn::as_str)
        .collect();
    match rng.in_range(0..=7) {
        0 => return Err(refusal(RefusalKind::Lost, "UnreadableReply")),
        1 => {
            return Err(refusal(
                RefusalKind::ServiceFailure,
                "ServiceFailureException",
            ));
        }
        2 => reply = Reply::default(),
        3 => {
            // Some members are missing.
            reply.added.retain(|_| !rng.one_in(4));
            reply.errors.retain(|_| !rng.one_in(4));
        }
        4 => {
            // Both added and refused.
            for member in reply.added.clone() {
                if rng.one_in(4) {
                    let code = rng.pick(&["NotFound", "Throttled", "Conflict", "Odd"]);
                    reply.errors.push(error(member, code));
                }
            }
        }
        5 => {
            // Refused and added, or refused in two ways.
            for refused in reply.errors.clone() {
                if rng.one_in(2) {
                    reply.added.push(refused.member);
                } else {
                    reply.errors.push(error(refused.member, "Odd"));
                }
            }
        }
        6 => {
            // Everything twice, in reverse order.
            reply.added.extend(reply.added.clone());
            reply.errors.extend(reply.errors.clone());
            reply.added.reverse();
            reply.errors.reverse();
        }
        _ => {
            // Members that are not in the call, and text that is not a member's ARN.
            for n in 0..8 {
                let other = user(&format!("u{n}")).to_string();
                if !asked.contains(other.as_str()) {
                    reply.added.push(other.clone());
                    reply.errors.push(error(other, "NotFound"));
                }
            }
            reply.added.push(channel(0).to_string());
            reply.added.push(String::new());
            reply.errors.push(error("not an ARN".to_owned(), ""));
        }
    }
    Ok(reply)
}
