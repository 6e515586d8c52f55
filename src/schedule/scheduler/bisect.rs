//! Bisection: which member of a refused call is to blame?
//!
//! One half is sent, the other held back. If it is accepted, the member is in the other half; if it
//! is refused, in this one, and the other half joins the channel's next full call. Each further call
//! halves the suspects, until one is refused alone: a hundred are down to one in seven calls.

use std::time::Duration;

use super::Scheduler;
use crate::model::{LaneId, Refusal};
use crate::schedule::{InFlightCall, PendingRow, Ruling, Settlement};

impl Scheduler {
    /// A part of a refused call was accepted: the bad row is in the other half.
    pub(super) fn bisect_other_half(
        &mut self,
        lane: LaneId,
        other_half: Vec<PendingRow>,
        settlement: &mut Settlement,
    ) {
        let state = self.backlog.lane(lane);
        if state.is_closed() {
            let ended = |pending| Ruling::ended(pending, state.closed_by());
            settlement.others.extend(other_half.into_iter().map(ended));
        } else if !other_half.is_empty() {
            let first = other_half.len().div_ceil(2);
            self.enqueue_part(lane, other_half, first);
        }
    }

    /// Sends the first `first` of the suspects by themselves, and holds the others back.
    pub(super) fn enqueue_part(
        &mut self,
        lane: LaneId,
        mut suspects: Vec<PendingRow>,
        first: usize,
    ) {
        let other_half = suspects.split_off(first.min(suspects.len()));
        self.backlog
            .wait_as_part(lane, Duration::ZERO, suspects, other_half, Vec::new());
    }

    /// The rows held back beside a call join the next full call, or end with their channel.
    pub(super) fn requeue_other_half(
        &mut self,
        now: Duration,
        flight: &InFlightCall,
        refusal: &Refusal,
        settlement: &mut Settlement,
    ) {
        self.requeue_rows(
            now,
            flight.lane,
            flight.other_half_rows(),
            refusal,
            settlement,
        );
    }

    /// The same, of rows that are held back no longer.
    pub(super) fn requeue_rows(
        &mut self,
        now: Duration,
        lane: LaneId,
        other_half: Vec<PendingRow>,
        refusal: &Refusal,
        settlement: &mut Settlement,
    ) {
        for pending in other_half {
            if self.backlog.is_closed(lane) {
                settlement.others.push(Ruling::abandoned(pending, refusal));
            } else {
                self.backlog.wait(lane, now, pending);
            }
        }
    }
}

impl InFlightCall {
    /// The rows held back beside it.
    pub(super) fn other_half_rows(&self) -> Vec<PendingRow> {
        self.other_half.clone().unwrap_or_default()
    }
}
