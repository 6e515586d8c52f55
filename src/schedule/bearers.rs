//! The pool of bearers, and the limit over all calls together.

use std::time::Duration;

use super::RetryDelays;
use crate::model::{ChannelId, Limits};

/// One even pace: a call each interval, a late one made up for by at most one interval.
///
/// Evenly spaced calls pass any bucket of the same rate, whatever its burst, which is
/// undocumented.
#[derive(Debug, Clone, Copy)]
struct Pace {
    interval: Duration,
    next: Duration,
}

impl Pace {
    fn new(rate: f64) -> Self {
        Self {
            interval: Duration::from_secs_f64(1.0 / rate),
            next: Duration::ZERO,
        }
    }

    fn spend(&mut self, now: Duration) {
        self.next = self.next.max(now.saturating_sub(self.interval)) + self.interval;
    }
}

#[derive(Debug)]
struct Bearer {
    pace: Pace,
    /// Cool-downs in a row.
    level: u32,
    /// When the last cool-down began: refusals of calls sent before belong to it.
    cooled_at: Option<Duration>,
    /// The channel of its last throttled call since its last success.
    throttled_on: Option<ChannelId>,
}

/// When which bearer may call next.
#[derive(Debug)]
pub(super) struct Bearers {
    pool: Vec<Bearer>,
    total: Option<Pace>,
}

impl Bearers {
    pub(super) fn new(limits: &Limits, bearers: usize) -> Self {
        let bearer = || Bearer {
            pace: Pace::new(limits.bearer_rate),
            level: 0,
            cooled_at: None,
            throttled_on: None,
        };
        Self {
            pool: std::iter::repeat_with(bearer)
                .take(bearers.max(1))
                .collect(),
            total: limits.max_rate.map(Pace::new),
        }
    }

    /// The bearer who may call first, and when.
    pub(super) fn first(&self) -> (usize, Duration) {
        let (bearer, at) = self
            .pool
            .iter()
            .enumerate()
            .map(|(index, bearer)| (index, bearer.pace.next))
            .min_by_key(|(_, at)| *at)
            .unwrap_or_default();
        (
            bearer,
            at.max(self.total.map_or(Duration::ZERO, |total| total.next)),
        )
    }

    /// A call is made.
    pub(super) fn spend(&mut self, bearer: usize, now: Duration) {
        self.pool[bearer].pace.spend(now);
        if let Some(total) = &mut self.total {
            total.spend(now);
        }
    }

    /// Not before then.
    pub(super) fn postpone(&mut self, bearer: usize, until: Duration) {
        let pace = &mut self.pool[bearer].pace;
        pace.next = pace.next.max(until);
    }

    /// A call of this bearer was throttled. A 429 does not say whose limit it was: on one channel
    /// alone it is the channel's; when two channels in a row are throttled it is the bearer's.
    pub(super) fn throttled(
        &mut self,
        bearer: usize,
        channel: ChannelId,
        sent_at: Duration,
        now: Duration,
        delays: &mut RetryDelays,
    ) {
        let bearer = &mut self.pool[bearer];
        let on_another = bearer.throttled_on.is_some_and(|last| last != channel);
        bearer.throttled_on = Some(channel);
        let same_episode = bearer.cooled_at.is_some_and(|began| sent_at < began);
        if on_another && !same_episode {
            bearer.level += 1;
            bearer.cooled_at = Some(now);
            bearer.pace.next = bearer.pace.next.max(now + delays.after(bearer.level));
        }
    }

    /// A call of this bearer was accepted.
    pub(super) fn accepted(&mut self, bearer: usize) {
        self.pool[bearer].level = 0;
        self.pool[bearer].throttled_on = None;
    }
}
