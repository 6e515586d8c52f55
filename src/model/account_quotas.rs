//! The quotas of an AWS account that matter to a run, and where each figure is from.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits::quota;

/// Where the figure of a quota is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaSource {
    /// Service Quotas: what applies to the account.
    Applied,
    /// Service Quotas: the default of AWS.
    AwsDefault,
    /// This program: what AWS documents.
    BuiltIn,
}

impl fmt::Display for QuotaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Applied => "applied",
            Self::AwsDefault => "AWS default",
            Self::BuiltIn => "built in",
        })
    }
}

/// The figure of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuotaFigure {
    /// The figure.
    pub value: f64,
    /// Where it is from: `applied`, `aws_default` or `built_in`.
    pub source: QuotaSource,
}

/// The quotas of an account in a region, as `--quotas` found them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccountQuotas {
    /// Calls per second by one bearer.
    pub bearer_rate: QuotaFigure,
    /// Memberships of one channel.
    pub members_per_channel: QuotaFigure,
}

impl AccountQuotas {
    /// The documented figures of a region.
    #[must_use]
    pub fn built_in(region: &str) -> Self {
        Self::of(|quota| QuotaFigure {
            value: quota.built_in(region),
            source: QuotaSource::BuiltIn,
        })
    }

    /// Quotas with these figures.
    pub fn of(figure: impl Fn(AccountQuota) -> QuotaFigure) -> Self {
        Self {
            bearer_rate: figure(AccountQuota::BearerRate),
            members_per_channel: figure(AccountQuota::MembersPerChannel),
        }
    }

    /// The figure of one of them.
    #[must_use]
    pub fn get(&self, quota: AccountQuota) -> QuotaFigure {
        match quota {
            AccountQuota::BearerRate => self.bearer_rate,
            AccountQuota::MembersPerChannel => self.members_per_channel,
        }
    }

    /// The members that a channel may have.
    #[must_use]
    pub fn channel_capacity(&self) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive and of modest size; the cast saturates"
        )]
        let members = self.members_per_channel.value as u64;
        members
    }
}

/// The figures with their sources.
impl fmt::Display for AccountQuotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rate, members) = (self.bearer_rate, self.members_per_channel);
        write!(
            f,
            "{} calls a second by a bearer ({}), {} members in a channel ({})",
            rate.value, rate.source, members.value, members.source
        )
    }
}

/// A quota that Service Quotas has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountQuota {
    /// Calls per second by one bearer.
    BearerRate,
    /// Memberships of one channel.
    MembersPerChannel,
}

/// The answer of Service Quotas about a quota.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QuotaAnswer {
    /// The code of the quota.
    pub code: Option<String>,
    /// The figure.
    pub value: Option<f64>,
    /// Its unit: `None` for a number.
    pub unit: Option<String>,
    /// The period that the figure is for, if it is a rate: a number and a unit such as `SECOND`.
    pub period: Option<(Option<i32>, Option<String>)>,
}

