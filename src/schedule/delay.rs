//! How long to wait before trying again.
//!
//! The one user of the crate `backoff`, which is unmaintained (RUSTSEC-2025-0012): it keeps where
//! each row of failures is. Its jitter cannot be seeded and is turned off; ours is drawn from the
//! run's seed.

use std::time::Duration;

use backoff::SystemClock;
use backoff::backoff::Backoff as _;
use backoff::exponential::ExponentialBackoff;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// First ceiling: about one channel slot, so that a first retry rides in the channel's next call.
const FIRST: Duration = Duration::from_secs(1);
/// Largest ceiling: long enough to spare a struggling service, short enough that a run of
/// `max_attempts` ends within minutes.
const LARGEST: Duration = Duration::from_secs(30);

/// A backoff: the ceiling of the delay doubles with each failure in a row.
#[derive(Debug)]
pub(super) struct Backoff(ExponentialBackoff<SystemClock>);

impl Backoff {
    /// No failure so far.
    pub(super) fn new() -> Self {
        Self(ExponentialBackoff {
            current_interval: FIRST,
            initial_interval: FIRST,
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: LARGEST,
            // With a limit here, the crate's clock would decide: time is the caller's.
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        })
    }

    /// A failure. Returns the longest delay after it.
    pub(super) fn next_ceiling(&mut self) -> Duration {
        // Without jitter the crate may still add a nanosecond.
        self.0.next_backoff().map_or(LARGEST, |at| at.min(LARGEST))
    }

    /// A success: the next failure is a first one.
    pub(super) fn reset(&mut self) {
        self.0.reset();
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

/// Exponential delays with full jitter: uniform between zero and a ceiling that doubles.
#[derive(Debug)]
pub struct RetryDelays(StdRng);

impl RetryDelays {
    /// Delays drawn from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Draws a delay below this ceiling.
    pub fn below(&mut self, ceiling: Duration) -> Duration {
        ceiling.mul_f64(self.draw())
    }

    /// Draws the share of their ceilings that several delays have in common.
    pub fn draw(&mut self) -> f64 {
        self.0.random()
    }

    /// This share of the ceiling after the `attempt`-th failure in a row (from 1). For rows: the
    /// ledger keeps how often each failed, and no more.
    #[must_use]
    pub fn part(attempt: u32, share: f64) -> Duration {
        let mut backoff = Backoff::new();
        let mut ceiling = backoff.next_ceiling();
        for _ in 1..attempt {
            if ceiling == LARGEST {
                break;
            }
            ceiling = backoff.next_ceiling();
        }
        ceiling.mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CEILINGS: [u64; 7] = [1, 2, 4, 8, 16, 30, 30];

    #[test]
    fn ceilings_double_up_to_the_largest_and_begin_again_after_a_reset() {
        let mut backoff = Backoff::new();
        for _ in 0..2 {
            let ceilings = CEILINGS.map(|_| backoff.next_ceiling().as_secs());
            assert_eq!(ceilings, CEILINGS);
            backoff.reset();
        }
    }

    #[test]
    fn a_row_that_failed_so_often_waits_as_long_as_failures_in_a_row() {
        for (attempt, ceiling) in (1..).zip(CEILINGS) {
            let half = RetryDelays::part(attempt, 0.5);
            assert_eq!(half, Duration::from_secs(ceiling) / 2);
        }
        assert_eq!(RetryDelays::part(u32::MAX, 1.0), LARGEST);
    }

    #[test]
    fn the_same_seed_gives_the_same_delays_below_the_ceiling() {
        let draw = |seed| {
            let mut delays = RetryDelays::new(seed);
            [LARGEST; 50].map(|ceiling| delays.below(ceiling))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|delay| *delay <= LARGEST));
    }
}
