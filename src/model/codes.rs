//! The catalogue of error codes: where each comes from, what it may concern, what follows from it,
//! and how to fix it. The scheduler, the clients, the reports, `explain` and the sandbox use it; no
//! other file lists codes.
//!
//! Sources: the service model (Amazon Chime SDK messaging API reference, "Errors" of
//! `BatchCreateChannelMembership` and the `ErrorCode` type), AWS's "Common Error Types" of the same
//! reference, and the names that AWS's SDKs count as throttling. The scope of the service's errors is
//! undocumented: the scopes here are those that cannot be ruled out.

mod table;

use super::RefusalKind;

pub use table::CODES;

/// Where a code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// One entry of the answer's `Errors`.
    Member,
    /// The exception or HTTP status of a call that is refused as a whole.
    Call,
    /// A code of this program, for calls whose answer contains none.
    Program,
}

/// The scope of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One member.
    Member,
    /// One channel, for every member and perhaps every bearer.
    Channel,
    /// One bearer, on one channel or on all.
    Bearer,
    /// This one call: the next may be accepted.
    Call,
    /// Every call of the run: credentials, permissions, an outage.
    Run,
    /// The path to the service: a wrong address, a proxy, the network.
    Path,
}

/// What follows from a member-level code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberAction {
    /// The member is in the channel already: a success.
    AlreadyMember,
    /// Try this member again later.
    Retry,
    /// Final for this member.
    Fail,
    /// Final for this member: it, or the channel, has as many memberships as it may.
    OverLimit,
}

/// What follows from a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// For the one member that it names.
    Member(MemberAction),
    /// For the whole call: see [`RefusalKind::action`].
    Call(RefusalKind),
    /// Nothing: the row is never sent.
    Nothing,
}

/// One entry of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code as in `results.csv`.
    pub text: &'static str,
    /// Where it comes from.
    pub level: Level,
    /// The scopes that it may have. If there are several, the scheduler examines which it is.
    pub scope: &'static [Scope],
    /// What follows from it.
    pub effect: Effect,
    /// The cause, in words.
    pub cause: &'static str,
    /// The fix, in words.
    pub fix: &'static str,
}

/// The answer did not come in time.
pub const TIMEOUT: &str = "Timeout";
/// The connection was closed or broke before the answer was complete.
pub const CONNECTION_LOST: &str = "ConnectionLost";
/// A successful answer whose body is not the service's JSON.
pub const UNREADABLE_REPLY: &str = "UnreadableReply";
/// An HTML page instead of an answer, with a status that means the call was refused.
pub const HTML_PAGE: &str = "HtmlPage";
/// An HTML page with a status of 500 or above.
pub const GATEWAY_ERROR: &str = "GatewayError";
/// No connection could be made.
pub const UNREACHABLE: &str = "Unreachable";
/// No connection could be made through the proxy.
pub const PROXY_FAILED: &str = "ProxyFailed";
/// The server's certificate is not of an authority that is trusted, or not for the server.
pub const UNTRUSTED_SERVER: &str = "UntrustedServer";
/// The credential chain returned no credentials.
pub const NO_CREDENTIALS: &str = "NoCredentials";
/// A member was refused without a code.
pub const NO_CODE: &str = "NoCode";
/// The answer does not contain the member, or contradicts itself about it.
pub const NO_VERDICT: &str = "NoVerdict";
/// The answer is about another channel than the call.
pub const OTHER_CHANNEL: &str = "OtherChannel";
/// The run was killed while the call was in flight.
pub const INTERRUPTED: &str = "Interrupted";
/// The API does not support the request.
pub const UNSUPPORTED: &str = "Unsupported";

/// A listing of the channel had the member before the first call.
pub const LISTED: &str = "Listed";
/// The members of the channel could not be listed, so it is unknown whether the member is in it.
pub const UNREAD: &str = "Unread";
/// An earlier run had added the member, who has left since.
pub const LEFT_SINCE: &str = "LeftSince";
/// The members of the channel have changed since the difference was written.
pub const CHANNEL_CHANGED: &str = "ChannelChanged";
/// The member to remove is not in the channel.
pub const ALREADY_GONE: &str = "AlreadyGone";
/// The member to remove was added by another than the run's bearers.
pub const INVITED_BY_OTHER: &str = "InvitedByOther";
/// The member to remove was added before the run's call.
pub const CREATED_EARLIER: &str = "CreatedEarlier";
/// The member to remove was added after the run's call.
pub const CREATED_LATER: &str = "CreatedLater";
/// The service did not describe who added the member to remove, or when.
pub const NOT_DESCRIBED: &str = "NotDescribed";
/// The codes of members that a removal keeps.
pub const KEPT: [&str; 4] = [
    INVITED_BY_OTHER,
    CREATED_EARLIER,
    CREATED_LATER,
    NOT_DESCRIBED,
];

