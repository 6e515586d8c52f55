//! Restores the scheduler's state from the ledger of earlier sessions.

use crate::ledger::{Ledger, LedgerError};
use crate::model::{LaneId, Outcome};
use crate::schedule::Scheduler;

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
