//! Restores the scheduler's state from the ledger of earlier sessions.

use std::time::Duration;

use crate::ledger::{Ledger, LedgerError};
use crate::model::{LaneId, MemberArn, Outcome, RefusalKind};
use crate::schedule::{EarlierAnswer, EarlierCall, Scheduler};

/// How long before a session the calls of earlier ones are looked at: in that time a limit shows.
const LOOK_BACK: Duration = Duration::from_mins(2);

/// Restores the state of an earlier scheduler in a new one, from a recovered ledger. Returns how many
/// rows were sent and settled.
///
/// # Errors
/// If the ledger cannot be read.
pub fn restore(ledger: &Ledger, scheduler: &mut Scheduler) -> Result<u64, LedgerError> {
    let mut settled = 0;
    let mut unsent_failures = 0;
    let mut next = 0;
    ledger.for_each_lane(|lane| {
        let id = LaneId(next);
        next += 1;
        scheduler.open_lane(lane.channel);
        if lane.accepted {
            scheduler.was_accepted_before(lane.channel);
        }
        settled += lane.taken;
        if lane.closed {
            scheduler.close_lane(id);
            settled += lane.fresh;
            unsent_failures += lane.fresh;
        } else {
            scheduler.stage(id, lane.fresh);
        }
    })?;
    ledger.for_each_unsettled(|row| {
        settled -= 1;
        scheduler.recover(row.lane, row.pending);
    })?;
    let tally = ledger.pass_tally()?;
    // Rows of a channel that an earlier pass closed are no failures of this pass.
    let unsent = if ledger.passes()? == 1 {
        unsent_failures
    } else {
        0
    };
    let failures = tally.of(Outcome::Failed) + tally.of(Outcome::Unconfirmed) + unsent;
    scheduler.settled_before(tally.total() + unsent, failures);
    if ledger.staged().complete {
        scheduler.end_staging();
    }
    Ok(settled)
}

/// Tells a new scheduler of the calls that its bearers made just before it for these ledgers, each of a
/// part of its run.
///
/// # Errors
/// If a ledger cannot be read.
pub fn replay_parts<'a>(
    parts: impl IntoIterator<Item = &'a Ledger>,
    scheduler: &mut Scheduler,
    bearers: &[MemberArn],
) -> Result<(), LedgerError> {
    let mut calls = Vec::new();
    let mut end = i64::MIN;
    for part in parts {
        // By the clock of its calls: the session begins right after the last part.
        let session = part.sessions()?.pop();
        end = end.max(session.map_or(i64::MIN, |session| session.worked_until));
        calls.extend(part.calls_since(end.saturating_sub(millis(LOOK_BACK)))?);
    }
    calls.sort_by_key(|call| call.sent_at);
    let calls = calls.iter().filter_map(|call| {
        let bearer = bearers
            .iter()
            .position(|bearer| bearer.as_str() == call.bearer)?;
        let ago = Duration::from_millis(u64::try_from(end - call.sent_at).unwrap_or_default());
        Some((bearer, LOOK_BACK.saturating_sub(ago)))
    });
    scheduler.replay_bearers(calls, LOOK_BACK);
    Ok(())
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Tells a new scheduler of the last calls of earlier sessions; `now` is in milliseconds since 1970.
///
/// # Errors
/// If the ledger cannot be read.
pub fn replay(
    ledger: &Ledger,
    scheduler: &mut Scheduler,
    bearers: &[MemberArn],
    now: i64,
) -> Result<(), LedgerError> {
    let begin = now.saturating_sub(millis(LOOK_BACK));
    // A clock that was set back makes a call seem to be in the future: it was made by now.
    let time = |at: i64| {
        let since = at.min(now).saturating_sub(begin);
        Duration::from_millis(u64::try_from(since).unwrap_or_default())
    };
    let mut calls = Vec::new();
    for call in ledger.calls_since(begin)? {
        let (channel, _) = ledger.lane(call.lane)?;
        let answer = match &call.refusal {
            None => Some(EarlierAnswer::Accepted),
            Some(word) if word == RefusalKind::Throttled.as_str() => Some(EarlierAnswer::Throttled),
            Some(_) => None,
        };
        calls.push(EarlierCall {
            channel,
            operation: call.operation,
            bearer: bearers
                .iter()
                .position(|bearer| bearer.as_str() == call.bearer),
            sent_at: time(call.sent_at),
            answer: answer
                .zip(call.settled_at)
                .map(|(answer, at)| (time(at), answer)),
        });
    }
    scheduler.replay(&calls, LOOK_BACK);
    Ok(())
}
