//! A call from its order to its settlement.

use std::time::Duration;

use crate::model::{ChannelId, LaneId, Operation, Outcome, Refusal};

/// A row on its way to a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PendingRow {
    /// The row's number in the list.
    pub row: u64,
    /// Calls that carried it, other than those throttled as a whole.
    pub attempts: u32,
    /// Attempts that count against the limit: those split for another member's sake do not.
    pub charged_attempts: u32,
    /// Whether a call that carried it may have been applied unseen.
    pub in_doubt: bool,
    /// Pages of its listing that were read in this session, if it is a listing that goes on.
    pub pages: u32,
}

impl PendingRow {
    /// A row not tried yet.
    #[must_use]
    pub fn fresh(row: u64) -> Self {
        Self {
            row,
            attempts: 0,
            charged_attempts: 0,
            in_doubt: false,
            pages: 0,
        }
    }
}

/// These very rows were refused: the first time by this bearer with this code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRefusal {
    /// The bearer's number in the pool.
    pub bearer: usize,
    /// The code of the refusal.
    pub code: String,
    /// When it came.
    pub at: Duration,
}

/// A call to make now. One that carries no rows is a control call: it adds a member that is in the
/// channel already, and so shows whether the bearer may add to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPlan {
    /// Which members may share it.
    pub lane: LaneId,
    /// On which channel.
    pub channel: ChannelId,
    /// By which bearer of the pool.
    pub bearer: usize,
    /// By which operation. With several members it is always a batch.
    pub operation: Operation,
    /// Rows tried before that it carries.
    pub retries: Vec<PendingRow>,
    /// How many fresh rows of the lane it carries besides.
    pub fresh: usize,
    /// If it is a part of a refused call: the other part.
    pub other_half: Option<Vec<PendingRow>>,
    /// If exactly its rows were refused before: by whom.
    pub refusals: Vec<PartRefusal>,
    /// How many rows waited for this call, those of the other part with them.
    pub retry_rows: usize,
    /// How long its answer is waited for; after that it counts as lost.
    pub timeout: Duration,
}

impl CallPlan {
    /// Whether it is a control call.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.retries.is_empty() && self.fresh == 0
    }

    /// How many members it adds. A control call adds one.
    #[must_use]
    pub fn members(&self) -> usize {
        (self.retries.len() + self.fresh).max(1)
    }
}

/// A call in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlightCall {
    /// Its lane.
    pub lane: LaneId,
    /// Its channel.
    pub channel: ChannelId,
    /// Its bearer.
    pub bearer: usize,
    /// Its operation.
    pub operation: Operation,
    /// When it was sent.
    pub sent_at: Duration,
    /// The rows it carries.
    pub rows: Vec<PendingRow>,
    /// If it is a part of a call that was refused perhaps for one member's sake: the other part,
    /// held back until this one's answer shows in which of them that member is.
    pub other_half: Option<Vec<PendingRow>>,
    /// If exactly its rows were refused before: by whom.
    pub refusals: Vec<PartRefusal>,
    /// How many rows waited for it, as its order said.
    pub retry_rows: usize,
}

impl InFlightCall {
    /// By whom its rows were refused, with this refusal of all of them.
    pub(super) fn refused_by(&self, refusal: &Refusal, now: Duration) -> Vec<PartRefusal> {
        let mut refusals = self.refusals.clone();
        if self.first_refused_at(refusal).is_none() {
            refusals.push(PartRefusal {
                bearer: self.bearer,
                code: refusal.code.clone(),
                at: now,
            });
        }
        refusals
    }

    /// When its rows were first refused as they are now: by this bearer, with this code.
    pub(super) fn first_refused_at(&self, refusal: &Refusal) -> Option<Duration> {
        let mut known = self.refusals.iter();
        known
            .find(|known| known.bearer == self.bearer && known.code == refusal.code)
            .map(|known| known.at)
    }
}

/// What the service said of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberAnswer {
    /// Listed as a member.
    Added,
    /// Listed with an error.
    Error {
        /// The code, verbatim.
        code: String,
        /// The service's message.
        message: String,
    },
    /// In neither list, or in both.
    Unclear,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// HTTP 200: one entry per row, in their order.
    Members(Vec<MemberAnswer>),
    /// A page of a listing that goes on: its rows are due again at once.
    GoesOn,
    /// Refused or lost as a whole.
    Refused(Refusal),
}

/// What was decided for one row of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// The row, with its current counts.
    pub pending: PendingRow,
    /// The final outcome, or none: it will be tried again.
    pub outcome: Option<Outcome>,
    /// Whether this call counts as an attempt.
    pub charged: bool,
    /// The error code, if any.
    pub code: Option<String>,
    /// The service's message, if any.
    pub message: Option<String>,
}

/// What was decided for a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// For each of its rows.
    pub rulings: Vec<Ruling>,
    /// Lanes that are at their end, and why: their rows not drawn yet fail with the same words.
    pub closed: Vec<(LaneId, Refusal)>,
    /// How many rows not drawn yet those are.
    pub unsent: u64,
    /// Rows of other calls that waited in those lanes, or for what this call shows.
    pub others: Vec<Ruling>,
    /// Bearers that are set aside from now on: others get through with calls denied to them.
    pub set_aside: Vec<usize>,
}

/// A call of an earlier session of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierCall {
    /// On which channel.
    pub channel: ChannelId,
    /// By which operation.
    pub operation: Operation,
    /// By which bearer of the pool, if the pool has it now.
    pub bearer: Option<usize>,
    /// When it was sent.
    pub sent_at: Duration,
    /// When it was answered, and how, if the answer shows something of the limits.
    pub answer: Option<(Duration, EarlierAnswer)>,
}

/// How a call of an earlier session was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlierAnswer {
    /// It was accepted.
    Accepted,
    /// It was throttled.
    Throttled,
}