/// The scopes of a code outside the catalogue.
const ANY: &[Scope] = &[Scope::Member, Scope::Channel, Scope::Bearer, Scope::Run];

/// What follows from an entry of `Errors[].ErrorCode`. Unknown codes are final: they are reported,
/// never interpreted.
#[must_use]
pub fn member_action(code: &str) -> MemberAction {
    let retries = |kind: RefusalKind| {
        matches!(
            kind,
            RefusalKind::Throttled | RefusalKind::ServiceFailure | RefusalKind::ServiceUnavailable
        )
    };
    match find(code).map(|entry| (entry.text, entry.effect)) {
        Some((text, Effect::Member(action))) if text == code => action,
        Some((_, Effect::Member(MemberAction::Retry))) => MemberAction::Retry,
        // Throttling and failures under the names of whole calls, undocumented for a member.
        _ => match exception_named(code).map(|entry| entry.effect) {
            Some(Effect::Call(kind)) if retries(kind) => MemberAction::Retry,
            _ => MemberAction::Fail,
        },
    }
}

/// The kind of an HTTP answer that is not a success, and the code to report.
///
/// `exception` is the name in `x-amzn-errortype` or in the body, without namespace and URL; empty
/// if there is none. A known name decides whatever the status is; otherwise the status decides. Only
/// a named exception can close a channel or fail a member: an answer without a name comes from a
/// proxy or a wrong address.
#[must_use]
pub fn refused_call(status: u16, exception: &str, is_html: bool) -> (RefusalKind, String) {
    let kind_of = |entry: &Code| match entry.effect {
        Effect::Call(kind) => kind,
        _ => RefusalKind::Lost,
    };
    if (200..300).contains(&status) {
        return (RefusalKind::Lost, UNREADABLE_REPLY.to_owned());
    }
    if let Some(entry) = exception_named(exception) {
        return (kind_of(entry), exception.to_owned());
    }
    if is_html && status != 429 {
        let text = if status >= 500 {
            GATEWAY_ERROR
        } else {
            HTML_PAGE
        };
        let kind = explain(text).map_or(RefusalKind::WrongAddress, kind_of);
        return (kind, text.to_owned());
    }
    let unnamed = format!("Http{status}");
    let kind = http_status(&unnamed).map_or(RefusalKind::Lost, kind_of);
    if exception.is_empty() {
        (kind, unnamed)
    } else if kind == RefusalKind::WrongAddress && !is_of_transport(status) {
        // Named, so it comes from the service, but unknown: the scheduler examines its scope.
        (RefusalKind::BadRequest, exception.to_owned())
    } else {
        (kind, exception.to_owned())
    }
}

/// The member error that an exception of `CreateChannelMembership` means. `None` if the exception may
/// have another cause than the member and its channel.
///
/// The batch call has member errors for these causes; a call with one member has exceptions (service
/// model, "Errors" of both operations). Only the exact name counts: a bare `NotFound` may come from a
/// proxy.
#[must_use]
pub fn member_error_of(exception: &str) -> Option<&'static str> {
    match exception {
        "ConflictException" => Some("Conflict"),
        // The channel or the user is missing: it must not close the channel.
        "NotFoundException" => Some("NotFound"),
        "ResourceLimitExceededException" => Some("ResourceLimitExceeded"),
        _ => None,
    }
}

/// The scopes of a code of a call that was refused or lost.
#[must_use]
pub fn scope(code: &str) -> &'static [Scope] {
    of_call(code).map_or(ANY, |entry| entry.scope)
}

/// The entry of a code of calls that are refused or lost as a whole.
#[must_use]
pub fn of_call(code: &str) -> Option<&'static Code> {
    let own = || find(code).filter(|entry| entry.level == Level::Program);
    exception_named(code)
        .or_else(|| http_status(code))
        .or_else(own)
}

/// The entry that explains a code. Ignores case; finds `Http` and a status by the status's class, and
/// exceptions with and without `Exception` at the end.
#[must_use]
pub fn explain(code: &str) -> Option<&'static Code> {
    find(code)
        .or_else(|| http_status(code))
        .or_else(|| exception_named(code))
}

