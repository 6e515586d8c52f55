//! Calls over the time at work.

use super::super::format::time;
use crate::ledger::CallResult;

/// Stretches of time that are shown at most.
const MAX_BUCKETS: u64 = 60;
/// The shortest stretch, in milliseconds.
const MIN_WIDTH: u64 = 1_000;

/// The time at work: that of the calls, without the times when none left for long.
#[derive(Debug)]
pub(super) struct WorkClock {
    /// Milliseconds without a call that count as a pause.
    longest_wait: i64,
    last: Option<i64>,
    now: u64,
    pauses: u64,
}

impl WorkClock {
    /// A clock for calls of which one leaves that often at least, while there is work.
    pub(super) fn new(longest_wait: i64) -> Self {
        Self {
            longest_wait,
            last: None,
            now: 0,
            pauses: 0,
        }
    }

    /// Milliseconds at work when a call left at this time of the day. A clock that was set back
    /// between two sessions counts as a pause.
    pub(super) fn read(&mut self, sent_at: i64) -> u64 {
        if let Some(last) = self.last {
            match u64::try_from(sent_at.saturating_sub(last)) {
                Ok(step) if sent_at.saturating_sub(last) <= self.longest_wait => self.now += step,
                _ => self.pauses += 1,
            }
        }
        self.last = Some(sent_at);
        self.now
    }

    /// The pauses left out.
    pub(super) fn pauses(&self) -> u64 {
        self.pauses
    }
}

/// What left in one stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TimeBucket {
    pub(super) accepted: u64,
    pub(super) throttled: u64,
    /// Refused for another reason, or never answered.
    pub(super) failed: u64,
    /// Members in the accepted calls.
    pub(super) members: u64,
}

impl TimeBucket {
    fn merge(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            throttled: self.throttled + other.throttled,
            failed: self.failed + other.failed,
            members: self.members.saturating_add(other.members),
        }
    }

    pub(super) fn calls(self) -> u64 {
        self.accepted + self.throttled + self.failed
    }
}

/// Stretches of equal length, as long as it takes for all to be few.
#[derive(Debug)]
pub(super) struct Timeline {
    width: u64,
    buckets: Vec<TimeBucket>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            width: MIN_WIDTH,
            buckets: Vec::new(),
        }
    }
}

impl Timeline {
    /// Counts a call that left then.
    pub(super) fn add(&mut self, at: u64, result: CallResult, members: u64) {
        while at / self.width >= MAX_BUCKETS {
            self.width *= 2;
            let pairs = self.buckets.chunks(2);
            self.buckets = pairs
                .map(|pair| {
                    pair.iter()
                        .copied()
                        .fold(TimeBucket::default(), TimeBucket::merge)
                })
                .collect();
        }
        let index = self.index(at);
        if self.buckets.len() <= index {
            self.buckets.resize(index + 1, TimeBucket::default());
        }
        let Some(bucket) = self.buckets.get_mut(index) else {
            return;
        };
        match result {
            CallResult::Accepted => {
                bucket.accepted += 1;
                bucket.members = bucket.members.saturating_add(members);
            }
            CallResult::Throttled => bucket.throttled += 1,
            CallResult::Refused | CallResult::Unanswered => bucket.failed += 1,
        }
    }

    /// The stretch of a time.
    pub(super) fn index(&self, at: u64) -> usize {
        usize::try_from(at / self.width).unwrap_or(usize::MAX)
    }

    pub(super) fn buckets(&self) -> &[TimeBucket] {
        &self.buckets
    }

    /// The length of a stretch, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(super) fn seconds(&self) -> f64 {
        self.width as f64 / 1_000.0
    }

    /// When a stretch begins, for people.
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    pub(super) fn begins(&self, index: usize) -> String {
        time(index as f64 * self.seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_grow_until_they_are_few_and_lose_no_call() {
        let mut timeline = Timeline::default();
        for second in 0..1_000 {
            timeline.add(second * 1_000, CallResult::Accepted, 100);
            timeline.add(second * 1_000 + 1, CallResult::Throttled, 100);
        }
        assert!((timeline.seconds() - 32.0).abs() < 1e-9);
        assert_eq!(timeline.buckets().len(), 32);
        let full = TimeBucket {
            accepted: 32,
            throttled: 32,
            failed: 0,
            members: 3_200,
        };
        assert_eq!(timeline.buckets()[..31], [full; 31]);
        assert_eq!(timeline.buckets()[31].accepted, 8);
    }

    #[test]
    fn pauses_take_no_time_whichever_way_the_clock_went() {
        let mut clock = WorkClock::new(60_000);
        let read = [
            0,
            500,
            60_500,
            9_000_000,
            9_000_100,
            100,
            i64::MIN,
            i64::MAX,
        ];
        let read = read.map(|at| clock.read(at));
        assert_eq!(
            read,
            [0, 500, 60_500, 60_500, 60_600, 60_600, 60_600, 60_600]
        );
        assert_eq!(clock.pauses(), 4);
    }
}
