//! Whose limit a throttled call has met, and what follows.
//!
//! A 429 does not show whether it was the channel's limit or the bearer's (undocumented), but the
//! circumstances do: a channel that was not called lately cannot be over its limit, and a bearer
//! who is throttled on another channel too is over his own.

use std::time::Duration;

use super::{InFlightCall, Scheduler};

/// A channel called no longer ago than this many of its intervals may be over its limit.
const LATELY: f64 = 1.5;
/// Throttled so often in a row, the channel is to blame even so: others share its limit.
const OFTEN: u32 = 2;

impl Scheduler {
    /// A call was throttled. Refusals of calls sent before an episode began belong to it.
    pub(super) fn on_throttled(&mut self, now: Duration, flight: &InFlightCall) {
        let channel = &mut self.channels[flight.channel.index()];
        let is_elsewhere = self
            .bearers
            .is_refused_elsewhere(flight.bearer, flight.channel);
        self.bearers.throttled(flight.bearer, flight.channel);
        if channel.cooled_at.is_some_and(|at| flight.sent_at < at) {
            return;
        }
        channel.cooled_at = Some(now);
        channel.throttled_in_row += 1;
        let apart = channel.apart(flight.sent_at);
        let interval = channel.interval(self.interval, self.lifts);
        let is_tight = apart.is_some_and(|apart| apart < interval.mul_f64(LATELY));
        let is_channels = is_tight || channel.level > 0 || channel.throttled_in_row > OFTEN;
        if is_elsewhere || !is_channels {
            self.bearers.slow_down(flight.bearer, flight.sent_at, now);
            return;
        }
        if let (Some(spacing), Some(apart)) = (&mut channel.spacing, apart)
            && spacing.is_early(apart)
        {
            spacing.refused_early(apart, self.lifts);
            let due = channel.accepted_at.unwrap_or_default()
                + spacing.interval(self.lifts)
                + self.arrival_margin.margin(None);
            channel.next = due.max(flight.sent_at + self.interval);
            return;
        }
        channel.level += 1;
        if channel.level == 1 {
            // As a rule it came a little too early; by the time it may be called again it is late
            // enough.
            self.arrival_margin.refused();
        } else {
            channel.next = channel.next.max(now + self.delays.after(channel.level));
        }
    }

    /// A call was accepted.
    pub(super) fn on_accepted(&mut self, now: Duration, flight: &InFlightCall) {
        let round_trip = now.saturating_sub(flight.sent_at);
        self.arrival_margin.accepted(round_trip);
        let channel = &mut self.channels[flight.channel.index()];
        let mut lifted = self
            .bearers
            .accepted(flight.bearer, flight.channel, flight.sent_at);
        lifted |= channel.learn(flight.sent_at, self.interval, self.lifts);
        self.lifts += u32::from(lifted);
        channel.accepted_at = channel.accepted_at.max(Some(flight.sent_at));
        channel.throttled_in_row = 0;
        channel.level = 0;
        let is_last = channel.called_at == flight.sent_at;
        if is_last && channel.cooled_at.is_none_or(|at| at < flight.sent_at) {
            let due = flight.sent_at
                + channel.interval(self.interval, self.lifts)
                + self.arrival_margin.margin(Some(round_trip));
            channel.next = channel.next.min(due);
        }
    }
}
