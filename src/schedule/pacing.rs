//! When each channel and each bearer may be called next, and whose limit a throttled call has met.
//!
//! A 429 does not show whether it was the channel's limit or the bearer's (undocumented), but the
//! circumstances do: a channel that was not called shortly before cannot be over its limit, and a
//! bearer that is throttled on another channel too is over its own.

use std::time::Duration;

use super::arrival_margin::ArrivalMargin;
use super::channel_pace::ChannelPace;
use super::rate_pacer::RatePacer;
use super::timeout::Timeout;
use super::{InFlightCall, RetryDelays};
use crate::model::{ChannelId, Limits};

/// A bearer's calls.
#[derive(Debug)]
struct BearerPace {
    rate: RatePacer,
    /// The channel of its last throttled call since its last success.
    throttled_on: Option<ChannelId>,
}

/// The pace of all calls.
#[derive(Debug)]
pub(super) struct Pacing {
    channels: Vec<ChannelPace>,
    bearers: Vec<BearerPace>,
    /// Over all calls together.
    total: Option<RatePacer>,
    /// That of a channel's limit, as configured.
    interval: Duration,
    arrival_margin: ArrivalMargin,
    timeout: Timeout,
    /// How many times a limit was found to have lifted: others are then asked anew.
    lifts: u32,
}

impl Pacing {
    pub(super) fn new(limits: &Limits, bearers: usize, answer_timeout: Duration) -> Self {
        let interval = Duration::from_secs_f64(1.0 / limits.channel_rate);
        let bearer = || BearerPace {
            rate: RatePacer::new(limits.bearer_rate),
            throttled_on: None,
        };
        Self {
            channels: Vec::new(),
            bearers: std::iter::repeat_with(bearer)
                .take(bearers.max(1))
                .collect(),
            total: limits.max_rate.map(RatePacer::new),
            interval,
            arrival_margin: ArrivalMargin::new(interval),
            timeout: Timeout::new(answer_timeout),
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
        self.channels[channel.index()].next()
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
        let total = self.total.map_or(Duration::ZERO, |total| total.next());
        Some((bearer, at.max(total)))
    }

    /// How long the answer to a call made now is waited for.
    pub(super) fn answer_timeout(&self) -> Duration {
        self.timeout.next(self.arrival_margin.longest())
    }

    /// A call is made.
    pub(super) fn on_sent(&mut self, channel: ChannelId, bearer: usize, now: Duration) {
        let margin = self.arrival_margin.margin(None);
        self.channels[channel.index()].on_sent(now, self.interval, self.lifts, margin);
        self.bearers[bearer].rate.spend(now);
        if let Some(total) = &mut self.total {
            total.spend(now);
        }
    }

    /// A call that was planned is not made: channel and bearer are due again at `next`.
    pub(super) fn not_sent(&mut self, channel: ChannelId, bearer: usize, next: Duration) {
        self.channels[channel.index()].reset(next);
        self.bearers[bearer].rate.postpone(next);
    }

    /// A call leaves this much later than it was planned, at `sent_at`.
    pub(super) fn delay(&mut self, flight: &InFlightCall, by: Duration) {
        self.channels[flight.channel.index()].delay(flight.sent_at, by);
        self.bearers[flight.bearer].rate.delay(by);
        if let Some(total) = &mut self.total {
            total.delay(by);
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
        let last = bearer.throttled_on.replace(flight.channel);
        let channel = &mut self.channels[flight.channel.index()];
        if !channel.begins_episode(sent_at, now) {
            return;
        }
        let is_elsewhere = last.is_some_and(|last| last != flight.channel);
        if is_elsewhere || !channel.may_be_at_limit(sent_at, interval, lifts) {
            bearer.rate.refused(sent_at, now);
            return;
        }
        let margin = self.arrival_margin.margin(None);
        if channel.refused_early(sent_at, interval, lifts, margin) {
            return;
        }
        match channel.cool_down() {
            // A single 429 usually means that the call arrived slightly early: the normal interval
            // is enough.
            None => self.arrival_margin.refused(),
            Some(ceiling) => channel.postpone(now + delays.below(ceiling)),
        }
    }

    /// A call was accepted.
    pub(super) fn on_accepted(&mut self, now: Duration, flight: &InFlightCall) {
        let sent_at = flight.sent_at;
        let round_trip = now.saturating_sub(sent_at);
        self.timeout.answered();
        self.arrival_margin.accepted(round_trip);
        let bearer = &mut self.bearers[flight.bearer];
        bearer.throttled_on = None;
        let channel = &mut self.channels[flight.channel.index()];
        let is_bearers = bearer.rate.accepted(sent_at);
        let is_channels = channel.on_accepted(sent_at, self.interval, self.lifts);
        self.lifts += u32::from(is_bearers || is_channels);
        let margin = self.arrival_margin.margin(Some(round_trip));
        channel.shorten(sent_at, self.interval, self.lifts, margin);
    }
}
