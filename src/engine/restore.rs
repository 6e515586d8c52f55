//! What a session takes over from those before.

use crate::ledger::{Ledger, LedgerError};
use crate::model::LaneId;
use crate::schedule::Scheduler;

/// Tells a new scheduler what an earlier one knew, from a ledger that was taken up. Gives how many
/// rows are sent and settled.
///
/// # Errors
/// If the ledger cannot be read.
pub fn restore(ledger: &Ledger, scheduler: &mut Scheduler) -> Result<u64, LedgerError> {
    let mut settled = 0;
    let mut next = 0;
    ledger.lanes_left(|left| {
        let lane = LaneId(next);
        next += 1;
        scheduler.open_lane(left.channel);
        if left.accepted {
            scheduler.was_accepted_before(left.channel);
        }
        settled += left.drawn;
        if left.closed {
            scheduler.close_lane(lane);
            settled += left.fresh;
        } else {
            scheduler.stage(lane, left.fresh);
        }
    })?;
    ledger.unsettled(|row| {
        settled -= 1;
        scheduler.recover(row.lane, row.pending);
    })?;
    if ledger.staged().complete {
        scheduler.end_staging();
    }
    Ok(settled)
}
