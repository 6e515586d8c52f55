//! What the scheduler is told of the list and of earlier sessions, before and while it decides.

use std::time::Duration;

use super::channel::{Channel, Lane};
use super::{Scheduler, Ticket};
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
    /// [`release_rests`](Self::release_rests) or [`end_staging`](Self::end_staging). Gives how many of them failed at once,
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
        self.holds_rests = self.staging;
        self.place(channel);
        0
    }

    /// A row that an earlier session tried is to be tried again, at once; not if its lane is
    /// closed: then it stays as it is, in doubt.
    pub fn take_up(&mut self, lane: LaneId, ticket: Ticket) {
        if self.lanes[lane.index()].closed {
            return;
        }
        self.wait(lane, Duration::ZERO, ticket);
        self.place(self.lanes[lane.index()].channel);
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
        self.release_rests();
    }

    /// The list is slow: what is there of it goes out, be it less than a full call.
    pub fn release_rests(&mut self) {
        if std::mem::take(&mut self.holds_rests) {
            (0..)
                .zip(0..self.channels.len())
                .for_each(|(channel, _)| self.place(ChannelId(channel)));
        }
    }
}
