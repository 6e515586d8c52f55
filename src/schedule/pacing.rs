//! When each channel and each bearer may be called next, and whose limit a throttled call has met.
//!
//! A 429 does not show whether it was the channel's limit or the bearer's (undocumented), but the
//! circumstances do: a channel that was not called shortly before cannot be over its limit, and a
//! bearer that is throttled on several channels in a row is over its own, and where several bearers
//! are, one after the other, it is a limit on all calls together. AWS documents none, and does not say
//! what its quota of batch calls "per resource" counts.

use std::collections::HashMap;
use std::time::Duration;

use super::arrival_margin::ArrivalMargin;
use super::channel_pace::{ChannelPace, CoolDown};
use super::rate_pacer::RatePacer;
use super::timeout::Timeout;
use super::{InFlightCall, RetryDelays, SchedulerConfig};
use crate::model::{ChannelId, Operation};

/// Most calls of one bearer at once.
const MAX_BURST: u32 = 100;
/// Calls at once within the limit on all calls: a late one is made up for by one. From 1 to 4 no figure
/// of the bench changes.
const CATCH_UP: u32 = 2;

/// Throttled calls in a row that show a limit beyond those of single channels, each of another channel:
/// the bearer's; and of several bearers one after the other: that on all calls together. One may have
/// come early on its channel. Up to six change no ratio by more than 0.01; with one, a halved limit takes
/// twice as long.
const SEVERAL: u32 = 2;

/// A bearer's calls.
#[derive(Debug)]
struct BearerPace {
    rate: RatePacer,
    /// The channels of its throttled calls since its last success.
    throttled_on: InRow<ChannelId>,
}

/// Throttled calls in a row, each of another channel or bearer than the one before: how many, and the
/// last.
#[derive(Debug, Clone, Copy)]
struct InRow<T>(Option<(u32, T)>);

impl<T: PartialEq> InRow<T> {
    /// One more. Returns how many it is now.
    fn add(&mut self, one: T) -> u32 {
        let count = match self.0.take() {
            Some((count, last)) => count + u32::from(last != one),
            None => 1,
        };
        self.0 = Some((count, one));
        count
    }
}

impl<T> Default for InRow<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// The pace of all calls.
#[derive(Debug)]
pub(super) struct Pacing {
    operation: Operation,
    channels: Vec<ChannelPace>,
    /// Calls with a single member on the channels that have any.
    singles: HashMap<ChannelId, RatePacer>,
    single_rate: Option<f64>,
    bearers: Vec<BearerPace>,
    /// Over all calls together: as configured, or as learned.
    total: Option<RatePacer>,
    /// The bearers that met a limit beyond the channels' since the last success.
    throttled_bearers: InRow<usize>,
    /// That of a channel's limit, as configured.
    interval: Duration,
    arrival_margin: ArrivalMargin,
    timeout: Timeout,
    /// Whether refused calls count against a channel's limit: a call that was sent again at once was
    /// refused again.
    refused_calls_count: bool,
    /// How many times a limit was found to have lifted: others are then asked anew.
    lifts: u32,
}

impl Pacing {
    pub(super) fn new(settings: &SchedulerConfig) -> Self {
        let SchedulerConfig {
            limits,
            operation,
            bearers,
            answer_timeout,
            ..
        } = settings;
        let interval = Duration::from_secs_f64(1.0 / limits.channel_rate);
        let burst = limits.bearer_burst().min(MAX_BURST);
        let bearer = || BearerPace {
            rate: RatePacer::new(limits.bearer_rate, burst),
            throttled_on: InRow::default(),
        };
        Self {
            operation: *operation,
            channels: Vec::new(),
            singles: HashMap::new(),
            single_rate: limits.single_rate,
            bearers: std::iter::repeat_with(bearer)
                .take((*bearers).max(1))
                .collect(),
            total: limits.max_rate.map(|rate| RatePacer::new(rate, CATCH_UP)),
            throttled_bearers: InRow::default(),
            interval,
            arrival_margin: ArrivalMargin::new(interval),
            timeout: Timeout::new(*answer_timeout),
            refused_calls_count: false,
            lifts: 0,
        }
    }

    /// A channel is in play.
    pub(super) fn open(&mut self, channel: ChannelId) {
        if self.channels.len() <= channel.index() {
            self.channels
                .resize_with(channel.index() + 1, ChannelPace::default);
        }
    }

    /// When a channel may be called next.
    pub(super) fn next_on(&self, channel: ChannelId) -> Duration {
        let next = self.channels[channel.index()].next();
        match self.operation {
            Operation::Batch | Operation::Read => next,
            Operation::Single | Operation::Remove => next.max(self.next_single(channel)),
        }
    }

    /// When a member may be added to a channel by a single add next.
    pub(super) fn next_single(&self, channel: ChannelId) -> Duration {
        self.singles
            .get(&channel)
            .map_or(Duration::ZERO, RatePacer::next)
    }

    /// Whether a channel waits because it was throttled.
    pub(super) fn is_cooling(&self, channel: ChannelId, now: Duration) -> bool {
        self.channels[channel.index()].is_cooling(now)
    }