/// Whether only a change of the row can fix it: sent again as it is, the row is refused again.
#[must_use]
pub fn needs_edit(code: &str) -> bool {
    explain(code).is_some_and(|entry| match entry.effect {
        Effect::Nothing => true,
        Effect::Call(RefusalKind::BadRequest) => entry.level == Level::Call,
        Effect::Member(_) => entry.text == "BadRequest",
        Effect::Call(_) => false,
    })
}

/// The entry with exactly this code, ignoring case.
fn find(text: &str) -> Option<&'static Code> {
    let lower = |text: &'static str| text.bytes().map(|byte| byte.to_ascii_lowercase());
    let wanted = || text.bytes().map(|byte| byte.to_ascii_lowercase());
    let index = CODES.binary_search_by(|entry| lower(entry.text).cmp(wanted()));
    index.ok().map(|index| &CODES[index])
}

/// Whether a proxy or other HTTP software on the path sends this status, with any exception name.
fn is_of_transport(status: u16) -> bool {
    matches!(
        status,
        300..=399 | 404 | 405 | 407 | 408 | 411 | 413 | 414 | 417 | 421 | 431
    )
}

/// The entry of an exception. AWS writes many names both with and without `Exception`.
fn exception_named(name: &str) -> Option<&'static Code> {
    fn stem(name: &str) -> &str {
        name.strip_suffix("Exception").unwrap_or(name)
    }
    // A bare `NotFound` may come from a proxy; it must not close a channel.
    let is_exact = stem(name) == "NotFound";
    CODES
        .iter()
        .filter(|entry| entry.level == Level::Call)
        .find(|entry| {
            entry.text == name || (!is_exact && stem(entry.text).eq_ignore_ascii_case(stem(name)))
        })
}

