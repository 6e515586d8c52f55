//! The scheduler's state of one channel.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::examination::Examination;
use super::{PartRefusal, PendingRow};
use crate::model::{ChannelId, LaneId, Refusal};

/// A part of a call that was refused perhaps for one member's sake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Not to be sent before: a part whose call failed waits like any other try.
    pub(super) due: Duration,
    /// To be sent by themselves.
    pub(super) rows: Vec<PendingRow>,
    /// The others, held back: if these are accepted, the member is among the others; if not, the
    /// others are as good as any.
    pub(super) other_half: Vec<PendingRow>,
    /// If exactly these rows were refused before: by whom.
    pub(super) refusals: Vec<PartRefusal>,
}

/// What the next call of a lane carries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Rows tried before.
    pub(super) retries: Vec<PendingRow>,
    /// How many fresh rows besides.
    pub(super) fresh: usize,
    /// If it is a part: the other one.
    pub(super) other_half: Option<Vec<PendingRow>>,
    /// If exactly these rows were refused before: by whom.
    pub(super) refusals: Vec<PartRefusal>,
}

impl Load {
    /// How many rows waited for it, those of the other half included.
    pub(super) fn retry_rows(&self) -> usize {
        self.retries.len() + self.other_half.as_ref().map_or(0, Vec::len)
    }
}

/// The members of one channel that can share a call. Small where nothing was tried yet: there may be
/// millions.
#[derive(Debug)]
pub(super) struct Lane {
    channel: ChannelId,
    /// No more calls: the channel cannot be had.
    closed: bool,
    /// Rows staged and not drawn yet.
    fresh: u64,
    /// What was tried before, and what closed it, if there is any of it.
    tried: Option<Box<Tried>>,
}

/// What was tried of a lane.
#[derive(Debug, Default)]
struct Tried {
    /// Rows to be tried again, by when they are due.
    waiting: BTreeSet<(Duration, PendingRow)>,
    /// The pages that were read of all of them together.
    pages: u64,
    /// Parts of refused calls.
    parts: VecDeque<Part>,
    /// What closed it, if it was in this session.
    closed_by: Option<Refusal>,
}

impl Lane {
    pub(super) fn new(channel: ChannelId) -> Self {
        Self {
            channel,
            closed: false,
            fresh: 0,
            tried: None,
        }
    }

    /// Its channel.
    pub(super) fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Whether it takes no more calls.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Rows that were never sent.
    pub(super) fn fresh(&self) -> u64 {
        self.fresh
    }

    /// Adds rows that were never sent.
    pub(super) fn add_fresh(&mut self, rows: u64) {
        self.fresh += rows;
    }

    fn tried(&mut self) -> &mut Tried {
        self.tried.get_or_insert_default()
    }

    /// Puts a row among those that wait.
    pub(super) fn wait(&mut self, due: Duration, pending: PendingRow) {
        let tried = self.tried();
        tried.pages += u64::from(pending.pages);
        tried.waiting.insert((due, pending));
    }

    /// Puts a part of a refused call first among what waits.
    pub(super) fn push_part(&mut self, part: Part) {
        self.tried().parts.push_front(part);
    }

    /// Whether it has parts of refused calls.
    pub(super) fn has_parts(&self) -> bool {
        let tried = self.tried.as_ref();
        tried.is_some_and(|tried| !tried.parts.is_empty())
    }

    /// What closed it, if it was in this session.
    pub(super) fn closed_by(&self) -> Option<&Refusal> {
        self.tried.as_ref()?.closed_by.as_ref()
    }

    fn waiting(&self) -> usize {
        let tried = self.tried.as_ref();
        tried.map_or(0, |tried| tried.waiting.len())
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.tried.iter().flat_map(|tried| &tried.parts)
    }

    /// Calls it still needs, with `full` members in a full one.
    pub(super) fn calls_left(&self, full: u32) -> u64 {
        let members = self.fresh + self.waiting() as u64;
        self.parts().count() as u64 + members.div_ceil(u64::from(full))
    }

