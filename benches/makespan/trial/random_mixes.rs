//! Random mixes of channels, and the figures of many trials together.

use std::time::Duration;

use chime_bulk::model::Limits;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::roster::Group;
use super::scenario::Scenario;

/// The most members in one call of a mix: few, so that a debug build is quick.
const MEMBERS_PER_CALL: u32 = 4;
const MAX_CHANNELS: u32 = 300;
/// The most calls on a channel.
const MAX_CALLS: u32 = 28;
const MAX_BEARERS: usize = 5;
/// Mixes with a shorter lower bound are drawn again: in those, a single round trip is a large share.
const SHORTEST: Duration = Duration::from_secs(5);

/// Mixes drawn from a seed: the number of channels, and the members of each, are log-uniform.
pub(crate) fn random_mixes(count: u64, seed: u64) -> Vec<Scenario> {
    (0..count).map(|number| random_mix(seed, number)).collect()
}

fn random_mix(seed: u64, number: u64) -> Scenario {
    let seed = seed.wrapping_mul(1_000_000).wrapping_add(number);
    let mut rng = StdRng::seed_from_u64(seed);
    let limits = Limits::of_region("us-east-1");
    loop {
        let channels = log_uniform(&mut rng, MAX_CHANNELS);
        let sizes = (0..channels).map(|_| log_uniform(&mut rng, MAX_CALLS * MEMBERS_PER_CALL));
        let roster = sizes.map(|members| Group::new(1, members.into())).collect();
        let bearers = rng.random_range(1..=MAX_BEARERS);
        let mix = Scenario::mix(seed, roster, bearers, MEMBERS_PER_CALL);
        let (least, _) = mix.roster().lower_bound().time(&limits, bearers);
        if least >= SHORTEST {
            return mix;
        }
    }
}

/// A whole number from 1 to `max`, whose logarithm is evenly distributed.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is from 1 to `max`"
)]
fn log_uniform(rng: &mut StdRng, max: u32) -> u32 {
    let number = (f64::from(max) + 1.0).powf(rng.random::<f64>());
    (number as u32).clamp(1, max)
}

/// The middle and the highest of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) worst: f64,
}

impl Spread {
    /// Of these values; the lower one of two in the middle. Not a number is the worst of all.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Self {
            median: at(values.len().saturating_sub(1) / 2),
            worst: at(values.len().saturating_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn mixes_are_of_all_sizes_and_the_same_seed_draws_the_same() {
        use super::*;

        let sizes = |mix: &Scenario| mix.roster().sizes().to_vec();
        let mixes = random_mixes(200, 5);
        let again = random_mixes(200, 5);
        assert!(mixes.iter().map(sizes).eq(again.iter().map(sizes)));
        let channels: Vec<usize> = mixes.iter().map(|mix| sizes(mix).len()).collect();
        assert!(channels.iter().any(|count| *count <= 3));
        assert!(channels.iter().any(|count| *count >= 200));
        assert!(channels.iter().all(|count| (1..=300).contains(count)));
        let members: Vec<u64> = mixes.iter().flat_map(sizes).collect();
        assert!(members.contains(&1) && members.contains(&112));
        assert!(members.iter().all(|members| (1..=112).contains(members)));
        let bearers = |mix: &Scenario| mix.bearers;
        assert_eq!(mixes.iter().map(bearers).min(), Some(1));
        assert_eq!(mixes.iter().map(bearers).max(), Some(5));
    }

    #[test]
    fn a_spread_has_the_middle_and_the_highest_value() {
        use super::*;

        let spread = |values: &[f64]| {
            let Spread { median, worst } = Spread::of(values.iter().copied());
            (median, worst)
        };
        assert_eq!(spread(&[3.0, 1.0, 2.0]), (2.0, 3.0));
        assert_eq!(spread(&[4.0, 3.0, 1.0, 2.0]), (2.0, 4.0));
        assert_eq!(spread(&[7.0]), (7.0, 7.0));
        assert!(spread(&[1.0, f64::NAN, 2.0]).1.is_nan());
        assert!(spread(&[]).0.is_nan());
    }
}
