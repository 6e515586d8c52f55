//! Calls refused as a whole: whom does the refusal concern?
//!
//! A refusal may concern one member, the channel, the bearer or every call; its code only shows
//! which cannot be ruled out ([`Scope`]). What decides is what other calls meet, and in which order:
//! refused, then others accepted, then refused again. Two refusals with an accepted call between
//! them cannot come from a time in which everything was refused, if both have the same code: with
//! another code, something else is wrong. A call counts as after another's answer when it was sent
//! at or after the time that answer came.
//!
//! - A member fails when it is refused alone twice by the same bearer, and a call of that bearer on
//!   the same channel is accepted in between: as a rule the channel's next one. If there is none, a
//!   control call is made: one that adds a member who is in the channel already.
//! - A channel ends when every bearer was refused on it three times within ten seconds or more, and
//!   accepted on another channel in between. Where members may be to blame, several of them must
//!   have been refused alone to each bearer, and never was anything accepted on the channel; or not
//!   even control calls are accepted.
//! - A bearer is set aside when others get through with a call refused to it: see
//!   [`bearers`](crate::schedule::bearers).
//! - The run stops when nobody gets through any more. Nobody is marked failed for that.
//!
//! `tests/incidents.rs` holds this to random bad rows, bearers and times of refusal.

use std::time::Duration;

use super::Scheduler;
use crate::model::codes::Scope;
use crate::model::{ChannelId, LaneId, Outcome, Refusal, RefusalKind};
use crate::schedule::examination::{Examination, Works};
use crate::schedule::{InFlightCall, PendingRow, Ruling, Settlement};

impl Scheduler {
    /// A call was refused, and it is not known for whose sake.
    pub(super) fn examine(
        &mut self,
        now: Duration,
        flight: InFlightCall,
        refusal: &Refusal,
    ) -> Settlement {
        self.outage.on_answer();
        let (channel, lane) = (flight.channel, flight.lane);
        if self.backlog.is_closed(lane) && !flight.rows.is_empty() {
            let mut settlement = Settlement::pending(&flight, refusal);
            settlement.end();
            self.requeue_other_half(now, &flight, refusal, &mut settlement);
            return settlement;
        }
        self.note_refusal(now, &flight, refusal);
        let mut settlement = match flight.rows.len() {
            0 => self.control_refused(channel, flight.bearer),
            1 if refusal.may_concern(Scope::Member) => self.refused_alone(now, flight, refusal),
            _ => self.refused_together(now, flight, refusal),
        };
        self.judge_channel(channel, &mut settlement);
        self.judge_run(refusal);
        settlement
    }

    /// Keeps what the refusal shows of its bearer and channel.
    fn note_refusal(&mut self, now: Duration, flight: &InFlightCall, refusal: &Refusal) {
        let (bearer, channel) = (flight.bearer, flight.channel);
        // A control call's member is known to be good.
        let is_control = flight.rows.is_empty();
        let may_be_members = refusal.may_concern(Scope::Member) && !is_control;
        if refusal.may_concern(Scope::Bearer) {
            self.bearers.refused(flight, refusal, now);
        }
        if refusal.kind != RefusalKind::LimitExceeded {
            self.examined.on_refused();
        }
        let works = Works {
            own: self.bearers.works_elsewhere(bearer, channel),
            any: self.bearers.any_works_elsewhere(channel),
        };
        let share = self.delays.draw();
        self.examined.insert(channel);
        self.channels[channel.index()]
            .examination
            .get_or_insert_with(|| Box::new(Examination::new(refusal, share)))
            .on_refused(now, flight, refusal, may_be_members, works);
    }

    /// A member was refused alone: it fails if others got through since it came under suspicion.
    fn refused_alone(
        &mut self,
        now: Duration,
        flight: InFlightCall,
        refusal: &Refusal,
    ) -> Settlement {
        let mut settlement = Settlement::default();
        let (channel, lane) = (flight.channel, flight.lane);
        let is_accepting = self.channels[channel.index()].accepted;
        let works = self.bearers.works_elsewhere(flight.bearer, channel);
        let Some(examination) = &mut self.channels[channel.index()].examination else {
            return settlement;
        };
        if examination.is_members_fault(&flight, refusal) {
            let is_full = examination.on_member_failed(flight.bearer, refusal);
            settlement.rulings = Settlement::fail(&flight, refusal);
            self.requeue_other_half(now, &flight, refusal, &mut settlement);
            if is_full {
                self.end_channel(channel, refusal, &mut settlement);
            }
            return settlement;
        }
        settlement.rulings = Settlement::pending(&flight, refusal).rulings;
        // Nothing was ever accepted here: a few more alone show whether it is the channel.
        let is_doubtful = !is_accepting
            && (refusal.kind == RefusalKind::Denied || examination.is_refused_again());
        let other_half = flight.other_half_rows();
        examination.hold(now, flight, refusal, works);
        if is_doubtful && !other_half.is_empty() && !self.is_tried(channel) {
            self.enqueue_any(lane, other_half);
        } else {
            self.requeue_rows(now, lane, other_half, refusal, &mut settlement);
        }
        settlement
    }

