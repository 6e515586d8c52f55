//! What follows from an answer: the second half of the scheduler.

use std::time::Duration;

use super::scheduler::{OUTAGE_AFTER, OUTAGE_PROBES};
use super::{
    Answer, Flight, MemberAnswer, MemberVerdict, RefusalVerdict, Ruling, Scheduler, Settlement,
    Stop, Ticket, member_verdict, refusal_verdict,
};
use crate::model::{LaneId, Outcome, Refusal, RefusalKind};

/// Members forbidden one by one, on a channel that accepted nothing, after which the bearer is
/// taken to be denied there.
const DENIED_AFTER: u32 = 3;
/// Longest pause between two probes of a service that is down.
const LONGEST_PROBE: Duration = Duration::from_secs(4);

impl Scheduler {
    /// A call came back, or is given up.
    pub fn settle(&mut self, now: Duration, flight: Flight, answer: Answer) -> Settlement {
        self.in_flight -= 1;
        let channel = flight.channel;
        let settlement = match answer {
            Answer::Members(answers) => self.answered(now, &flight, answers),
            Answer::Refused(refusal) => self.refused(now, flight, refusal),
        };
        let final_rulings = settlement
            .rulings
            .iter()
            .chain(&settlement.others)
            .filter_map(|r| r.outcome);
        for outcome in final_rulings {
            self.settled += 1;
            self.failures += u64::from(!outcome.is_in());
        }
        self.settled += settlement.unsent;
        self.failures += settlement.unsent;
        self.judge_failures();
        self.place(channel);
        settlement
    }

    pub(super) fn judge_failures(&mut self) {
        let (failures, settled) = (self.failures, self.settled);
        if self.stop.is_none()
            && self
                .settings
                .max_failures
                .is_some_and(|most| most.is_passed(failures, settled))
        {
            self.stop = Some(Stop::TooManyFailures { failures, settled });
        }
    }

    fn answered(
        &mut self,
        now: Duration,
        flight: &Flight,
        answers: Vec<MemberAnswer>,
    ) -> Settlement {
        self.accepted(now, flight);
        let mut settlement = Settlement::default();
        for (ticket, answer) in flight.tickets.iter().zip(answers) {
            let ticket = Ticket {
                attempts: ticket.attempts + 1,
                tries: ticket.tries + 1,
                ..*ticket
            };
            let ruling = match answer {
                MemberAnswer::Added => Ruling::last(ticket, Outcome::Added, None),
                MemberAnswer::Error { code, message } => match member_verdict(&code) {
                    MemberVerdict::AlreadyMember => {
                        Ruling::last(ticket, Outcome::AlreadyMember, Some((code, message)))
                    }
                    MemberVerdict::Fail => {
                        Ruling::last(ticket, Outcome::Failed, Some((code, message)))
                    }
                    MemberVerdict::Retry => self.again(now, flight.lane, ticket, code, message),
                },
                MemberAnswer::Unclear => {
                    let ticket = Ticket {
                        in_doubt: true,
                        ..ticket
                    };
                    let message = "the answer did not say what became of this member".to_owned();
                    self.again(now, flight.lane, ticket, "NoVerdict".to_owned(), message)
                }
            };
            settlement.rulings.push(ruling);
        }
        self.lift_suspicion(&mut settlement);
        settlement
    }

    /// Notes that the service accepted a call.
    fn accepted(&mut self, now: Duration, flight: &Flight) {
        self.health.accepted = true;
        self.health.failed_in_row = 0;
        self.health.refused_in_row = 0;
        self.health.refused_since = None;
        self.bearers.accepted(flight.bearer);
        let channel = &mut self.channels[flight.channel.index()];
        channel.accepted = true;
        channel.level = 0;
        let round_trip = now.saturating_sub(flight.sent_at);
        self.jitter.accepted(round_trip);
        let is_last = channel.called_at == flight.sent_at;
        if is_last && channel.cooled_at.is_none_or(|began| began < flight.sent_at) {
            channel.next = channel
                .next
                .min(self.jitter.next(flight.sent_at, Some(round_trip)));
        }
    }

