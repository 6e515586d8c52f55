//! The settings of a run, stored in its ledger.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{AwsTarget, JobError, ListAddress, Target};
use crate::engine::Task;
use crate::ledger::{LedgerReader, fact};
use crate::model::{
    AccountQuotas, BearerPool, LimitShare, Limits, LimitsError, Shard, SkipExisting, quota,
};
use crate::roster::{Options, RecordSize};
use crate::schedule::{FailureThreshold, Patience};
use crate::store::PrefixUrl;

/// Limits set by the user. The others are the region's documented quotas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitOverrides {
    /// Calls per second on one channel.
    pub channel_rate: Option<f64>,
    /// Whether calls that add a single member fill the bearers' free time, on channels that set the
    /// time of the run.
    #[serde(default)]
    pub single_adds: bool,
    /// Such calls per second on one channel.
    pub single_rate: Option<f64>,
    /// Calls per second by one bearer.
    pub bearer_rate: Option<f64>,
    /// Calls per second in total.
    pub max_rate: Option<f64>,
    /// Calls in flight at once.
    pub max_in_flight: Option<u32>,
    /// Attempts per member.
    pub max_attempts: Option<u32>,
    /// Members in one call at most.
    pub members_per_call: Option<u32>,
    /// The longest record of the list.
    pub max_record_size: Option<RecordSize>,
    /// The failures after which the run stops, over all sessions of a pass.
    pub max_failures: Option<FailureThreshold>,
    /// How long nothing may be accepted before the run stops.
    pub patience: Option<Patience>,
    /// Whether Service Quotas is asked for the quotas of the account when the session begins.
    #[serde(skip)]
    pub ask_quotas: bool,
    /// The quotas of the account, as they were found when a session asked. Limits that are set override
    /// them.
    #[serde(default)]
    pub quotas: Option<AccountQuotas>,
}

impl LimitOverrides {
    /// The limits in force in a region.
    ///
    /// # Errors
    /// If one of them is out of range, or set without what it belongs to.
    pub fn resolve(&self, region: &str) -> Result<Limits, LimitsError> {
        if let Some(rate) = self.single_rate.filter(|_| !self.single_adds) {
            return Err(LimitsError {
                name: "single-rate",
                value: rate.to_string(),
                expected: "set together with --single-adds",
            });
        }
        let single_rate = || {
            self.single_rate
                .unwrap_or_else(|| quota::single_rate(region))
        };
        let quotas = Limits::of_region(region);
        let limits = Limits {
            channel_rate: self.channel_rate.unwrap_or(quotas.channel_rate),
            single_rate: self.single_adds.then(single_rate),
            bearer_rate: self
                .bearer_rate
                .or(self.quotas.map(|quotas| quotas.bearer_rate.value))
                .unwrap_or(quotas.bearer_rate),
            max_rate: self.max_rate.or(quotas.max_rate),
            max_in_flight: self.max_in_flight.or(quotas.max_in_flight),
            max_attempts: self.max_attempts.unwrap_or(quotas.max_attempts),
            members_per_call: self.members_per_call.unwrap_or(quotas.members_per_call),
        };
        limits.check()?;
        Ok(limits)
    }

    /// These limits, with those of `defaults` where one is not set.
    #[must_use]
    pub fn or_else(self, defaults: Self) -> Self {
        Self {
            channel_rate: self.channel_rate.or(defaults.channel_rate),
            single_adds: self.single_adds || defaults.single_adds,
            single_rate: self.single_rate.or(defaults.single_rate),
            bearer_rate: self.bearer_rate.or(defaults.bearer_rate),
            max_rate: self.max_rate.or(defaults.max_rate),
            max_in_flight: self.max_in_flight.or(defaults.max_in_flight),
            max_attempts: self.max_attempts.or(defaults.max_attempts),
            members_per_call: self.members_per_call.or(defaults.members_per_call),
            max_record_size: self.max_record_size.or(defaults.max_record_size),
            max_failures: self.max_failures.or(defaults.max_failures),
            patience: self.patience.or(defaults.patience),
            ask_quotas: self.ask_quotas,
            quotas: self.quotas.or(defaults.quotas),
        }
    }

