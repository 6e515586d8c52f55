//! What single adds save: the least time of a job in which calls that add one member fill the
//! bearers' free time.

use std::time::Duration;

use super::LowerBound;
use crate::model::Limits;

/// The least time of a job with single adds, to the millisecond. `largest` are the members of its
/// largest channels; `bound` counts the calls of all channels without single adds. Without a
/// `single_rate` this is the time of the bound.
///
/// It is an estimate: channels that are not among the largest get no single adds. Single adds raise
/// the members per second of a channel by less than a third, so they only matter for channels that
/// are nearly as large as the largest.
#[must_use]
pub fn time_with_single_adds(
    bound: &LowerBound,
    largest: &[u64],
    limits: &Limits,
    bearers: usize,
) -> Duration {
    let (without, _) = bound.time(limits, bearers);
    let Some(single_rate) = limits.single_rate else {
        return without;
    };
    let job = Job {
        calls: bound.calls(),
        largest,
        limits,
        single_rate,
        bearers,
    };
    let (mut too_short, mut enough) = (0, u64::try_from(without.as_millis()).unwrap_or(u64::MAX));
    while too_short < enough {
        let middle = too_short + (enough - too_short) / 2;
        if job.fits(Duration::from_millis(middle)) {
            enough = middle;
        } else {
            too_short = middle + 1;
        }
    }
    without.min(Duration::from_millis(enough))
}

/// The calls that a job makes, and their limits.
struct Job<'a> {
    calls: u64,
    largest: &'a [u64],
    limits: &'a Limits,
    single_rate: f64,
    bearers: usize,
}

impl Job<'_> {
    /// Whether this time is enough for every member.
    fn fits(&self, time: Duration) -> bool {
        let members_per_call = u64::from(self.limits.members_per_call);
        let batches = calls_in(time, self.limits.channel_rate);
        let singles = calls_in(time, self.single_rate);
        let mut calls = self.calls;
        for members in self.largest {
            let rest = members.saturating_sub(batches.saturating_mul(members_per_call));
            if rest > singles {
                return false;
            }
            if rest > 0 {
                calls = calls - members.div_ceil(members_per_call) + batches + rest;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a pool has few bearers")]
        let pool = self.limits.bearer_rate * self.bearers.max(1) as f64;
        let at_once = u64::from(self.limits.bearer_burst()) * self.bearers.max(1) as u64;
        let total = self.limits.max_rate;
        calls < calls_in(time, pool) + at_once
            && total.is_none_or(|rate| calls <= calls_in(time, rate))
    }
}

/// The most calls in this time. The first waits for none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and times are positive; the cast saturates"
)]
fn calls_in(time: Duration, rate: f64) -> u64 {
    // Whole numbers must stay whole: 0.3 s at 10 a second are three calls.
    const ROUNDING: f64 = 1e-6;
    ((time.as_secs_f64() * rate + ROUNDING).floor() as u64).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(sizes: &[u64], limits: &Limits, bearers: usize) -> f64 {
        let mut bound = LowerBound::default();
        for size in sizes {
            bound.add_channel(*size);
        }
        time_with_single_adds(&bound, sizes, limits, bearers).as_secs_f64()
    }

    fn limits(region: &str, single_rate: f64) -> Limits {
        Limits {
            single_rate: Some(single_rate),
            ..Limits::of_region(region)
        }
    }

    #[track_caller]
    fn assert_seconds(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
    }

    #[test]
    fn one_channel_takes_what_its_bearers_and_the_quota_leave() {
        let us = limits("us-east-1", 15.0);
        let elastic = limits("us-east-1", 30.0);
        let eu = limits("eu-central-1", 10.0);
        // A thousand seconds at this many members a second; the first batch waits for nothing.
        for (limits, bearers, a_second) in [
            (&us, 1, 109),
            (&us, 2, 115),
            (&elastic, 1, 109),
            (&elastic, 4, 130),
            (&eu, 1, 104),
            (&eu, 3, 110),
        ] {
            let sizes = [1_000 * a_second + 100];
            assert_seconds(seconds(&sizes, limits, bearers), 1_000.0);
        }
        let total = Limits {
            max_rate: Some(3.0),
            ..us
        };
        assert_seconds(seconds(&[102_100], &total, 1), 1_000.0);
        // Four small batches, and 65 single adds in what they leave of a bearer's 70 calls.
        let slow = Limits {
            channel_rate: 0.5,
            members_per_call: 10,
            ..us
        };
        let mut bound = LowerBound::default();
        bound.add_calls(11);
        let time = time_with_single_adds(&bound, &[105], &slow, 1);
        assert_eq!(time, Duration::from_secs(6));
    }

    #[test]
    fn bearers_that_other_channels_need_save_nothing() {
        let us = limits("us-east-1", 15.0);
        let many = [1_000; 200];
        assert_seconds(seconds(&many, &us, 1), 199.0);
        // Five channels leave half of a bearer's calls: one of ten for each.
        assert_seconds(seconds(&[101_100; 5], &us, 1), 1_000.0);
        let small_ones = [[109_100].as_slice(), &[100; 90]].concat();
        assert_seconds(seconds(&small_ones, &us, 1), 1_001.0);
        for limits in [Limits::of_region("us-east-1"), us] {
            assert_seconds(seconds(&[100], &limits, 1), 0.0);
            assert_seconds(seconds(&[], &limits, 1), 0.0);
        }
        assert_seconds(seconds(&[10_000], &Limits::of_region("us-east-1"), 1), 99.0);
    }
}
