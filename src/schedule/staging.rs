//! What the scheduler is told of the list and of earlier sessions, before and while it decides.

use std::time::Duration;

use super::channel::{Channel, Lane};
use super::{PendingRow, Scheduler};
use crate::model::{ChannelId, LaneId};

impl Scheduler {
    /// Opens the next lane, on a channel that is known or new. Lanes and channels are numbered
    /// from 0 in the order in which they are opened.
    pub fn open_lane(&mut self, channel: ChannelId) -> LaneId {
        let lane = LaneId(u32::try_from(self.lanes.len()).unwrap_or(u32::MAX));
        if self.channels.len() <= channel.index() {
            self.channels
                .resize_with(channel.index() + 1, Channel::default);
        }
        self.channels[channel.index()].lanes.push(lane);
        self.lanes.push(Lane::new(channel));
        lane
    }

    /// How many lanes are open.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Closes a lane that an earlier session found closed.
    pub fn close_lane(&mut self, lane: LaneId) {
        self.lanes[lane.index()].close(None);
    }

    /// So many more rows of the lane wait to be drawn: in full calls, until
    /// [`flush_partial_batches`](Self::flush_partial_batches) or [`end_staging`](Self::end_staging). Gives how many of them failed at once,
    /// because the lane is closed.
    pub fn stage(&mut self, lane: LaneId, rows: u64) -> u64 {
        let state = &mut self.lanes[lane.index()];
        if state.closed {
            self.settled += rows;
            self.failures += rows;
            self.judge_failures();
            return rows;
        }
        state.fresh += rows;
        let channel = state.channel;
        self.holds_partial_batches = self.staging;
        self.update_ready(channel);
        0
    }

    /// A row that an earlier session tried is to be tried again, at once; not if its lane is
    /// closed: then it stays as it is, in doubt.
    pub fn recover(&mut self, lane: LaneId, pending: PendingRow) {
        if self.lanes[lane.index()].closed {
            return;
        }
        self.wait(lane, Duration::ZERO, pending);
        self.update_ready(self.lanes[lane.index()].channel);
    }

    /// An earlier session of this run had calls accepted on this channel: a control call can be
    /// made there.
    pub fn was_accepted_before(&mut self, channel: ChannelId) {
        self.channels[channel.index()].accepted = true;
        self.note_control_channel(channel);
    }

    /// The list is read: no more rows will be staged.
    pub fn end_staging(&mut self) {
        self.staging = false;
        self.flush_partial_batches();
    }

    /// The list is slow: what is there of it goes out, be it less than a full call.
    pub fn flush_partial_batches(&mut self) {
        if std::mem::take(&mut self.holds_partial_batches) {
            (0..)
                .zip(0..self.channels.len())
                .for_each(|(channel, _)| self.update_ready(ChannelId(channel)));
        }
    }
}
