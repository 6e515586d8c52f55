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
    /// What an answer that is no success means, by its HTTP status and the exception it names
    /// (`x-amzn-errortype`, the part after a namespace and before a colon; empty if none).
    ///
    /// The name decides where it is known, the status where it is not: errors of the signature and
    /// of IAM are no part of the service model (AWS, "Common Errors", names them).
    #[must_use]
    pub fn from_exception(status: u16, exception: &str) -> Self {
        match exception {
            "BadRequestException" => Self::BadRequest,
            "ResourceLimitExceededException" => Self::LimitExceeded,
            "UnauthorizedClientException"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "InvalidClientTokenId"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException" => Self::Unauthorized,
            "ForbiddenException" | "AccessDenied" | "AccessDeniedException" => Self::Forbidden,
            "NotFoundException" => Self::NotFound,
            "ThrottledClientException" => Self::Throttled,
            "ServiceFailureException" => Self::ServiceFailure,
            "ServiceUnavailableException" => Self::ServiceUnavailable,
            _ => match status {
                401 => Self::Unauthorized,
                403 => Self::Forbidden,
                404 => Self::NotFound,
                429 => Self::Throttled,
                503 => Self::ServiceUnavailable,
                400..=499 => Self::BadRequest,
                500..=599 => Self::ServiceFailure,
                _ => Self::Lost,
            },
        }
    }

    /// Whether the call may have been applied all the same.
    #[must_use]
    pub fn leaves_doubt(self) -> bool {
        matches!(self, Self::Lost | Self::ServiceFailure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_exception_decides_whatever_the_status() {
        let cases = [
            (400, "BadRequestException", RefusalKind::BadRequest),
            (
                400,
                "ResourceLimitExceededException",
                RefusalKind::LimitExceeded,
            ),
            (
                401,
                "UnauthorizedClientException",
                RefusalKind::Unauthorized,
            ),
            (403, "ForbiddenException", RefusalKind::Forbidden),
            (403, "AccessDeniedException", RefusalKind::Forbidden),
            (400, "AccessDenied", RefusalKind::Forbidden),
            (404, "NotFoundException", RefusalKind::NotFound),
            (429, "ThrottledClientException", RefusalKind::Throttled),
            (500, "ServiceFailureException", RefusalKind::ServiceFailure),
            (
                503,
                "ServiceUnavailableException",
                RefusalKind::ServiceUnavailable,
            ),
            (403, "ExpiredTokenException", RefusalKind::Unauthorized),
            (400, "ExpiredToken", RefusalKind::Unauthorized),
            (
                403,
                "UnrecognizedClientException",
                RefusalKind::Unauthorized,
            ),
            (403, "InvalidSignatureException", RefusalKind::Unauthorized),
            (403, "InvalidClientTokenId", RefusalKind::Unauthorized),
            (400, "IncompleteSignature", RefusalKind::Unauthorized),
            (
                403,
                "MissingAuthenticationTokenException",
                RefusalKind::Unauthorized,
            ),
        ];
        for (status, exception, kind) in cases {
            assert_eq!(
                RefusalKind::from_exception(status, exception),
                kind,
                "{exception}"
            );
        }
    }

    #[test]
    fn an_unknown_exception_leaves_it_to_the_status() {
        let cases = [
            (400, RefusalKind::BadRequest),
            (401, RefusalKind::Unauthorized),
            (403, RefusalKind::Forbidden),
            (404, RefusalKind::NotFound),
            (413, RefusalKind::BadRequest),
            (429, RefusalKind::Throttled),
            (500, RefusalKind::ServiceFailure),
            (502, RefusalKind::ServiceFailure),
            (503, RefusalKind::ServiceUnavailable),
            (302, RefusalKind::Lost),
        ];
        for (status, kind) in cases {
            assert_eq!(RefusalKind::from_exception(status, "Odd"), kind, "{status}");
            assert_eq!(RefusalKind::from_exception(status, ""), kind, "{status}");
        }
    }
}
