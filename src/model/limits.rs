//! The service's quotas with their source, and the limits of a run.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Documented quotas: AWS, "Amazon Chime SDK endpoints and quotas", section messaging.
pub mod quota {
    /// Members in one batch call (service model, `MemberArns`).
    pub const MEMBERS_PER_CALL: usize = 100;
    /// Batch calls per second on one channel; not adjustable.
    pub const CHANNEL_RATE: f64 = 1.0;
    /// Calls per second by one bearer, us-east-1.
    pub const BEARER_RATE: f64 = 10.0;
    /// Calls per second by one bearer, eu-central-1.
    pub const BEARER_RATE_EU: f64 = 5.0;
    /// Memberships of one channel.
    pub const MEMBERS_PER_CHANNEL: u64 = 10_000;
    /// Members on a page of a listing (service model, `MaxResults`).
    pub const MEMBERS_PER_PAGE: u64 = 50;
    /// `ListChannelMemberships` calls per second on one channel.
    pub const LIST_RATE: f64 = 15.0;
    /// Create- and `DeleteChannelMembership` calls together per second on one channel, us-east-1
    /// (30 on an elastic one).
    pub const SINGLE_RATE: f64 = 15.0;
    /// The same, eu-central-1.
    pub const SINGLE_RATE_EU: f64 = 10.0;
    /// `DescribeChannel` calls per second on one channel.
    pub const DESCRIBE_RATE: f64 = 20.0;

    /// Calls per second by one bearer, in a region.
    #[must_use]
    pub fn bearer_rate(region: &str) -> f64 {
        if region == EU {
            BEARER_RATE_EU
        } else {
            BEARER_RATE
        }
    }

    /// Calls per second on one channel that add or remove a single member, in a region.
    #[must_use]
    pub fn single_rate(region: &str) -> f64 {
        if region == EU {
            SINGLE_RATE_EU
        } else {
            SINGLE_RATE
        }
    }

    /// The region whose quotas differ.
    const EU: &str = "eu-central-1";
}

/// Bounds of the default number of calls in flight.
const MIN_IN_FLIGHT: u32 = 64;
const MAX_IN_FLIGHT: u32 = 2_048;

/// The regions with messaging (AWS, "Available Regions for the Amazon Chime SDK").
pub const MESSAGING_REGIONS: [&str; 2] = ["us-east-1", "eu-central-1"];

/// [`quota::MEMBERS_PER_CALL`], as a limit.
#[expect(clippy::cast_possible_truncation, reason = "it is 100")]
const MAX_MEMBERS: u32 = quota::MEMBERS_PER_CALL as u32;

/// The limits of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Calls per second on one channel.
    pub channel_rate: f64,
    /// Calls per second on one channel that add a single member, beside the others; null if there are
    /// none.
    #[serde(default)]
    pub single_rate: Option<f64>,
    /// Calls per second by one bearer.
    pub bearer_rate: f64,
    /// Calls per second in total; null if there is no such limit.
    pub max_rate: Option<f64>,
    /// Members in one call, at most.
    pub members_per_call: u32,
    /// Calls in flight at once; null if the limit is computed from the rates of the bearers.
    pub max_in_flight: Option<u32>,
    /// Attempts per member.
    pub max_attempts: u32,
}

/// A limit that is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}: it must be {expected}")]
pub struct LimitsError {
    /// The limit, as the name of its flag without the dashes.
    pub name: &'static str,
    /// The value that was given.
    pub value: String,
    /// The values that are allowed.
    pub expected: &'static str,
}

impl Limits {
    /// The documented limits of a region.
    #[must_use]
    pub fn of_region(region: &str) -> Self {
        Self {
            channel_rate: quota::CHANNEL_RATE,
            single_rate: None,
            bearer_rate: quota::bearer_rate(region),
            max_rate: None,
            members_per_call: MAX_MEMBERS,
            max_in_flight: None,
            max_attempts: 8,
        }
    }

