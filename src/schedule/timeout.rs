//! How long an answer is waited for.
//!
//! A call without an answer holds its members back; sending it again is safe, as the service adds
//! nobody twice. So no longer is waited than answers take now, with ample room; and each answer
//! that does not come doubles the wait, so that a service grown slow is not taken for a dead one.

use std::time::Duration;

/// The shortest wait, however quick the answers are.
const SHORTEST: Duration = Duration::from_secs(4);
/// Room over the longest round trip seen lately.
const ROOM: u32 = 8;

/// The timeout, learned from the answers.
#[derive(Debug)]
pub(super) struct Timeout {
    longest: Duration,
    /// Answers lost since the last that came.
    lost: u32,
}

impl Timeout {
    /// Never more than `longest`.
    pub(super) fn new(longest: Duration) -> Self {
        Self { longest, lost: 0 }
    }

    /// For a call made now, where answers take so long, if that is known.
    pub(super) fn next(&self, round_trip: Option<Duration>) -> Duration {
        round_trip.map_or(self.longest, |round_trip| {
            SHORTEST
                .max(round_trip * ROOM)
                .saturating_mul(1 << self.lost.min(8))
                .min(self.longest)
        })
    }

    /// An answer came.
    pub(super) fn answered(&mut self) {
        self.lost = 0;
    }

    /// An answer was lost.
    pub(super) fn lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_answers_and_doubles_with_each_that_is_lost() {
        let second = Duration::from_secs(1);
        let mut timeout = Timeout::new(15 * second);
        assert_eq!(timeout.next(None), 15 * second, "nothing known");
        assert_eq!(timeout.next(Some(second / 10)), SHORTEST);
        assert_eq!(timeout.next(Some(second)), 8 * second);
        assert_eq!(timeout.next(Some(5 * second)), 15 * second);
        timeout.lost();
        assert_eq!(timeout.next(Some(second / 10)), 8 * second);
        timeout.lost();
        assert_eq!(timeout.next(Some(second / 10)), 15 * second);
        timeout.answered();
        assert_eq!(timeout.next(Some(second / 10)), SHORTEST);
    }
}