    /// How often in a row a channel met its own limit.
    #[cfg(test)]
    pub(super) fn cool_downs(&self, channel: ChannelId) -> u32 {
        self.channels[channel.index()].cool_downs()
    }

    /// Of these bearers the one that may call first, and when.
    pub(super) fn first_of(
        &self,
        bearers: impl Iterator<Item = usize>,
    ) -> Option<(usize, Duration)> {
        let (bearer, at) = bearers
            .map(|bearer| (bearer, self.bearers[bearer].rate.next()))
            .min_by_key(|(_, at)| *at)?;
        let total = self.total.as_ref().map_or(Duration::ZERO, RatePacer::next);
        Some((bearer, at.max(total)))
    }

    /// When the next calls of these bearers may leave, if none leaves but these: at most so many.
    pub(super) fn slots(
        &self,
        bearers: impl Iterator<Item = usize>,
        count: usize,
    ) -> Vec<Duration> {
        let slots = bearers.flat_map(|bearer| self.bearers[bearer].rate.slots().take(count));
        let mut slots: Vec<Duration> = slots.collect();
        slots.sort_unstable();
        slots.truncate(count);
        if let Some(total) = &self.total {
            let pairs = slots.into_iter().zip(total.slots());
            slots = pairs.map(|(slot, total)| slot.max(total)).collect();
        }
        slots
    }

