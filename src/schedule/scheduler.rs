//! The scheduler: a state machine that is told the time and what happened, and says what to do.
//!
//! Promises: a call is never empty or above 100; a row is in one call at a time; a final verdict
//! is never taken back; every run ends. Must not: read a clock, wait, or do I/O.

use std::time::Duration;

use super::agenda::{Agenda, Work};
use super::bearers::Bearers;
use super::channel::{Channel, Lane, Load, Part};
use super::health::Health;
use super::jitter::Jitter;
use super::timeout::Timeout;
use super::{FailureThreshold, Flight, Order, RetryDelays, Stop, Ticket};
use crate::model::{ChannelId, LaneId, Limits, Refusal};

/// What a run asks of its scheduler.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The limits to keep.
    pub limits: Limits,
    /// How many bearers share the work.
    pub bearers: usize,
    /// When failures are too many.
    pub max_failures: Option<FailureThreshold>,
    /// Where jitter is drawn from.
    pub seed: u64,
    /// How long nothing may be accepted before the run is stopped.
    pub patience: Duration,
    /// How long an answer is waited for at most.
    pub answer_timeout: Duration,
    /// Rows that may wait for another try, or be under way with it, before no fresh ones are
    /// drawn: bounds memory while the service refuses everything.
    pub max_waiting: usize,
}

impl Settings {
    /// The usual settings for these limits.
    #[must_use]
    pub fn new(limits: Limits, bearers: usize) -> Self {
        Self {
            limits,
            bearers,
            max_failures: None,
            seed: 0,
            patience: Duration::from_mins(5),
            answer_timeout: Duration::from_secs(15),
            max_waiting: 50_000,
        }
    }
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make this call.
    Call(Order),
    /// Nothing before then, or before something happens.
    Wait(Option<Duration>),
    /// Nothing is left, or no work is taken any more; nothing is under way.
    Done,
}

/// Decides which call to make when.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) settings: Settings,
    pub(super) channels: Vec<Channel>,
    pub(super) lanes: Vec<Lane>,
    pub(super) agenda: Agenda,
    pub(super) bearers: Bearers,
    pub(super) delays: RetryDelays,
    pub(super) in_flight: u32,
    pub(super) waiting: usize,
    /// Rows under way that waited before.
    pub(super) trying_again: usize,
    pub(super) health: Health,
    /// Calls forbidden before anything was accepted: poison if something is, denial if not.
    pub(super) suspended: Vec<(Flight, Refusal)>,
    pub(super) stop: Option<Stop>,
    pub(super) failures: u64,
    pub(super) settled: u64,
    pub(super) jitter: Jitter,
    pub(super) timeout: Timeout,
    /// That of a channel's limit, as configured.
    pub(super) interval: Duration,
    /// How many times a limit was found to have lifted: others are then asked anew.
    pub(super) lifts: u32,
    max_in_flight: u32,
    pub(super) staging: bool,
    /// Whether fresh rows go out in full calls only: the list may bring more of their channel.
    pub(super) holds_rests: bool,
    draining: bool,
}

