//! What becomes of a member who is to be added.

use std::borrow::Cow;

use super::exception::Exception;

/// What became of one member of a batch call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MemberResult {
    /// Listed as a member.
    Added,
    /// Listed as an error.
    Refused {
        /// The code.
        code: Cow<'static, str>,
        /// The words with it.
        message: &'static str,
    },
    /// Not listed at all.
    LeftOut,
}

/// Why a member cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalReason {
    /// No such user.
    NoUser,
    /// Banned from the channel.
    Banned,
    /// In it already.
    AlreadyMember,
    /// The channel has no place left.
    Full,
}

impl RefusalReason {
    /// The error of a batch call's member.
    pub(super) fn member_result(self) -> MemberResult {
        let (code, message) = match self {
            Self::NoUser => ("NotFound", "the user does not exist"),
            Self::Banned => ("Forbidden", "the user is banned from the channel"),
            Self::AlreadyMember => ("Conflict", "already a member"),
            Self::Full => ("ResourceLimitExceeded", "the channel is full"),
        };
        MemberResult::Refused {
            code: Cow::Borrowed(code),
            message,
        }
    }

    /// The error of a call that adds a single member.
    pub(super) fn exception(self) -> Exception {
        match self {
            Self::NoUser => Exception::not_found("the user does not exist"),
            Self::Banned => Exception::forbidden("the user is banned from the channel"),
            Self::AlreadyMember => Exception::conflict("already a member"),
            Self::Full => Exception::limit_exceeded("the channel is full"),
        }
    }
}
