//! Why a run is stopped before its end.

use crate::model::Refusal;

/// A reason to stop the run. Nobody is marked failed for it, and the run can be resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The credentials are missing, wrong or expired.
    Credentials(Refusal),
    /// Nobody gets through any more: every bearer is denied, or every call refused.
    Denied(Refusal),
    /// Nothing answered in this session.
    NoAnswer(Refusal),
    /// Who answers is not the service: a proxy, or a wrong address.
    WrongAddress(Refusal),
    /// Nothing was accepted for as long as patience lasts.
    Outage(Refusal),
    /// More failures than `--max-failures` allows.
    TooManyFailures {
        /// Rows failed or unconfirmed.
        failures: u64,
        /// Rows settled.
        settled: u64,
    },
}
