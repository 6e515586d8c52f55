//! Whether a bearer's slot is left to a more urgent channel that is not due yet.
//!
//! A bearer makes ten calls a second, a channel takes one. If a slot goes to a channel that has time
//! to spare just before the channel that takes longest becomes due, that one waits for the next slot,
//! and the whole job with it. So a slot is taken only if no channel with more calls left is delayed by
//! that for longer than its slack: how much sooner it would be done than the whole job. The bearer
//! loses nothing by waiting: its limit counts calls, not pauses.

use std::time::Duration;

use super::Scheduler;
use crate::model::{ChannelId, LaneId};

/// Channels that are looked at, the first that become due.
const LOOKED_AT: usize = 256;

/// Slots that are looked at for pages to come: more than a bearer makes calls in a second.
const SLOTS: usize = 32;

impl Scheduler {
    /// Until when a slot that is there now is left to the next pages of listings. A row that was sent
    /// before does not wait for them.
    pub(super) fn reserved_for_pages(&self, channel: ChannelId, now: Duration) -> Option<Duration> {
        let is_again = |lane: &LaneId| {
            let again = self.backlog.lane(*lane).earliest_again();
            again.is_some_and(|due| due <= now)
        };
        if self.pages_in_flight.is_empty()
            || self.channels[channel.index()].lanes.iter().any(is_again)
        {
            return None;
        }
        let bearers = self.bearers.numbers();
        let bearers = bearers.filter(|bearer| self.bearers.is_active(*bearer));
        let slots = self.pacing.slots(bearers, SLOTS);
        let limits = &self.settings.limits;
        let window = f64::from(limits.bearer_burst()) / limits.bearer_rate;
        let window = Duration::from_secs_f64(window);
        self.pages_in_flight.reserved_until(now, &slots, window)
    }

    /// Whether a call on a channel that needs so many calls, made now, delays a more urgent channel that
    /// becomes due.
    pub(super) fn is_reserved(&self, own: u64, now: Duration) -> bool {
        let bearers = || {
            let all = self.bearers.numbers();
            all.filter(|bearer| self.bearers.is_active(*bearer) && !self.bearers.is_busy(*bearer))
        };
        let interval = self.pacing.channel_interval();
        let time_for = |calls: u64| {
            interval.saturating_mul(u32::try_from(calls.saturating_sub(1)).unwrap_or(u32::MAX))
        };
        // Until the slot that is taken now is there again.
        let horizon = now.saturating_add(interval.max(self.pacing.time_for(1, bearers())));
        let due: Vec<(Duration, Duration)> = self
            .ready
            .due_before(horizon)
            .take(LOOKED_AT)
            .filter(|(_, calls)| *calls > own)
            .map(|(at, calls)| (at, at.saturating_sub(now).saturating_add(time_for(calls))))
            .collect();
        let Some(longest) = due.iter().map(|(_, left)| *left).max() else {
            return false;
        };
        let job = self
            .pacing
            .time_for(self.ready.calls_left(), bearers())
            .max(longest)
            .max(time_for(own));
        let slots = self.pacing.slots(bearers(), due.len() + 1);
        // Of the others, none is delayed by more than it can spare.
        let slack = |left: &Duration| job.saturating_sub(*left);
        let urgent = due.iter().filter(|(_, left)| slack(left) < interval);
        let mut urgent = urgent.zip(slots.iter().zip(slots.iter().skip(1).chain([&horizon])));
        urgent.any(|((at, left), (slot, next))| {
            let delay = (*next).saturating_sub(*slot.max(at));
            delay > slack(left)
        })
    }
}