/// The entry of `Http` and a status, for that status or its class.
fn http_status(code: &str) -> Option<&'static Code> {
    let (name, digits) = code.split_at_checked(4)?;
    let is_status = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !name.eq_ignore_ascii_case("Http") || !is_status {
        return None;
    }
    let entry = |digits: &str| {
        let of = |entry: &&Code| entry.text.strip_prefix("Http") == Some(digits);
        CODES.iter().find(of)
    };
    entry(digits).or_else(|| entry(&format!("{}xx", &digits[..1])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use RefusalKind as Kind;

    #[test]
    fn only_codes_whose_fix_is_a_correction_of_the_row_need_an_edit() {
        for entry in CODES.iter().filter(|entry| entry.text != "Duplicate") {
            let is_correction = entry.fix.contains("correct the ");
            assert_eq!(needs_edit(entry.text), is_correction, "{}", entry.text);
        }
        for code in ["NotFound", "UnknownToAll", "Unsupported", "Http400", ""] {
            assert!(!needs_edit(code), "{code}");
        }
    }

    #[test]
    fn members_are_retried_for_throttling_and_failures_under_any_name() {
        for code in [
            "Throttled",
            "throttled",
            "Throttling",
            "ThrottlingException",
            "ThrottledClient",
            "TooManyRequestsException",
            "SlowDown",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "InternalFailure",
        ] {
            assert_eq!(member_action(code), MemberAction::Retry, "{code}");
        }
        for code in [
            "NotFound",
            "Forbidden",
            "conflict",
            "ForbiddenException",
            "Ünknown",
            "",
        ] {
            assert_eq!(member_action(code), MemberAction::Fail, "{code}");
        }
        assert_eq!(member_action("Conflict"), MemberAction::AlreadyMember);
    }

    #[test]
    fn entries_are_in_order_and_unique() {
        let key = |entry: &Code| entry.text.to_ascii_lowercase();
        for pair in CODES.windows(2) {
            assert!(
                key(&pair[0]) < key(&pair[1]),
                "{} comes too late",
                pair[1].text
            );
        }
        for entry in CODES {
            assert!(
                !entry.cause.is_empty() && !entry.fix.is_empty(),
                "{}",
                entry.text
            );
            let is_row = entry.effect == Effect::Nothing;
            assert_eq!(entry.scope.is_empty(), is_row, "{}", entry.text);
            let fits = match entry.effect {
                Effect::Member(_) => entry.level != Level::Call,
                Effect::Call(_) => entry.level != Level::Member,
                Effect::Nothing => entry.level == Level::Program,
            };
            assert!(fits, "{}", entry.text);
        }
    }

    #[test]
    fn a_known_exception_decides_whatever_the_status_and_the_form_of_its_name() {
        let cases = [
            ("BadRequestException", Kind::BadRequest),
            ("ResourceLimitExceededException", Kind::LimitExceeded),
            ("UnauthorizedClientException", Kind::Denied),
            ("ForbiddenException", Kind::Denied),
            ("AccessDenied", Kind::Denied),
            ("AccessDeniedException", Kind::Denied),
            ("NotAuthorized", Kind::Denied),
            ("NotFoundException", Kind::NotFound),
            ("ThrottledClientException", Kind::Throttled),
            ("ThrottlingException", Kind::Throttled),
            ("Throttling", Kind::Throttled),
            ("TooManyRequestsException", Kind::Throttled),
            ("RequestLimitExceeded", Kind::Throttled),
            ("SlowDown", Kind::Throttled),
            ("PriorRequestNotComplete", Kind::Throttled),
            ("ServiceFailureException", Kind::ServiceFailure),
            ("InternalFailure", Kind::ServiceFailure),
            ("ServiceUnavailable", Kind::ServiceUnavailable),
            ("SignatureDoesNotMatch", Kind::Credentials),
            ("RequestTimeTooSkewed", Kind::Credentials),
            ("OptInRequired", Kind::Credentials),
            ("ExpiredToken", Kind::Credentials),
            ("ExpiredTokenException", Kind::Credentials),
            ("InvalidClientTokenId", Kind::Credentials),
            ("UnrecognizedClientException", Kind::Credentials),
            ("IncompleteSignature", Kind::Credentials),
            ("MissingAuthenticationToken", Kind::Credentials),
            ("UnknownOperationException", Kind::WrongAddress),
            ("UnknownOperation", Kind::WrongAddress),
        ];
        for (exception, kind) in cases {
            for (status, is_html) in [(400, false), (403, false), (404, true), (503, true)] {
                let expected = (kind, exception.to_owned());
                assert_eq!(
                    refused_call(status, exception, is_html),
                    expected,
                    "{status}"
                );
            }
        }
    }

    #[test]
    fn an_answer_of_another_server_is_a_wrong_address_and_never_closes_a_channel() {
        for status in [301, 400, 404, 405, 407, 408, 413, 414, 418, 431] {
            assert_eq!(
                refused_call(status, "", false).0,
                Kind::WrongAddress,
                "{status}"
            );
            let page = (Kind::WrongAddress, HTML_PAGE.to_owned());
            assert_eq!(refused_call(status, "", true), page, "{status}");
        }
        for status in [404, 405, 407, 408, 413, 414, 431] {
            let named = refused_call(status, "ResourceNotFoundException", false);
            assert_eq!(named.0, Kind::WrongAddress, "{status}");
        }
        assert_eq!(refused_call(404, "NotFound", false).0, Kind::WrongAddress);
        let lost = |code: &str| (Kind::Lost, code.to_owned());
        assert_eq!(refused_call(200, "", true), lost(UNREADABLE_REPLY));
        assert_eq!(refused_call(502, "", true), lost(GATEWAY_ERROR));
        assert_eq!(refused_call(429, "", true).0, Kind::Throttled);
    }

    #[test]
    fn without_a_known_name_the_status_decides() {
        let cases = [
            (401, Kind::Denied),
            (403, Kind::Denied),
            (429, Kind::Throttled),
            (500, Kind::ServiceFailure),
            (502, Kind::ServiceFailure),
            (503, Kind::ServiceUnavailable),
            (199, Kind::Lost),
        ];
        for (status, kind) in cases {
            assert_eq!(refused_call(status, "Odd", false), (kind, "Odd".to_owned()));
            assert_eq!(
                refused_call(status, "", false),
                (kind, format!("Http{status}"))
            );
        }
        let unknown = (Kind::BadRequest, "TeapotException".to_owned());
        assert_eq!(refused_call(418, "TeapotException", false), unknown);
    }

    #[test]
    fn only_codes_that_may_concern_a_member_can_fail_one() {
        let can = |code| scope(code).contains(&Scope::Member);
        assert!(can("BadRequestException") && can("ForbiddenException") && can("Unknown"));
        for code in [
            "AccessDenied",
            "UnauthorizedClientException",
            "Http403",
            "Http404",
            TIMEOUT,
        ] {
            assert!(!can(code), "{code}");
        }
    }

    #[test]
    fn codes_are_explained_in_any_case_and_form() {
        let text = |code| explain(code).map(|entry| entry.text);
        assert_eq!(text("notFOUND"), Some("NotFound"));
        assert_eq!(text("Http502"), Some("Http5xx"));
        assert_eq!(text("http403"), Some("Http403"));
        assert_eq!(text("ExpiredToken"), Some("ExpiredTokenException"));
        assert_eq!(text("SomethingNew"), None);
    }
}
