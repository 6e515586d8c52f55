//! The scheduler: a state machine that receives the time and what happened, and returns what to do.
//!
//! Promises: a call is never empty or above 100; a row is in one call at a time; a final verdict
//! is never taken back; every run ends. Must not: read a clock, wait, or do I/O.

mod bisect;
mod conclude;
mod control;
mod examine;
mod overview;
mod read;
mod replay;
mod settle;
mod single_adds;
mod slots;
mod staging;

use std::time::Duration;

use super::backlog::Backlog;
use super::bearers::Bearers;
use super::channel::{Channel, Lane, Load};
use super::examined::Examined;
use super::failure_count::FailureCount;
use super::outage::OutageDetector;
use super::pacing::Pacing;
use super::pages_in_flight::PagesInFlight;
use super::ready_queue::{ChannelWork, ReadyQueue};
use super::{CallPlan, FailureThreshold, InFlightCall, Patience, RetryDelays, Stop};
use crate::model::{ChannelId, LaneId, Limits, Operation};

pub use overview::{ChannelLeft, Overview};

/// How long the first calls wait for the rest of the list at most: a bearer's first calls go out at
/// once, and a channel that is read after them and takes longest would wait for a second.
const READ_FIRST: Duration = Duration::from_millis(50);

/// What a run asks of its scheduler.
#[derive(Debug, Clone)]
pub struct SchedulerConfig {
    /// The limits to keep.
    pub limits: Limits,
    /// The operation of the calls; single adds may come beside batches.
    pub operation: Operation,
    /// How many bearers share the work.
    pub bearers: usize,
    /// When failures are too many.
    pub max_failures: Option<FailureThreshold>,
    /// Where jitter is drawn from.
    pub seed: u64,
    /// How long nothing may be accepted before the run is stopped; `None`: 30 seconds where nothing
    /// ever answered in this session, otherwise 5 minutes.
    pub patience: Option<Patience>,
    /// How long an answer is waited for at most.
    pub answer_timeout: Duration,
    /// Rows that may wait for a retry, or be in flight with it, before no fresh ones are
    /// drawn: bounds memory while the service refuses everything.
    pub max_waiting: usize,
}

impl SchedulerConfig {
    /// The usual settings for these limits.
    #[must_use]
    pub fn new(limits: Limits, bearers: usize) -> Self {
        Self {
            limits,
            operation: Operation::Batch,
            bearers,
            max_failures: None,
            seed: 0,
            patience: None,
            answer_timeout: Duration::from_secs(15),
            max_waiting: 50_000,
        }
    }
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make this call.
    Call(CallPlan),
    /// Nothing before then, or before something happens.
    Wait(Option<Duration>),
    /// Nothing is left, or no work is taken any more; nothing is in flight.
    Done,
}

/// Decides which call to make when.
#[derive(Debug)]
pub struct Scheduler {
    settings: SchedulerConfig,
    channels: Vec<Channel>,
    backlog: Backlog,
    ready: ReadyQueue,
    bearers: Bearers,
    delays: RetryDelays,
    in_flight: u32,
    outage: OutageDetector,
    examined: Examined,
    stop: Option<Stop>,
    failures: FailureCount,
    pages_in_flight: PagesInFlight,
    pacing: Pacing,
    max_in_flight: u32,
    draining: bool,
    begins_at: Duration,
}

impl Scheduler {
    /// A scheduler with nothing to do yet; rows will be staged.
    #[must_use]
    pub fn new(settings: SchedulerConfig) -> Self {
        Self {
            bearers: Bearers::new(settings.bearers),
            backlog: Backlog::new(settings.max_waiting),
            delays: RetryDelays::new(settings.seed),
            failures: FailureCount::new(settings.max_failures),
            pacing: Pacing::new(&settings),
            max_in_flight: settings
                .limits
                .in_flight(settings.bearers, settings.answer_timeout),
            outage: OutageDetector::new(settings.patience),
            settings,
            channels: Vec::new(),
            ready: ReadyQueue::default(),
            in_flight: 0,
            examined: Examined::default(),
            pages_in_flight: PagesInFlight::default(),
            stop: None,
            draining: false,
            begins_at: Duration::ZERO,
        }
    }

    /// Takes no more work; calls in flight are still settled.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Takes no more work, and expects no answer to the calls in flight.
    pub fn give_up_calls(&mut self) {
        self.draining = true;
        self.in_flight = 0;
        self.backlog.give_up_calls();
    }

    /// Why the run is stopped, if it is.
    #[must_use]
    pub fn stopped(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// The time of this scheduler's clock at which the session begins: zero, or later if it was told
    /// of earlier calls.
    #[must_use]
    pub fn begins_at(&self) -> Duration {
        self.begins_at
    }

    /// The limits in force; the lower bound is computed from these.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// The calls per second in all that the service takes, if that was found to be fewer than the limits
    /// allow.
    #[must_use]
    pub fn learned_rate(&self) -> Option<f64> {
        self.pacing.learned_rate()
    }

    /// Calls in flight.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether the service counts as down: one call at a time probes whether it is back.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.outage.is_down()
    }

