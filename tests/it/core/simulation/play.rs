//! Plays a case: through everything that cuts it short, and on to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chime_bulk::engine::Ending;
use chime_bulk::model::{AddMembers, MemberArn, MemberError, Outcome, Refusal, RefusalKind, Reply};
use chime_bulk::schedule::Stop;

use super::case::Case;
use super::dice::Dice;
use crate::support::harness::{Ended, Harness, channel, refusal, user};
use crate::support::recorder::Seen;

/// Sessions after the last cut: a service that is down for long stops several.
const MOST_SESSIONS: u32 = 20;
/// Sessions in a row that find the bearer denied, after which others will, too.
const DENIALS: u32 = 3;

/// A run that was played to its end.
pub(super) struct Played {
    pub(super) run: Harness,
    pub(super) ended: Ended,
    /// Every call.
    pub(super) seen: Vec<Seen>,
    /// How many of the case's cuts came before the end of their sessions.
    pub(super) cut_short: usize,
    /// It does not end, however often it is resumed: the bearer counts as denied.
    pub(super) is_open: bool,
}

/// Plays a case to its end.
pub(super) async fn play(case: &Case) -> Played {
    let mut run = rehearsal(case);
    let mut settled = BTreeMap::new();
    let mut seed = case.seed;
    let mut next_seed = || {
        seed = seed.wrapping_add(1);
        seed
    };
    let mut cut_short = 0;
    for (moment, cut) in &case.cuts {
        run.scheduling.seed = next_seed();
        let ended = run.cut_short(*moment, *cut).await;
        cut_short += usize::from(matches!(ended.ending, None | Some(Ending::Interrupted)));
        heed(&mut run, &ended);
        stay(&mut settled, &ended);
    }
    let (mut sessions, mut denials) = (0, 0);
    let ended = loop {
        run.scheduling.seed = next_seed();
        let ended = run.run().await;
        heed(&mut run, &ended);
        stay(&mut settled, &ended);
        sessions += 1;
        match &ended.ending {
            Some(Ending::Finished) => break ended,
            Some(Ending::Stopped(Stop::Denied(_))) => denials += 1,
            Some(Ending::Stopped(_)) => denials = 0,
            other => panic!("ended as {other:?}"),
        }
        if denials == DENIALS || sessions == MOST_SESSIONS {
            break ended;
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
    };
    if let Some(Ending::Stopped(stop)) = &ended.ending {
        assert!(denials == DENIALS, "still stopped: {stop:?}");
    }
    // Calls that were given up may still be on their way.
    tokio::time::sleep(Duration::from_mins(2)).await;
    Played {
        seen: run.seen(),
        is_open: !ended.is_finished(),
        run,
        ended,
        cut_short,
    }
}

/// Does what a stop asks for before the run is resumed.
fn heed(run: &mut Harness, ended: &Ended) {
    if let Some(Ending::Stopped(Stop::TooManyFailures { .. })) = &ended.ending {
        run.scheduling.max_failures = None;
    }
}

/// A verdict, once given, stays.
fn stay(settled: &mut BTreeMap<u64, Outcome>, ended: &Ended) {
    for (row, before) in settled.iter() {
        let now = ended.rows.get(row).map(|verdict| verdict.outcome);
        assert_eq!(now, Some(*before), "row {row} has another verdict now");
    }
    let is_final = |outcome: Outcome| {
        outcome.is_in() || matches!(outcome, Outcome::Invalid | Outcome::Duplicate)
    };
    for (row, verdict) in &ended.rows {
        if is_final(verdict.outcome) && ended.ending.is_some() {
            settled.insert(*row, verdict.outcome);
        }
    }
}

fn rehearsal(case: &Case) -> Harness {
    let mut run = Harness::in_world(case.list(), case.world.clone())
        .in_memory()
        .bearers(case.scheduling.bearers)
        .pace(case.pace);
    run.scheduling = case.scheduling.clone();
    run.options.filters = vec!["status!=left".parse().unwrap()];
    for (channel, member) in case.named(&case.existing) {
        run.service.add_existing(&channel, &member);
    }
    for (channel, member) in case.named(&case.banned) {
        run.service.ban(&channel, &member);
    }
    let (poison, kind) = (case.named(&case.poison), case.poisonous);
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
    let witness = run.witness();
    witness.unstoppable = case.unstoppable;
    if case.rubbish > 0 {
        let (dice, one_in) = (Mutex::new(Dice::new(case.seed)), case.rubbish);
        witness.distort = Some(Arc::new(Box::new(move |call, answer| {
            let mut dice = dice.lock().unwrap();
            if dice.once_in(one_in) {
                distorted(&mut dice, call, answer)
            } else {
                answer
            }
        })));
    }
    run
}

/// Makes rubbish of an answer: nothing false is said in it of anybody asked for, unless it is
/// gainsaid in the same answer.
fn distorted(
    dice: &mut Dice,
    call: &AddMembers,
    answer: Result<Reply, Refusal>,
) -> Result<Reply, Refusal> {
    let mut reply = answer?;
    let error = |member: String, code: &str| MemberError {
        member,
        code: code.to_owned(),
        message: "rubbish".to_owned(),
    };
    let asked: BTreeSet<&str> = call
        .members
        .members()
        .iter()
        .map(MemberArn::as_str)
        .collect();
    match dice.of(0..=7) {
        0 => return Err(refusal(RefusalKind::Lost, "UnreadableReply")),
        1 => {
            return Err(refusal(
                RefusalKind::ServiceFailure,
                "ServiceFailureException",
            ));
        }
        2 => reply = Reply::default(),
        3 => {
            // Somebody is left out.
            reply.added.retain(|_| !dice.once_in(4));
            reply.errors.retain(|_| !dice.once_in(4));
        }
        4 => {
            // Both added and refused.
            for member in reply.added.clone() {
                if dice.once_in(4) {
                    let code = dice.any(&["NotFound", "Throttled", "Conflict", "Odd"]);
                    reply.errors.push(error(member, code));
                }
            }
        }
        5 => {
            // Refused and added, or refused in two ways.
            for refused in reply.errors.clone() {
                if dice.once_in(2) {
                    reply.added.push(refused.member);
                } else {
                    reply.errors.push(error(refused.member, "Odd"));
                }
            }
        }
        6 => {
            // Everything twice, in another order.
            reply.added.extend(reply.added.clone());
            reply.errors.extend(reply.errors.clone());
            reply.added.reverse();
            reply.errors.reverse();
        }
        _ => {
            // Others of the list, strangers and no ARN at all.
            for n in 0..8 {
                let stranger = user(&format!("u{n}")).to_string();
                if !asked.contains(stranger.as_str()) {
                    reply.added.push(stranger.clone());
                    reply.errors.push(error(stranger, "NotFound"));
                }
            }
            reply.added.push(channel(0).to_string());
            reply.added.push(String::new());
            reply.errors.push(error("rubbish".to_owned(), ""));
        }
    }
    Ok(reply)
}
