//! A call to the service, and what comes back.

use super::codes::{self, Scope};
use super::{Batch, ChannelArn, MemberArn, Membership, RefusalKind};

/// One `BatchCreateChannelMembership` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddMembers {
    /// The channel.
    pub channel: ChannelArn,
    /// In whose name the call is made (`x-amz-chime-bearer`).
    pub bearer: MemberArn,
    /// How the members are added.
    pub membership: Membership,
    /// Who is added.
    pub members: Batch,
}

/// An answer with HTTP 200. Nothing in it is trusted: it may name members never asked for, name
/// one twice or in both lists, or leave some out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The channel that the answer names, if it names one.
    pub channel: Option<String>,
    /// ARNs listed as members now.
    pub added: Vec<String>,
    /// Members refused one by one.
    pub errors: Vec<MemberError>,
}

/// One entry of the answer's `Errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberError {
    /// The member's ARN.
    pub member: String,
    /// The code, verbatim: known or not.
    pub code: String,
    /// The service's words; may hold personal data.
    pub message: String,
}

/// A call refused or lost as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// What follows from it.
    pub kind: RefusalKind,
    /// The service's exception name, or our own word where no answer came.
    pub code: String,
    /// The service's words, or the cause.
    pub message: String,
}

impl Refusal {
    /// Whether it may concern this.
    #[must_use]
    pub fn may_concern(&self, scope: Scope) -> bool {
        codes::scope(&self.code).contains(&scope)
    }
}
