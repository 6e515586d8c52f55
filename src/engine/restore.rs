//! What a session takes over from earlier ones.

use crate::ledger::{Ledger, LedgerError};
use crate::model::{LaneId, Outcome};
use crate::schedule::Scheduler;

/// Gives a new scheduler the state of an earlier one, from a recovered ledger. Returns how many rows
/// are sent and settled.
///
/// # Errors
/// If the ledger cannot be read.
pub fn restore(ledger: &Ledger, scheduler: &mut Scheduler) -> Result<u64, LedgerError> {
    let mut settled = 0;
    let mut unsent_failures = 0;
    let mut next = 0;
    ledger.for_each_lane(|left| {
        let lane = LaneId(next);
        next += 1;
        scheduler.open_lane(left.channel);
        if left.accepted {
            scheduler.was_accepted_before(left.channel);
        }
        settled += left.taken;
        if left.closed {
            scheduler.close_lane(lane);
            settled += left.fresh;
            unsent_failures += left.fresh;
        } else {
            scheduler.stage(lane, left.fresh);
        }
    })?;
    ledger.for_each_unsettled(|row| {
        settled -= 1;
        scheduler.recover(row.lane, row.pending);
    })?;
    let tally = ledger.pass_tally()?;
    // Channels that an earlier pass ended are not this one's doing.
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
