//! Calls: ordered, sent, completed and settled. A call is in the ledger before it leaves, and its
//! outcome before any observer.

use std::time::Duration;

use tokio::task::JoinSet;

use super::ending::EngineError;
use super::engine::{Engine, Setup};
use super::event::Event;
use super::input::{CompletedCall, PreparedCall};
use super::reconcile::reconcile;
use super::redact::without_members;
use super::standing;
use crate::ledger::NewCall;
use crate::model::{
    AddMembers, Batch, ChannelArn, LaneId, MemberArn, Outcome, Refusal, RefusalKind, Reply, Tally,
    codes,
};
use crate::schedule::{Answer, CallPlan, InFlightCall, PendingRow, Step};

/// Calls ordered in one turn: bounds what one commit holds.
const ORDERS_PER_TURN: usize = 64;

impl Engine<'_> {
    /// Asks for orders until there is nothing to do now; writes them to the ledger.
    pub(super) fn order(&mut self) -> Result<(Vec<PreparedCall>, Step), EngineError> {
        let mut ready = Vec::new();
        loop {
            let now = self.now();
            match self.setup.scheduler.next(now) {
                // What was read counts, also if it is not sent now.
                Step::Done if self.setup.ledger.has_unflushed() => {
                    self.queue()?;
                }
                Step::Call(order) => match self
                    .setup
                    .call_limits
                    .try_acquire(order.channel, order.bearer)
                {
                    Ok(()) if order.is_control() => {
                        ready.extend(self.prepare_control_call(order, now)?);
                    }
                    Ok(()) => ready.push(self.prepare_call(&order, now)?),
                    Err(until) => self
                        .setup
                        .scheduler
                        .postpone(order, until.duration_since(self.start)),
                },
                step => return Ok((ready, step)),
            }
            if ready.len() == ORDERS_PER_TURN {
                return Ok((ready, Step::Wait(Some(now))));
            }
        }
    }

    /// Draws an order's rows and notes in the ledger that the call is about to leave.
    fn prepare_call(
        &mut self,
        order: &CallPlan,
        now: Duration,
    ) -> Result<PreparedCall, EngineError> {
        let at = self.millis();
        let ledger = &mut self.setup.ledger;
        let drawn = ledger.take_rows(order.lane, order.fresh)?;
        if drawn.len() != order.fresh {
            return Err(ledger
                .damaged(format!("lane {} has too few rows", order.lane.0))
                .into());
        }
        let mut rows = order.retries.clone();
        rows.extend(drawn.into_iter().map(PendingRow::fresh));
        rows.sort_unstable_by_key(|pending| pending.row);
        let numbers: Vec<u64> = rows.iter().map(|pending| pending.row).collect();
        let members = self.members(order.lane, &numbers)?;
        let flight = flight(order, now, rows);
        self.note(flight, &numbers, order.fresh, order.timeout, members, at)
    }

    /// A control call: adds somebody who is in the channel already. None if nobody is known to be.
    fn prepare_control_call(
        &mut self,
        order: CallPlan,
        now: Duration,
    ) -> Result<Option<PreparedCall>, EngineError> {
        let at = self.millis();
        let Some((lane, row)) = self.setup.ledger.known_member(order.channel)? else {
            self.setup.scheduler.no_control(order);
            return Ok(None);
        };
        let members = self.members(lane, &[row])?;
        let flight = InFlightCall {
            lane,
            ..flight(&order, now, Vec::new())
        };
        self.note(flight, &[], 0, order.timeout, members, at)
            .map(Some)
    }

    /// The members of these rows of a lane.
    fn members(&mut self, lane: LaneId, rows: &[u64]) -> Result<Batch, EngineError> {
        let ledger = &mut self.setup.ledger;
        let (channel, _) = ledger.lane(lane)?;
        let channel = ledger.channel_arn(channel)?;
        let members: Vec<MemberArn> = ledger.members(&channel, rows)?;
        Batch::new(members).map_err(|error| ledger.damaged(error.to_string()).into())
    }

    /// Notes a call in the ledger: it may leave once that is committed.
    fn note(
        &mut self,
        flight: InFlightCall,
        rows: &[u64],
        fresh: usize,
        timeout: Duration,
        members: Batch,
        at: i64,
    ) -> Result<PreparedCall, EngineError> {
        let Setup {
            ledger, bearers, ..
        } = &mut self.setup;
        let (channel, membership) = ledger.lane(flight.lane)?;
        let channel = ledger.channel_arn(channel)?;
        let bearer = bearers[flight.bearer].clone();
        let call = ledger.record_call(NewCall {
            lane: flight.lane,
            bearer: bearer.as_str(),
            rows,
            fresh,
            at,
        })?;
        self.flights.insert(call, flight);
        Ok(PreparedCall {
            call,
            timeout,
            request: AddMembers {
                channel,
                bearer,
                membership,
                members,
            },
        })
    }

    /// A call leaves later than it was paid for.
    pub(super) fn leaves_late(&mut self, ready: &PreparedCall, by: Duration) {
        if let Some(flight) = self.flights.get_mut(&ready.call) {
            self.setup.scheduler.leaves_late(flight, by);
            self.setup
                .call_limits
                .delay(flight.channel, flight.bearer, by);
        }
    }

    pub(super) fn send(&mut self, ready: PreparedCall) {
        let PreparedCall {
            call,
            timeout,
            request,
        } = ready;
        let members = request.members.clone();
        self.events.push(Event::CallSent {
            call,
            members: members.members().len(),
            in_flight: self.setup.scheduler.in_flight(),
        });
        let channel = request.channel.clone();
        let answer = self.setup.service.add_members(request, timeout);
        self.calls.spawn(async move {
            CompletedCall {
                call,
                channel,
                members,
                answer: answer.await,
            }
        });
    }

    pub(super) fn on_completed(&mut self, completed: CompletedCall) -> Result<(), EngineError> {
        let Some(flight) = self.flights.remove(&completed.call) else {
            return Ok(());
        };
        let answer = completed
            .answer
            .and_then(|reply| of_channel(&completed.channel, reply));
        match answer {
            Ok(reply) if flight.rows.is_empty() => {
                // What a control call shows is that it was accepted.
                drop(reply);
                self.settle(completed.call, flight, Answer::Members(Vec::new()), None)
            }
            Ok(reply) => {
                let answers = reconcile(completed.members.members(), reply);
                self.settle(completed.call, flight, Answer::Members(answers), None)
            }
            Err(refusal) => {
                let refusal = Refusal {
                    message: without_members(&refusal.message, completed.members.members()),
                    ..refusal
                };
                let answer = Answer::Refused(refusal.clone());
                self.settle(completed.call, flight, answer, Some(&refusal))
            }
        }
    }

    fn settle(
        &mut self,
        call: i64,
        flight: InFlightCall,
        answer: Answer,
        refusal: Option<&Refusal>,
    ) -> Result<(), EngineError> {
        let (now, at) = (self.now(), self.millis());
        let round_trip = now.saturating_sub(flight.sent_at);
        let settlement = self.setup.scheduler.settle(now, flight, answer);
        self.setup
            .ledger
            .settle(call, at, refusal, &settlement.rulings, &settlement.others)?;
        for bearer in &settlement.set_aside {
            self.events.push(Event::BearerSetAside {
                bearer: self.setup.bearers[*bearer].clone(),
            });
        }
        for (lane, refusal) in &settlement.closed {
            self.setup.ledger.close_lane(*lane, refusal)?;
        }
        let mut settled = Tally::default();
        let mut again = 0;
        for ruling in settlement.rulings.iter().chain(&settlement.others) {
            match ruling.outcome {
                Some(outcome) => settled.add(outcome, 1),
                None => again += 1,
            }
        }
        settled.add(Outcome::Failed, settlement.unsent);
        self.events.push(Event::CallSettled {
            call,
            refusal: refusal.map(|refusal| refusal.kind),
            code: refusal.map(|refusal| refusal.code.clone()),
            settled,
            failed: standing::failed(&settlement),
            again,
            waiting: self.setup.scheduler.waiting(),
            round_trip,
            in_flight: self.setup.scheduler.in_flight(),
            outage: self.setup.scheduler.is_outage(),
        });
        Ok(())
    }

    /// Stops now: calls in flight are given up. They stay in the ledger as they are, in flight,
    /// for a later session to ask again: nobody's verdict depends on when the run was stopped.
    pub(super) fn give_up_calls(&mut self) {
        self.calls.abort_all();
        self.calls = JoinSet::new();
        self.flights.clear();
        self.setup.scheduler.give_up_calls();
    }
}

/// The call of an order.
fn flight(order: &CallPlan, now: Duration, rows: Vec<PendingRow>) -> InFlightCall {
    InFlightCall {
        lane: order.lane,
        channel: order.channel,
        bearer: order.bearer,
        sent_at: now,
        rows,
        other_half: order.other_half.clone(),
        refusals: order.refusals.clone(),
        retry_rows: order.retry_rows,
    }
}

/// A reply, if it is about this channel: another's confirms nobody.
fn of_channel(channel: &ChannelArn, reply: Reply) -> Result<Reply, Refusal> {
    match &reply.channel {
        None if reply.added.is_empty() && reply.errors.is_empty() => Err(Refusal {
            kind: RefusalKind::Lost,
            code: codes::UNREADABLE_REPLY.to_owned(),
            message: "the answer names neither the channel nor anybody".to_owned(),
        }),
        Some(named) if named != channel.as_str() => Err(Refusal {
            kind: RefusalKind::Lost,
            code: codes::OTHER_CHANNEL.to_owned(),
            message: "the answer is about another channel".to_owned(),
        }),
        _ => Ok(reply),
    }
}
