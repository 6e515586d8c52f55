//! Calls over the working time.

use super::super::format::time;
use crate::ledger::CallResult;

/// At most this many buckets are shown.
const MAX_BUCKETS: u64 = 60;
/// The width of the narrowest bucket, in milliseconds.
const MIN_WIDTH: u64 = 1_000;

/// The calls of one bucket.
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

/// Buckets of equal width. The width doubles when there are too many.
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
    /// Counts a call sent at this working time.
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

    /// The bucket of a time.
    pub(super) fn index(&self, at: u64) -> usize {
        usize::try_from(at / self.width).unwrap_or(usize::MAX)
    }

    pub(super) fn buckets(&self) -> &[TimeBucket] {
        &self.buckets
    }

    /// The width of a bucket, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(super) fn seconds(&self) -> f64 {
        self.width as f64 / 1_000.0
    }

    /// When a bucket begins, as text.
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    pub(super) fn begins(&self, index: usize) -> String {
        time(index as f64 * self.seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_grow_until_they_are_few_and_lose_no_call() {
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
}
