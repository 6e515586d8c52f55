//! Chance, from a seed.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Chance, from a seed.
pub(super) struct Dice(StdRng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number of the range, each as likely.
    pub(super) fn of<N>(&mut self, range: RangeInclusive<N>) -> N
    where
        N: rand::distr::uniform::SampleUniform + PartialOrd,
    {
        self.0.random_range(range)
    }

    /// True so often.
    pub(super) fn once_in(&mut self, times: u32) -> bool {
        self.of(1..=times) == 1
    }

    /// A number between these, small ones as likely as large ones.
    pub(super) fn wide(&mut self, least: f64, most: f64) -> f64 {
        self.of(least.ln()..=most.ln()).exp()
    }

    /// A time between these, short ones as likely as long ones.
    pub(super) fn time(&mut self, least_ms: f64, most_ms: f64) -> Duration {
        // To the millisecond, as tokio's timer.
        Duration::from_secs_f64(self.wide(least_ms, most_ms).floor() / 1e3)
    }

    /// Any one of these.
    pub(super) fn any<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.of(0..=of.len() - 1)]
    }
}
