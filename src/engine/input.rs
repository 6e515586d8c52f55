//! What passes through the loop: inputs that come in, and calls that go out.

use std::time::Duration;

use super::feed::Command;
use crate::ledger::Chunk;
use crate::model::{AddMembers, Batch, ChannelArn, Refusal, Reply};
use crate::roster::RosterError;

/// A call that was answered or lost.
pub(super) struct CompletedCall {
    pub(super) call: i64,
    pub(super) channel: ChannelArn,
    pub(super) members: Batch,
    pub(super) answer: Result<Reply, Refusal>,
}

/// A call written to the ledger and not sent yet.
pub(super) struct PreparedCall {
    pub(super) call: i64,
    /// How long to wait for its answer.
    pub(super) timeout: Duration,
    pub(super) request: AddMembers,
}

/// An input of the loop.
pub(super) enum Input {
    CompletedCall(CompletedCall),
    Chunk(Result<Chunk, RosterError>),
    ListEnd,
    Command(Command),
    /// A time for which the loop waited.
    Due,
}
