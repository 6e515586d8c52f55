//! The network between a client and the service: how long each way of a call takes.

use std::f64::consts::TAU;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Deserialize;

/// The network of a scenario.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    /// The time of each way. The way there and the way back are drawn apart.
    way: Way,
    /// Replies that come late.
    late_replies: Option<Delay>,
    /// Calls that a loaded client sends late.
    late_sends: Option<Delay>,
    /// Another time of each way from a moment on.
    change: Option<Change>,
}

/// The distribution of the time of one way.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Way {
    /// Varies up and down by at most this share of the mean.
    Uniform { mean_ms: f64, spread: f64 },
    /// Its logarithm is normally distributed, with this standard deviation.
    LogNormal { median_ms: f64, sigma: f64 },
}

/// A delay that happens by chance to one call in this many.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delay {
    one_in: u32,
    by_ms: u32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// In seconds since the start.
    at: f64,
    way: Way,
}

/// How long a call is on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoundTrip {
    /// From the client's decision to send until the call reaches the service.
    pub(super) out: Duration,
    /// From the service's answer until it reaches the client.
    pub(super) back: Duration,
}

/// Draws round trips from a seed.
#[derive(Debug)]
pub(super) struct RoundTrips {
    network: Network,
    rng: StdRng,
}

impl Network {
    /// Each way takes 75 ms, and varies by 20 %.
    pub(super) fn even() -> Self {
        Self {
            way: Way::Uniform {
                mean_ms: 75.0,
                spread: 0.2,
            },
            late_replies: None,
            late_sends: None,
            change: None,
        }
    }

    /// How long a call takes on average to the service and back, delays and changes apart.
    pub(super) fn mean_round_trip(&self) -> Duration {
        let ms = match self.way {
            Way::Uniform { mean_ms, .. } => mean_ms,
            Way::LogNormal { median_ms, sigma } => median_ms * (sigma * sigma / 2.0).exp(),
        };
        Duration::from_secs_f64(2.0 * ms / 1e3)
    }

    fn way_at(&self, now: Duration) -> Way {
        match self.change {
            Some(change) if now.as_secs_f64() >= change.at => change.way,
            _ => self.way,
        }
    }
}

impl Way {
    fn draw(self, rng: &mut StdRng) -> Duration {
        let ms = match self {
            Self::Uniform { mean_ms, spread } => {
                mean_ms * (1.0 + spread * (2.0 * rng.random::<f64>() - 1.0))
            }
            Self::LogNormal { median_ms, sigma } => median_ms * (sigma * normal(rng)).exp(),
        };
        Duration::from_secs_f64(ms.max(0.0) / 1e3)
    }
}

impl Delay {
    fn draw(self, rng: &mut StdRng) -> Duration {
        if rng.random_range(0..self.one_in.max(1)) == 0 {
            Duration::from_millis(self.by_ms.into())
        } else {
            Duration::ZERO
        }
    }
}

/// A number of the standard normal distribution (Box and Muller).
fn normal(rng: &mut StdRng) -> f64 {
    let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
}

