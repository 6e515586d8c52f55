//! The pool of bearers, and the limit over all calls together.

use std::time::Duration;

use super::pace::Pace;
use crate::model::{ChannelId, Limits};

#[derive(Debug)]
struct Bearer {
    pace: Pace,
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
            throttled_on: None,
        };
        Self {
            pool: std::iter::repeat_with(bearer)
                .take(bearers.max(1))
                .collect(),
            total: limits.max_rate.map(Pace::new),
        }
    }

    /// The bearer who may call first, and when: of several the one who has called least lately.
    pub(super) fn first(&self) -> (usize, Duration) {
        let (bearer, at) = self
            .pool
            .iter()
            .enumerate()
            .map(|(index, bearer)| (index, bearer.pace.next()))
            .min_by_key(|(_, at)| *at)
            .unwrap_or_default();
        (
            bearer,
            at.max(self.total.map_or(Duration::ZERO, |total| total.next())),
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
        self.pool[bearer].pace.postpone(until);
    }

    /// Whether what a bearer heard last, on any other channel, is that it was throttled.
    pub(super) fn is_refused_elsewhere(&self, bearer: usize, channel: ChannelId) -> bool {
        self.pool[bearer]
            .throttled_on
            .is_some_and(|last| last != channel)
    }

    /// A call of this bearer was throttled, whoever's limit it was.
    pub(super) fn throttled(&mut self, bearer: usize, channel: ChannelId) {
        self.pool[bearer].throttled_on = Some(channel);
    }

    /// A call of this bearer, sent then, was throttled for the bearer's own limit.
    pub(super) fn slow_down(&mut self, bearer: usize, sent_at: Duration, now: Duration) {
        self.pool[bearer].pace.refused(sent_at, now);
    }

    /// A call of this bearer, sent then, was accepted. True if by this one its limit is found to
    /// have lifted.
    pub(super) fn accepted(&mut self, bearer: usize, sent_at: Duration) -> bool {
        self.pool[bearer].throttled_on = None;
        self.pool[bearer].pace.accepted(sent_at)
    }
}
