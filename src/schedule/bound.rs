//! The least time a job can take at the limits.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Limits, quota};

/// The limit that sets the least time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// The rate of one channel: the largest channel takes the longest.
    Channel,
    /// The rates of all bearers together.
    Bearers,
    /// `--max-rate`.
    Total,
}

/// Calls needed, and the time they take at least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LowerBound {
    calls: u64,
    largest: u64,
}

impl LowerBound {
    /// Adds a channel with this many members, in full calls.
    pub fn add_channel(&mut self, members: u64) {
        self.add_calls(members.div_ceil(quota::MEMBERS_PER_CALL as u64));
    }

    /// Adds a channel that needs this many calls.
    pub fn add_calls(&mut self, calls: u64) {
        self.calls += calls;
        self.largest = self.largest.max(calls);
    }

    /// The fewest calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// The least time from the first call to the last, as they reach the service, and what sets it.
    /// Calls that may come at once take no time: one on each channel, one second's worth of each
    /// bearer (see [`Limits::bearer_burst`]), one under `--max-rate`. If no more calls than these are
    /// needed, nothing binds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "call counts are far below 2^52")]
    pub fn time(&self, limits: &Limits, bearers: usize) -> (Duration, Option<Binding>) {
        let after =
            |calls: u64, at_once: u64, rate: f64| calls.saturating_sub(at_once) as f64 / rate;
        let bearers = bearers.max(1) as u64;
        let burst = bearers.saturating_mul(limits.bearer_burst().into());
        let channel = after(self.largest, 1, limits.channel_rate);
        let pool = after(self.calls, burst, limits.bearer_rate * bearers as f64);
        let total = limits
            .max_rate
            .map_or(0.0, |rate| after(self.calls, 1, rate));
        let (seconds, binding) = if total > channel && total > pool {
            (total, Binding::Total)
        } else if pool > channel {
            (pool, Binding::Bearers)
        } else {
            (channel, Binding::Channel)
        };
        let binding = (seconds > 0.0).then_some(binding);
        (Duration::from_secs_f64(seconds), binding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_channel_or_the_bearers_bind() {
        let limits = Limits::of_region("us-east-1");
        let mut one = LowerBound::default();
        one.add_channel(10_000);
        assert_eq!(
            one.time(&limits, 1),
            (Duration::from_secs(99), Some(Binding::Channel))
        );

        let mut many = LowerBound::default();
        (0..200).for_each(|_| many.add_channel(1_000));
        assert_eq!(many.calls(), 2_000);
        assert_eq!(
            many.time(&limits, 4),
            (Duration::from_secs(49), Some(Binding::Bearers))
        );
        let headroom = Limits {
            max_rate: Some(5.0),
            ..limits
        };
        assert_eq!(many.time(&headroom, 4).1, Some(Binding::Total));
    }

    #[test]
    fn calls_that_may_come_at_once_take_no_time() {
        let limits = Limits::of_region("us-east-1");
        let nothing = (Duration::ZERO, None);
        let mut bound = LowerBound::default();
        assert_eq!(bound.time(&limits, 1), nothing);
        (0..10).for_each(|_| bound.add_channel(100));
        assert_eq!(bound.time(&limits, 1), nothing);
        bound.add_channel(1);
        let least = (Duration::from_millis(100), Some(Binding::Bearers));
        assert_eq!(bound.time(&limits, 1), least);
        assert_eq!(bound.time(&limits, 2), nothing);
        let capped = Limits {
            max_rate: Some(5.0),
            ..limits
        };
        let least = (Duration::from_secs(2), Some(Binding::Total));
        assert_eq!(bound.time(&capped, 2), least);
        let slow = Limits {
            bearer_rate: 0.5,
            ..limits
        };
        let least = (Duration::from_secs(20), Some(Binding::Bearers));
        assert_eq!(bound.time(&slow, 1), least);
    }
}