    /// Rows that wait for another try.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.backlog.waiting()
    }

    /// Returns what to do now.
    pub fn next(&mut self, now: Duration) -> Step {
        if self.stop.is_some() || self.draining {
            return if self.in_flight == 0 {
                Step::Done
            } else {
                Step::Wait(None)
            };
        }
        if self.ready.is_empty() {
            if self.in_flight > 0 || self.backlog.is_staging() {
                return Step::Wait(None);
            }
            return match self.settle_examinations() {
                Some((channel, bearer)) => self.control(channel, bearer, now),
                None if self.ready.is_empty() => Step::Done,
                None => self.next(now),
            };
        }
        if self.in_flight >= self.max_in_flight {
            return Step::Wait(None);
        }
        let opens_at = self.begins_at + READ_FIRST;
        if self.backlog.is_staging() && now < opens_at {
            return Step::Wait(Some(opens_at));
        }
        if self.is_outage() {
            if self.in_flight > 0 {
                return Step::Wait(None);
            }
            if self.outage.probe_at() > now {
                return Step::Wait(Some(self.outage.probe_at()));
            }
        }
        if let Some((channel, bearer)) = self.control_for_question() {
            let step = self.control(channel, bearer, now);
            if matches!(step, Step::Call(_)) {
                self.bearers.note_control(bearer);
            }
            return step;
        }
        // Where all that wait are held back, only fresh rows can show what they wait for.
        let with_fresh = self.backlog.has_room() || self.ready.next_again().is_none();
        loop {
            let (channel, due) = if with_fresh && self.bearers.are_all_in_question() {
                // Any channel: the longest may be those that are denied.
                let share = self.delays.draw();
                let bearers = &self.bearers;
                let is_new = |channel: ChannelId| !bearers.is_probed_on(channel);
                (self.ready.any(now, share, is_new), self.ready.next_due())
            } else if with_fresh {
                (self.ready.longest_ready(now), self.ready.next_due())
            } else {
                (self.ready.longest_retrying(now), self.ready.next_again())
            };
            let Some(channel) = channel else {
                let bearer = self.first_bearer(|bearer| self.bearers.is_active(bearer));
                let bearer_at = bearer.map_or(Duration::ZERO, |(_, at)| at);
                return self.single_add_or_wait(now, due.map(|due| due.max(bearer_at)));
            };
            let found = self.bearer_for(channel);
            if found.is_some_and(|(_, at)| at <= now)
                && let Some(until) = self.reserved_for_pages(channel, now)
            {
                return self.single_add_or_wait(now, Some(until));
            }
            match found {
                Some((_, at))
                    if at <= now
                        && with_fresh
                        && !self.ready.goes_on(channel)
                        && self.is_reserved(self.ready.calls_left_on(channel), now) =>
                {
                    return self.single_add_or_wait(now, self.ready.next_due());
                }
                Some((bearer, at)) if at <= now => {
                    return Step::Call(self.order(channel, bearer, now, with_fresh));
                }
                // Others may be called meanwhile by bearers that this one cannot use.
                _ if self.channels[channel.index()].examination.is_some() => {
                    self.park(now, channel, found.map(|(_, at)| at));
                }
                _ => return Step::Wait(found.map(|(_, at)| at)),
            }
        }
    }

    /// A control call on this channel, as soon as it can be made.
    fn control(&mut self, channel: ChannelId, bearer: usize, now: Duration) -> Step {
        let bearer_at = self.first_bearer(|one| one == bearer).map(|(_, at)| at);
        let probe_at = if self.is_outage() {
            self.outage.probe_at()
        } else {
            Duration::ZERO
        };
        let at = self.pacing.next_on(channel).max(probe_at);
        match bearer_at.map(|bearer_at| bearer_at.max(at)) {
            Some(at) if at <= now => Step::Call(self.issue(channel, bearer, None, now)),
            at => Step::Wait(at),
        }
    }

    fn order(
        &mut self,
        channel: ChannelId,
        bearer: usize,
        now: Duration,
        with_fresh: bool,
    ) -> CallPlan {
        if self.control_due(channel).is_some() {
            return self.issue(channel, bearer, None, now);
        }
        let full = self.settings.limits.members_per_call;
        let fewest = self.backlog.min_fresh(full);
        let state = &self.channels[channel.index()];
        let backlog = &self.backlog;
        let is_due = |lane: &Lane, fewest| {
            let due = if with_fresh {
                lane.due(fewest)
            } else {
                lane.earliest_again()
            };
            due.is_some_and(|due| due <= now)
        };
        // The channel may be due from before partial batches were held back again. Of equal lanes the
        // first: questions come with the longest listings first.
        let lane = state
            .lanes
            .iter()
            .rev()
            .copied()
            .filter(|lane| is_due(backlog.lane(*lane), 1))
            .max_by_key(|lane| {
                let lane = backlog.lane(*lane);
                (is_due(lane, fewest), lane.pages(), lane.calls_left(full))
            })
            .unwrap_or(state.lanes[0]);
        let most = self.bearers.most_members(bearer, full);
        let load = self.backlog.take(lane, now, most, with_fresh);
        self.issue(channel, bearer, Some((lane, load)), now)
    }

    /// Makes a call of what a lane carries, or a control call.
    fn issue(
        &mut self,
        channel: ChannelId,
        bearer: usize,
        load: Option<(LaneId, Load)>,
        now: Duration,
    ) -> CallPlan {
        self.issue_by(self.settings.operation, channel, bearer, load, now)
    }

    /// The same, by this operation.
    fn issue_by(
        &mut self,
        operation: Operation,
        channel: ChannelId,
        bearer: usize,
        load: Option<(LaneId, Load)>,
        now: Duration,
    ) -> CallPlan {
        if load.is_none() {
            self.examined.on_control();
        }
        let state = &mut self.channels[channel.index()];
        let (lane, load) = load.unwrap_or_else(|| (state.lanes[0], Load::default()));
        let retry_rows = load.retry_rows();
        self.pages_in_flight.on_sent(&load.retries, now);
        let Load {
            retries,
            fresh,
            other_half,
            refusals,
        } = load;
        state.in_flight += 1;
        self.pacing.on_sent(channel, bearer, operation, now);
        self.bearers.on_sent(bearer);
        self.in_flight += 1;
        self.update_ready(channel);
        CallPlan {
            lane,
            channel,
            bearer,
            operation,
            retries,
            fresh,
            other_half,
            refusals,
            retry_rows,
            timeout: self.pacing.answer_timeout(),
        }
    }

    /// The limits do not allow this call before `until`: it is taken back.
    pub fn postpone(&mut self, order: CallPlan, until: Duration) {
        let (channel, bearer, operation) = (order.channel, order.bearer, order.operation);
        self.cancel(order);
        self.pacing.not_sent(channel, bearer, operation, until);
        self.update_ready(channel);
    }

    /// A call leaves this much later than its order came: so much later are the next ones.
    pub fn leaves_late(&mut self, flight: &mut InFlightCall, by: Duration) {
        if by.is_zero() {
            return;
        }
        flight.sent_at += by;
        self.pacing.delay(flight, by);
        self.update_ready(flight.channel);
    }

    /// Takes an order back: its rows wait as before.
    pub(super) fn cancel(&mut self, order: CallPlan) {
        self.call_ended(order.channel, order.bearer, order.retry_rows);
        self.pages_in_flight.on_ended(&order.retries);
        if let Some(other_half) = order.other_half {
            let refusals = order.refusals;
            self.backlog.wait_as_part(
                order.lane,
                Duration::ZERO,
                order.retries,
                other_half,
                refusals,
            );
        } else {
            self.backlog.put_back(order.lane, order.fresh);
            for pending in order.retries {
                self.backlog.wait(order.lane, Duration::ZERO, pending);
            }
        }
    }

    /// A call is no longer in flight.
    pub(super) fn call_ended(&mut self, channel: ChannelId, bearer: usize, retry_rows: usize) {
        self.in_flight -= 1;
        self.backlog.landed(retry_rows);
        self.bearers.landed(bearer);
        let in_flight = &mut self.channels[channel.index()].in_flight;
        *in_flight = in_flight.saturating_sub(1);
    }

    /// Updates the channel in the ready queue.
    pub(super) fn update_ready(&mut self, channel: ChannelId) {
        let state = &self.channels[channel.index()];
        let lanes = || {
            state
                .lanes
                .iter()
                .map(|lane| self.backlog.lane(*lane))
                .filter(|lane| !lane.is_closed())
        };
        let full = self.settings.limits.members_per_call;
        let fewest = self.backlog.min_fresh(full);
        // A control call needs no rows; a channel that is held back sends none.
        let (mut due, mut retries) = (None, None);
        if self.control_due(channel).is_some() {
            (due, retries) = (Some(Duration::ZERO), Some(Duration::ZERO));
        } else if !self.is_held_back(channel) {
            due = lanes().filter_map(|lane| lane.due(fewest)).min();
            retries = lanes().filter_map(Lane::earliest_again).min();
        }
        let next = self.pacing.next_on(channel);
        let work = due.map(|due| ChannelWork {
            at: due.max(next),
            again_at: retries.map(|due| due.max(next)),
            calls_left: lanes().map(|lane| lane.calls_left(full)).sum(),
            pages: lanes().map(Lane::pages).sum(),
        });
        self.ready.update(channel, work);
    }
}

#[cfg(test)]
impl Scheduler {
    pub(super) fn pacing(&self) -> &Pacing {
        &self.pacing
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures.failures()
    }
}
