//! The figures of a trial.

use std::fmt;
use std::time::Duration;

/// The figures of a trial.
#[derive(Debug)]
pub(crate) struct Figures {
    /// The lower bound, with the limits and faults that there were.
    pub(super) bound: Duration,
    /// From the first call that reached the service to the last one, accepted or not.
    pub(super) arrivals: Duration,
    /// From the start of the program to its end.
    pub(super) makespan: Duration,
    /// The fewest calls without faults.
    pub(super) fewest: u64,
    /// The fewest calls with the faults that occurred.
    pub(super) fewest_with_faults: u64,
    pub(super) calls: u64,
    /// Calls answered 429.
    pub(super) throttled: u64,
    /// Calls on one channel in its busiest second.
    pub(super) channel_second: u64,
    /// Calls by one bearer in its busiest second.
    pub(super) bearer_second: u64,
    /// The time from the end of the outage to full speed. `None` without an outage, or if full speed
    /// was not reached.
    pub(super) recovery: Option<Duration>,
}

/// The header of the table.
pub(super) const HEAD: &str = "scenario                             bound  arrivals   ratio  makespan  fewest +faults   calls  \
     calls/+faults  throttled  busiest c/b  recovery  result";

#[expect(clippy::cast_precision_loss, reason = "call counts are far below 2^52")]
impl Figures {
    /// The time as the service sees it over the lower bound.
    pub(crate) fn ratio(&self) -> f64 {
        self.arrivals.as_secs_f64() / self.bound.as_secs_f64()
    }

    pub(crate) fn throttled_share(&self) -> f64 {
        self.throttled as f64 / self.calls as f64
    }

    pub(super) fn calls_over_fewest(&self) -> f64 {
        self.calls as f64 / self.fewest_with_faults as f64
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recovery = self.recovery.map_or("-".to_owned(), |time| {
            format!("{:.1} s", time.as_secs_f64())
        });
        write!(
            f,
            "{:>9.1}{:>10.1}{:>8.3}{:>10.1}{:>8}{:>8}{:>8}{:>15.3}{:>10.2}%{:>13}{:>10}",
            self.bound.as_secs_f64(),
            self.arrivals.as_secs_f64(),
            self.ratio(),
            self.makespan.as_secs_f64(),
            self.fewest,
            self.fewest_with_faults,
            self.calls,
            self.calls_over_fewest(),
            self.throttled_share() * 100.0,
            format!("{}/{}", self.channel_second, self.bearer_second),
            recovery,
        )
    }
}
