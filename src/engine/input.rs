//! What passes through the loop: inputs that come in, and calls that go out.

use std::time::Duration;

use super::feed::Command;
use super::reading::{Read, Reading};
use super::removal::Removal;
use crate::ledger::Chunk;
use crate::model::{AddMember, AddMembers, Batch, ChannelArn, Operation, Refusal, Reply};
use crate::roster::RosterError;

/// A call that was answered or lost.
pub(super) struct CompletedCall {
    pub(super) call: i64,
    pub(super) channel: ChannelArn,
    pub(super) members: Batch,
    pub(super) answer: Result<Answered, Refusal>,
}

/// An answer to a call.
pub(super) enum Answered {
    /// What became of its members.
    Reply(Reply),
    /// What its question found.
    Read(Read),
}

/// A call written to the ledger and not sent yet.
pub(super) struct PreparedCall {
    pub(super) call: i64,
    /// How long to wait for its answer.
    pub(super) timeout: Duration,
    pub(super) request: Request,
}

/// The request of a call.
pub(super) enum Request {
    Batch(AddMembers),
    Single(AddMember),
    Remove(Removal),
    Read(Reading),
}

impl Request {
    /// The request that adds these members by this operation, or as a batch if they are several.
    pub(super) fn new(operation: Operation, call: AddMembers) -> Self {
        match (operation, call.members.members()) {
            (Operation::Single, [member]) => Self::Single(AddMember {
                member: member.clone(),
                channel: call.channel,
                bearer: call.bearer,
                membership: call.membership,
            }),
            _ => Self::Batch(call),
        }
    }

    pub(super) fn channel(&self) -> &ChannelArn {
        match self {
            Self::Batch(call) => &call.channel,
            Self::Single(call) => &call.channel,
            Self::Remove(removal) => &removal.call.channel,
            Self::Read(reading) => &reading.call.channel,
        }
    }

    pub(super) fn members(&self) -> Batch {
        match self {
            Self::Batch(call) => call.members.clone(),
            Self::Single(call) => call.member.clone().into(),
            Self::Remove(removal) => removal.call.member.clone().into(),
            Self::Read(reading) => reading.call.member.clone().into(),
        }
    }
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