    /// A member to be tried again, or at the end of its attempts.
    fn again(
        &mut self,
        now: Duration,
        lane: LaneId,
        ticket: Ticket,
        code: String,
        message: String,
    ) -> Ruling {
        if self.lanes[lane.index()].closed || ticket.tries >= self.settings.limits.max_attempts {
            return Ruling::last(ticket, at_end(&ticket), Some((code, message)));
        }
        let delay = self.delays.after(ticket.tries);
        self.wait(lane, now + delay, ticket);
        Ruling {
            ticket,
            outcome: None,
            charged: true,
            code: Some(code),
            message: Some(message),
        }
    }

    fn refused(&mut self, now: Duration, flight: Flight, refusal: Refusal) -> Settlement {
        match refusal_verdict(refusal.kind) {
            RefusalVerdict::StopRun => {
                self.stop.get_or_insert(Stop::Credentials(refusal.clone()));
                self.give_back(now, &flight, &refusal)
            }
            RefusalVerdict::CoolDown => {
                self.refused_in_row(now, &refusal);
                self.cool_down(now, &flight);
                self.give_back(now, &flight, &refusal)
            }
            RefusalVerdict::Retry => self.failed_call(now, &flight, &refusal),
            RefusalVerdict::EndChannel => self.end_channel(&flight, &refusal),
            RefusalVerdict::Split
                if refusal.kind == RefusalKind::Forbidden && !self.health.accepted =>
            {
                let settlement = self.give_back_nothing(&flight, &refusal);
                self.suspended.push((flight, refusal));
                settlement
            }
            RefusalVerdict::Split => self.split(&flight, &refusal),
        }
    }

    /// Counts a refusal, and ends the run's patience when nothing was accepted for too long.
    fn refused_in_row(&mut self, now: Duration, refusal: &Refusal) {
        self.health.refused_in_row += 1;
        let since = *self.health.refused_since.get_or_insert(now);
        let patience_ended = now.saturating_sub(since) >= self.settings.patience;
        if patience_ended && self.health.refused_in_row >= OUTAGE_PROBES {
            self.stop.get_or_insert(Stop::Outage(refusal.clone()));
        }
    }

    /// One step of cool-down per episode: refusals of calls sent before it began belong to it.
    fn cool_down(&mut self, now: Duration, flight: &Flight) {
        let channel = &mut self.channels[flight.channel.index()];
        if channel
            .cooled_at
            .is_none_or(|began| flight.sent_at >= began)
        {
            if channel.level == 0 {
                self.jitter.refused();
            }
            channel.level += 1;
            channel.cooled_at = Some(now);
            channel.next = channel.next.max(now + self.delays.after(channel.level));
        }
        self.bearers.throttled(
            flight.bearer,
            flight.channel,
            flight.sent_at,
            now,
            &mut self.delays,
        );
    }

    /// Rows of a call that was not carried out: again as soon as the channel is due, at no cost.
    fn give_back(&mut self, now: Duration, flight: &Flight, refusal: &Refusal) -> Settlement {
        let closed = self.lanes[flight.lane.index()].closed;
        if !closed {
            for ticket in &flight.tickets {
                self.wait(flight.lane, now, *ticket);
            }
        }
        let mut settlement = self.give_back_nothing(flight, refusal);
        if closed {
            for ruling in &mut settlement.rulings {
                ruling.outcome = Some(at_end(&ruling.ticket));
            }
        }
        settlement
    }

