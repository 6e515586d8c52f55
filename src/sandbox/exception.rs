//! How the service refuses a call as a whole.
//!
//! Status and name of each: AWS, Amazon Chime SDK API reference, "Errors" of each operation. The
//! messages are our own words, save where quoted.

use std::borrow::Cow;

use crate::model::{Refusal, codes};

/// A refusal in its wire format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exception {
    /// HTTP status.
    pub(super) status: u16,
    /// The exception's name, as in `x-amzn-errortype`.
    pub(super) name: Cow<'static, str>,
    /// The body's `Message`.
    pub(super) message: Cow<'static, str>,
}

macro_rules! exceptions {
    ($($make:ident: $status:literal $name:literal,)*) => {
        impl Exception {
            $(
                #[doc = concat!(stringify!($status), " `", $name, "`.")]
                pub(super) fn $make(message: impl Into<Cow<'static, str>>) -> Self {
                    Self { status: $status, name: Cow::Borrowed($name), message: message.into() }
                }
            )*
        }
    };
}

exceptions! {
    bad_request: 400 "BadRequestException",
    limit_exceeded: 400 "ResourceLimitExceededException",
    unauthorized: 401 "UnauthorizedClientException",
    forbidden: 403 "ForbiddenException",
    not_found: 404 "NotFoundException",
    conflict: 409 "ConflictException",
    throttled: 429 "ThrottledClientException",
    failure: 500 "ServiceFailureException",
    unavailable: 503 "ServiceUnavailableException",
}

impl Exception {
    /// How a call that adds one member is refused, where a batch call would have this member error.
    pub(super) fn of_member_error(code: &str) -> Self {
        let message = format!("the member error {code}");
        match code {
            "Conflict" => Self::conflict(message),
            "NotFound" => Self::not_found(message),
            "Forbidden" | "AccessDenied" => Self::forbidden(message),
            "Unauthorized" => Self::unauthorized(message),
            "ResourceLimitExceeded" => Self::limit_exceeded(message),
            "Throttled" | "Throttling" => Self::throttled(message),
            "ServiceFailure" => Self::failure(message),
            "ServiceUnavailable" => Self::unavailable(message),
            _ => Self::bad_request(message),
        }
    }

    /// The refusal a client makes of it.
    pub(super) fn into_refusal(self) -> Refusal {
        let (kind, code) = codes::refused_call(self.status, &self.name, false);
        Refusal {
            kind,
            code,
            message: self.message.into_owned(),
        }
    }
}
