//! The rows that are left to send: fresh ones, retries, and parts of refused calls, lane by lane.

use std::time::Duration;

use super::channel::{Lane, Load, Part};
use super::{PartRefusal, PendingRow};
use crate::model::{ChannelId, LaneId, Refusal};

/// All lanes, and how many rows wait for a retry or are in flight with one.
#[derive(Debug)]
pub(super) struct Backlog {
    lanes: Vec<Lane>,
    waiting: usize,
    retrying: usize,
    /// Rows that may wait for a retry, or be in flight with one, before no fresh ones are taken.
    most_waiting: usize,
    /// The list is not read to its end.
    is_staging: bool,
    /// Fresh rows go out in full calls only: the list may bring more of their channel.
    holds_partial_batches: bool,
}

impl Backlog {
    pub(super) fn new(most_waiting: usize) -> Self {
        Self {
            lanes: Vec::new(),
            waiting: 0,
            retrying: 0,
            most_waiting,
            is_staging: true,
            holds_partial_batches: true,
        }
    }

    /// Opens the next lane.
    pub(super) fn open(&mut self, channel: ChannelId) -> LaneId {
        let lane = LaneId(u32::try_from(self.lanes.len()).unwrap_or(u32::MAX));
        self.lanes.push(Lane::new(channel));
        lane
    }

    /// How many lanes are open.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    pub(super) fn lane(&self, lane: LaneId) -> &Lane {
        &self.lanes[lane.index()]
    }

    pub(super) fn is_closed(&self, lane: LaneId) -> bool {
        self.lane(lane).is_closed()
    }

    /// More fresh rows of a lane.
    pub(super) fn stage(&mut self, lane: LaneId, rows: u64) {
        self.lanes[lane.index()].add_fresh(rows);
        self.holds_partial_batches = self.is_staging;
    }

    /// The list is read to its end.
    pub(super) fn end_staging(&mut self) {
        self.is_staging = false;
    }

    pub(super) fn is_staging(&self) -> bool {
        self.is_staging
    }

    /// From now on rows go out in smaller calls, too. True if that is new.
    pub(super) fn release_partial_batches(&mut self) -> bool {
        std::mem::take(&mut self.holds_partial_batches)
    }

    /// The fewest fresh rows that are worth a call, where a full one carries `full`.
    pub(super) fn min_fresh(&self, full: u32) -> u32 {
        if self.holds_partial_batches { full } else { 1 }
    }

    /// Puts a row among those that wait for a retry.
    pub(super) fn wait(&mut self, lane: LaneId, due: Duration, pending: PendingRow) {
        self.lanes[lane.index()].wait(due, pending);
        self.waiting += 1;
    }

    /// Puts a part of a refused call first among what waits.
    pub(super) fn wait_as_part(
        &mut self,
        lane: LaneId,
        due: Duration,
        rows: Vec<PendingRow>,
        other_half: Vec<PendingRow>,
        refusals: Vec<PartRefusal>,
    ) {
        self.waiting += rows.len() + other_half.len();
        self.lanes[lane.index()].push_part(Part {
            due,
            rows,
            other_half,
            refusals,
        });
    }

    /// Takes what the next call of a lane carries.
    pub(super) fn take(
        &mut self,
        lane: LaneId,
        now: Duration,
        most: u32,
        with_fresh: bool,
    ) -> Load {
        let load = self.lanes[lane.index()].take(now, most, with_fresh);
        let rows = load.retry_rows();
        self.waiting -= rows;
        self.retrying += rows;
        load
    }

    /// Takes one fresh row of a lane.
    pub(super) fn take_one(&mut self, lane: LaneId) -> Load {
        self.lanes[lane.index()].take_one()
    }

    /// A call that carried so many retries is no longer in flight.
    pub(super) fn landed(&mut self, retry_rows: usize) {
        self.retrying -= retry_rows;
    }

    /// No answer comes to the calls in flight.
    pub(super) fn give_up_calls(&mut self) {
        self.retrying = 0;
    }

    /// Fresh rows that were taken are not sent after all.
    pub(super) fn put_back(&mut self, lane: LaneId, fresh: usize) {
        self.lanes[lane.index()].add_fresh(fresh as u64);
    }

    /// Closes a lane: returns its fresh rows, and those that waited.
    pub(super) fn close(&mut self, lane: LaneId, by: Option<&Refusal>) -> (u64, Vec<PendingRow>) {
        let state = &mut self.lanes[lane.index()];
        let fresh = state.fresh();
        let rest = state.close(by);
        self.waiting -= rest.len();
        (fresh, rest)
    }

    /// Rows that wait for a retry.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether fresh rows may be taken: few enough retries are left.
    pub(super) fn has_room(&self) -> bool {
        self.waiting + self.retrying < self.most_waiting
    }
}
