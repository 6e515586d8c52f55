//! The events of a run, for observers.

use std::time::Duration;

use crate::model::{MemberArn, RefusalKind, Tally};
use crate::roster::ListNotes;
use crate::schedule::Binding;

/// An event of a run. Contains no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// More of the list is staged.
    Staged {
        /// Rows read so far.
        rows_read: u64,
        /// Raw bytes of the list read so far.
        bytes_read: u64,
        /// Rows found defective so far.
        invalid: u64,
    },
    /// The whole list is read and every duplicate found.
    ListComplete {
        /// Rows read.
        rows_read: u64,
        /// Rows found defective.
        invalid: u64,
        /// Rows found to repeat an earlier one.
        duplicate: u64,
        /// What was found while reading it: with values of columns that filters name.
        notes: ListNotes,
    },
    /// The lower bound of the whole list, the work of earlier sessions included.
    Bound {
        /// The fewest calls.
        calls: u64,
        /// The least time.
        time: Duration,
        /// The limit that sets that time, if one does.
        binding: Option<Binding>,
    },
    /// Before the first add, the members of channels are listed. The calls up to `Listed` are those of the
    /// listings.
    ListingMembers {
        /// The number of channels.
        channels: u64,
        /// Whether only the first pages are read, which decide whether the others are.
        first_pages: bool,
    },
    /// The members of channels could not be listed: nobody is skipped there.
    ListingRefused {
        /// The number of channels.
        channels: u64,
        /// Why, of one of them.
        reason: String,
        /// Whether the bearers lack the permission.
        denied: bool,
    },
    /// The listings are done, and the rows of those who are members already are settled.
    Listed {
        /// The number of rows.
        rows: u64,
    },
    /// A call was sent.
    CallSent {
        /// The call's number in the ledger.
        call: i64,
        /// Its members.
        members: usize,
        /// Calls in flight now.
        in_flight: u32,
    },
    /// A call was answered, and is settled in the ledger.
    CallSettled {
        /// The call's number in the ledger.
        call: i64,
        /// The kind of refusal, if it was refused or lost.
        refusal: Option<RefusalKind>,
        /// The service's error code for that.
        code: Option<String>,
        /// The reason for that in words: the network's error, or the code's cause.
        reason: Option<String>,
        /// Rows that this call settled, by outcome.
        settled: Tally,
        /// Those of them that failed, by error code.
        failed: Vec<(String, u64)>,
        /// Rows that will be sent again.
        again: usize,
        /// Rows that wait to be sent again now.
        waiting: usize,
        /// Time from sending to answer.
        round_trip: Duration,
        /// Calls in flight now.
        in_flight: u32,
        /// Whether the service counts as down.
        outage: bool,
    },
    /// Calls denied to this bearer were accepted from another. It is used again only where all
    /// others were refused.
    BearerSetAside {
        /// The bearer: an app instance user or bot of the operator, not a member of the list.
        bearer: MemberArn,
    },
    /// The state of the channels: sent at most once a second, and only when something happens.
    Standing(Standing),
    /// No more calls are planned; the run waits for those in flight.
    Draining {
        /// Calls in flight.
        in_flight: u32,
    },
}

/// The state of the channels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Channels with calls left.
    pub open: usize,
    /// Those of them that wait because they were throttled.
    pub cooling: usize,
    /// Calls left on all of them, as far as the list is read.
    pub calls_left: u64,
    /// The channels with the most calls left, those first.
    pub largest: Vec<OpenChannel>,
}

/// A channel with calls left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenChannel {
    /// Its id, the last part of its ARN.
    pub id: String,
    /// Rows that wait to be sent to it.
    pub members_left: u64,
    /// Calls that they take.
    pub calls_left: u64,
}

/// Receives the events of a run.
pub trait Observer: Send {
    /// Receives an event. Called from the engine's loop: it must be quick.
    fn event(&mut self, event: &Event);
}

impl<F: FnMut(&Event) + Send> Observer for F {
    fn event(&mut self, event: &Event) {
        self(event);
    }
}
