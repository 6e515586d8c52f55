//! The rates that the service keeps.

use super::operation::Operation;
use super::quotas::Quotas;
use super::token_bucket::Rate;
use crate::model::quota;

/// The rates in force.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    batch: Rate,
    single: Rate,
    list: Rate,
    describe: Rate,
    bearer: Rate,
    bearer_eu: Rate,
}

impl Rates {
    /// These quotas, and the others as documented: see [`quota`].
    pub(super) fn new(quotas: &Quotas) -> Self {
        let bearer = |documented| {
            let rate = quotas.bearer_rate.unwrap_or(documented);
            Rate::new(rate, quotas.bearer_burst)
        };
        Self {
            batch: Rate::new(quotas.channel_rate, Some(quotas.channel_burst)),
            single: Rate::per_second(quota::SINGLE_RATE),
            list: Rate::per_second(quota::LIST_RATE),
            describe: Rate::per_second(quota::DESCRIBE_RATE),
            bearer: bearer(quota::BEARER_RATE),
            bearer_eu: bearer(quota::BEARER_RATE_EU),
        }
    }

    /// The rate of an operation on one channel.
    pub(super) fn of_channel(&self, operation: Operation) -> Rate {
        match operation {
            Operation::BatchCreate => self.batch,
            Operation::Create | Operation::Delete => self.single,
            Operation::List => self.list,
            Operation::Describe | Operation::DescribeChannel => self.describe,
        }
    }

    /// The rate of a bearer of a region.
    pub(super) fn of_bearer(&self, region: &str) -> Rate {
        if region == "eu-central-1" {
            self.bearer_eu
        } else {
            self.bearer
        }
    }
}
