//! How many rows failed, against the threshold that stops a run.

use super::{FailureThreshold, Stop};

/// Rows settled in this pass, and those of them that failed.
#[derive(Debug)]
pub(super) struct FailureCount {
    threshold: Option<FailureThreshold>,
    settled: u64,
    failures: u64,
}

impl FailureCount {
    pub(super) fn new(threshold: Option<FailureThreshold>) -> Self {
        Self {
            threshold,
            settled: 0,
            failures: 0,
        }
    }

    /// Rows are settled; some of them failed.
    pub(super) fn on_settled(&mut self, settled: u64, failures: u64) {
        self.settled += settled;
        self.failures += failures;
    }

    /// Rows that failed.
    #[cfg(test)]
    pub(super) fn failures(&self) -> u64 {
        self.failures
    }

    /// The reason to stop, if there are too many failures.
    pub(super) fn stop(&self) -> Option<Stop> {
        let (failures, settled) = (self.failures, self.settled);
        let is_passed = self.threshold?.is_passed(failures, settled);
        is_passed.then_some(Stop::TooManyFailures { failures, settled })
    }
}
