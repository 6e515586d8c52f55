//! How much later calls are sent than planned, because a commit was slow.
//!
//! The rate limits count a call when it is planned, but it is sent only after the ledger's commit.
//! When one commit takes longer than the others, calls that were planned apart are sent close
//! together. The excess over the usual commit time is therefore added to their times in the limits.

use std::time::Duration;

/// A slower commit raises the typical time by one part in this many of the difference: a disk that
/// is always slow causes no delay.
const SMOOTHING: u32 = 16;

/// The typical time of a commit.
#[derive(Debug, Default)]
pub(super) struct CommitDelay {
    typical: Duration,
}

impl CommitDelay {
    /// Records a commit that took this long. Returns how much longer than usual that is.
    pub(super) fn record(&mut self, took: Duration) -> Duration {
        let late = took.saturating_sub(self.typical);
        self.typical = if late.is_zero() {
            took
        } else {
            self.typical + late / SMOOTHING
        };
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_excess_over_the_usual_time_is_a_delay_and_a_disk_that_is_always_slow_has_none() {
        let ms = Duration::from_millis;
        let mut commit_delay = CommitDelay::default();
        assert_eq!(commit_delay.record(ms(300)), ms(300));
        for _ in 0..200 {
            commit_delay.record(ms(300));
        }
        assert!(commit_delay.record(ms(300)) < ms(1));
        assert_eq!(commit_delay.record(ms(2)), Duration::ZERO);
        assert_eq!(commit_delay.record(ms(302)), ms(300));
    }
}
