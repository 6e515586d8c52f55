//! The quotas of the simulated service.
//!
//! Promises: a limit that changes keeps its state: calls that were charged before the change stay
//! charged, and the bucket refills at the new rate. Must not: read a clock; the caller passes the
//! time.

use std::ops::Range;
use std::time::Duration;

use crate::model::quota;

/// The limits of a [`super::Service`] that can be set. The defaults are AWS's documented quotas. The
/// limits of reading operations cannot be set: they always are the documented ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Quotas {
    /// Batch calls per second on one channel, at least 0.001.
    pub channel_rate: f64,
    /// Batch calls that one channel takes at once, at least 1.
    pub channel_burst: u32,
    /// Calls per second on one channel that add or remove a single member, at least 0.001; `None`:
    /// what the channel's region has.
    pub single_rate: Option<f64>,
    /// Such calls that one channel takes at once, at least 1; `None`: one second's worth.
    pub single_burst: Option<u32>,
    /// Calls per second by one bearer, at least 0.001; `None`: what the bearer's region has.
    pub bearer_rate: Option<f64>,
    /// Calls that one bearer may make at once, at least 1; `None`: one second's worth.
    pub bearer_burst: Option<u32>,
    /// Batch calls per second over all channels and bearers together, at least 0.001; `None`: there is
    /// no such limit.
    pub total_rate: Option<f64>,
    /// When the service allows less.
    pub lowered: Option<Lowered>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            channel_rate: quota::CHANNEL_RATE,
            channel_burst: 1,
            single_rate: None,
            single_burst: None,
            bearer_rate: None,
            bearer_burst: None,
            total_rate: None,
            lowered: None,
        }
    }
}

/// A time in which the rates of channels' batch calls and of bearers are lower. Bursts stay as
/// they are, in calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// Of the rate, 0 or more.
    pub share: f64,
    /// Since the service's start.
    pub during: Range<Duration>,
}

impl Quotas {
    /// The time as the limits feel it: while they are lowered, it passes slower by their share. A
    /// limit checked at this time needs no notice of changes.
    pub(super) fn scaled(&self, now: Duration) -> Duration {
        let Some(Lowered { share, during }) = &self.lowered else {
            return now;
        };
        let lowered = now.min(during.end).saturating_sub(during.start);
        now.saturating_sub(lowered) + lowered.mul_f64(share.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::token_bucket::{Rate, TokenBucket};
    use super::*;

    fn halved(during: Range<u64>) -> Quotas {
        Quotas {
            lowered: Some(Lowered {
                share: 0.5,
                during: Duration::from_millis(during.start)..Duration::from_millis(during.end),
            }),
            ..Quotas::default()
        }
    }

    /// The milliseconds, up to an end, at which a caller who asks each of them is let in.
    fn admitted(quotas: &Quotas, rate: Rate, end: u64) -> Vec<u64> {
        let mut bucket = TokenBucket::default();
        let is_admitted = |ms: &u64| {
            let scaled = quotas.scaled(Duration::from_millis(*ms));
            let room = bucket.has_room(rate, scaled);
            if room {
                bucket.take(rate, scaled);
            }
            room
        };
        (0..end).filter(is_admitted).collect()
    }

    #[test]
    fn a_limit_that_changes_keeps_what_was_taken() {
        let one_a_second = Rate::new(1.0, Some(1));
        assert_eq!(
            admitted(&halved(2_000..8_000), one_a_second, 11_000),
            [0, 1_000, 2_000, 4_000, 6_000, 8_000, 9_000, 10_000]
        );
        // A quarter of the call's second has passed before the change, half of it when it ends.
        assert_eq!(
            admitted(&halved(250..750), one_a_second, 3_000),
            [0, 1_250, 2_250]
        );
        assert_eq!(
            admitted(&halved(9_000..9_000), one_a_second, 3_000),
            [0, 1_000, 2_000]
        );
    }

    #[test]
    fn a_burst_stays_in_calls() {
        let three_at_once = Rate::new(10.0, Some(3));
        assert_eq!(
            admitted(&halved(0..450), three_at_once, 750),
            [0, 1, 2, 200, 400, 525, 625, 725]
        );
    }

    #[test]
    fn nothing_is_admitted_at_a_share_of_none() {
        let mut quotas = halved(500..5_000);
        if let Some(lowered) = &mut quotas.lowered {
            lowered.share = 0.0;
        }
        let one_a_second = Rate::new(1.0, Some(1));
        assert_eq!(admitted(&quotas, one_a_second, 7_000), [0, 5_500, 6_500]);
    }
}
