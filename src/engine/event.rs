//! What happens in a run, for whoever watches.

use std::time::Duration;

use crate::model::{RefusalKind, Tally};
use crate::schedule::Binding;

/// Something that happened. Holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// More of the list is staged.
    Staged {
        /// Rows taken so far.
        rows_read: u64,
        /// Raw bytes of the list read so far.
        bytes_read: u64,
        /// Rows found defective so far.
        invalid: u64,
    },
    /// The whole list is read and every duplicate found.
    ListComplete {
        /// Rows taken.
        rows_read: u64,
        /// Rows found defective.
        invalid: u64,
        /// Rows found to repeat an earlier one.
        duplicate: u64,
    },
    /// The whole list is known, and with it the least it takes, what earlier sessions did included.
    Bound {
        /// The fewest calls.
        calls: u64,
        /// The least time.
        time: Duration,
        /// What sets that time, if anything does.
        binding: Option<Binding>,
    },
    /// A call left.
    CallSent {
        /// Members it carries.
        members: usize,
        /// Calls under way now.
        in_flight: u32,
    },
    /// A call came back and is settled in the ledger.
    CallSettled {
        /// How it was refused or lost, if it was.
        refusal: Option<RefusalKind>,
        /// Rows that got their final verdict by it.
        settled: Tally,
        /// Rows that will be tried again.
        again: usize,
        /// Time from sending to answer.
        round_trip: Duration,
        /// Calls under way now.
        in_flight: u32,
        /// Whether the service counts as down.
        outage: bool,
    },
    /// No more work is taken; calls under way are awaited.
    Draining {
        /// How many.
        in_flight: u32,
    },
}

/// Whoever watches a run.
pub trait Watch: Send {
    /// Is told of an event. Called from the engine's loop: be quick.
    fn event(&mut self, event: &Event);
}

impl<F: FnMut(&Event) + Send> Watch for F {
    fn event(&mut self, event: &Event) {
        self(event);
    }
}