impl AccountQuota {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::BearerRate, Self::MembersPerChannel];

    /// The code of the service in Service Quotas.
    pub const SERVICE: &str = "chime";

    /// The code in Service Quotas (AWS, "Amazon Chime SDK endpoints and quotas", section messaging).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::BearerRate => "L-A92E8EF9",
            Self::MembersPerChannel => "L-9A2511FF",
        }
    }

    /// What AWS documents for a region.
    #[must_use]
    pub fn built_in(self, region: &str) -> f64 {
        match self {
            Self::BearerRate => quota::bearer_rate(region),
            #[expect(clippy::cast_precision_loss, reason = "it is 10,000")]
            Self::MembersPerChannel => quota::MEMBERS_PER_CHANNEL as f64,
        }
    }

    /// The figure in an answer.
    ///
    /// # Errors
    /// If it makes no sense: what is wrong.
    pub fn read(self, answer: &QuotaAnswer) -> Result<f64, String> {
        if answer
            .code
            .as_deref()
            .is_some_and(|code| code != self.code())
        {
            return Err("the answer is about another quota".to_owned());
        }
        if let Some(unit) = answer
            .unit
            .as_deref()
            .filter(|unit| !["None", "Count"].contains(unit))
        {
            return Err(format!("the unit is {unit}"));
        }
        let is_second = |(number, unit): &(Option<i32>, Option<String>)| {
            *number == Some(1) && unit.as_deref() == Some("SECOND")
        };
        let (is_period_right, most) = match self {
            // A thousand times what is documented: a rate beyond it is a mistake, not a raise.
            Self::BearerRate => (answer.period.as_ref().is_none_or(is_second), 10_000.0),
            Self::MembersPerChannel => (answer.period.is_none(), 1e9),
        };
        if !is_period_right {
            return Err("the period is not one second".to_owned());
        }
        let value = answer.value.ok_or("the answer has no value")?;
        if (1.0..=most).contains(&value) {
            Ok(value)
        } else {
            Err(format!("the value is {value}"))
        }
    }

    /// The figure to use in a region, and what there is to say of it. A bearer's rate is never lower than
    /// what is documented: the codes of Service Quotas and the documents differ, calls beyond the rate
    /// only cost time, and whoever makes too many slows down by itself. Members of a channel are counted
    /// by the account's figure, also if it is lower: nothing is paced by it.
    #[must_use]
    pub fn figure(
        self,
        region: &str,
        value: f64,
        source: QuotaSource,
    ) -> (QuotaFigure, Option<String>) {
        let built_in = self.built_in(region);
        if self == Self::BearerRate && value < built_in {
            let note = format!(
                "AWS has {value} calls a second by a bearer ({source}), fewer than documented: {built_in} \
                 are tried, and slow down where they are refused; --bearer-rate sets fewer"
            );
            let source = QuotaSource::BuiltIn;
            return (
                QuotaFigure {
                    value: built_in,
                    source,
                },
                Some(note),
            );
        }
        (QuotaFigure { value, source }, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_second(value: f64) -> QuotaAnswer {
        QuotaAnswer {
            value: Some(value),
            unit: Some("None".to_owned()),
            period: Some((Some(1), Some("SECOND".to_owned()))),
            ..QuotaAnswer::default()
        }
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_refused() {
        let (rate, members) = (AccountQuota::BearerRate, AccountQuota::MembersPerChannel);
        assert_eq!(rate.read(&per_second(25.0)), Ok(25.0));
        for value in [0.0, -10.0, f64::NAN, f64::INFINITY, 0.5, 10_001.0, 1e300] {
            assert!(rate.read(&per_second(value)).is_err(), "{value}");
        }
        let minute = Some((Some(1), Some("MINUTE".to_owned())));
        let wrong = [
            QuotaAnswer {
                value: None,
                ..per_second(1.0)
            },
            QuotaAnswer {
                period: minute,
                ..per_second(600.0)
            },
            QuotaAnswer {
                period: Some((Some(10), Some("SECOND".to_owned()))),
                ..per_second(100.0)
            },
            QuotaAnswer {
                period: Some((None, None)),
                ..per_second(10.0)
            },
            QuotaAnswer {
                unit: Some("Megabytes".to_owned()),
                ..per_second(10.0)
            },
            QuotaAnswer {
                code: Some("L-00000000".to_owned()),
                ..per_second(10.0)
            },
        ];
        for answer in &wrong {
            assert!(rate.read(answer).is_err(), "{answer:?}");
        }
        assert!(members.read(&per_second(10_000.0)).is_err());
        let count = QuotaAnswer {
            period: None,
            ..per_second(20_000.0)
        };
        assert_eq!(
            (members.read(&count), rate.read(&count).is_ok()),
            (Ok(20_000.0), false)
        );
        let no_period = QuotaAnswer {
            period: None,
            ..per_second(12.0)
        };
        assert_eq!(rate.read(&no_period), Ok(12.0));
    }

    #[test]
    fn the_rate_of_a_bearer_is_never_lower_than_documented() {
        let rate = AccountQuota::BearerRate;
        let figure = |region, value| rate.figure(region, value, QuotaSource::Applied);
        let of = |value, source| QuotaFigure { value, source };
        let (low, note) = figure("us-east-1", 5.0);
        assert_eq!(low, of(10.0, QuotaSource::BuiltIn));
        assert!(note.unwrap().contains("AWS has 5 calls a second"));
        assert_eq!(
            figure("eu-central-1", 5.0),
            (of(5.0, QuotaSource::Applied), None)
        );
        assert_eq!(figure("eu-central-1", 4.0).0, of(5.0, QuotaSource::BuiltIn));
        assert_eq!(
            figure("us-east-1", 40.0),
            (of(40.0, QuotaSource::Applied), None)
        );
        let (few, _) =
            AccountQuota::MembersPerChannel.figure("us-east-1", 500.0, QuotaSource::AwsDefault);
        assert_eq!(few, of(500.0, QuotaSource::AwsDefault));
    }
}
