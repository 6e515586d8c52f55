//! What a trial came to.

use std::fmt;
use std::time::Duration;

/// What a trial came to.
#[derive(Debug)]
pub(super) struct Figures {
    /// The least time at the limits as they were, faults considered.
    pub(super) bound: Duration,
    pub(super) makespan: Duration,
    /// The fewest calls without faults.
    pub(super) least: u64,
    /// The fewest calls with what the faults made needful, in hindsight.
    pub(super) needful: u64,
    pub(super) calls: u64,
    /// Calls answered 429.
    pub(super) throttled: u64,
    /// Calls on one channel in its busiest second.
    pub(super) channel_second: u64,
    /// Calls by one bearer in its busiest second.
    pub(super) bearer_second: u64,
    /// From the outage's end to full speed; none without an outage, or if it never came.
    pub(super) recovery: Option<Duration>,
}

/// The head of the table.
pub(super) const HEAD: &str = "scenario bound  makespan   ratio   least needful   calls  \
     calls/needful  refused  busiest c/b  recovery  verdict";

#[expect(clippy::cast_precision_loss, reason = "call counts are far below 2^52")]
impl Figures {
    pub(super) fn ratio(&self) -> f64 {
        self.makespan.as_secs_f64() / self.bound.as_secs_f64()
    }

    pub(super) fn refused(&self) -> f64 {
        self.throttled as f64 / self.calls as f64
    }

    pub(super) fn calls_over_fewest(&self) -> f64 {
        self.calls as f64 / self.needful as f64
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recovery = self.recovery.map_or("-".to_owned(), |time| {
            format!("{:.1} s", time.as_secs_f64())
        });
        write!(
            f,
            "{:>9.1}{:>10.1}{:>8.3}{:>8}{:>8}{:>8}{:>15.3}{:>8.2}%{:>13}{:>10}",
            self.bound.as_secs_f64(),
            self.makespan.as_secs_f64(),
            self.ratio(),
            self.least,
            self.needful,
            self.calls,
            self.calls_over_fewest(),
            self.refused() * 100.0,
            format!("{}/{}", self.channel_second, self.bearer_second),
            recovery,
        )
    }
}