impl RoundTrips {
    pub(super) fn new(network: Network, seed: u64) -> Self {
        Self {
            network,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// The round trip of a call that is sent this long after the start.
    pub(super) fn draw(&mut self, now: Duration) -> RoundTrip {
        let way = self.network.way_at(now);
        let mut late =
            |delay: Option<Delay>| delay.map_or(Duration::ZERO, |delay| delay.draw(&mut self.rng));
        let (sent_late, replied_late) = (
            late(self.network.late_sends),
            late(self.network.late_replies),
        );
        RoundTrip {
            out: sent_late + way.draw(&mut self.rng),
            back: way.draw(&mut self.rng) + replied_late,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = 10_000;

    /// The times of the ways there and of the ways back, in milliseconds, of calls sent then.
    fn drawn(network: &str, now: u64) -> [Vec<f64>; 2] {
        let mut trips = RoundTrips::new(toml::from_str(network).unwrap(), 7);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let trips = (0..COUNT).map(|_| trips.draw(Duration::from_secs(now)));
        let (out, back) = trips.map(|trip| (ms(trip.out), ms(trip.back))).unzip();
        [out, back]
    }

    fn share(times: &[f64], is_counted: impl Fn(f64) -> bool) -> f64 {
        let counted = times.iter().filter(|time| is_counted(**time)).count();
        f64::from(u32::try_from(counted).unwrap()) / 1e4
    }

    fn assert_near(share: f64, expected: f64) {
        assert!((share - expected).abs() < 0.02, "{share}, not {expected}");
    }

    #[test]
    fn uniform_ways_vary_apart_within_their_spread() {
        let [out, back] = drawn("way.uniform = { mean_ms = 75, spread = 0.2 }", 0);
        assert!(out.iter().chain(&back).all(|ms| (60.0..=90.0).contains(ms)));
        for limit in [67.5, 75.0, 82.5] {
            let expected = (limit - 60.0) / 30.0;
            assert_near(share(&out, |ms| ms < limit), expected);
            assert_near(share(&back, |ms| ms < limit), expected);
        }
        let both: Vec<f64> = out
            .iter()
            .zip(&back)
            .map(|(out, back)| out.max(*back))
            .collect();
        assert_near(share(&both, |ms| ms < 75.0), 0.25);
    }

    #[test]
    fn log_normal_ways_have_their_median_and_their_deviation() {
        for ways in drawn("way.log_normal = { median_ms = 75, sigma = 0.5 }", 0) {
            // The shares of a normal distribution below -1, 0, 1 and 2 standard deviations.
            for (deviations, expected) in
                [(-1.0_f64, 0.159), (0.0, 0.5), (1.0, 0.841), (2.0, 0.977)]
            {
                let limit = 75.0 * (0.5 * deviations).exp();
                assert_near(share(&ways, |ms| ms < limit), expected);
            }
        }
    }

    #[test]
    fn the_mean_round_trip_is_that_of_the_drawn_ways() {
        for way in [
            "way.uniform = { mean_ms = 75, spread = 0.2 }",
            "way.log_normal = { median_ms = 75, sigma = 0.5 }",
        ] {
            let [out, back] = drawn(way, 0);
            let drawn = out.iter().chain(&back).sum::<f64>() / 1e4;
            let network: Network = toml::from_str(way).unwrap();
            let mean = network.mean_round_trip().as_secs_f64() * 1e3;
            assert!((drawn / mean - 1.0).abs() < 0.02, "{drawn}, not {mean}");
        }
    }

    #[test]
    fn one_call_in_some_is_delayed_on_its_way_there_or_back() {
        let way = "way.uniform = { mean_ms = 10, spread = 0 }\n";
        let late = "{ one_in = 10, by_ms = 300 }";
        let [out, back] = drawn(&format!("{way}late_replies = {late}"), 0);
        assert_near(share(&out, |ms| ms > 11.0), 0.0);
        assert_near(share(&back, |ms| ms > 309.0), 0.1);
        let [out, back] = drawn(&format!("{way}late_sends = {late}"), 0);
        assert_near(share(&out, |ms| ms > 309.0), 0.1);
        assert_near(share(&back, |ms| ms > 11.0), 0.0);
    }

    #[test]
    fn a_network_changes_at_its_moment() {
        let network = "way.uniform = { mean_ms = 10, spread = 0 }\n\
             change = { at = 15, way.uniform = { mean_ms = 20, spread = 0 } }";
        for (now, expected) in [(0, 10.0), (14, 10.0), (15, 20.0), (99, 20.0)] {
            let [out, back] = drawn(network, now);
            assert_near(out[0], expected);
            assert_near(back[0], expected);
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_round_trips() {
        let even = "way.uniform = { mean_ms = 75, spread = 0.2 }";
        assert_eq!(drawn(even, 0), drawn(even, 0));
    }
}