    /// The calls of one bearer that may come at once: one second's worth, and at least 1. AWS does not
    /// document the burst; a quota per second allows its number within any second.
    #[must_use]
    pub fn bearer_burst(&self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rates are positive; the cast saturates"
        )]
        let calls = self.bearer_rate as u32;
        calls.max(1)
    }

    /// How many calls may be in flight. By default, enough to keep every bearer busy when each answer
    /// takes `longest_answer`, so that latency never reduces throughput; bounded, because each call
    /// takes memory.
    #[must_use]
    pub fn in_flight(&self, bearers: usize, longest_answer: Duration) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "rates are positive and of modest size; the cast saturates"
        )]
        let filled = {
            let pool = self.bearer_rate * bearers.max(1) as f64;
            let rate = self.max_rate.map_or(pool, |rate| rate.min(pool));
            (rate * longest_answer.as_secs_f64()).ceil() as u32
        };
        self.max_in_flight
            .unwrap_or(filled.clamp(MIN_IN_FLIGHT, MAX_IN_FLIGHT))
    }

    /// These limits for calls that remove one member each, at this rate on one channel. A guarded removal
    /// is two requests, and so counts as one call of half the rate.
    #[must_use]
    pub fn of_removals(self, single_rate: f64, guarded: bool) -> Self {
        let requests = if guarded { 2.0 } else { 1.0 };
        Self {
            channel_rate: single_rate,
            single_rate: Some(single_rate),
            bearer_rate: self.bearer_rate / requests,
            max_rate: self.max_rate.map(|rate| rate / requests),
            members_per_call: 1,
            ..self
        }
    }

    /// These limits for calls that read, at this rate on one channel.
    #[must_use]
    pub fn of_reading(self, channel_rate: f64) -> Self {
        Self {
            channel_rate,
            single_rate: None,
            members_per_call: 1,
            ..self
        }
    }

    /// Checks that each limit is in its range.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self) -> Result<(), LimitsError> {
        let rates = [
            ("channel-rate", Some(self.channel_rate)),
            ("single-rate", self.single_rate),
            ("bearer-rate", Some(self.bearer_rate)),
            ("max-rate", self.max_rate),
        ];
        for (name, rate) in rates {
            if let Some(rate) = rate.filter(|rate| !(0.001..=1e6).contains(rate)) {
                let expected = "calls per second, from 0.001 to 1000000";
                return Err(LimitsError {
                    name,
                    value: format_number(rate),
                    expected,
                });
            }
        }
        let range = "from 1 to 10000";
        let counts = [
            ("max-in-flight", self.max_in_flight, 10_000, range),
            ("max-attempts", Some(self.max_attempts), 10_000, range),
            (
                "members-per-call",
                Some(self.members_per_call),
                MAX_MEMBERS,
                "from 1 to 100: AWS takes at most 100 members a call",
            ),
        ];
        for (name, count, max, expected) in counts {
            if let Some(count) = count.filter(|count| !(1..=max).contains(count)) {
                return Err(LimitsError {
                    name,
                    value: count.to_string(),
                    expected,
                });
            }
        }
        Ok(())
    }
}

/// A number in few digits, also if it is very large or small.
fn format_number(number: f64) -> String {
    if number.is_finite() && number != 0.0 && !(1e-6..1e15).contains(&number.abs()) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_limit_names_its_value_and_its_range() {
        let usual = Limits::of_region("us-east-1");
        assert_eq!(usual.check(), Ok(()));
        let said = |limits: Limits| limits.check().unwrap_err().to_string();
        for (rate, value) in [
            (0.0, "0"),
            (-1.0, "-1"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
            (1e300, "1e300"),
            (1e-9, "1e-9"),
        ] {
            let expected = "it must be calls per second, from 0.001 to 1000000";
            let channel_rate = rate;
            assert_eq!(
                said(Limits {
                    channel_rate,
                    ..usual
                }),
                format!("channel-rate is {value}: {expected}")
            );
            let max_rate = Some(rate);
            assert_eq!(
                said(Limits { max_rate, ..usual }),
                format!("max-rate is {value}: {expected}")
            );
            let single_rate = Some(rate);
            assert_eq!(
                said(Limits {
                    single_rate,
                    ..usual
                }),
                format!("single-rate is {value}: {expected}")
            );
        }
        for members_per_call in [0, 101, u32::MAX] {
            assert_eq!(
                said(Limits {
                    members_per_call,
                    ..usual
                }),
                format!(
                    "members-per-call is {members_per_call}: it must be from 1 to 100: \
                     AWS takes at most 100 members a call"
                )
            );
        }
        for members_per_call in [1, 100] {
            let limits = Limits {
                members_per_call,
                ..usual
            };
            assert_eq!(limits.check(), Ok(()));
        }
    }

    #[test]
    fn a_bearer_may_make_the_calls_of_one_second_at_once() {
        let burst = |bearer_rate| {
            let limits = Limits::of_region("us-east-1");
            Limits {
                bearer_rate,
                ..limits
            }
            .bearer_burst()
        };
        assert_eq!([10.0, 9.99, 1.0, 0.001].map(burst), [10, 9, 1, 1]);
        assert_eq!(Limits::of_region("eu-central-1").bearer_burst(), 5);
    }

    #[test]
    fn eu_central_1_has_quotas_of_its_own() {
        let rates = |region| (quota::bearer_rate(region), quota::single_rate(region));
        assert_eq!(rates("us-east-1"), (10.0, 15.0));
        assert_eq!(rates("eu-central-1"), (5.0, 10.0));
        assert!((Limits::of_region("eu-central-1").bearer_rate - 5.0).abs() < 1e-9);
    }
}