    /// These options, with `max_record_size` of these limits if it is set.
    #[must_use]
    pub(super) fn options(&self, options: &Options) -> Options {
        Options {
            max_record_size: self.max_record_size.or(options.max_record_size),
            ..options.clone()
        }
    }
}

/// The settings that `resume` needs. Never contains credentials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Where the list is; `None` if it came from standard input.
    pub list: Option<ListAddress>,
    /// How the list is read.
    pub options: Options,
    /// The bearers.
    pub bearers: BearerPool,
    /// The limits that the user set.
    pub limits: LimitOverrides,
    /// The region.
    pub region: String,
    /// The AWS service, as the user set it.
    pub aws: AwsTarget,
    /// Whether the service is a sandbox in the process.
    pub sandbox: bool,
    /// What to remove, if the run is the undo of another.
    #[serde(default)]
    pub undo: Option<UndoSettings>,
    /// Calls per second on one channel, if the run only asks questions.
    #[serde(default)]
    pub reading_rate: Option<f64>,
    /// Which channels are listed before members are added.
    #[serde(default)]
    pub skip_existing: SkipExisting,
    /// Which shard of its job it is, if it is one.
    #[serde(default)]
    pub shard: Option<Shard>,
    /// Its share of the limits, which are those of the job.
    #[serde(default)]
    pub share: LimitShare,
    /// The settings of a sync, if it is one.
    #[serde(default)]
    pub sync: Option<SyncSettings>,
    /// Where the reports are uploaded to.
    #[serde(default)]
    pub reports_to: Option<PrefixUrl>,
}

/// The settings of a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncSettings {
    /// Whether it only writes the difference.
    pub dry_run: bool,
    /// What decides whom it removes: the flags as text, and whom it protects.
    pub rules: String,
}

/// The settings of an undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoSettings {
    /// Whether a member is removed only if the service describes that the run added it.
    pub guarded: bool,
    /// Whether members are removed of whom it is unknown whether the run added them.
    pub include_in_doubt: bool,
    /// The ARNs of the channels to remove members from; all of the run's if there are none.
    pub channels: Vec<String>,
}

impl RunSettings {
    /// The settings in the ledger of the run in this directory.
    pub(super) fn of(ledger: &LedgerReader, dir: &Path) -> Result<Self, JobError> {
        ledger
            .fact(fact::SETTINGS)?
            .ok_or_else(|| JobError::NoRun(dir.to_owned()))
    }

    /// What is done with the rows of its list.
    pub(super) fn task(&self) -> Task {
        match &self.undo {
            _ if self.reading_rate.is_some() => Task::Read,
            None => Task::Add,
            Some(undo) => Task::Remove {
                guarded: undo.guarded,
            },
        }
    }

    /// Whether it is a part of another run, in a directory inside the other's.
    pub(super) fn is_part(&self) -> bool {
        self.task() != Task::Add
    }

    /// The limits in force.
    ///
    /// # Errors
    /// As [`LimitOverrides::resolve`].
    pub(super) fn resolve_limits(&self) -> Result<Limits, LimitsError> {
        if let Some(rate) = self.reading_rate {
            let overrides = LimitOverrides {
                channel_rate: None,
                members_per_call: None,
                single_adds: false,
                single_rate: None,
                ..self.limits
            };
            let limits = overrides.resolve(&self.region)?;
            let limits = self.share.of(limits).of_reading(rate);
            limits.check()?;
            return Ok(limits);
        }
        let Some(undo) = &self.undo else {
            let limits = self.share.of(self.limits.resolve(&self.region)?);
            limits.check()?;
            return Ok(limits);
        };
        // The rate of batches is not that of removals.
        let overrides = LimitOverrides {
            channel_rate: None,
            members_per_call: None,
            single_adds: true,
            ..self.limits
        };
        let limits = self.share.of(overrides.resolve(&self.region)?);
        let rate = limits.single_rate;
        let rate = rate.unwrap_or_else(|| quota::single_rate(&self.region));
        let limits = limits.of_removals(rate, undo.guarded);
        limits.check()?;
        Ok(limits)
    }

