//! Kinds of refused calls, and what follows from each.

/// Kinds of whole-call failure, by what follows from them: see [`codes`](super::codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The request, or something in it, is not accepted.
    BadRequest,
    /// A channel, or a member, has as many memberships as it may.
    LimitExceeded,
    /// The bearer, or the signing identity, may not do this.
    Denied,
    /// There is no such channel.
    NotFound,
    /// Over a rate limit.
    Throttled,
    /// The service failed: the call may have been applied.
    ServiceFailure,
    /// The service refused the call for the time being: not applied.
    ServiceUnavailable,
    /// Sent, but no readable answer: timeout, reset, garbage. It may have been applied.
    Lost,
    /// No connection was made: certainly not applied.
    Unreachable,
    /// The credentials are wrong or expired.
    Credentials,
    /// No credentials were found, so nothing was sent.
    NoCredentials,
    /// Something other than the service refused the call: a proxy, a wrong address. Not applied.
    WrongAddress,
}

/// What follows from a call that was refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallAction {
    /// Over a limit: the same members again after a cool-down, at no cost to them.
    SlowDown,
    /// The service or the way to it is in trouble: the same members again later.
    Retry,
    /// The refusal concerns a member, the channel, the bearer or all: find out which.
    Examine,
    /// The channel does not exist.
    EndChannel,
    /// Nothing works with these credentials: the run waits for others, or stops.
    StopRun,
}

impl RefusalKind {
    /// What follows.
    #[must_use]
    pub fn action(self) -> CallAction {
        match self {
            Self::Throttled => CallAction::SlowDown,
            Self::ServiceFailure
            | Self::ServiceUnavailable
            | Self::Lost
            | Self::Unreachable
            | Self::WrongAddress => CallAction::Retry,
            Self::BadRequest | Self::LimitExceeded | Self::Denied => CallAction::Examine,
            Self::NotFound => CallAction::EndChannel,
            Self::Credentials | Self::NoCredentials => CallAction::StopRun,
        }
    }

    /// Whether the call may have been applied all the same.
    #[must_use]
    pub fn leaves_doubt(self) -> bool {
        matches!(self, Self::Lost | Self::ServiceFailure)
    }

    /// The word used in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::LimitExceeded => "limit_exceeded",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Throttled => "throttled",
            Self::ServiceFailure => "service_failure",
            Self::ServiceUnavailable => "service_unavailable",
            Self::Lost => "lost",
            Self::Unreachable => "unreachable",
            Self::Credentials => "credentials",
            Self::NoCredentials => "no_credentials",
            Self::WrongAddress => "wrong_address",
        }
    }
}