    /// Rulings for rows that keep their place elsewhere.
    #[expect(
        clippy::unused_self,
        reason = "reads as one of the ways to treat a refusal"
    )]
    fn give_back_nothing(&self, flight: &Flight, refusal: &Refusal) -> Settlement {
        let ruling = |ticket: &Ticket| Ruling::pending(*ticket, false, refusal);
        Settlement {
            rulings: flight.tickets.iter().map(ruling).collect(),
            ..Settlement::default()
        }
    }

    /// The service failed, or its answer was lost.
    fn failed_call(&mut self, now: Duration, flight: &Flight, refusal: &Refusal) -> Settlement {
        self.refused_in_row(now, refusal);
        self.health.failed_in_row += 1;
        let outage = self.health.failed_in_row >= OUTAGE_AFTER;
        if outage {
            let pause = self
                .delays
                .after(self.health.failed_in_row - OUTAGE_AFTER + 1);
            self.health.probe_at = now + pause.min(LONGEST_PROBE);
        }
        let mut settlement = Settlement::default();
        for ticket in &flight.tickets {
            let in_doubt = ticket.in_doubt || refusal.kind.leaves_doubt();
            let (code, message) = (refusal.code.clone(), refusal.message.clone());
            // What all calls meet is no member's fault: an outage uses up nobody's attempts.
            let tries = if outage {
                ticket.tries
            } else {
                ticket.tries + 1
            };
            let ticket = Ticket {
                attempts: ticket.attempts + 1,
                tries,
                in_doubt,
                ..*ticket
            };
            settlement
                .rulings
                .push(self.again(now, flight.lane, ticket, code, message));
        }
        settlement
    }

    /// A call refused perhaps for one member's sake: halved until the culprit stands alone.
    fn split(&mut self, flight: &Flight, refusal: &Refusal) -> Settlement {
        let lane = &mut self.lanes[flight.lane.index()];
        if let [ticket] = flight.tickets.as_slice() {
            let ticket = Ticket {
                attempts: ticket.attempts + 1,
                tries: ticket.tries + 1,
                ..*ticket
            };
            let said = Some((refusal.code.clone(), refusal.message.clone()));
            let mut settlement = Settlement {
                rulings: vec![Ruling::last(ticket, Outcome::Failed, said)],
                ..Settlement::default()
            };
            if self.culprit_ends_channel(flight, refusal.kind) {
                let rest = self.end_channel(
                    &Flight {
                        tickets: Vec::new(),
                        ..flight.clone()
                    },
                    refusal,
                );
                settlement = Settlement {
                    rulings: settlement.rulings,
                    ..rest
                };
            }
            return settlement;
        }
        if lane.closed {
            let mut settlement = self.give_back_nothing(flight, refusal);
            settlement
                .rulings
                .iter_mut()
                .for_each(|ruling| ruling.outcome = Some(at_end(&ruling.ticket)));
            return settlement;
        }
        let (first, second) = flight.tickets.split_at(flight.tickets.len() / 2);
        lane.parts.push_front(second.to_vec());
        lane.parts.push_front(first.to_vec());
        self.waiting += flight.tickets.len();
        self.give_back_nothing(flight, refusal)
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
    fn end_channel(&mut self, flight: &Flight, refusal: &Refusal) -> Settlement {
        let said = || Some((refusal.code.clone(), refusal.message.clone()));
        let mut settlement = Settlement::default();
        for ticket in &flight.tickets {
            let ticket = Ticket {
                attempts: ticket.attempts + 1,
                tries: ticket.tries + 1,
                ..*ticket
            };
            settlement
                .rulings
                .push(Ruling::last(ticket, Outcome::Failed, said()));
        }
        for lane in self.channels[flight.channel.index()].lanes.clone() {
            let state = &mut self.lanes[lane.index()];
            if !state.closed {
                settlement.unsent += state.fresh;
                let rest = state.close();
                self.waiting -= rest.len();
                let abandoned = |ticket| uncharged(Ruling::last(ticket, at_end(&ticket), said()));
                settlement.others.extend(rest.into_iter().map(abandoned));
                settlement.closed.push((lane, refusal.clone()));
            }
        }
        settlement
    }

    /// Something was accepted: what was forbidden before was forbidden for a member's sake.
    fn lift_suspicion(&mut self, settlement: &mut Settlement) {
        for (flight, refusal) in std::mem::take(&mut self.suspended) {
            let found = self.split(&flight, &refusal);
            let settled = found
                .rulings
                .into_iter()
                .filter(|ruling| ruling.outcome.is_some());
            settlement.others.extend(settled.chain(found.others));
            settlement.closed.extend(found.closed);
            settlement.unsent += found.unsent;
            self.place(flight.channel);
        }
    }
}

/// The outcome of a row that is not tried again, of which the service said nothing definite.
fn at_end(ticket: &Ticket) -> Outcome {
    if ticket.in_doubt {
        Outcome::Unconfirmed
    } else {
        Outcome::Failed
    }
}

fn uncharged(ruling: Ruling) -> Ruling {
    Ruling {
        charged: false,
        ..ruling
    }
}

impl Ruling {
    fn last(ticket: Ticket, outcome: Outcome, said: Option<(String, String)>) -> Self {
        let (code, message) = said.unzip();
        Self {
            ticket,
            outcome: Some(outcome),
            charged: true,
            code,
            message,
        }
    }

    fn pending(ticket: Ticket, charged: bool, refusal: &Refusal) -> Self {
        let (code, message) = (Some(refusal.code.clone()), Some(refusal.message.clone()));
        Self {
            ticket,
            outcome: None,
            charged,
            code,
            message,
        }
    }
}
