//! How long to wait before trying again.
//!
//! The one user of the crate `backoff`, which is unmaintained (RUSTSEC-2025-0012): it computes the
//! exponential growth. Its own jitter cannot be seeded and is turned off; ours is drawn from the
//! run's seed.

use std::time::Duration;

use backoff::SystemClock;
use backoff::backoff::Backoff;
use backoff::exponential::ExponentialBackoff;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// First ceiling: about one channel slot, so that a first retry rides in the channel's next call.
const FIRST: Duration = Duration::from_secs(1);
/// Largest ceiling: long enough to spare a struggling service, short enough that a run of
/// `max_attempts` ends within minutes.
const LARGEST: Duration = Duration::from_secs(30);

/// Exponential delays with full jitter: uniform between zero and a ceiling that doubles.
#[derive(Debug)]
pub struct RetryDelays {
    ceilings: Vec<Duration>,
    random: StdRng,
}

impl RetryDelays {
    /// Delays drawn from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut growth = ExponentialBackoff::<SystemClock> {
            current_interval: FIRST,
            initial_interval: FIRST,
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: LARGEST,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        let mut ceilings = Vec::new();
        while let Some(ceiling) = growth.next_backoff() {
            // With no jitter the crate may still add a nanosecond.
            let ceiling = ceiling.min(LARGEST);
            let grows = ceilings.last().is_none_or(|last| ceiling > *last);
            if !grows {
                break;
            }
            ceilings.push(ceiling);
        }
        Self {
            ceilings,
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// The delay after the `attempt`-th failure in a row (from 1).
    pub fn after(&mut self, attempt: u32) -> Duration {
        let share = self.draw();
        self.part(attempt, share)
    }

    /// Draws the share of their ceilings that several delays have in common.
    pub fn draw(&mut self) -> f64 {
        self.random.random()
    }

    /// This share of the ceiling after the `attempt`-th failure in a row.
    #[must_use]
    pub fn part(&self, attempt: u32, share: f64) -> Duration {
        self.ceiling(attempt).mul_f64(share)
    }

    /// The longest delay that [`after`](Self::after) returns.
    #[must_use]
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let step = (attempt.max(1) as usize - 1).min(self.ceilings.len().saturating_sub(1));
        self.ceilings.get(step).copied().unwrap_or(LARGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_up_to_the_largest() {
        let delays = RetryDelays::new(1);
        let seconds: Vec<u64> = (1..=7).map(|n| delays.ceiling(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn the_same_seed_gives_the_same_delays_below_the_ceiling() {
        let draw = |seed| {
            let mut delays = RetryDelays::new(seed);
            (1..50).map(|n| delays.after(n)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|delay| *delay <= LARGEST));
    }
}
