//! The verdict table: what an error code means for a member or a call.

use crate::model::RefusalKind;

/// What a member-level code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberVerdict {
    /// May succeed later.
    Retry,
    /// The member is in the channel already.
    AlreadyMember,
    /// Final.
    Fail,
}

/// Reads an entry of `Errors[].ErrorCode` (service model, `ErrorCode`). Codes not known are
/// final: a code that is not understood is reported, never guessed at.
#[must_use]
pub fn member_verdict(code: &str) -> MemberVerdict {
    match code {
        "Throttled" | "Throttling" | "ServiceUnavailable" | "ServiceFailure" => {
            MemberVerdict::Retry
        }
        // Undocumented whether a member who is in already is a Conflict or a silent success.
        "Conflict" => MemberVerdict::AlreadyMember,
        _ => MemberVerdict::Fail,
    }
}

/// What a call refused as a whole means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalVerdict {
    /// Over a limit: the same members again after a cool-down, at no cost to them.
    CoolDown,
    /// The service is in trouble: the same members again later.
    Retry,
    /// Perhaps for one member's sake: split until the culprit stands alone.
    Split,
    /// The channel cannot be had.
    EndChannel,
    /// Nothing can be done with these credentials: the run waits for others, or stops.
    StopRun,
}

/// Reads a whole-call failure.
#[must_use]
pub fn refusal_verdict(kind: RefusalKind) -> RefusalVerdict {
    match kind {
        RefusalKind::Throttled => RefusalVerdict::CoolDown,
        RefusalKind::ServiceFailure
        | RefusalKind::ServiceUnavailable
        | RefusalKind::Lost
        | RefusalKind::Unreachable => RefusalVerdict::Retry,
        RefusalKind::BadRequest | RefusalKind::LimitExceeded | RefusalKind::Forbidden => {
            RefusalVerdict::Split
        }
        RefusalKind::NotFound => RefusalVerdict::EndChannel,
        RefusalKind::Unauthorized | RefusalKind::NoCredentials => RefusalVerdict::StopRun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_member_code_has_its_verdict() {
        for code in [
            "Throttled",
            "Throttling",
            "ServiceUnavailable",
            "ServiceFailure",
        ] {
            assert_eq!(member_verdict(code), MemberVerdict::Retry, "{code}");
        }
        assert_eq!(member_verdict("Conflict"), MemberVerdict::AlreadyMember);
        for code in [
            "BadRequest",
            "Forbidden",
            "NotFound",
            "PreconditionFailed",
            "ResourceLimitExceeded",
            "AccessDenied",
            "Unauthorized",
            "Unprocessable",
            "VoiceConnectorGroupAssociationsExist",
            "PhoneNumberAssociationsExist",
            "SomethingNew",
            "",
        ] {
            assert_eq!(member_verdict(code), MemberVerdict::Fail, "{code}");
        }
    }
}
