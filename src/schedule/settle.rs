//! What follows from an answer: the second half of the scheduler.

use std::time::Duration;

use super::{Answer, Flight, MemberAnswer, Ruling, Scheduler, Settlement, Stop, Ticket};
use crate::model::codes::{self, MemberAction, Scope};
use crate::model::{CallAction, LaneId, Outcome, Refusal, RefusalKind};

impl Scheduler {
    /// A call came back, or is given up.
    pub fn settle(&mut self, now: Duration, flight: Flight, answer: Answer) -> Settlement {
        let channel = flight.channel;
        self.call_ended(channel, flight.bearer, flight.waited);
        let settlement = match answer {
            Answer::Members(answers) => self.answered(now, flight, answers),
            Answer::Refused(refusal) => self.refused(now, flight, &refusal),
        };
        let final_rulings = settlement
            .rulings
            .iter()
            .chain(&settlement.others)
            .filter_map(|r| r.outcome);
        for outcome in final_rulings {
            self.controls_in_row = 0;
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
        mut flight: Flight,
        answers: Vec<MemberAnswer>,
    ) -> Settlement {
        self.health.accept();
        self.timeout.answered();
        self.heed_acceptance(now, &flight);
        let mut settlement = Settlement::default();
        // One draw for all, so that they can share their next call.
        let share = self.delays.draw();
        for (ticket, answer) in flight.tickets.iter().zip(answers) {
            let ticket = ticket.charged();
            let ruling = match answer {
                MemberAnswer::Added => Ruling::last(ticket, Outcome::Added, None),
                MemberAnswer::Error { code, message } => match codes::member_action(&code) {
                    MemberAction::AlreadyMember => {
                        Ruling::last(ticket, Outcome::AlreadyMember, Some((code, message)))
                    }
                    MemberAction::Fail => {
                        Ruling::last(ticket, Outcome::Failed, Some((code, message)))
                    }
                    MemberAction::Retry => {
                        let due = now + self.delays.part(ticket.tries, share);
                        self.again(due, flight.lane, ticket, code, message)
                    }
                },
                MemberAnswer::Unclear => {
                    let ticket = Ticket {
                        in_doubt: true,
                        ..ticket
                    };
                    let message = "the answer did not say what became of this member".to_owned();
                    let due = now + self.delays.part(ticket.tries, share);
                    self.again(
                        due,
                        flight.lane,
                        ticket,
                        codes::NO_VERDICT.to_owned(),
                        message,
                    )
                }
            };
            settlement.rulings.push(ruling);
        }
        let other_half = flight.beside.take();
        // A half that is accepted shows nothing of whoever was refused the whole.
        let was_refused = other_half.as_ref().is_some_and(Vec::is_empty);
        if let Some(other_half) = other_half {
            self.bisect_other_half(flight.lane, other_half, &mut settlement);
        }
        self.accepted_on(&flight, was_refused, &mut settlement);
        settlement
    }

    /// A member to be tried again, from then on, or at the end of its attempts.
    fn again(
        &mut self,
        due: Duration,
        lane: LaneId,
        ticket: Ticket,
        code: String,
        message: String,
    ) -> Ruling {
        let ruling = self.tried(lane, ticket, code, message);
        if ruling.outcome.is_none() {
            self.wait(lane, due, ticket);
        }
        ruling
    }

    /// A member that was tried: at the end of its attempts, or not.
    fn tried(&self, lane: LaneId, ticket: Ticket, code: String, message: String) -> Ruling {
        let is_last = ticket.tries >= self.settings.limits.max_attempts;
        let is_at_end = is_last || self.lanes[lane.index()].closed;
        Ruling {
            ticket,
            outcome: is_at_end.then(|| at_end(&ticket)),
            charged: true,
            code: Some(code),
            message: Some(message),
        }
    }

    fn refused(&mut self, now: Duration, flight: Flight, refusal: &Refusal) -> Settlement {
        if refusal.kind == RefusalKind::Lost {
            self.timeout.lost();
        }
        match refusal.kind.action() {
            CallAction::StopRun => {
                if self.health.lock_out(now) || self.health.refuse(now, self.settings.patience) {
                    self.stop.get_or_insert(Stop::Credentials(refusal.clone()));
                }
                self.give_back(now, flight, refusal)
            }
            CallAction::SlowDown => {
                self.lose_patience(now, refusal);
                self.heed_throttling(now, &flight);
                self.give_back(now, flight, refusal)
            }
            CallAction::Retry => self.failed_call(now, flight, refusal),
            CallAction::EndChannel => {
                self.health.answer();
                let mut settlement = Settlement {
                    rulings: Settlement::fail(&flight, refusal),
                    ..Settlement::default()
                };
                self.end_channel(flight.channel, refusal, &mut settlement);
                let other_half = flight.other_half();
                self.requeue_other_half(now, flight.lane, other_half, refusal, &mut settlement);
                settlement
            }
            CallAction::Examine => self.examine(now, flight, refusal),
        }
    }

    /// Counts a refusal, and ends the run's patience when nothing was accepted for too long.
    fn lose_patience(&mut self, now: Duration, refusal: &Refusal) {
        // Where the service has answered, the address is right, and a page with a status of 500 or a
        // success is more likely part of an outage.
        let is_astray = codes::scope(&refusal.code) == [Scope::Path]
            && (refusal.kind == RefusalKind::WrongAddress || !self.health.has_answered());
        if is_astray {
            if self.health.astray(now) {
                self.stop.get_or_insert(Stop::WrongAddress(refusal.clone()));
            }
        } else if self.health.refuse(now, self.settings.patience) {
            self.stop.get_or_insert(Stop::Outage(refusal.clone()));
        }
    }

    /// Rows of a call that was not carried out: again as soon as the channel is due, at no cost.
    fn give_back(&mut self, now: Duration, flight: Flight, refusal: &Refusal) -> Settlement {
        let mut settlement = Settlement::pending(&flight, refusal);
        if self.lanes[flight.lane.index()].closed {
            settlement.end();
            let other_half = flight.other_half();
            self.requeue_other_half(now, flight.lane, other_half, refusal, &mut settlement);
        } else if let Some(beside) = flight.beside {
            let since = flight.alone_since;
            self.wait_as_part(flight.lane, now, flight.tickets, beside, since);
        } else {
            for ticket in flight.tickets {
                self.wait(flight.lane, now, ticket);
            }
        }
        settlement
    }

    /// The service failed, or its answer was lost.
    fn failed_call(&mut self, now: Duration, flight: Flight, refusal: &Refusal) -> Settlement {
        self.lose_patience(now, refusal);
        self.health.fail(now, &mut self.delays);
        let is_down = self.health.is_down();
        let share = self.delays.draw();
        let mut settlement = Settlement::default();
        let mut left = Vec::new();
        for ticket in &flight.tickets {
            let charged = ticket.charged();
            let ticket = Ticket {
                // What all calls meet is no member's fault: neither an outage nor a proxy uses up
                // anybody's attempts.
                tries: if is_down || refusal.kind == RefusalKind::WrongAddress {
                    ticket.tries
                } else {
                    charged.tries
                },
                in_doubt: ticket.in_doubt || refusal.kind.leaves_doubt(),
                ..charged
            };
            let (code, message) = (refusal.code.clone(), refusal.message.clone());
            let ruling = self.tried(flight.lane, ticket, code, message);
            if ruling.outcome.is_none() {
                left.push((now + self.delays.part(ticket.tries, share), ticket));
            }
            settlement.rulings.push(ruling);
        }
        match (left.iter().map(|(due, _)| *due).max(), flight.beside) {
            // What was found out of the culprit stays found out.
            (Some(due), Some(beside)) => {
                let tickets = left.into_iter().map(|(_, ticket)| ticket).collect();
                let since = flight.alone_since;
                self.wait_as_part(flight.lane, due, tickets, beside, since);
            }
            (_, other_half) => {
                for (due, ticket) in left {
                    self.wait(flight.lane, due, ticket);
                }
                let other_half = other_half.unwrap_or_default();
                self.requeue_other_half(now, flight.lane, other_half, refusal, &mut settlement);
            }
        }
        settlement
    }
}

/// The outcome of a row that is not tried again, of which the service said nothing definite.
pub(super) fn at_end(ticket: &Ticket) -> Outcome {
    if ticket.in_doubt {
        Outcome::Unconfirmed
    } else {
        Outcome::Failed
    }
}

impl Ticket {
    /// After one attempt more.
    pub(super) fn charged(self) -> Self {
        Self {
            attempts: self.attempts + 1,
            tries: self.tries + 1,
            ..self
        }
    }
}

impl Settlement {
    /// A call whose rows keep their place elsewhere.
    pub(super) fn pending(flight: &Flight, refusal: &Refusal) -> Self {
        let ruling = |ticket: &Ticket| Ruling::pending(*ticket, refusal);
        Self {
            rulings: flight.tickets.iter().map(ruling).collect(),
            ..Self::default()
        }
    }

