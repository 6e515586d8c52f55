//! What follows from an answer: the second half of the scheduler.

use std::time::Duration;

use super::Scheduler;
use crate::model::codes::{self, MemberAction, Scope};
use crate::model::{CallAction, ChannelId, LaneId, Operation, Outcome, Refusal, RefusalKind};
use crate::schedule::{
    Answer, InFlightCall, MemberAnswer, PendingRow, RetryDelays, Ruling, Settlement, Stop,
};

/// Members refused for a limit, none added in between, by which the channel is full.
const FULL_AFTER: u16 = 10;

impl Scheduler {
    /// A call came back, or is given up.
    pub fn settle(&mut self, now: Duration, flight: InFlightCall, answer: Answer) -> Settlement {
        let channel = flight.channel;
        self.call_ended(channel, flight.bearer, flight.retry_rows);
        self.pages_in_flight.on_ended(&flight.rows);
        let settlement = match answer {
            Answer::Members(answers) => self.answered(now, flight, answers),
            Answer::GoesOn => self.go_on(now, &flight),
            Answer::Refused(refusal) => self.refused(now, flight, &refusal),
        };
        let final_rulings = settlement
            .rulings
            .iter()
            .chain(&settlement.others)
            .filter_map(|r| r.outcome);
        for outcome in final_rulings {
            self.examined.on_settled();
            self.failures.on_settled(1, u64::from(!outcome.is_in()));
        }
        self.settle_failed(settlement.unsent);
        self.update_ready(channel);
        settlement
    }

    /// Rows failed without a call; and it may be that too many failed.
    pub(super) fn settle_failed(&mut self, rows: u64) {
        self.failures.on_settled(rows, rows);
        self.judge_failures();
    }

    pub(super) fn judge_failures(&mut self) {
        if self.stop.is_none() {
            self.stop = self.failures.stop();
        }
    }

    fn answered(
        &mut self,
        now: Duration,
        mut flight: InFlightCall,
        answers: Vec<MemberAnswer>,
    ) -> Settlement {
        self.accepted(now, &flight);
        let mut settlement = Settlement::default();
        let full = self.count_over_limit(flight.channel, &answers);
        // One draw for all, so that they can share their next call.
        let share = self.delays.draw();
        for (pending, answer) in flight.rows.iter().zip(answers) {
            let pending = pending.charged();
            let ruling = match answer {
                MemberAnswer::Added => Ruling::last(pending, Outcome::Added, None),
                MemberAnswer::Error { code, message } => match codes::member_action(&code) {
                    MemberAction::AlreadyMember => {
                        Ruling::last(pending, Outcome::AlreadyMember, Some((code, message)))
                    }
                    MemberAction::Fail | MemberAction::OverLimit => {
                        Ruling::last(pending, Outcome::Failed, Some((code, message)))
                    }
                    MemberAction::Retry => {
                        let due = now + RetryDelays::part(pending.charged_attempts, share);
                        self.again(due, flight.lane, pending, code, message)
                    }
                },
                MemberAnswer::Unclear => {
                    let pending = PendingRow {
                        in_doubt: true,
                        ..pending
                    };
                    let message = "the answer did not say what became of this member".to_owned();
                    let due = now + RetryDelays::part(pending.charged_attempts, share);
                    self.again(
                        due,
                        flight.lane,
                        pending,
                        codes::NO_VERDICT.to_owned(),
                        message,
                    )
                }
            };
            settlement.rulings.push(ruling);
        }
        if let Some(other_half) = flight.other_half.take() {
            self.bisect_other_half(flight.lane, other_half, &mut settlement);
        }
        self.accepted_on(&flight, &mut settlement);
        if let Some(refusal) = full {
            self.end_channel(flight.channel, &refusal, &mut settlement);
        }
        settlement
    }

    fn accepted(&mut self, now: Duration, flight: &InFlightCall) {
        self.outage.on_accepted();
        self.pacing.on_accepted(now, flight);
        self.bearers
            .accepted(flight.bearer, flight.channel, flight.sent_at);
    }

    /// A page of a listing: each page has attempts of its own. With the pages that were read, its row comes
    /// before fresh ones.
    fn go_on(&mut self, now: Duration, flight: &InFlightCall) -> Settlement {
        self.accepted(now, flight);
        self.pages_in_flight
            .went_on(now.saturating_sub(flight.sent_at));
        let mut settlement = Settlement::default();
        for pending in &flight.rows {
            let pending = PendingRow {
                charged_attempts: 0,
                pages: pending.pages.saturating_add(1),
                ..*pending
            };
            self.backlog.wait(flight.lane, now, pending);
            settlement.rulings.push(Ruling::more(pending));
        }
        self.accepted_on(flight, &mut settlement);
        settlement
    }