    /// The least time for so many calls of these bearers.
    pub(super) fn time_for(&self, calls: u64, bearers: impl Iterator<Item = usize>) -> Duration {
        let pool = self.pool_rate(bearers);
        let total = self.total.as_ref();
        let rate = total.map_or(pool, |total| pool.min(total.rate()));
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = calls as f64 / rate.max(f64::MIN_POSITIVE);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// The calls per second of these bearers, if no limit on all calls is lower.
    fn pool_rate(&self, bearers: impl Iterator<Item = usize>) -> f64 {
        bearers.map(|bearer| self.bearers[bearer].rate.rate()).sum()
    }

    /// The calls per second in all that were found to be the limit, if they are fewer than configured. A
    /// single bearer's limit is one on all calls.
    pub(super) fn learned_rate(&self) -> Option<f64> {
        let alone = match &*self.bearers {
            [bearer] => Some(&bearer.rate),
            _ => None,
        };
        let tight = self
            .total
            .iter()
            .chain(alone)
            .filter(|pacer| pacer.is_tight());
        tight.map(RatePacer::rate).min_by(f64::total_cmp)
    }

    /// The time from one call on a channel to the next, as a rule.
    pub(super) fn channel_interval(&self) -> Duration {
        self.interval + self.arrival_margin.usual()
    }

    /// How long the answer to a call made now is waited for.
    pub(super) fn answer_timeout(&self) -> Duration {
        self.timeout.next(self.arrival_margin.longest())
    }

    /// A call is made.
    pub(super) fn on_sent(
        &mut self,
        channel: ChannelId,
        bearer: usize,
        operation: Operation,
        now: Duration,
    ) {
        if let (Operation::Single | Operation::Remove, Some(rate)) = (operation, self.single_rate) {
            let new = || RatePacer::new(rate, CATCH_UP);
            self.singles.entry(channel).or_insert_with(new).spend(now);
        } else {
            self.was_called(channel, now);
        }
        self.bearer_was_called(bearer, now);
    }

    /// A bearer made a call, on whatever channel.
    pub(super) fn bearer_was_called(&mut self, bearer: usize, now: Duration) {
        self.bearers[bearer].rate.spend(now);
        if let Some(total) = &mut self.total {
            total.spend(now);
        }
    }

    /// A channel was called with a batch. By itself for an earlier session's call, by a bearer that this
    /// one does not have.
    pub(super) fn was_called(&mut self, channel: ChannelId, sent_at: Duration) {
        let margin = self.arrival_margin.margin(None);
        self.channels[channel.index()].on_sent(sent_at, self.interval, self.lifts, margin);
    }

    /// A call that was planned is not made: channel and bearer are due again at `next`.
    pub(super) fn not_sent(
        &mut self,
        channel: ChannelId,
        bearer: usize,
        operation: Operation,
        next: Duration,
    ) {
        if let Some(single) = single_of(&mut self.singles, channel, operation) {
            single.take_back();
            single.postpone(next);
        } else {
            self.channels[channel.index()].reset(next);
        }
        let rate = &mut self.bearers[bearer].rate;
        rate.take_back();
        rate.postpone(next);
        if let Some(total) = &mut self.total {
            total.take_back();
        }
    }

    /// A call leaves this much later than it was planned, at `sent_at`.
    pub(super) fn delay(&mut self, flight: &InFlightCall, by: Duration) {
        let planned = flight.sent_at.saturating_sub(by);
        if let Some(single) = single_of(&mut self.singles, flight.channel, flight.operation) {
            single.delay(planned, by);
        } else {
            self.channels[flight.channel.index()].delay(flight.sent_at, by);
        }
        self.bearers[flight.bearer].rate.delay(planned, by);
        if let Some(total) = &mut self.total {
            total.delay(planned, by);
        }
    }

    /// The channel is not called before then.
    pub(super) fn postpone(&mut self, channel: ChannelId, until: Duration) {
        self.channels[channel.index()].postpone(until);
    }

    /// An answer was lost.
    pub(super) fn on_lost(&mut self) {
        self.timeout.lost();
    }

    /// A call was throttled. Refusals of calls sent before an episode began belong to it.
    pub(super) fn on_throttled(
        &mut self,
        now: Duration,
        flight: &InFlightCall,
        delays: &mut RetryDelays,
    ) {
        let (sent_at, interval, lifts) = (flight.sent_at, self.interval, self.lifts);
        let bearer = &mut self.bearers[flight.bearer];
        let channels_in_row = bearer.throttled_on.add(flight.channel);
        let channel = &mut self.channels[flight.channel.index()];
        if let Some(single) = single_of(&mut self.singles, flight.channel, flight.operation) {
            if flight.operation == Operation::Remove && channels_in_row >= SEVERAL {
                self.met_shared_limit(now, flight);
            } else {
                // Also where it was the bearer's limit: a single add is never urgent.
                single.refused(sent_at, now);
            }
            return;
        }
        if !channel.begins_episode(sent_at, now) {
            return;
        }
        if channels_in_row >= SEVERAL || !channel.may_be_at_limit(sent_at, interval, lifts) {
            self.met_shared_limit(now, flight);
            return;
        }
        let margin = self.arrival_margin.usual();
        channel.answered(sent_at, interval, lifts, margin);
        if channel.refused_early(sent_at, interval, lifts, margin) {
            return;
        }
        match channel.cool_down(sent_at, interval) {
            // A single 429 usually means that the call arrived slightly early: by now it is time.
            CoolDown::First if !self.refused_calls_count => {
                channel.send_again(now, interval, margin);
                bearer.rate.refund(sent_at);
                if let Some(total) = &mut self.total {
                    total.refund(sent_at);
                }
            }
            CoolDown::First => {}
            // Either refused calls count, and sending again is of no use, or the limit is longer.
            CoolDown::SentAgain => {
                self.refused_calls_count = true;
                channel.wait_longer(now, interval, margin);
            }
            CoolDown::Again(ceiling) => channel.postpone(now + delays.below(ceiling)),
        }
    }

    /// A call met the limit of its bearer, or the one on all calls together.
    fn met_shared_limit(&mut self, now: Duration, flight: &InFlightCall) {
        let bearers_in_row = self.throttled_bearers.add(flight.bearer);
        if let Some(total) = self.total.as_mut().filter(|total| total.is_tight()) {
            total.refused(flight.sent_at, now);
        } else if bearers_in_row >= SEVERAL {
            self.forget_refusals();
            let pool = self.pool_rate(0..self.bearers.len());
            let new = || RatePacer::new(pool, CATCH_UP);
            self.total
                .get_or_insert_with(new)
                .refused(flight.sent_at, now);
        } else {
            self.bearers[flight.bearer]
                .rate
                .refused(flight.sent_at, now);
        }
    }

    /// Calls are refused whatever their pace: what was refused since a call was last accepted shows
    /// nothing of the limits, and no channel waits for it.
    pub(super) fn forget_refusals(&mut self) {
        for channel in &mut self.channels {
            channel.forget_refusals(self.interval, self.lifts);
        }
        for bearer in &mut self.bearers {
            bearer.throttled_on = InRow::default();
            bearer.rate.forget_refusals();
        }
        self.throttled_bearers = InRow::default();
    }

    /// A call was accepted.
    pub(super) fn on_accepted(&mut self, now: Duration, flight: &InFlightCall) {
        let sent_at = flight.sent_at;
        let round_trip = now.saturating_sub(sent_at);
        self.timeout.answered();
        self.arrival_margin.accepted(round_trip);
        let bearer = &mut self.bearers[flight.bearer];
        bearer.throttled_on = InRow::default();
        self.throttled_bearers = InRow::default();
        if let Some(total) = &mut self.total {
            self.lifts += u32::from(total.accepted(sent_at));
        }
        if let Some(single) = single_of(&mut self.singles, flight.channel, flight.operation) {
            single.accepted(sent_at);
            self.lifts += u32::from(bearer.rate.accepted(sent_at));
            return;
        }
        let channel = &mut self.channels[flight.channel.index()];
        let is_bearers = bearer.rate.accepted(sent_at);
        let late = self.arrival_margin.latest(round_trip);
        let is_channels = channel.on_accepted(sent_at, late, self.interval, self.lifts);
        self.lifts += u32::from(is_bearers || is_channels);
        let margin = self.arrival_margin.margin(Some(round_trip));
        channel.shorten(sent_at, self.interval, self.lifts, margin);
    }
}

/// The pace of calls with a single member on a channel, if the call is one.
fn single_of(
    singles: &mut HashMap<ChannelId, RatePacer>,
    channel: ChannelId,
    operation: Operation,
) -> Option<&mut RatePacer> {
    match operation {
        Operation::Single | Operation::Remove => singles.get_mut(&channel),
        Operation::Batch | Operation::Read => None,
    }
}
