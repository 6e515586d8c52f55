//! The settings of a run, as its ledger contains them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{AwsTarget, JobError, list_path};
use crate::ledger::{LedgerReader, fact};
use crate::model::{BearerPool, Limits, LimitsError};
use crate::roster::{Options, RecordSize};
use crate::schedule::FailureThreshold;

/// Limits given by the user; those not given are the region's documented ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitOverrides {
    /// Calls per second on one channel.
    pub channel_rate: Option<f64>,
    /// Calls per second by one bearer.
    pub bearer_rate: Option<f64>,
    /// Calls per second, all together.
    pub max_rate: Option<f64>,
    /// Calls in flight at once.
    pub max_in_flight: Option<u32>,
    /// Times one member is tried.
    pub max_attempts: Option<u32>,
    /// Members in one call at most.
    pub members_per_call: Option<u32>,
    /// The longest record of the list.
    pub max_record_size: Option<RecordSize>,
    /// When failures are too many: over all sessions of a pass.
    pub max_failures: Option<FailureThreshold>,
}

impl LimitOverrides {
    /// The limits to keep in a region.
    ///
    /// # Errors
    /// If one of them cannot be kept.
    pub fn resolve(&self, region: &str) -> Result<Limits, LimitsError> {
        let usual = Limits::of_region(region);
        let limits = Limits {
            channel_rate: self.channel_rate.unwrap_or(usual.channel_rate),
            bearer_rate: self.bearer_rate.unwrap_or(usual.bearer_rate),
            max_rate: self.max_rate.or(usual.max_rate),
            max_in_flight: self.max_in_flight.or(usual.max_in_flight),
            max_attempts: self.max_attempts.unwrap_or(usual.max_attempts),
            members_per_call: self.members_per_call.unwrap_or(usual.members_per_call),
        };
        limits.check()?;
        Ok(limits)
    }

    /// These limits; `those` where one is not set.
    #[must_use]
    pub fn or_else(self, those: Self) -> Self {
        Self {
            channel_rate: self.channel_rate.or(those.channel_rate),
            bearer_rate: self.bearer_rate.or(those.bearer_rate),
            max_rate: self.max_rate.or(those.max_rate),
            max_in_flight: self.max_in_flight.or(those.max_in_flight),
            max_attempts: self.max_attempts.or(those.max_attempts),
            members_per_call: self.members_per_call.or(those.members_per_call),
            max_record_size: self.max_record_size.or(those.max_record_size),
            max_failures: self.max_failures.or(those.max_failures),
        }
    }

    /// These options, with the longest record among these limits.
    #[must_use]
    pub(super) fn options(&self, options: &Options) -> Options {
        Options {
            max_record_size: self.max_record_size.or(options.max_record_size),
            ..options.clone()
        }
    }
}

/// Everything that `resume` needs and a ledger may contain: no credentials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// The list's path, or none: it came from standard input.
    #[serde(with = "list_path")]
    pub list: Option<std::path::PathBuf>,
    /// How the list is read.
    pub options: Options,
    /// The bearers.
    pub bearers: BearerPool,
    /// Limits given.
    pub limits: LimitOverrides,
    /// The region.
    pub region: String,
    /// The AWS service, as given.
    pub aws: AwsTarget,
    /// Against the in-process sandbox.
    pub sandbox: bool,
}

impl RunSettings {
    /// The settings in the ledger of the run in this directory.
    pub(super) fn of(ledger: &LedgerReader, dir: &Path) -> Result<Self, JobError> {
        ledger
            .fact(fact::SETTINGS)?
            .ok_or_else(|| JobError::NoRun(dir.to_owned()))
    }

    /// Which service that is, for people.
    pub(super) fn service(&self) -> String {
        if self.sandbox {
            return "the sandbox".to_owned();
        }
        self.aws.endpoint_url.as_ref().map_or_else(
            || format!("{} in {}", self.aws.api(), self.region),
            ToString::to_string,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_given_again_override_and_those_kept_before_a_limit_was_known_are_read() {
        let kept: LimitOverrides = serde_json::from_str(r#"{"max_attempts":3}"#).unwrap();
        let given = LimitOverrides {
            members_per_call: Some(50),
            ..LimitOverrides::default()
        };
        let limits = given.or_else(kept).resolve("us-east-1").unwrap();
        assert_eq!((limits.max_attempts, limits.members_per_call), (3, 50));
        assert_eq!(kept.resolve("us-east-1").unwrap().members_per_call, 100);
        let beyond = LimitOverrides {
            members_per_call: Some(101),
            ..kept
        };
        assert!(beyond.resolve("us-east-1").is_err());
    }
}
