//! Calls: planned, sent, completed and settled. A call is in the ledger before it is sent, and its
//! outcome is in the ledger before any observer receives it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Engine, Setup};
use crate::engine::ending::EngineError;
use crate::engine::event::Event;
use crate::engine::input::{Answered, CompletedCall, PreparedCall, Request};
use crate::engine::reading::{Read, Reading};
use crate::engine::reconcile::reconcile;
use crate::engine::redact::redact_members;
use crate::engine::removal::{Guard, Removal};
use crate::engine::standing;
use crate::engine::task::Task;
use crate::ledger::{CallEnd, Ledger, LedgerError, NewCall};
use crate::model::{
    AddMembers, Batch, ChannelArn, LaneId, MemberCall, Operation, Outcome, QuestionRow, Refusal,
    RefusalKind, RemovalRow, Reply, Tally, codes,
};
use crate::schedule::{Answer, CallPlan, InFlightCall, MemberAnswer, PendingRow, Step};

/// Calls planned in one turn of the loop: bounds the size of one commit.
const CALLS_PER_TURN: usize = 64;

impl Engine<'_> {
    /// Plans calls until none is possible now, and records them in the ledger.
    pub(super) fn plan_calls(&mut self) -> Result<(Vec<PreparedCall>, Step), EngineError> {
        let mut prepared = Vec::new();
        if self.setup.task == Task::Stage {
            return Ok((prepared, self.staging_step()?));
        }
        loop {
            let now = self.now();
            match self.setup.scheduler.next(now) {
                // Rows that were read must be in the ledger before the run ends, sent or not.
                Step::Done if self.setup.ledger.has_unflushed() => {
                    self.flush_staged()?;
                }
                Step::Call(plan) => prepared.extend(self.admit(plan, now)?),
                step => return Ok((prepared, step)),
            }
            if prepared.len() == CALLS_PER_TURN {
                return Ok((prepared, Step::Wait(Some(now))));
            }
        }
    }

    /// The step of a run that makes no call.
    fn staging_step(&mut self) -> Result<Step, EngineError> {
        let is_read = self.setup.ledger.staged().complete;
        if !is_read && !self.interrupted && self.list_error.is_none() {
            return Ok(Step::Wait(None));
        }
        self.flush_staged()?;
        Ok(Step::Done)
    }

    /// Prepares a planned call, if the call limits allow it now.
    fn admit(
        &mut self,
        mut plan: CallPlan,
        now: Duration,
    ) -> Result<Option<PreparedCall>, EngineError> {
        if plan.is_control() && self.setup.task != Task::Add {
            // It would add a member again who was removed.
            self.setup.scheduler.no_control(plan);
            return Ok(None);
        }
        if plan.members() > 1 {
            // Otherwise a batch would be charged to the limit of single adds.
            plan.operation = Operation::Batch;
        }
        let limits = &self.setup.call_limits;
        match limits.try_acquire(plan.channel, plan.bearer, plan.operation) {
            Ok(()) if plan.is_control() => self.prepare_control_call(plan, now),
            Ok(()) => self.prepare_call(&plan, now).map(Some),
            Err(until) => {
                let until = now + until.duration_since(self.instant(now));
                self.setup.scheduler.postpone(plan, until);
                Ok(None)
            }
        }
    }

    /// Takes the rows of a planned call from the queue and records the call in the ledger.
    fn prepare_call(
        &mut self,
        plan: &CallPlan,
        now: Duration,
    ) -> Result<PreparedCall, EngineError> {
        let at = self.millis();
        let ledger = &mut self.setup.ledger;
        let fresh = ledger.take_rows(plan.lane, plan.fresh)?;
        if fresh.len() != plan.fresh {
            return Err(ledger
                .damaged(format!("lane {} has too few rows", plan.lane.0))
                .into());
        }
        let mut rows = plan.retries.clone();
        rows.extend(fresh.into_iter().map(PendingRow::fresh));
        rows.sort_unstable_by_key(|pending| pending.row);
        let numbers: Vec<u64> = rows.iter().map(|pending| pending.row).collect();
        let request = self.request(plan.lane, plan.bearer, &numbers)?;
        let call = in_flight_call(plan, now, rows);
        self.record(call, &numbers, plan.fresh, plan.timeout, request, at)
    }

    /// A control call: adds a member again who is in the channel already. `None` if no member is
    /// known to be in it.
    fn prepare_control_call(
        &mut self,
        plan: CallPlan,
        now: Duration,
    ) -> Result<Option<PreparedCall>, EngineError> {
        let at = self.millis();
        let Some((lane, row)) = self.setup.ledger.known_member(plan.channel)? else {
            self.setup.scheduler.no_control(plan);
            return Ok(None);
        };
        let request = self.request(lane, plan.bearer, &[row])?;
        let call = InFlightCall {
            lane,
            ..in_flight_call(&plan, now, Vec::new())
        };
        self.record(call, &[], 0, plan.timeout, request, at)
            .map(Some)
    }

    /// The request that adds these rows of a lane.
    fn request(
        &mut self,
        lane: LaneId,
        bearer: usize,
        rows: &[u64],
    ) -> Result<AddMembers, EngineError> {
        let Setup {
            ledger, bearers, ..
        } = &mut self.setup;
        let (channel, membership) = ledger.lane(lane)?;
        let channel = ledger.channel_arn(channel)?;
        let members = Batch::new(ledger.members(&channel, rows)?)
            .map_err(|error| ledger.damaged(error.to_string()))?;
        Ok(AddMembers {
            channel,
            bearer: bearers[bearer].clone(),
            membership,
            members,
        })
    }

    /// Records a call in the ledger. It may be sent once that is committed.
    fn record(
        &mut self,
        call: InFlightCall,
        rows: &[u64],
        fresh: usize,
        timeout: Duration,
        request: AddMembers,
        at: i64,
    ) -> Result<PreparedCall, EngineError> {
        let Setup {
            ledger,
            bearers,
            task,
            ..
        } = &mut self.setup;
        let number = ledger.record_call(NewCall {
            lane: call.lane,
            operation: call.operation,
            bearer: request.bearer.as_str(),
            rows,
            fresh,
            at,
        })?;
        let request = match *task {
            Task::Stage | Task::Add => Request::new(call.operation, request),
            Task::Remove { guarded } => {
                let pending = only_row(&call, ledger)?;
                let row = RemovalRow::parse(&ledger.fields(pending.row)?);
                let row = row.ok_or_else(|| ledger.damaged(format!("row {}", pending.row)))?;
                let guard = (guarded || row.in_doubt).then(|| Guard {
                    bearers: bearers.clone(),
                    created: row.created,
                });
                let call = member_call(request).ok_or_else(|| ledger.damaged("no member"))?;
                Request::Remove(Removal {
                    call,
                    guard,
                    was_lost: pending.in_doubt,
                })
            }
            Task::Read => {
                let pending = only_row(&call, ledger)?;
                let row = QuestionRow::parse(&ledger.fields(pending.row)?);
                let membership = request.membership.clone();
                Request::Read(Reading {
                    row: row.ok_or_else(|| ledger.damaged(format!("row {}", pending.row)))?,
                    call: member_call(request).ok_or_else(|| ledger.damaged("no member"))?,
                    membership,
                    last: ledger.last_page(pending.row)?,
                })
            }
        };
        self.in_flight.insert(number, call);
        Ok(PreparedCall {
            call: number,
            timeout,
            request,
        })
    }

    /// Moves a call's time in the rate limits by the delay of its commit.
    pub(super) fn delay_call(&mut self, prepared: &PreparedCall, by: Duration) {
        if let Some(call) = self.in_flight.get_mut(&prepared.call) {
            self.setup.scheduler.leaves_late(call, by);
            let limits = &self.setup.call_limits;
            limits.delay(call.channel, call.bearer, call.operation, by);
        }
    }

    pub(super) fn send(&mut self, prepared: PreparedCall) {
        let PreparedCall {
            call,
            timeout,
            request,
        } = prepared;
        let members = request.members();
        self.events.push(Event::CallSent {
            call,
            members: members.members().len(),
            in_flight: self.setup.scheduler.in_flight(),
        });
        let channel = request.channel().clone();
        let service = &self.setup.service;
        let add = match request {
            Request::Batch(call) => service.add_members(call, timeout),
            Request::Single(call) => service.add_member(call, timeout),
            Request::Remove(removal) => {
                let approvals = self.approvals.clone();
                Box::pin(removal.perform(Arc::clone(service), approvals, timeout))
            }
            Request::Read(reading) => {
                let read = reading.perform(Arc::clone(service), timeout);
                self.calls.spawn(async move {
                    CompletedCall {
                        call,
                        channel,
                        members,
                        answer: read.await.map(Answered::Read),
                    }
                });
                return;
            }
        };
        self.calls.spawn(async move {
            CompletedCall {
                call,
                channel,
                members,
                answer: add.await.map(Answered::Reply),
            }
        });
    }

    pub(super) fn on_completed(&mut self, completed: CompletedCall) -> Result<(), EngineError> {
        let Some(call) = self.in_flight.remove(&completed.call) else {
            return Ok(());
        };
        let answer = completed.answer.and_then(|answered| match answered {
            Answered::Reply(reply) => of_channel(&completed.channel, reply).map(Answered::Reply),
            read @ Answered::Read(_) => Ok(read),
        });
        match answer {
            Ok(Answered::Reply(reply)) => {
                let date = reply.date;
                // A control call has no rows: all that matters is that it was accepted.
                let answers = if call.rows.is_empty() {
                    Vec::new()
                } else {
                    reconcile(completed.members.members(), reply)
                };
                self.settle(completed.call, call, Answer::Members(answers), date, None)
            }
            Ok(Answered::Read(read)) => {
                self.record_read(completed.call, &call, &read, &completed.channel)?;
                let answer = if read.goes_on {
                    Answer::GoesOn
                } else {
                    Answer::Members(vec![MemberAnswer::Added])
                };
                self.settle(completed.call, call, answer, None, None)
            }
            Err(refusal) => {
                let refusal = Refusal {
                    message: redact_members(&refusal.message, completed.members.members()),
                    ..refusal
                };
                let answer = Answer::Refused(refusal.clone());
                self.settle(completed.call, call, answer, None, Some(&refusal))
            }
        }
    }

    /// Records what a question found, in the commit of its verdict.
    fn record_read(
        &mut self,
        number: i64,
        call: &InFlightCall,
        read: &Read,
        channel: &ChannelArn,
    ) -> Result<(), EngineError> {
        let ledger = &mut self.setup.ledger;
        let pending = only_row(call, ledger)?;
        let instance = channel.app_instance();
        Ok(ledger.record_finding(pending.row, read.page, number, &read.finding, instance)?)
    }

    fn settle(
        &mut self,
        number: i64,
        call: InFlightCall,
        answer: Answer,
        date: Option<i64>,
        refusal: Option<&Refusal>,
    ) -> Result<(), EngineError> {
        let (now, at) = (self.now(), self.millis());
        let round_trip = now.saturating_sub(call.sent_at);
        if refusal.is_some_and(|refusal| refusal.kind == RefusalKind::Throttled) {
            self.setup
                .call_limits
                .refund(call.channel, call.bearer, call.operation);
        }
        let settlement = self.setup.scheduler.settle(now, call, answer);
        let end = CallEnd { at, date, refusal };
        self.setup
            .ledger
            .settle(number, end, &settlement.rulings, &settlement.others)?;
        for bearer in &settlement.set_aside {
            self.events.push(Event::BearerSetAside {
                bearer: self.setup.bearers[*bearer].clone(),
            });
        }
        for (lane, refusal) in &settlement.closed {
            self.setup.ledger.close_lane(*lane, refusal)?;
        }
        let mut settled = Tally::default();
        let mut to_retry = 0;
        for ruling in settlement.rulings.iter().chain(&settlement.others) {
            match ruling.outcome {
                Some(outcome) => settled.add(outcome, 1),
                None => to_retry += 1,
            }
        }
        settled.add(Outcome::Failed, settlement.unsent);
        self.events.push(Event::CallSettled {
            call: number,
            refusal: refusal.map(|refusal| refusal.kind),
            code: refusal.map(|refusal| refusal.code.clone()),
            reason: refusal.and_then(Refusal::reason).map(str::to_owned),
            settled,
            failed: standing::failed(&settlement),
            again: to_retry,
            waiting: self.setup.scheduler.waiting(),
            round_trip,
            in_flight: self.setup.scheduler.in_flight(),
            outage: self.setup.scheduler.is_outage(),
        });
        Ok(())
    }

    /// Gives up the calls in flight. The ledger keeps them as sent, and a later session sends their
    /// rows again: no outcome depends on when the run was stopped.
    pub(super) fn give_up_calls(&mut self) {
        self.calls.abort_all();
        self.calls = JoinSet::new();
        self.in_flight.clear();
        self.setup.scheduler.give_up_calls();
    }
}

