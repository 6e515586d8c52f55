//! What is left to do, for observers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::Scheduler;
use crate::model::ChannelId;
use crate::schedule::channel::Lane;

/// What is left to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// Channels with calls left.
    pub open: usize,
    /// Those of them that wait because they were throttled.
    pub cooling: usize,
    /// Calls left on all of them.
    pub calls_left: u64,
    /// The channels with the most calls left, those first.
    pub largest: Vec<ChannelLeft>,
}

/// What is left to do on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelLeft {
    /// Calls still needed.
    pub calls: u64,
    /// Rows that wait to be sent.
    pub members: u64,
    /// The channel.
    pub channel: ChannelId,
}

impl Scheduler {
    /// What is left to do, with up to `named` channels by name. Visits each channel.
    #[must_use]
    pub fn overview(&self, now: Duration, named: usize) -> Overview {
        let full = self.settings.limits.members_per_call;
        let mut overview = Overview::default();
        let mut largest = BinaryHeap::new();
        for (channel, state) in (0..).map(ChannelId).zip(&self.channels) {
            let lanes = || state.lanes.iter().map(|lane| self.backlog.lane(*lane));
            let calls: u64 = lanes().map(|lane| lane.calls_left(full)).sum();
            if calls == 0 {
                continue;
            }
            overview.open += 1;
            overview.cooling += usize::from(self.pacing.is_cooling(channel, now));
            overview.calls_left += calls;
            largest.push(Reverse(ChannelLeft {
                calls,
                members: lanes().map(Lane::members_left).sum(),
                channel,
            }));
            if largest.len() > named {
                largest.pop();
            }
        }
        let largest = largest.into_sorted_vec();
        overview.largest = largest.into_iter().map(|Reverse(left)| left).collect();
        overview
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Limits;
    use crate::schedule::{SchedulerConfig, Step};

    #[test]
    fn the_largest_are_named_and_all_are_counted() {
        let mut scheduler = Scheduler::new(SchedulerConfig::new(Limits::of_region("us-east-1"), 1));
        for (channel, rows) in [(0, 150), (1, 0), (2, 901), (3, 42)] {
            let lane = scheduler.open_lane(ChannelId(channel));
            scheduler.stage(lane, rows);
        }
        let left = |channel, members, calls| ChannelLeft {
            calls,
            members,
            channel: ChannelId(channel),
        };
        let overview = scheduler.overview(Duration::ZERO, 2);
        let largest = vec![left(2, 901, 10), left(0, 150, 2)];
        let expected = Overview {
            open: 3,
            cooling: 0,
            calls_left: 13,
            largest,
        };
        assert_eq!(overview, expected);
        // Calls in flight are no longer left.
        scheduler.end_staging();
        assert!(matches!(scheduler.next(Duration::ZERO), Step::Call(_)));
        let overview = scheduler.overview(Duration::ZERO, 2);
        assert_eq!(overview.largest[0], left(2, 801, 9));
    }
}
