//! The scheduler: a state machine that is told the time and what happened, and says what to do.
//!
//! Promises: a call is never empty or above 100; a row is in one call at a time; a final verdict
//! is never taken back; every run ends. Must not: read a clock, wait, or do I/O.

use std::time::Duration;

use super::agenda::{Agenda, Work};
use super::bearers::Bearers;
use super::channel::{Channel, Lane};
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
    /// Rows that may wait for another try before no fresh ones are drawn: bounds memory while the
    /// service refuses everything.
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

/// Share of a channel's interval added to it, so that jitter on the way does not bring two calls
/// closer than the limit.
const GUARD: f64 = 0.03;
/// Failed calls in a row, with none accepted between, from which on the service counts as down.
pub(super) const OUTAGE_AFTER: u32 = 3;
/// Fewest refused calls before patience can end.
pub(super) const OUTAGE_PROBES: u32 = 10;

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
    pub(super) health: Health,
    /// Calls forbidden before anything was accepted: poison if something is, denial if not.
    pub(super) suspended: Vec<(Flight, Refusal)>,
    pub(super) stop: Option<Stop>,
    pub(super) failures: u64,
    pub(super) settled: u64,
    guard: Duration,
    staging: bool,
    /// Whether fresh rows go out in full calls only: the list may bring more of their channel.
    holds_rests: bool,
    draining: bool,
}

/// Whether the service works, as the calls tell.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Whether any call was ever accepted.
    pub(super) accepted: bool,
    /// Failed calls since the last accepted one (throttled ones not counted).
    pub(super) failed_in_row: u32,
    /// Refused calls since the last accepted one, throttled ones too.
    pub(super) refused_in_row: u32,
    /// When the first of those came back.
    pub(super) refused_since: Option<Duration>,
    /// During an outage: when to probe next.
    pub(super) probe_at: Duration,
}

impl Scheduler {
    /// A scheduler with nothing to do yet; rows will be staged.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            bearers: Bearers::new(&settings.limits, settings.bearers),
            delays: RetryDelays::new(settings.seed),
            guard: Duration::from_secs_f64((1.0 + GUARD) / settings.limits.channel_rate),
            settings,
            channels: Vec::new(),
            lanes: Vec::new(),
            agenda: Agenda::default(),
            in_flight: 0,
            waiting: 0,
            health: Health::default(),
            suspended: Vec::new(),
            stop: None,
            failures: 0,
            settled: 0,
            staging: true,
            holds_rests: true,
            draining: false,
        }
    }

    /// Opens the next lane, on a channel that is known or new. Lanes and channels are numbered
    /// from 0 in the order in which they are opened.
    pub fn open_lane(&mut self, channel: ChannelId) -> LaneId {
        let lane = LaneId(u32::try_from(self.lanes.len()).unwrap_or(u32::MAX));
        if self.channels.len() <= channel.index() {
            self.channels
                .resize_with(channel.index() + 1, Channel::default);
        }
        self.channels[channel.index()].lanes.push(lane);
        self.lanes.push(Lane::new(channel));
        lane
    }

    /// How many lanes are open.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Closes a lane that an earlier session found closed.
    pub fn close_lane(&mut self, lane: LaneId) {
        self.lanes[lane.index()].close();
    }

    /// So many more rows of the lane wait to be drawn: in full calls, until
    /// [`release_rests`](Self::release_rests) or [`end_staging`](Self::end_staging). Gives how many of them failed at once,
    /// because the lane is closed.
    pub fn stage(&mut self, lane: LaneId, rows: u64) -> u64 {
        let state = &mut self.lanes[lane.index()];
        if state.closed {
            self.settled += rows;
            self.failures += rows;
            self.judge_failures();
            return rows;
        }
        state.fresh += rows;
        let channel = state.channel;
        self.holds_rests = self.staging;
        self.place(channel);
        0
    }

    /// A row that an earlier session tried is to be tried again, at once; not if its lane is
    /// closed: then it stays as it is, in doubt.
    pub fn take_up(&mut self, lane: LaneId, ticket: Ticket) {
        if self.lanes[lane.index()].closed {
            return;
        }
        self.wait(lane, Duration::ZERO, ticket);
        self.place(self.lanes[lane.index()].channel);
    }

    /// An earlier session of this run had calls accepted: a denial now is no denial of the bearer.
    pub fn was_accepted_before(&mut self) {
        self.health.accepted = true;
    }

    /// The list is read: no more rows will be staged.
    pub fn end_staging(&mut self) {
        self.staging = false;
        self.release_rests();
    }

    /// The list is slow: what is there of it goes out, be it less than a full call.
    pub fn release_rests(&mut self) {
        if std::mem::take(&mut self.holds_rests) {
            (0..)
                .zip(0..self.channels.len())
                .for_each(|(channel, _)| self.place(ChannelId(channel)));
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
    }

    /// Why the run is stopped, if it is.
    #[must_use]
    pub fn stopped(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// Calls under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether the service counts as down: one call at a time probes whether it is back.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.health.failed_in_row >= OUTAGE_AFTER
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
        if self.in_flight >= self.settings.limits.max_in_flight {
            return Step::Wait(None);
        }
        if self.is_outage() {
            if self.in_flight > 0 {
                return Step::Wait(None);
            }
            if self.health.probe_at > now {
                return Step::Wait(Some(self.health.probe_at));
            }
        }
        let (bearer, bearer_at) = self.bearers.first();
        let with_fresh = self.waiting < self.settings.max_waiting;
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
        let state = &mut self.channels[channel.index()];
        let (lanes, holds_rests) = (&mut self.lanes, self.holds_rests);
        let is_due = |lane: &Lane, holds_rests| {
            let due = if with_fresh {
                lane.due(holds_rests)
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
            .filter(|lane| is_due(&lanes[lane.index()], false))
            .max_by_key(|lane| {
                let lane = &lanes[lane.index()];
                (is_due(lane, holds_rests), lane.calls_left())
            })
            .unwrap_or(state.lanes[0]);
        let part = !lanes[lane.index()].parts.is_empty();
        let (again, fresh) = lanes[lane.index()].take(now, with_fresh);
        self.waiting -= again.len();
        state.next = now + self.guard;
        self.bearers.spend(bearer, now);
        self.in_flight += 1;
        self.place(channel);
        Order {
            lane,
            channel,
            bearer,
            again,
            fresh,
            part,
        }
    }

    /// The gate does not let this order pass before `until`: it is taken back.
    pub fn postpone(&mut self, order: Order, until: Duration) {
        self.in_flight -= 1;
        let lane = &mut self.lanes[order.lane.index()];
        if order.part {
            self.waiting += order.again.len();
            lane.parts.push_front(order.again);
        } else {
            lane.fresh += order.fresh as u64;
            for ticket in order.again {
                self.wait(order.lane, Duration::ZERO, ticket);
            }
        }
        let state = &mut self.channels[order.channel.index()];
        state.next = state.next.max(until);
        self.bearers.postpone(order.bearer, until);
        self.place(order.channel);
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
        let due = lanes().filter_map(|lane| lane.due(self.holds_rests)).min();
        let work = due.map(|due| Work {
            at: due.max(state.next),
            again_at: lanes()
                .filter_map(Lane::earliest_again)
                .min()
                .map(|due| due.max(state.next)),
            calls_left: lanes().map(Lane::calls_left).sum(),
        });
        self.agenda.place(channel, work);
    }
}