/// The call of a plan, with its rows.
fn in_flight_call(plan: &CallPlan, now: Duration, rows: Vec<PendingRow>) -> InFlightCall {
    InFlightCall {
        lane: plan.lane,
        channel: plan.channel,
        bearer: plan.bearer,
        operation: plan.operation,
        sent_at: now,
        rows,
        other_half: plan.other_half.clone(),
        refusals: plan.refusals.clone(),
        retry_rows: plan.retry_rows,
    }
}

/// The one row of a call whose task takes one at a time.
fn only_row(call: &InFlightCall, ledger: &Ledger) -> Result<PendingRow, LedgerError> {
    match call.rows[..] {
        [pending] => Ok(pending),
        _ => Err(ledger.damaged("a call of several rows")),
    }
}

/// The call about a request's one member.
fn member_call(request: AddMembers) -> Option<MemberCall> {
    Some(MemberCall {
        member: request.members.members().first()?.clone(),
        channel: request.channel,
        bearer: request.bearer,
        sub_channel: request.membership.sub_channel,
    })
}

/// The reply, if it is about this channel. One about another channel confirms no member.
fn of_channel(channel: &ChannelArn, reply: Reply) -> Result<Reply, Refusal> {
    match &reply.channel {
        None if reply.added.is_empty() && reply.errors.is_empty() => Err(Refusal {
            kind: RefusalKind::Lost,
            code: codes::UNREADABLE_REPLY.to_owned(),
            message: "the answer names neither the channel nor a member".to_owned(),
        }),
        Some(named) if named != channel.as_str() => Err(Refusal {
            kind: RefusalKind::Lost,
            code: codes::OTHER_CHANNEL.to_owned(),
            message: "the answer is about another channel".to_owned(),
        }),
        _ => Ok(reply),
    }
}

#[cfg(test)]
mod tests;
