//! The rates that the service keeps.

use super::operation::Operation;
use super::quotas::Quotas;
use super::token_bucket::Rate;
use crate::model::quota;

/// The region whose quotas differ.
const EU: &str = "eu-central-1";

/// The rates in force.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    batch: Rate,
    single: Rate,
    single_eu: Rate,
    list: Rate,
    describe: Rate,
    bearer: Rate,
    bearer_eu: Rate,
    total: Option<Rate>,
}

impl Rates {
    /// These quotas, and the others as documented: see [`quota`].
    pub(super) fn new(quotas: &Quotas) -> Self {
        let bearer = |documented| {
            let rate = quotas.bearer_rate.unwrap_or(documented);
            Rate::new(rate, quotas.bearer_burst)
        };
        let single = |documented| {
            let rate = quotas.single_rate.unwrap_or(documented);
            Rate::new(rate, quotas.single_burst)
        };
        Self {
            batch: Rate::new(quotas.channel_rate, Some(quotas.channel_burst)),
            single: single(quota::SINGLE_RATE),
            single_eu: single(quota::SINGLE_RATE_EU),
            list: Rate::per_second(quota::LIST_RATE),
            describe: Rate::per_second(quota::DESCRIBE_RATE),
            bearer: bearer(quota::BEARER_RATE),
            bearer_eu: bearer(quota::BEARER_RATE_EU),
            total: quotas.total_rate.map(Rate::per_second),
        }
    }

    /// The rate of an operation on one channel of a region; `None`: AWS publishes no quota for it but
    /// the bearer's.
    pub(super) fn of_channel(&self, operation: Operation, region: &str) -> Option<Rate> {
        match operation {
            Operation::BatchCreate => Some(self.batch),
            Operation::Create | Operation::Delete | Operation::ListModerators => {
                Some(if region == EU {
                    self.single_eu
                } else {
                    self.single
                })
            }
            Operation::List => Some(self.list),
            Operation::DescribeChannel => Some(self.describe),
            Operation::Describe | Operation::ListSubChannels => None,
        }
    }

    /// The rate of this operation over all channels and bearers together, if it has one.
    pub(super) fn total(&self, operation: Operation) -> Option<Rate> {
        self.total
            .filter(|_| matches!(operation, Operation::BatchCreate))
    }

    /// The rate of a bearer of a region.
    pub(super) fn of_bearer(&self, region: &str) -> Rate {
        if region == EU {
            self.bearer_eu
        } else {
            self.bearer
        }
    }
}
