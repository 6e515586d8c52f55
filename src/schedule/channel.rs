//! What the scheduler knows of one channel.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::Ticket;
use crate::model::{ChannelId, LaneId, quota};

/// The members of one channel that can share a call.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) channel: ChannelId,
    /// Rows staged and not drawn yet.
    pub(super) fresh: u64,
    /// Rows to be tried again, by when they are due.
    pub(super) waiting: BTreeSet<(Duration, Ticket)>,
    /// Parts of refused calls, each to be sent by itself.
    pub(super) parts: VecDeque<Vec<Ticket>>,
    /// No more calls: the channel cannot be had.
    pub(super) closed: bool,
}

impl Lane {
    pub(super) fn new(channel: ChannelId) -> Self {
        let (waiting, parts) = (BTreeSet::new(), VecDeque::new());
        Self {
            channel,
            fresh: 0,
            waiting,
            parts,
            closed: false,
        }
    }

    /// Calls it still needs.
    pub(super) fn calls_left(&self) -> u64 {
        let members = self.fresh + self.waiting.len() as u64;
        self.parts.len() as u64 + members.div_ceil(quota::MEMBERS_PER_CALL as u64)
    }

    /// From when on it has something to send, if it has. Fresh rows that are no full call are
    /// nothing to send while rests are held back.
    pub(super) fn due(&self, holds_rests: bool) -> Option<Duration> {
        let fewest = if holds_rests {
            quota::MEMBERS_PER_CALL as u64
        } else {
            1
        };
        if self.fresh >= fewest || !self.parts.is_empty() {
            return Some(Duration::ZERO);
        }
        self.earliest_again()
    }

    /// From when on it has something to send that was tried before.
    pub(super) fn earliest_again(&self) -> Option<Duration> {
        if self.parts.is_empty() {
            self.waiting.first().map(|(due, _)| *due)
        } else {
            Some(Duration::ZERO)
        }
    }

    /// Takes what the next call carries: a part by itself, or the rows that are due and, if
    /// `with_fresh`, fresh ones up to a full call.
    pub(super) fn take(&mut self, now: Duration, with_fresh: bool) -> (Vec<Ticket>, usize) {
        if let Some(part) = self.parts.pop_front() {
            return (part, 0);
        }
        let mut again = Vec::new();
        while again.len() < quota::MEMBERS_PER_CALL {
            match self.waiting.pop_first() {
                Some((due, ticket)) if due <= now => again.push(ticket),
                Some(later) => {
                    self.waiting.insert(later);
                    break;
                }
                None => break,
            }
        }
        let room = (quota::MEMBERS_PER_CALL - again.len()) as u64;
        let fresh = if with_fresh { self.fresh.min(room) } else { 0 };
        self.fresh -= fresh;
        (again, usize::try_from(fresh).unwrap_or_default())
    }

    /// Closes the lane and gives the rows that waited in it.
    pub(super) fn close(&mut self) -> Vec<Ticket> {
        self.closed = true;
        self.fresh = 0;
        let waiting = std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|(_, ticket)| ticket);
        let parts = std::mem::take(&mut self.parts).into_iter().flatten();
        waiting.chain(parts).collect()
    }
}

/// A channel: the unit of the service's strictest limit.
#[derive(Debug, Default)]
pub(super) struct Channel {
    pub(super) lanes: Vec<LaneId>,
    /// Not to be called before.
    pub(super) next: Duration,
    /// When it was called last.
    pub(super) called_at: Duration,
    /// Cool-downs in a row.
    pub(super) level: u32,
    /// When the last cool-down began: refusals of calls sent before belong to it.
    pub(super) cooled_at: Option<Duration>,
    /// Whether a call on it was ever accepted.
    pub(super) accepted: bool,
    /// Members that were forbidden one by one before anything was accepted.
    pub(super) forbidden_alone: u32,
}
