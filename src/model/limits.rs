//! The service's limits, as data with their source.

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

/// The regions that have messaging (AWS, "Available Regions for the Amazon Chime SDK").
pub const MESSAGING_REGIONS: [&str; 2] = ["us-east-1", "eu-central-1"];

/// The limits a run keeps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Calls per second on one channel.
    pub channel_rate: f64,
    /// Calls per second by one bearer.
    pub bearer_rate: f64,
    /// Calls per second, all together.
    pub max_rate: Option<f64>,
    /// Calls under way at once.
    pub max_in_flight: u32,
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
            max_in_flight: 64,
            max_attempts: 8,
        }
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
            ("max-attempts", self.max_attempts),
        ] {
            if !(1..=10_000).contains(&count) {
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
