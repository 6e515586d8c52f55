//! A call to the service, and its answer.

use super::codes::{self, Scope};
use super::{Batch, ChannelArn, MemberArn, Membership, RefusalKind};

/// The operation of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `BatchCreateChannelMembership`: up to 100 members.
    #[default]
    Batch,
    /// `CreateChannelMembership`: one member, within a quota of its own.
    Single,
    /// `DeleteChannelMembership`: one member, within the quota of [`Self::Single`]. Where it is guarded,
    /// `DescribeChannelMembership` comes before it.
    Remove,
    /// An operation that reads: one page of a listing, or one description.
    Read,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 4] = [Self::Batch, Self::Single, Self::Remove, Self::Read];

    /// The operation with this text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.as_str() == text)
    }

    /// Its text in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Single => "single",
            Self::Remove => "remove",
            Self::Read => "read",
        }
    }
}

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

/// One `CreateChannelMembership` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddMember {
    /// The channel.
    pub channel: ChannelArn,
    /// The bearer to call as (`x-amz-chime-bearer`).
    pub bearer: MemberArn,
    /// The type of the membership, and its sub-channel.
    pub membership: Membership,
    /// The member to add.
    pub member: MemberArn,
}

impl AddMember {
    /// The answer that a refused call means. Some exceptions are about the member alone: the batch
    /// call has a member error for these.
    ///
    /// # Errors
    /// The refusal, if it is about the call as a whole, or may be.
    pub fn refused(&self, refusal: Refusal) -> Result<Reply, Refusal> {
        let Some(code) = codes::member_error_of(&refusal.code) else {
            return Err(refusal);
        };
        let error = MemberError {
            member: self.member.to_string(),
            code: code.to_owned(),
            message: refusal.message,
        };
        Ok(Reply {
            channel: Some(self.channel.to_string()),
            errors: vec![error],
            ..Reply::default()
        })
    }
}

impl From<AddMember> for AddMembers {
    fn from(call: AddMember) -> Self {
        Self {
            channel: call.channel,
            bearer: call.bearer,
            membership: call.membership,
            members: call.member.into(),
        }
    }
}

/// An answer with HTTP 200 or 201. Nothing in it is trusted: it may contain members that were not requested,
/// contain one twice or in both lists, or omit some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The channel's ARN, if the answer contains it.
    pub channel: Option<String>,
    /// The ARNs of the added members.
    pub added: Vec<String>,
    /// The members that were refused.
    pub errors: Vec<MemberError>,
    /// When the service answered: Unix time in seconds, of the header `Date`, if there is one.
    pub date: Option<i64>,
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
        const OF_NETWORK: [&str; 5] = [
            codes::UNREACHABLE,
            codes::PROXY_FAILED,
            codes::UNTRUSTED_SERVER,
            codes::CONNECTION_LOST,
            codes::TIMEOUT,
        ];
        if OF_NETWORK.contains(&&*self.code) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exceptions_about_the_member_are_an_answer_of_a_single_add() {
        let instance = "arn:aws:chime:us-east-1:1:app-instance/i";
        let call = AddMember {
            channel: ChannelArn::parse(&format!("{instance}/channel/c")).unwrap(),
            bearer: MemberArn::parse(&format!("{instance}/user/admin")).unwrap(),
            membership: Membership::default(),
            member: MemberArn::parse(&format!("{instance}/user/ann")).unwrap(),
        };
        let refusal = |code: &str| Refusal {
            kind: RefusalKind::BadRequest,
            code: code.to_owned(),
            message: "why".to_owned(),
        };
        for (exception, code) in [
            ("ConflictException", "Conflict"),
            ("NotFoundException", "NotFound"),
            ("ResourceLimitExceededException", "ResourceLimitExceeded"),
        ] {
            let reply = call.refused(refusal(exception)).unwrap();
            assert_eq!(reply.channel.as_deref(), Some(call.channel.as_str()));
            assert_eq!(reply.added, Vec::<String>::new());
            let error = MemberError {
                member: call.member.to_string(),
                code: code.to_owned(),
                message: "why".to_owned(),
            };
            assert_eq!(reply.errors, [error]);
        }
        for code in [
            "Conflict",
            "NotFound",
            "Http404",
            "Http409",
            "ForbiddenException",
            "ThrottledClientException",
        ] {
            assert_eq!(call.refused(refusal(code)), Err(refusal(code)));
        }
    }
}
