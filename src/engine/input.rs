//! What passes through the loop: calls on their way out, and inputs on its way in.

use std::time::Duration;

use super::feed::Command;
use crate::ledger::Chunk;
use crate::model::{AddMembers, Batch, ChannelArn, Refusal, Reply};
use crate::roster::RosterError;

/// A call's answer, when it is back.
pub(super) struct CompletedCall {
    pub(super) call: i64,
    pub(super) channel: ChannelArn,
    pub(super) members: Batch,
    pub(super) answer: Result<Reply, Refusal>,
}

/// A call written to the ledger and not sent yet.
pub(super) struct PreparedCall {
    pub(super) call: i64,
    /// How long its answer is waited for.
    pub(super) timeout: Duration,
    pub(super) request: AddMembers,
}

/// What the loop waits for.
pub(super) enum Input {
    CompletedCall(CompletedCall),
    Chunk(Result<Chunk, RosterError>),
    ListEnd,
    Command(Command),
    Due,
}