    /// Sets the service to this one, where it is AWS; what it leaves open is that of these settings.
    pub(super) fn retarget(&mut self, target: &mut Target) {
        if let Target::Aws(aws) = target {
            *aws = std::mem::take(aws).or_else(self.aws.clone());
            if let Some(region) = &aws.region
                && *region != self.region
            {
                self.region.clone_from(region);
                // They are those of the region before.
                self.limits.quotas = None;
            }
            self.aws = aws.clone();
        }
    }

    /// The service in words: its address, or that it is a sandbox in the process.
    pub(super) fn service(&self, address: Option<&str>) -> String {
        address.map_or_else(
            || "the sandbox".to_owned(),
            |address| format!("{address} ({} in {})", self.aws.api(), self.region),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_limits_override_stored_ones_and_settings_of_older_versions_are_read() {
        let stored: LimitOverrides = serde_json::from_str(r#"{"max_attempts":3}"#).unwrap();
        let given = LimitOverrides {
            members_per_call: Some(50),
            ..LimitOverrides::default()
        };
        let limits = given.or_else(stored).resolve("us-east-1").unwrap();
        assert_eq!((limits.max_attempts, limits.members_per_call), (3, 50));
        assert_eq!(stored.resolve("us-east-1").unwrap().members_per_call, 100);
        let beyond = LimitOverrides {
            members_per_call: Some(101),
            ..stored
        };
        assert!(beyond.resolve("us-east-1").is_err());
    }

    #[test]
    fn a_rate_that_is_set_wins_over_the_quota_of_the_account_which_wins_over_the_documented_one() {
        let mut quotas = AccountQuotas::built_in("us-east-1");
        quotas.bearer_rate.value = 25.0;
        let stored = LimitOverrides {
            quotas: Some(quotas),
            ask_quotas: true,
            ..LimitOverrides::default()
        };
        // As the ledger keeps it: the next session does not ask by itself.
        let stored: LimitOverrides =
            serde_json::from_value(serde_json::to_value(stored).unwrap()).unwrap();
        assert!(!stored.ask_quotas);
        let rate = |limits: LimitOverrides| limits.resolve("us-east-1").unwrap().bearer_rate;
        assert_eq!(
            rate(LimitOverrides::default().or_else(stored)).to_string(),
            "25"
        );
        let flag = LimitOverrides {
            bearer_rate: Some(3.0),
            ..LimitOverrides::default()
        };
        assert_eq!(rate(flag.or_else(stored)).to_string(), "3");
        assert_eq!(rate(LimitOverrides::default()).to_string(), "10");
    }

    #[test]
    fn single_adds_are_off_unless_set_and_have_the_rate_of_their_region() {
        let given = |single_adds, single_rate| LimitOverrides {
            single_adds,
            single_rate,
            ..LimitOverrides::default()
        };
        let rate = |given: LimitOverrides, region| given.resolve(region).unwrap().single_rate;
        assert_eq!(rate(given(false, None), "us-east-1"), None);
        let stored = given(true, None);
        assert_eq!(rate(stored, "us-east-1"), Some(15.0));
        assert_eq!(rate(stored, "eu-central-1"), Some(10.0));
        // `resume` takes a rate for a run that has the flag.
        let elastic = given(false, Some(30.0));
        assert_eq!(rate(elastic.or_else(stored), "us-east-1"), Some(30.0));
        let error = elastic.resolve("us-east-1").unwrap_err().to_string();
        assert_eq!(
            error,
            "single-rate is 30: it must be set together with --single-adds"
        );
    }
}