    /// Pages that were read of its listings that go on.
    pub(super) fn pages(&self) -> u64 {
        self.tried.as_ref().map_or(0, |tried| tried.pages)
    }

    /// Rows that wait to be sent.
    pub(super) fn members_left(&self) -> u64 {
        let part = |part: &Part| (part.rows.len() + part.other_half.len()) as u64;
        self.fresh + self.waiting() as u64 + self.parts().map(part).sum::<u64>()
    }

    /// From when on it has something to send, if it has: `fewest` fresh rows, or one tried before.
    pub(super) fn due(&self, fewest: u32) -> Option<Duration> {
        if self.fresh >= u64::from(fewest) {
            return Some(Duration::ZERO);
        }
        self.earliest_again()
    }

    /// From when on it has something to send that was tried before.
    pub(super) fn earliest_again(&self) -> Option<Duration> {
        let tried = self.tried.as_ref()?;
        let waiting = tried.waiting.first().map(|(due, _)| *due);
        let parts = tried.parts.iter().map(|part| part.due);
        parts.chain(waiting).min()
    }

    /// Takes what the next call carries: a part by itself, or the rows that are due and, if
    /// `with_fresh`, fresh ones up to a full call.
    pub(super) fn take(&mut self, now: Duration, full: u32, with_fresh: bool) -> Load {
        let mut retries = Vec::new();
        let full = full as usize;
        if let Some(tried) = &mut self.tried {
            let part = tried.parts.iter().position(|part| part.due <= now);
            if let Some(part) = part.and_then(|place| tried.parts.remove(place)) {
                return Load {
                    retries: part.rows,
                    fresh: 0,
                    other_half: Some(part.other_half),
                    refusals: part.refusals,
                };
            }
            while retries.len() < full
                && tried.waiting.first().is_some_and(|(due, _)| *due <= now)
                && let Some((_, pending)) = tried.waiting.pop_first()
            {
                tried.pages -= u64::from(pending.pages);
                retries.push(pending);
            }
            if tried.waiting.is_empty() && tried.parts.is_empty() {
                self.tried = None;
            }
        }
        let room = (full - retries.len()) as u64;
        let fresh = if with_fresh { self.fresh.min(room) } else { 0 };
        self.fresh -= fresh;
        Load {
            retries,
            fresh: usize::try_from(fresh).unwrap_or_default(),
            other_half: None,
            refusals: Vec::new(),
        }
    }

    /// Takes one row that was never sent, if there is one.
    pub(super) fn take_one(&mut self) -> Load {
        let fresh = self.fresh.min(1);
        self.fresh -= fresh;
        Load {
            fresh: usize::from(fresh > 0),
            ..Load::default()
        }
    }

    /// Closes the lane, and returns the rows that waited in it.
    pub(super) fn close(&mut self, by: Option<&Refusal>) -> Vec<PendingRow> {
        self.closed = true;
        self.fresh = 0;
        let tried = self.tried.take().unwrap_or_default();
        if let Some(by) = by {
            self.tried().closed_by = Some(by.clone());
        }
        let waiting = tried.waiting.into_iter().map(|(_, pending)| pending);
        let parts = tried.parts.into_iter();
        waiting
            .chain(parts.flat_map(|part| part.rows.into_iter().chain(part.other_half)))
            .collect()
    }
}

/// A channel: the unit of the service's strictest limit.
#[derive(Debug, Default)]
pub(super) struct Channel {
    pub(super) lanes: Vec<LaneId>,
    /// Calls on it in flight.
    pub(super) in_flight: u32,
    /// Whether a call on it was ever accepted.
    pub(super) accepted: bool,
    /// Members refused for a limit since the last was added.
    pub(super) over_limit: u16,
    /// What is being found out about refused calls, if anything is.
    pub(super) examination: Option<Box<Examination>>,
}
