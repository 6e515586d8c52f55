//! The rate limiter of the AWS SDK's adaptive retry mode, as the source of `aws-smithy-runtime`
//! describes it (`client_rate_limiter.rs`): a token bucket that the first refusal switches on, and
//! whose rate follows CUBIC from then on.

use std::time::Duration;

const MIN_FILL_RATE: f64 = 0.5;
const MIN_CAPACITY: f64 = 1.0;
const SMOOTH: f64 = 0.8;
/// What a refusal leaves of the rate.
const BETA: f64 = 0.7;
/// How fast the rate grows again.
const SCALE_CONSTANT: f64 = 0.4;

/// The state of the limiter. Times are in seconds since the start.
#[derive(Debug)]
pub(super) struct RateEstimate {
    is_enabled: bool,
    fill_rate: f64,
    max_capacity: f64,
    capacity: f64,
    refilled_at: Option<f64>,
    /// The calls per second that were counted, smoothed.
    measured_rate: f64,
    /// The half second that is being counted, and its calls.
    half_second: f64,
    calls: f64,
    /// The rate at the last refusal, and its time.
    rate_at_refusal: f64,
    refused_at: f64,
}

impl RateEstimate {
    /// A limiter that is off until the first refusal.
    pub(super) fn new() -> Self {
        Self {
            is_enabled: false,
            fill_rate: 0.0,
            max_capacity: f64::MAX,
            capacity: 0.0,
            refilled_at: None,
            measured_rate: MIN_FILL_RATE,
            half_second: 0.0,
            calls: 0.0,
            rate_at_refusal: 0.0,
            refused_at: 0.0,
        }
    }

    /// Takes tokens.
    ///
    /// # Errors
    /// If there are too few: the time after which there may be enough. Nothing is taken.
    pub(super) fn acquire(&mut self, cost: f64, now: f64) -> Result<(), Duration> {
        if !self.is_enabled {
            return Ok(());
        }
        self.refill(now);
        if cost > self.capacity {
            let missing = Duration::from_secs_f64((cost - self.capacity) / self.fill_rate);
            if !missing.is_zero() {
                return Err(missing);
            }
        }
        self.capacity = (self.capacity - cost).max(0.0);
        Ok(())
    }

    /// Learns from the answer to a call.
    pub(super) fn on_answer(&mut self, is_refused: bool, now: f64) {
        self.measure(now);
        let rate = if is_refused {
            let rate = if self.is_enabled {
                self.measured_rate.min(self.fill_rate)
            } else {
                self.measured_rate
            };
            (self.rate_at_refusal, self.refused_at) = (rate, now);
            self.is_enabled = true;
            rate * BETA
        } else {
            self.cubic(now)
        };
        self.refill(now);
        let rate = rate.min(2.0 * self.measured_rate);
        self.fill_rate = rate.max(MIN_FILL_RATE);
        self.max_capacity = rate.max(MIN_CAPACITY);
        self.capacity = self.capacity.min(self.max_capacity);
    }

    fn refill(&mut self, now: f64) {
        if let Some(before) = self.refilled_at {
            let filled = self.capacity + (now - before) * self.fill_rate;
            self.capacity = filled.min(self.max_capacity);
        }
        self.refilled_at = Some(now);
    }

    fn measure(&mut self, now: f64) {
        let half_second = (now * 2.0).floor() / 2.0;
        self.calls += 1.0;
        if half_second > self.half_second {
            let rate = self.calls / (half_second - self.half_second);
            self.measured_rate = rate * SMOOTH + self.measured_rate * (1.0 - SMOOTH);
            self.calls = 0.0;
            self.half_second = half_second;
        }
    }

    /// The rate that grows slowly up to the one at the last refusal, and then ever faster.
    fn cubic(&self, now: f64) -> f64 {
        let window = (self.rate_at_refusal * (1.0 - BETA) / SCALE_CONSTANT).cbrt();
        let since = now - self.refused_at - window;
        SCALE_CONSTANT * since.powi(3) + self.rate_at_refusal
    }
}

#[cfg(test)]
mod tests {
    fn assert_near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-6, "{value}, not {expected}");
    }

    #[test]
    fn rates_are_those_of_the_sdks_tests() {
        use super::RateEstimate;

        let mut limiter = RateEstimate {
            measured_rate: 0.0,
            ..RateEstimate::new()
        };
        // When, whether it is refused, the measured rate and the fill rate after that.
        for (now, is_refused, measured, filled) in [
            (0.2, false, 0.0, 0.5),
            (0.4, false, 0.0, 0.5),
            (0.6, false, 4.8, 0.5),
            (0.8, false, 4.8, 0.5),
            (1.0, false, 4.16, 0.5),
            (1.2, false, 4.16, 0.6912),
            (1.4, false, 4.16, 1.0976),
            (1.6, false, 5.632, 1.6384),
            (1.8, false, 5.632, 2.3328),
            (2.0, true, 4.3264, 3.02848),
            (2.2, false, 4.3264, 3.486_639_173_470_26),
            (2.4, false, 4.3264, 3.821_874_416_040_255),
            (2.6, false, 5.66528, 4.053_385_727_709_987),
            (2.8, false, 5.66528, 4.200_373_108_479_454),
            (3.0, false, 4.333_056, 4.282_036_558_348_658),
            (3.2, true, 4.333_056, 2.997_425_590_844_06),
            (3.4, false, 4.333_056, 3.452_226_394_386_346_3),
        ] {
            limiter.on_answer(is_refused, now);
            assert_near(limiter.measured_rate, measured);
            assert_near(limiter.fill_rate, filled);
        }
    }

    #[test]
    fn the_first_refusal_switches_the_bucket_on() {
        use super::RateEstimate;

        let mut limiter = RateEstimate::new();
        assert!((0..100).all(|_| limiter.acquire(1.0, 0.0).is_ok()));
        limiter.on_answer(true, 0.0);
        // Half a token a second: 0.05 tokens are there.
        let missing = limiter.acquire(1.0, 0.1).unwrap_err();
        assert_near(missing.as_secs_f64(), 1.9);
        assert_near(limiter.capacity, 0.05);
        assert_eq!(limiter.acquire(1.0, 2.0), Ok(()));
    }
}
