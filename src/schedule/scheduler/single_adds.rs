//! Single adds: calls that add one member, within a quota of their own, where a channel binds the job
//! and its bearers have time to spare.
//!
//! A channel takes one batch a second. While the channel that takes longest waits for its second, the
//! bearers' free slots carry single adds on it, as far as they are not left to more urgent batches.

use std::time::Duration;

use super::{Scheduler, Step};
use crate::model::{ChannelId, LaneId, Operation};

impl Scheduler {
    /// A single add now, if one can be made. Otherwise a wait for the next one, or until then.
    pub(super) fn single_add_or_wait(&mut self, now: Duration, until: Option<Duration>) -> Step {
        let Some((channel, lane)) = self.single_add(now) else {
            return Step::Wait(until);
        };
        let bearer = self.first_bearer(|bearer| self.bearers.is_active(bearer));
        let Some((bearer, bearer_at)) = bearer else {
            return Step::Wait(until);
        };
        let at = bearer_at.max(self.pacing.next_single(channel));
        if at > now {
            return Step::Wait(until.map_or(Some(at), |until| Some(until.min(at))));
        }
        if self.is_reserved(0, now) {
            return Step::Wait(until);
        }
        let load = self.backlog.take_one(lane);
        let load = Some((lane, load));
        Step::Call(self.issue_by(Operation::Single, channel, bearer, load, now))
    }

    /// The channel and lane on which a single add makes the job shorter, if there is one.
    fn single_add(&self, now: Duration) -> Option<(ChannelId, LaneId)> {
        self.settings.limits.single_rate?;
        if self.settings.operation != Operation::Batch {
            return None;
        }
        if !self.backlog.has_room() || self.backlog.is_staging() || self.is_outage() {
            return None;
        }
        let interval = self.pacing.channel_interval();
        let (channel, calls) = self.ready.longest_due_before(now + interval * 2)?;
        let bearers = self.bearers.numbers();
        let active = bearers.filter(|bearer| self.bearers.is_active(*bearer));
        let pool = self.pacing.time_for(self.ready.calls_left(), active);
        let left = interval.saturating_mul(u32::try_from(calls - 1).unwrap_or(u32::MAX));
        let state = &self.channels[channel.index()];
        if left <= pool || state.examination.is_some() {
            return None;
        }
        let lanes = state.lanes.iter().copied();
        let lanes = lanes.filter(|lane| self.backlog.lane(*lane).fresh() > 0);
        let lane = lanes.max_by_key(|lane| self.backlog.lane(*lane).fresh())?;
        Some((channel, lane))
    }
}
