//! Calls refused as a whole, perhaps for one member's sake: who is it?
//!
//! The call is halved, and one half sent while the other is held back. Accepted, the member is in
//! the other half; refused, in this one, and the other half rides in the next full call. So each
//! further call halves the suspects, until one stands alone and is refused alone: a hundred are
//! down to one in seven calls.

use std::time::Duration;

use super::{Flight, Ruling, Scheduler, Settlement, Ticket};
use crate::model::{LaneId, Outcome, Refusal, RefusalKind};

/// Members forbidden one by one, on a channel that accepted nothing, after which the bearer is
/// taken to be denied there.
const DENIED_AFTER: u32 = 3;

impl Scheduler {
    /// A call was refused perhaps for one member's sake.
    pub(super) fn split(&mut self, now: Duration, flight: Flight, refusal: &Refusal) -> Settlement {
        if let [culprit] = flight.tickets.as_slice() {
            return self.convict(now, *culprit, flight, refusal);
        }
        let mut settlement = Settlement::pending(&flight, refusal);
        self.release(now, flight.lane, flight.beside, refusal, &mut settlement);
        if self.lanes[flight.lane.index()].closed {
            settlement.end();
        } else {
            self.halve(flight.lane, flight.tickets, Some(refusal.kind));
        }
        settlement
    }

    /// A member was refused alone.
    fn convict(
        &mut self,
        now: Duration,
        culprit: Ticket,
        flight: Flight,
        refusal: &Refusal,
    ) -> Settlement {
        let said = Some((refusal.code.clone(), refusal.message.clone()));
        let ruling = Ruling::last(culprit.charged(), Outcome::Failed, said);
        if self.culprit_ends_channel(&flight, refusal.kind) {
            let nobody = Flight {
                tickets: Vec::new(),
                ..flight
            };
            let mut settlement = self.end_channel(nobody, refusal);
            settlement.rulings.push(ruling);
            return settlement;
        }
        let mut settlement = Settlement {
            rulings: vec![ruling],
            ..Settlement::default()
        };
        self.release(now, flight.lane, flight.beside, refusal, &mut settlement);
        settlement
    }

    /// Among these is one for whose sake calls are refused.
    pub(super) fn accuse(
        &mut self,
        lane: LaneId,
        suspects: Vec<Ticket>,
        kind: Option<RefusalKind>,
        settlement: &mut Settlement,
    ) {
        let state = &self.lanes[lane.index()];
        if state.closed {
            let by = state.closed_by.as_ref();
            settlement.others.extend(
                suspects
                    .into_iter()
                    .map(|suspect| Ruling::ended(suspect, by)),
            );
        } else if !suspects.is_empty() {
            self.halve(lane, suspects, kind);
        }
    }

    /// Sends a first part of the suspects, or the only one there is.
    fn halve(&mut self, lane: LaneId, mut suspects: Vec<Ticket>, kind: Option<RefusalKind>) {
        let channel = &self.channels[self.lanes[lane.index()].channel.index()];
        // Forbidden where nothing was accepted: more likely it is the bearer who is denied, and a
        // few members alone tell.
        let is_denied = kind == Some(RefusalKind::Forbidden) && !channel.accepted;
        let first = if is_denied {
            1
        } else {
            suspects.len().div_ceil(2)
        };
        let beside = suspects.split_off(first);
        self.wait_as_part(lane, Duration::ZERO, suspects, beside);
    }

    /// Rows held back beside a part ride in the next full call, or end with their channel.
    pub(super) fn release(
        &mut self,
        now: Duration,
        lane: LaneId,
        beside: Option<Vec<Ticket>>,
        refusal: &Refusal,
        settlement: &mut Settlement,
    ) {
        for ticket in beside.into_iter().flatten() {
            if self.lanes[lane.index()].closed {
                settlement.others.push(Ruling::abandoned(ticket, refusal));
            } else {
                self.wait(lane, now, ticket);
            }
        }
    }

    /// Whether one member refused alone tells of the whole channel: it is full to its last place,
    /// or the bearer may not add to it.
    fn culprit_ends_channel(&mut self, flight: &Flight, kind: RefusalKind) -> bool {
        let channel = &mut self.channels[flight.channel.index()];
        match kind {
            RefusalKind::LimitExceeded => true,
            RefusalKind::Forbidden if !channel.accepted => {
                channel.forbidden_alone += 1;
                channel.forbidden_alone >= DENIED_AFTER
            }
            _ => false,
        }
    }

    /// The channel cannot be had: nothing more is sent to it.
    pub(super) fn end_channel(&mut self, flight: Flight, refusal: &Refusal) -> Settlement {
        let said = || Some((refusal.code.clone(), refusal.message.clone()));
        let mut settlement = Settlement::default();
        for ticket in flight.tickets {
            settlement
                .rulings
                .push(Ruling::last(ticket.charged(), Outcome::Failed, said()));
        }
        for lane in self.channels[flight.channel.index()].lanes.clone() {
            let state = &mut self.lanes[lane.index()];
            if !state.closed {
                settlement.unsent += state.fresh;
                let rest = state.close();
                state.closed_by = Some(refusal.clone());
                self.waiting -= rest.len();
                let abandoned = |ticket| Ruling::abandoned(ticket, refusal);
                settlement.others.extend(rest.into_iter().map(abandoned));
                settlement.closed.push((lane, refusal.clone()));
            }
        }
        let beside = flight.beside.into_iter().flatten();
        settlement
            .others
            .extend(beside.map(|ticket| Ruling::abandoned(ticket, refusal)));
        settlement
    }

    /// Something was accepted: what was forbidden before was forbidden for a member's sake.
    pub(super) fn lift_suspicion(&mut self, now: Duration, settlement: &mut Settlement) {
        for (flight, refusal) in std::mem::take(&mut self.suspended) {
            let channel = flight.channel;
            let found = self.split(now, flight, &refusal);
            let settled = found
                .rulings
                .into_iter()
                .filter(|ruling| ruling.outcome.is_some());
            settlement.others.extend(settled.chain(found.others));
            settlement.closed.extend(found.closed);
            settlement.unsent += found.unsent;
            self.place(channel);
        }
    }
}