    /// Several members were refused together, or it cannot be for a member's sake.
    fn refused_together(
        &mut self,
        now: Duration,
        flight: InFlightCall,
        refusal: &Refusal,
    ) -> Settlement {
        let mut settlement = Settlement::pending(&flight, refusal);
        let (channel, lane) = (flight.channel, flight.lane);
        let is_accepting = self.channels[channel.index()].accepted;
        let concerns_member = refusal.may_concern(Scope::Member);
        let is_for_others = refusal.may_concern(Scope::Bearer) && self.is_any_untested(channel);
        let is_unknown = !is_accepting || !self.bearers.has_worked(flight.bearer);
        if !concerns_member || (is_for_others && is_unknown) {
            // The same call by another bearer, or by this one once it is known to be allowed.
            let other_half = flight.other_half_rows();
            let refusals = flight.refused_by(refusal, now);
            self.backlog
                .wait_as_part(lane, Duration::ZERO, flight.rows, other_half, refusals);
            return settlement;
        }
        self.requeue_other_half(now, &flight, refusal, &mut settlement);
        // A denial where nothing was ever accepted is as likely the channel's as a member's, and a few
        // members alone show it.
        let examination = self.channels[channel.index()].examination.as_ref();
        let is_full = examination.is_some_and(|examination| examination.is_over_limit());
        let is_again = examination.is_some_and(|examination| examination.is_refused_again());
        let is_doubtful = !is_accepting && (refusal.kind == RefusalKind::Denied || is_again);
        if is_full || is_doubtful {
            self.enqueue_any(lane, flight.rows);
        } else {
            let first = flight.rows.len().div_ceil(2);
            self.enqueue_part(lane, flight.rows, first);
        }
        settlement
    }

    /// Not even a member who is in the channel can be added: it is not for the members' sake.
    fn control_refused(&mut self, channel: ChannelId, bearer: usize) -> Settlement {
        let is_for_others = !self.has_rows_left(channel) && self.held(channel) == 0;
        if is_for_others || self.bearers.has_control(bearer) {
            // Made for another channel's sake: this bearer is denied here as well.
            self.bearers.control_refused(bearer);
        }
        // By this bearer it is not for the members' sake; by another it may be.
        if self.is_any_untested(channel) || self.control_bearer(channel).is_some() {
            self.resend_held(channel);
        }
        Settlement::default()
    }

    /// A call on a channel was accepted.
    pub(super) fn accepted_on(&mut self, flight: &InFlightCall, settlement: &mut Settlement) {
        self.examined.on_accepted(flight.channel);
        let channel = &mut self.channels[flight.channel.index()];
        channel.accepted = true;
        if let Some(examination) = &mut channel.examination {
            examination.on_accepted(flight);
            // An accepted half proves nothing about a bearer that was refused the whole call.
            for refused in &flight.refusals {
                let is_still = examination
                    .entry(refused.bearer)
                    .is_some_and(|entry| entry.last <= flight.sent_at);
                if is_still
                    && refused.bearer != flight.bearer
                    && self.bearers.set_aside(refused.bearer, refused.at)
                {
                    settlement.set_aside.push(refused.bearer);
                }
            }
            self.resend_held(flight.channel);
        }
        for channel in self.examined.channels().collect::<Vec<_>>() {
            self.judge_channel(channel, settlement);
            self.update_ready(channel);
        }
    }

    /// Sends a random one of these rows alone: neighbours in a list are often bad together.
    fn enqueue_any(&mut self, lane: LaneId, mut rows: Vec<PendingRow>) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place among at most a hundred rows"
        )]
        let place = (rows.len() as f64 * self.delays.draw()) as usize;
        // A draw is below 1.
        rows.rotate_left(place);
        self.enqueue_part(lane, rows, 1);
    }

    /// Sends the members refused alone again: now it shows whether they were refused for their own
    /// sake.
    pub(super) fn resend_held(&mut self, channel: ChannelId) {
        let examination = self.channels[channel.index()].examination.as_mut();
        let held = examination.map(|examination| examination.take_held());
        for held in held.into_iter().flatten() {
            self.resend(held);
        }
    }

    /// Sends one of the members refused alone again: one that this bearer was not refused with.
    pub(super) fn resend_one(&mut self, channel: ChannelId, by: Option<usize>) {
        let examination = self.channels[channel.index()].examination.as_mut();
        if let Some(held) = examination.and_then(|examination| examination.take_one(by)) {
            self.resend(held);
        }
    }

    fn resend(&mut self, held: InFlightCall) {
        let InFlightCall {
            lane,
            rows,
            refusals,
            ..
        } = held;
        self.backlog
            .wait_as_part(lane, Duration::ZERO, rows, Vec::new(), refusals);
    }
}

impl Settlement {
    /// The rows of a call fail with its refusal.
    pub(super) fn fail(flight: &InFlightCall, refusal: &Refusal) -> Vec<Ruling> {
        let ruling = |pending: &PendingRow| {
            let said = Some((refusal.code.clone(), refusal.message.clone()));
            Ruling::last(pending.charged(), Outcome::Failed, said)
        };
        flight.rows.iter().map(ruling).collect()
    }
}