    /// The call's rows are not tried again: their channel has ended.
    pub(super) fn end(&mut self) {
        for ruling in &mut self.rulings {
            ruling.outcome = Some(at_end(&ruling.ticket));
        }
    }
}

impl Ruling {
    pub(super) fn last(ticket: Ticket, outcome: Outcome, said: Option<(String, String)>) -> Self {
        let (code, message) = said.unzip();
        Self {
            ticket,
            outcome: Some(outcome),
            charged: true,
            code,
            message,
        }
    }

    fn pending(ticket: Ticket, refusal: &Refusal) -> Self {
        Self {
            ticket,
            outcome: None,
            charged: false,
            code: Some(refusal.code.clone()),
            message: Some(refusal.message.clone()),
        }
    }

    /// A row held back when its channel ended.
    pub(super) fn ended(ticket: Ticket, by: Option<&Refusal>) -> Self {
        Self {
            ticket,
            outcome: Some(at_end(&ticket)),
            charged: false,
            code: by.map(|refusal| refusal.code.clone()),
            message: by.map(|refusal| refusal.message.clone()),
        }
    }

    /// A row that was never sent again because its channel has ended.
    pub(super) fn abandoned(ticket: Ticket, refusal: &Refusal) -> Self {
        Self {
            outcome: Some(at_end(&ticket)),
            ..Self::pending(ticket, refusal)
        }
    }
}