impl Scheduler {
    /// A scheduler with nothing to do yet; rows will be staged.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let interval = Duration::from_secs_f64(1.0 / settings.limits.channel_rate);
        Self {
            bearers: Bearers::new(&settings.limits, settings.bearers),
            delays: RetryDelays::new(settings.seed),
            jitter: Jitter::new(interval),
            timeout: Timeout::new(settings.answer_timeout),
            interval,
            lifts: 0,
            max_in_flight: settings
                .limits
                .in_flight(settings.bearers, settings.answer_timeout),
            settings,
            channels: Vec::new(),
            lanes: Vec::new(),
            agenda: Agenda::default(),
            in_flight: 0,
            waiting: 0,
            trying_again: 0,
            health: Health::new(),
            suspended: Vec::new(),
            stop: None,
            failures: 0,
            settled: 0,
            staging: true,
            holds_rests: true,
            draining: false,
        }
    }

    /// Take no more work; what is under way is awaited.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Take no more work, and expect no answer to the calls under way.
    pub fn give_up_calls(&mut self) {
        self.draining = true;
        self.in_flight = 0;
        self.trying_again = 0;
    }

    /// Why the run is stopped, if it is.
    #[must_use]
    pub fn stopped(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// The limits it keeps: what a bound of its job is to be reckoned at.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// Calls under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether the service counts as down: one call at a time probes whether it is back.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.health.is_down()
    }

    /// Rows that wait for another try.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// What to do now.
    pub fn next(&mut self, now: Duration) -> Step {
        if self.stop.is_some() || self.draining {
            return if self.in_flight == 0 {
                Step::Done
            } else {
                Step::Wait(None)
            };
        }
        if !self.suspended.is_empty() {
            if self.in_flight > 0 {
                return Step::Wait(None);
            }
            // All that was under way is back, and nothing was accepted.
            self.stop = self
                .suspended
                .pop()
                .map(|(_, refusal)| Stop::Denied(refusal));
            return Step::Done;
        }
        if self.agenda.is_empty() {
            let done = self.in_flight == 0 && !self.staging;
            return if done { Step::Done } else { Step::Wait(None) };
        }
        if self.in_flight >= self.max_in_flight {
            return Step::Wait(None);
        }
        if self.is_outage() {
            if self.in_flight > 0 {
                return Step::Wait(None);
            }
            if self.health.probe_at() > now {
                return Step::Wait(Some(self.health.probe_at()));
            }
        }
        let (bearer, bearer_at) = self.bearers.first();
        let with_fresh = self.waiting + self.trying_again < self.settings.max_waiting;
        let (channel, due) = if with_fresh {
            (self.agenda.longest(now), self.agenda.next_due())
        } else {
            (self.agenda.longest_waiting(now), self.agenda.next_again())
        };
        let Some(channel) = channel else {
            return Step::Wait(due.map(|due| due.max(bearer_at)));
        };
        if bearer_at > now {
            return Step::Wait(Some(bearer_at));
        }
        Step::Call(self.order(channel, bearer, now, with_fresh))
    }

    fn order(
        &mut self,
        channel: ChannelId,
        bearer: usize,
        now: Duration,
        with_fresh: bool,
    ) -> Order {
        let fewest = self.fewest_fresh();
        let full = self.settings.limits.members_per_call;
        let state = &mut self.channels[channel.index()];
        let lanes = &mut self.lanes;
        let is_due = |lane: &Lane, fewest| {
            let due = if with_fresh {
                lane.due(fewest)
            } else {
                lane.earliest_again()
            };
            due.is_some_and(|due| due <= now)
        };
        // The channel may be due from before rests were held back again.
        let lane = state
            .lanes
            .iter()
            .copied()
            .filter(|lane| is_due(&lanes[lane.index()], 1))
            .max_by_key(|lane| {
                let lane = &lanes[lane.index()];
                (is_due(lane, fewest), lane.calls_left(full))
            })
            .unwrap_or(state.lanes[0]);
        let Load {
            again,
            fresh,
            beside,
        } = lanes[lane.index()].take(now, full, with_fresh);
        let waited = again.len() + beside.as_ref().map_or(0, Vec::len);
        self.waiting -= waited;
        self.trying_again += waited;
        state.called_at = now;
        state.next = now + state.interval(self.interval, self.lifts) + self.jitter.guard(None);
        self.bearers.spend(bearer, now);
        self.in_flight += 1;
        self.place(channel);
        Order {
            lane,
            channel,
            bearer,
            again,
            fresh,
            beside,
            waited,
            timeout: self.timeout.next(self.jitter.longest()),
        }
    }

    /// The gate does not let this order pass before `until`: it is taken back.
    pub fn postpone(&mut self, order: Order, until: Duration) {
        self.in_flight -= 1;
        self.trying_again -= order.waited;
        if let Some(beside) = order.beside {
            self.wait_as_part(order.lane, Duration::ZERO, order.again, beside);
        } else {
            self.lanes[order.lane.index()].fresh += order.fresh as u64;
            for ticket in order.again {
                self.wait(order.lane, Duration::ZERO, ticket);
            }
        }
        self.channels[order.channel.index()].next = until;
        self.bearers.postpone(order.bearer, until);
        self.place(order.channel);
    }

    /// Puts a part of a refused call first among what waits.
    pub(super) fn wait_as_part(
        &mut self,
        lane: LaneId,
        due: Duration,
        tickets: Vec<Ticket>,
        beside: Vec<Ticket>,
    ) {
        self.waiting += tickets.len() + beside.len();
        let part = Part {
            due,
            tickets,
            beside,
        };
        self.lanes[lane.index()].parts.push_front(part);
    }

    /// The fewest fresh rows that are worth a call.
    fn fewest_fresh(&self) -> u32 {
        if self.holds_rests {
            self.settings.limits.members_per_call
        } else {
            1
        }
    }

    /// Puts a row among those that wait.
    pub(super) fn wait(&mut self, lane: LaneId, due: Duration, ticket: Ticket) {
        self.lanes[lane.index()].waiting.insert((due, ticket));
        self.waiting += 1;
    }

    /// Tells the agenda what the channel has to do now.
    pub(super) fn place(&mut self, channel: ChannelId) {
        let state = &self.channels[channel.index()];
        let lanes = || {
            state
                .lanes
                .iter()
                .map(|lane| &self.lanes[lane.index()])
                .filter(|lane| !lane.closed)
        };
        let fewest = self.fewest_fresh();
        let due = lanes().filter_map(|lane| lane.due(fewest)).min();
        let work = due.map(|due| Work {
            at: due.max(state.next),
            again_at: lanes()
                .filter_map(Lane::earliest_again)
                .min()
                .map(|due| due.max(state.next)),
            calls_left: lanes()
                .map(|lane| lane.calls_left(self.settings.limits.members_per_call))
                .sum(),
        });
        self.agenda.place(channel, work);
    }
}
