//! A rate limit, judged exactly.
//!
//! Promises: nanosecond arithmetic, no rounding that lets a call through early. Must not: read a
//! clock; the caller passes the time.

use std::time::Duration;

/// What is left of a rate: the generic cell rate algorithm, in two words per channel or bearer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TokenBucket {
    /// When the bucket will be full again.
    full_at: Duration,
}

/// Fewest calls a second of any rate.
const MIN_RATE: f64 = 0.001;

/// A rate and how much of it may come at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// Time that one call takes out of the rate.
    interval: Duration,
    /// How far ahead of the steady pace a burst may run.
    lead: Duration,
}

impl Rate {
    /// So many calls a second, all of a second's worth of which may come at once.
    pub(super) fn per_second(rate: f64) -> Self {
        Self::new(rate, None)
    }

    /// Calls a second, and calls at once; by default a second's worth.
    pub(super) fn new(rate: f64, burst: Option<u32>) -> Self {
        let interval = Duration::from_secs_f64(1.0 / rate.max(MIN_RATE));
        Self {
            interval,
            lead: match burst {
                Some(calls) => interval * calls.saturating_sub(1),
                None => Duration::from_secs(1).saturating_sub(interval),
            },
        }
    }
}

impl TokenBucket {
    /// Whether a call now is within the rate.
    pub(super) fn has_room(self, rate: Rate, now: Duration) -> bool {
        now + rate.lead >= self.full_at
    }

    /// Takes one call out, whether or not there is room.
    pub(super) fn take(&mut self, rate: Rate, now: Duration) {
        self.full_at = self.full_at.max(now) + rate.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(rate: f64, at_ms: &[u64]) -> Vec<bool> {
        judged(Rate::per_second(rate), at_ms)
    }

    fn judged(rate: Rate, at_ms: &[u64]) -> Vec<bool> {
        let mut bucket = TokenBucket::default();
        let one = |ms: &u64| {
            let now = Duration::from_millis(*ms);
            let room = bucket.has_room(rate, now);
            if room {
                bucket.take(rate, now);
            }
            room
        };
        at_ms.iter().map(one).collect()
    }

    #[test]
    fn one_a_second_has_no_burst() {
        assert_eq!(
            allowed(1.0, &[0, 0, 999, 1000, 1999, 2500, 3499, 3500]),
            [true, false, false, true, false, true, false, true]
        );
    }

    #[test]
    fn ten_a_second_holds_one_seconds_worth() {
        let at: Vec<u64> = [vec![5000; 11], vec![5099, 5100, 5100, 5200]].concat();
        let expected = [vec![true; 10], vec![false, false, true, false, true]].concat();
        assert_eq!(allowed(10.0, &at), expected);
    }

    #[test]
    fn a_burst_can_be_set() {
        let at = [0, 0, 99, 100, 150, 400, 400, 400];
        assert_eq!(
            judged(Rate::new(10.0, Some(1)), &at),
            [true, false, false, true, false, true, false, false]
        );
        assert_eq!(
            judged(Rate::new(10.0, Some(2)), &at),
            [true, true, false, true, false, true, true, false]
        );
    }
}
