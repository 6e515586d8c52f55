//! Kinds of refused calls, and what follows from each.

/// Why a whole call failed, by what follows from it: see [`codes`](super::codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The service does not accept the request, or something in it.
    BadRequest,
    /// A channel, or a member, has reached its quota of memberships.
    LimitExceeded,
    /// The bearer, or the signing identity, may not do this.
    Denied,
    /// There is no such channel.
    NotFound,
    /// Over a rate limit.
    Throttled,
    /// The service failed: the call may have been applied.
    ServiceFailure,
    /// The service refused the call temporarily. It was not applied.
    ServiceUnavailable,
    /// Sent, but without a readable answer: timeout, reset, garbage. It may have been applied.
    Lost,
    /// No connection was made. It was not applied.
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
    /// Over a rate limit: send the same members again after a cool-down. Charges no attempt.
    SlowDown,
    /// The service or the network fails: send the same members again later.
    Retry,
    /// A member, the channel, the bearer or every call causes the refusal: examine which.
    Examine,
    /// The channel does not exist.
    EndChannel,
    /// No call works with these credentials: the run waits for others, or stops.
    StopRun,
}

impl RefusalKind {
    /// What follows from it.
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

    /// The kinds of calls that may have been applied nevertheless.
    pub const IN_DOUBT: [Self; 2] = [Self::Lost, Self::ServiceFailure];

    /// Whether the call may have been applied nevertheless.
    #[must_use]
    pub fn leaves_doubt(self) -> bool {
        Self::IN_DOUBT.contains(&self)
    }

    /// Its text in the ledger.
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
