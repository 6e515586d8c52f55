//! A call to the service, and what comes back.

use super::{Batch, ChannelArn, MemberArn, Membership};

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

/// Kinds of whole-call failure. The first eight are the operation's documented exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// 400 `BadRequestException`, and any other 4xx the service model does not name.
    BadRequest,
    /// 400 `ResourceLimitExceededException`.
    LimitExceeded,
    /// 401 `UnauthorizedClientException`, and credentials that are wrong or expired.
    Unauthorized,
    /// 403 `ForbiddenException`, `AccessDeniedException`.
    Forbidden,
    /// 404 `NotFoundException`.
    NotFound,
    /// 429 `ThrottledClientException`.
    Throttled,
    /// 500 `ServiceFailureException`, and any other 5xx.
    ServiceFailure,
    /// 503 `ServiceUnavailableException`.
    ServiceUnavailable,
    /// Sent, but no readable answer: timeout, reset, garbage. It may have been applied.
    Lost,
    /// No connection was made: certainly not applied.
    Unreachable,
    /// No credentials could be had, so nothing was sent.
    NoCredentials,
}

impl RefusalKind {
    /// Whether the call may have been applied all the same.
    #[must_use]
    pub fn leaves_doubt(self) -> bool {
        matches!(self, Self::Lost | Self::ServiceFailure)
    }
}
