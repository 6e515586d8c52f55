//! Random values from a seed.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A random number generator with the distributions that a case needs.
pub(super) struct SeededRng(StdRng);

impl SeededRng {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number of the range; all are equally likely.
    pub(super) fn in_range<N>(&mut self, range: RangeInclusive<N>) -> N
    where
        N: rand::distr::uniform::SampleUniform + PartialOrd,
    {
        self.0.random_range(range)
    }

    /// True once in this many times, on average.
    pub(super) fn one_in(&mut self, times: u32) -> bool {
        self.in_range(1..=times) == 1
    }

    /// A number between these, with each order of magnitude equally likely.
    pub(super) fn log_uniform(&mut self, least: f64, most: f64) -> f64 {
        self.in_range(least.ln()..=most.ln()).exp()
    }

    /// A duration between these, with each order of magnitude equally likely.
    pub(super) fn duration(&mut self, least_ms: f64, most_ms: f64) -> Duration {
        // In milliseconds, the resolution of tokio's timer.
        Duration::from_secs_f64(self.log_uniform(least_ms, most_ms).floor() / 1e3)
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.in_range(0..=of.len() - 1)]
    }
}
