//! Input from the list and from earlier sessions, before and while the scheduler decides.

use std::time::Duration;

use super::Scheduler;
use crate::model::{ChannelId, LaneId};
use crate::schedule::PendingRow;
use crate::schedule::channel::Channel;

impl Scheduler {
    /// Opens the next lane, on a channel that is known or new. Lanes and channels are numbered
    /// from 0 in the order in which they are opened.
    pub fn open_lane(&mut self, channel: ChannelId) -> LaneId {
        let lane = self.backlog.open(channel);
        if self.channels.len() <= channel.index() {
            self.channels
                .resize_with(channel.index() + 1, Channel::default);
        }
        self.pacing.open(channel);
        self.channels[channel.index()].lanes.push(lane);
        lane
    }

    /// How many lanes are open.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.backlog.lanes()
    }

    /// Closes a lane that an earlier session found closed.
    pub fn close_lane(&mut self, lane: LaneId) {
        self.backlog.close(lane, None);
    }

    /// So many more rows of the lane wait to be drawn: in full calls, until
    /// [`flush_partial_batches`](Self::flush_partial_batches) or [`end_staging`](Self::end_staging). Gives how many of them failed at once,
    /// because the lane is closed.
    pub fn stage(&mut self, lane: LaneId, rows: u64) -> u64 {
        if self.backlog.is_closed(lane) {
            self.settle_failed(rows);
            return rows;
        }
        self.backlog.stage(lane, rows);
        let channel = self.backlog.lane(lane).channel;
        self.update_ready(channel);
        0
    }

    /// A row that an earlier session tried is to be tried again, at once; not if its lane is
    /// closed: then it stays as it is, in doubt.
    pub fn recover(&mut self, lane: LaneId, pending: PendingRow) {
        if self.backlog.is_closed(lane) {
            return;
        }
        self.backlog.wait(lane, Duration::ZERO, pending);
        self.update_ready(self.backlog.lane(lane).channel);
    }

    /// An earlier session of this run had calls accepted on this channel: a control call can be
    /// made there.
    pub fn was_accepted_before(&mut self, channel: ChannelId) {
        self.channels[channel.index()].accepted = true;
        self.examined.note_control_channel(channel);
    }

    /// Rows that earlier sessions of this pass settled, and those of them that failed: they count
    /// for the failure threshold.
    pub fn settled_before(&mut self, settled: u64, failures: u64) {
        self.failures.on_settled(settled, failures);
        self.judge_failures();
    }

    /// The list is read: no more rows will be staged.
    pub fn end_staging(&mut self) {
        self.backlog.end_staging();
        self.flush_partial_batches();
    }

    /// The list is slow: what is there of it goes out, be it less than a full call.
    pub fn flush_partial_batches(&mut self) {
        if self.backlog.release_partial_batches() {
            (0..)
                .zip(0..self.channels.len())
                .for_each(|(channel, _)| self.update_ready(ChannelId(channel)));
        }
    }
}