    /// Counts the members refused for a limit since one was added to the channel. Returns what ends the
    /// channel, if it is full: ten members in a row are not each at a limit of their own.
    fn count_over_limit(
        &mut self,
        channel: ChannelId,
        answers: &[MemberAnswer],
    ) -> Option<Refusal> {
        let is_added = |answer: &MemberAnswer| *answer == MemberAnswer::Added;
        let mut over_limit = answers.iter().filter_map(|answer| match answer {
            MemberAnswer::Error { code, message }
                if codes::member_action(code) == MemberAction::OverLimit =>
            {
                Some((code, message))
            }
            _ => None,
        });
        let state = &mut self.channels[channel.index()];
        if answers.iter().any(is_added) {
            state.over_limit = 0;
            return None;
        }
        let last = over_limit.next_back();
        let count = over_limit.count() + usize::from(last.is_some());
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        state.over_limit = state.over_limit.saturating_add(count);
        let (code, message) = last.filter(|_| state.over_limit >= FULL_AFTER)?;
        Some(Refusal {
            kind: RefusalKind::LimitExceeded,
            code: code.clone(),
            message: message.clone(),
        })
    }

    /// A member to be tried again, from then on, or at the end of its attempts.
    fn again(
        &mut self,
        due: Duration,
        lane: LaneId,
        pending: PendingRow,
        code: String,
        message: String,
    ) -> Ruling {
        let ruling = self.tried(lane, pending, code, message);
        if ruling.outcome.is_none() {
            self.backlog.wait(lane, due, pending);
        }
        ruling
    }

    /// A member that was tried: at the end of its attempts, or not.
    fn tried(&self, lane: LaneId, pending: PendingRow, code: String, message: String) -> Ruling {
        let is_last = pending.charged_attempts >= self.settings.limits.max_attempts;
        let is_at_end = is_last || self.backlog.is_closed(lane);
        Ruling {
            pending,
            outcome: is_at_end.then(|| at_end(&pending)),
            charged: true,
            code: Some(code),
            message: Some(message),
        }
    }

    fn refused(&mut self, now: Duration, flight: InFlightCall, refusal: &Refusal) -> Settlement {
        if refusal.kind == RefusalKind::Lost {
            self.pacing.on_lost();
        }
        match refusal.kind.action() {
            CallAction::StopRun => {
                if self.outage.on_credentials_rejected(now) || self.outage.on_refused(now) {
                    self.stop.get_or_insert(Stop::Credentials(refusal.clone()));
                }
                self.return_rows(now, flight, refusal)
            }
            CallAction::SlowDown => {
                self.lose_patience(now, refusal);
                let was_down = self.outage.is_down();
                if !self.outage.on_throttled(now, &mut self.delays) {
                    self.pacing.on_throttled(now, &flight, &mut self.delays);
                } else if !was_down {
                    self.begin_spell();
                }
                self.return_rows(now, flight, refusal)
            }
            CallAction::Retry => self.failed_call(now, flight, refusal),
            CallAction::EndChannel => {
                self.outage.on_answer();
                let mut settlement = Settlement {
                    rulings: Settlement::fail(&flight, refusal),
                    ..Settlement::default()
                };
                self.end_channel(flight.channel, refusal, &mut settlement);
                self.requeue_other_half(now, &flight, refusal, &mut settlement);
                settlement
            }
            CallAction::Examine if self.settings.operation == Operation::Read => {
                self.question_refused(now, &flight, refusal)
            }
            CallAction::Examine => self.examine(now, flight, refusal),
        }
    }

    /// All calls are throttled whatever their pace: that shows nothing of the limits.
    fn begin_spell(&mut self) {
        self.pacing.forget_refusals();
        (0..)
            .zip(0..self.channels.len())
            .for_each(|(channel, _)| self.update_ready(ChannelId(channel)));
    }

    /// Counts a refusal, and ends the run's patience when nothing was accepted for too long.
    fn lose_patience(&mut self, now: Duration, refusal: &Refusal) {
        // Where the service has answered, the address is right, and a page with a status of 500 or a
        // success is more likely part of an outage.
        let is_of_path = codes::scope(&refusal.code) == [Scope::Path];
        let is_astray = is_of_path
            && (refusal.kind == RefusalKind::WrongAddress || !self.outage.has_answered());
        if is_astray {
            if self.outage.on_wrong_address(now) {
                self.stop.get_or_insert(Stop::WrongAddress(refusal.clone()));
            }
            return;
        }
        if !is_of_path && !matches!(refusal.kind, RefusalKind::Lost | RefusalKind::Unreachable) {
            self.outage.on_reached();
        }
        if self.outage.on_refused(now) {
            let stop = if self.outage.is_reached() {
                Stop::Outage
            } else {
                Stop::NoAnswer
            };
            self.stop.get_or_insert(stop(refusal.clone()));
        }
    }

