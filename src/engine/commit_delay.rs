//! How late calls leave, because the disk was slow.
//!
//! A call is paid for when it is ordered, and leaves when the ledger is committed. Where commits take
//! longer now and then, calls ordered apart leave close together. What a commit took beyond the usual
//! is therefore added to what its calls have paid.

use std::time::Duration;

/// A commit that is slower than usual moves the usual by this share of the difference: a disk that
/// is always slow is no reason to wait longer.
const SMOOTHING: u32 = 16;

/// How long commits usually take.
#[derive(Debug, Default)]
pub(super) struct CommitDelay {
    typical: Duration,
}

impl CommitDelay {
    /// How much later than usual the calls of a commit leave that took this long.
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
    fn what_is_beyond_the_usual_is_late_and_a_disk_that_is_always_slow_is_usual() {
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
