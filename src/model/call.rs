//! A call to the service, and its answer.

use super::codes::{self, Scope};
use super::{Batch, ChannelArn, MemberArn, Membership, RefusalKind};

/// One `BatchCreateChannelMembership` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddMembers {
    /// The channel.
    pub channel: ChannelArn,
    /// The bearer to call as (`x-amz-chime-bearer`).
    pub bearer: MemberArn,
    /// The type of the memberships, and their sub-channel.
    pub membership: Membership,
    /// The members to add.
    pub members: Batch,
}

/// An answer with HTTP 200. Nothing in it is trusted: it may contain members that were not requested,
/// contain one twice or in both lists, or omit some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The channel's ARN, if the answer contains it.
    pub channel: Option<String>,
    /// The ARNs of the added members.
    pub added: Vec<String>,
    /// The members that were refused.
    pub errors: Vec<MemberError>,
}

/// One entry of the answer's `Errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberError {
    /// The member's ARN.
    pub member: String,
    /// The error code as sent, known or not.
    pub code: String,
    /// The service's message; may contain personal data.
    pub message: String,
}

/// A call that was refused or lost as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// The kind, which decides what follows.
    pub kind: RefusalKind,
    /// The name of the service's exception, or a code of this program if no answer came.
    pub code: String,
    /// The service's message, or the cause.
    pub message: String,
}

impl Refusal {
    /// The reason in words for people, without personal data: the network's error if no answer came,
    /// otherwise the cause from the catalogue, if it has the code. The engine has removed the members'
    /// names from the message.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        if [codes::UNREACHABLE, codes::CONNECTION_LOST, codes::TIMEOUT].contains(&&*self.code) {
            let connecting = self.message.strip_prefix("client error (Connect): ");
            return Some(connecting.unwrap_or(&self.message));
        }
        codes::explain(&self.code).map(|code| code.cause)
    }

    /// Whether the code may concern this scope.
    #[must_use]
    pub fn may_concern(&self, scope: Scope) -> bool {
        codes::scope(&self.code).contains(&scope)
    }
}