    /// Rows of a call that was not carried out: again as soon as the channel is due, at no cost.
    fn return_rows(
        &mut self,
        now: Duration,
        flight: InFlightCall,
        refusal: &Refusal,
    ) -> Settlement {
        let mut settlement = Settlement::pending(&flight, refusal);
        if self.backlog.is_closed(flight.lane) {
            settlement.end();
            self.requeue_other_half(now, &flight, refusal, &mut settlement);
        } else if let Some(other_half) = flight.other_half {
            let refusals = flight.refusals;
            self.backlog
                .wait_as_part(flight.lane, now, flight.rows, other_half, refusals);
        } else {
            for pending in flight.rows {
                self.backlog.wait(flight.lane, now, pending);
            }
        }
        settlement
    }

    /// The service failed, or its answer was lost.
    fn failed_call(
        &mut self,
        now: Duration,
        flight: InFlightCall,
        refusal: &Refusal,
    ) -> Settlement {
        self.lose_patience(now, refusal);
        self.outage.on_failed(now, &mut self.delays);
        let is_down = self.outage.is_down();
        let share = self.delays.draw();
        let mut settlement = Settlement::default();
        let mut left = Vec::new();
        for pending in &flight.rows {
            let charged = pending.charged();
            let pending = PendingRow {
                // What all calls meet is no member's fault: neither an outage, nor a proxy, nor an
                // address where nothing answers uses up anybody's attempts.
                charged_attempts: if is_down
                    || !self.outage.is_reached()
                    || refusal.kind == RefusalKind::WrongAddress
                {
                    pending.charged_attempts
                } else {
                    charged.charged_attempts
                },
                in_doubt: pending.in_doubt || refusal.kind.leaves_doubt(),
                ..charged
            };
            let (code, message) = (refusal.code.clone(), refusal.message.clone());
            let ruling = self.tried(flight.lane, pending, code, message);
            if ruling.outcome.is_none() {
                left.push((
                    now + RetryDelays::part(pending.charged_attempts, share),
                    pending,
                ));
            }
            settlement.rulings.push(ruling);
        }
        match (left.iter().map(|(due, _)| *due).max(), flight.other_half) {
            // Keep the bisection's progress: the part stays a part.
            (Some(due), Some(other_half)) => {
                let rows = left.into_iter().map(|(_, pending)| pending).collect();
                let refusals = flight.refusals;
                self.backlog
                    .wait_as_part(flight.lane, due, rows, other_half, refusals);
            }
            (_, other_half) => {
                for (due, pending) in left {
                    self.backlog.wait(flight.lane, due, pending);
                }
                let other_half = other_half.unwrap_or_default();
                self.requeue_rows(now, flight.lane, other_half, refusal, &mut settlement);
            }
        }
        settlement
    }
}

/// The outcome of a row that is not tried again, of which the service said nothing definite.
pub(super) fn at_end(pending: &PendingRow) -> Outcome {
    if pending.in_doubt {
        Outcome::Unconfirmed
    } else {
        Outcome::Failed
    }
}

impl PendingRow {
    /// After one attempt more.
    pub(super) fn charged(self) -> Self {
        Self {
            attempts: self.attempts + 1,
            charged_attempts: self.charged_attempts + 1,
            ..self
        }
    }
}

impl Settlement {
    /// A call whose rows keep their place elsewhere.
    pub(super) fn pending(flight: &InFlightCall, refusal: &Refusal) -> Self {
        let ruling = |pending: &PendingRow| Ruling::pending(*pending, refusal);
        Self {
            rulings: flight.rows.iter().map(ruling).collect(),
            ..Self::default()
        }
    }

    /// The call's rows are not tried again: their channel has ended.
    pub(super) fn end(&mut self) {
        for ruling in &mut self.rulings {
            ruling.outcome = Some(at_end(&ruling.pending));
        }
    }
}

impl Ruling {
    pub(super) fn last(
        pending: PendingRow,
        outcome: Outcome,
        said: Option<(String, String)>,
    ) -> Self {
        let (code, message) = said.unzip();
        Self {
            pending,
            outcome: Some(outcome),
            charged: true,
            code,
            message,
        }
    }

    /// A row whose answer goes on: its next call is no other attempt.
    fn more(pending: PendingRow) -> Self {
        Self {
            pending,
            outcome: None,
            charged: false,
            code: None,
            message: None,
        }
    }

    fn pending(pending: PendingRow, refusal: &Refusal) -> Self {
        Self {
            pending,
            outcome: None,
            charged: false,
            code: Some(refusal.code.clone()),
            message: Some(refusal.message.clone()),
        }
    }

    /// A row held back when its channel ended.
    pub(super) fn ended(pending: PendingRow, by: Option<&Refusal>) -> Self {
        Self {
            pending,
            outcome: Some(at_end(&pending)),
            charged: false,
            code: by.map(|refusal| refusal.code.clone()),
            message: by.map(|refusal| refusal.message.clone()),
        }
    }

    /// A row that was never sent again because its channel has ended.
    pub(super) fn abandoned(pending: PendingRow, refusal: &Refusal) -> Self {
        Self {
            outcome: Some(at_end(&pending)),
            ..Self::pending(pending, refusal)
        }
    }
}
