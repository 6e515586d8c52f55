//! The service's limits, as data with their source.

use std::time::Duration;

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
    /// `ListChannelMemberships` calls per second on one channel.
    pub const LIST_RATE: f64 = 15.0;
    /// Create- and `DeleteChannelMembership` calls together per second on one channel.
    pub const SINGLE_RATE: f64 = 15.0;
    /// `DescribeChannel` calls per second on one channel.
    pub const DESCRIBE_RATE: f64 = 20.0;
}

/// Calls under way at once where nothing is said of them: at least, and at most.
const FEWEST_IN_FLIGHT: u32 = 64;
const MOST_IN_FLIGHT: u32 = 2_048;

/// The regions that have messaging (AWS, "Available Regions for the Amazon Chime SDK").
pub const MESSAGING_REGIONS: [&str; 2] = ["us-east-1", "eu-central-1"];

/// [`quota::MEMBERS_PER_CALL`], as a limit.
#[expect(clippy::cast_possible_truncation, reason = "it is 100")]
const MOST_MEMBERS: u32 = quota::MEMBERS_PER_CALL as u32;

/// The limits a run keeps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Calls per second on one channel.
    pub channel_rate: f64,
    /// Calls per second by one bearer.
    pub bearer_rate: f64,
    /// Calls per second, all together.
    pub max_rate: Option<f64>,
    /// Members in one call, at most.
    pub members_per_call: u32,
    /// Calls under way at once; none: [as many as the rates fill](Self::in_flight).
    pub max_in_flight: Option<u32>,
    /// Times one member is tried.
    pub max_attempts: u32,
}

/// A limit that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}: it must be {wanted}")]
pub struct LimitsError {
    /// Which limit, as the flag is called without its dashes.
    pub name: &'static str,
    /// What was given.
    pub value: String,
    /// What it may be.
    pub wanted: &'static str,
}

impl Limits {
    /// The documented limits of a region.
    #[must_use]
    pub fn of_region(region: &str) -> Self {
        Self {
            channel_rate: quota::CHANNEL_RATE,
            bearer_rate: if region == "eu-central-1" {
                quota::BEARER_RATE_EU
            } else {
                quota::BEARER_RATE
            },
            max_rate: None,
            members_per_call: MOST_MEMBERS,
            max_in_flight: None,
            max_attempts: 8,
        }
    }

    /// How many calls may be under way at once. Not said, as many as the bearers' rates fill while
    /// answers take as long as they may, so that latency never costs throughput; within bounds, as
    /// they are held in memory.
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
            .unwrap_or(filled.clamp(FEWEST_IN_FLIGHT, MOST_IN_FLIGHT))
    }

    /// Checks that each limit can be kept.
    ///
    /// # Errors
    /// Names the first that cannot.
    pub fn check(&self) -> Result<(), LimitsError> {
        let rates = [
            ("channel-rate", Some(self.channel_rate)),
            ("bearer-rate", Some(self.bearer_rate)),
            ("max-rate", self.max_rate),
        ];
        for (name, rate) in rates {
            if let Some(rate) = rate.filter(|rate| !(0.001..=1e6).contains(rate)) {
                let wanted = "calls per second, from 0.001 to 1000000";
                return Err(LimitsError {
                    name,
                    value: rate.to_string(),
                    wanted,
                });
            }
        }
        for (name, count) in [
            ("max-in-flight", self.max_in_flight),
            ("max-attempts", Some(self.max_attempts)),
        ] {
            if let Some(count) = count.filter(|count| !(1..=10_000).contains(count)) {
                return Err(LimitsError {
                    name,
                    value: count.to_string(),
                    wanted: "from 1 to 10000",
                });
            }
        }
        Ok(())
    }
}
