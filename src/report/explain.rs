//! Error help: what a code means, and what to do.
//!
//! Promises: every code that the service documents or this program gives is explained.

use std::fmt;

use super::words::wrap;

/// What a code means, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// The code, as it stands in `results.csv`.
    pub code: &'static str,
    /// What it comes from.
    pub cause: &'static str,
    /// What to do.
    pub cure: &'static str,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.code)?;
        wrap(f, &format!("  {}", self.cause), 2)?;
        wrap(f, &format!("  cure: {}", self.cure), 8)
    }
}

/// Explains a code, in any case. `Http` and a status is explained by the status's class.
#[must_use]
pub fn explain(code: &str) -> Option<&'static Explanation> {
    let is_status = |digits: &str| digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
    let lower = code.to_ascii_lowercase();
    let name = match lower.strip_prefix("http") {
        Some(status) if is_status(status) && status.starts_with('5') => "Http5xx",
        Some(status) if is_status(status) => "Http4xx",
        _ => code,
    };
    EXPLAINED
        .iter()
        .find(|explanation| explanation.code.eq_ignore_ascii_case(name))
}

/// All that is explained, by code.
#[must_use]
pub fn explained() -> &'static [Explanation] {
    EXPLAINED
}

const fn entry(code: &'static str, cause: &'static str, cure: &'static str) -> Explanation {
    Explanation { code, cause, cure }
}

const EXPLAINED: &[Explanation] = &[
    entry(
        "AccessDenied",
        "the bearer may not add this member",
        "make the bearer an AppInstanceAdmin, or a moderator of the channel",
    ),
    entry(
        "AccessDeniedException",
        "IAM does not allow the call",
        "allow chime:BatchCreateChannelMembership on the bearer and on the channels",
    ),
    entry(
        "BadRequest",
        "the service does not take this member as it is written",
        "see the message in results.csv, correct the row in failed.csv and run that",
    ),
    entry(
        "BadRequestException",
        "the service does not take the call, down to this one member",
        "see the message in results.csv, correct the row in failed.csv and run that",
    ),
    entry(
        "Conflict",
        "the member is in the channel already",
        "nothing to do: it counts as in",
    ),
    entry(
        "ConnectionLost",
        "the connection broke before the answer; the member may be in",
        "nothing to change: it is asked again; see the network if it lasts",
    ),
    entry(
        "Defect",
        "the row is defective; it was never sent",
        "correct the column that the message names in failed.csv, then run that",
    ),
    entry(
        "Duplicate",
        "the row repeats an earlier one; only the first is sent",
        "nothing to do",
    ),
    entry(
        "ExpiredToken",
        "the session's credentials have expired",
        "renew the credentials, see that `aws sts get-caller-identity` works, then resume",
    ),
    entry(
        "ExpiredTokenException",
        "the session's credentials have expired",
        "renew the credentials, see that `aws sts get-caller-identity` works, then resume",
    ),
    entry(
        "Forbidden",
        "the member may not be added: often of another app instance, or the bearer lacks rights",
        "see that member, channel and bearer are of one app instance, and the bearer its admin",
    ),
    entry(
        "ForbiddenException",
        "the bearer may not add to this channel, or they differ in app instance",
        "make the bearer an AppInstanceAdmin or the channel's moderator, then run failed.csv",
    ),
    entry(
        "Http4xx",
        "the call was refused without an exception of the service's: often a proxy",
        "see who answers at that address: proxy, firewall or --endpoint-url",
    ),
    entry(
        "Http5xx",
        "the service, or a proxy before it, failed without saying why",
        "nothing to change: it is tried again; see the AWS health page if it lasts",
    ),
    entry(
        "IncompleteSignature",
        "the signature lacks a part: often a proxy that changes headers",
        "call the service without the proxy, or let it pass all headers, then resume",
    ),
    entry(
        "IncompleteSignatureException",
        "the signature lacks a part: often a proxy that changes headers",
        "call the service without the proxy, or let it pass all headers, then resume",
    ),
    entry(
        "Interrupted",
        "the run was cut off while the call was under way",
        "resume: the member is asked again",
    ),
    entry(
        "InvalidClientTokenId",
        "AWS does not know the access key",
        "renew the credentials, see that `aws sts get-caller-identity` works, then resume",
    ),
    entry(
        "InvalidSignatureException",
        "the signature is wrong: the secret key, or the clock",
        "set the machine's clock and check the credentials, then resume",
    ),
    entry(
        "MissingAuthenticationToken",
        "the call came unsigned: often a proxy that drops headers",
        "call the service without the proxy, or let it pass all headers, then resume",
    ),
    entry(
        "MissingAuthenticationTokenException",
        "the call came unsigned: often a proxy that drops headers",
        "call the service without the proxy, or let it pass all headers, then resume",
    ),
    entry(
        "NoCode",
        "the service refused the member without saying why",
        "run failed.csv later; if it stays so, ask AWS support",
    ),
    entry(
        "NoCredentials",
        "no AWS credentials were found",
        "give --profile, or AWS_ACCESS_KEY_ID and its secret, or a role; then resume",
    ),
    entry(
        "NotFound",
        "there is no such user or channel",
        "create it, or correct its id in failed.csv, then run that",
    ),
    entry(
        "NotFoundException",
        "there is no such channel",
        "create it, or correct its id in failed.csv, then run that",
    ),
    entry(
        "NoVerdict",
        "the answer did not name the member; it may be in",
        "run failed.csv: who is in already does no harm",
    ),
    entry(
        "PhoneNumberAssociationsExist",
        "a code of Chime's telephony: not expected for members",
        "run failed.csv; if it stays so, ask AWS support",
    ),
    entry(
        "PreconditionFailed",
        "the channel or the member is not in a state that allows it",
        "see the message in results.csv, then run failed.csv",
    ),
    entry(
        "RequestExpired",
        "the call's signature is too old: often a clock that is wrong",
        "set the machine's clock and check the credentials, then resume",
    ),
    entry(
        "ResourceLimitExceeded",
        "the channel, or the member, has as many memberships as it may",
        "use another channel, or ask AWS to raise the quota, then run failed.csv",
    ),
    entry(
        "ResourceLimitExceededException",
        "the channel is full",
        "use another channel, or ask AWS to raise the quota, then run failed.csv",
    ),
    entry(
        "ServiceFailure",
        "the service failed on this member",
        "run failed.csv later; if it stays so, ask AWS support",
    ),
    entry(
        "ServiceFailureException",
        "the service failed",
        "nothing to change: it is tried again; see the AWS health page if it lasts",
    ),
    entry(
        "ServiceUnavailable",
        "the service could not take this member at the time",
        "nothing to change: it is tried again; if rows fail with it, run failed.csv later",
    ),
    entry(
        "ServiceUnavailableException",
        "the service could not be had",
        "nothing to change: it is tried again; see the AWS health page if it lasts",
    ),
    entry(
        "Throttled",
        "the service limited the rate for this member",
        "nothing to change: it is tried again; if rows fail with it, run failed.csv later",
    ),
    entry(
        "ThrottledClientException",
        "more calls than the service allows",
        "nothing to change: the program slows down; others may be using the same bearer",
    ),
    entry(
        "Throttling",
        "the service limited the rate for this member",
        "nothing to change: it is tried again; if rows fail with it, run failed.csv later",
    ),
    entry(
        "Timeout",
        "the answer did not come in time; the member may be in",
        "nothing to change: it is asked again; see the network if it lasts",
    ),
    entry(
        "Unauthorized",
        "the service does not accept the bearer for this member",
        "see that --bearer is an AppInstanceAdmin of the member's app instance",
    ),
    entry(
        "UnauthorizedClientException",
        "the service does not accept these credentials",
        "renew the credentials, see that `aws sts get-caller-identity` works, then resume",
    ),
    entry(
        "Unprocessable",
        "the service understood the member but cannot add it",
        "see the message in results.csv, then run failed.csv",
    ),
    entry(
        "Unreachable",
        "no connection could be made",
        "see the network, DNS, proxy and --endpoint-url, then resume",
    ),
    entry(
        "UnreadableReply",
        "the answer is not the service's: often a proxy or a wrong --endpoint-url",
        "see who answers at that address, then resume",
    ),
    entry(
        "UnrecognizedClientException",
        "AWS does not know the access key or session token",
        "renew the credentials, see that `aws sts get-caller-identity` works, then resume",
    ),
    entry(
        "Unsupported",
        "the chosen --api cannot do what the row asks",
        "use --api messaging, then run failed.csv",
    ),
    entry(
        "VoiceConnectorGroupAssociationsExist",
        "a code of Chime's telephony: not expected for members",
        "run failed.csv; if it stays so, ask AWS support",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Names in quotes in the arms of a source's table.
    fn named(source: &'static str, begin: &str, end: &str) -> Vec<&'static str> {
        let table = source.split_once(begin).unwrap().1;
        let table = table.split_once(end).unwrap().0;
        let quoted = table.split('"').skip(1).step_by(2);
        quoted.filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn every_code_that_the_program_can_write_is_explained() {
        let exceptions = named(
            include_str!("../model/call.rs"),
            "match exception {",
            "_ => match status",
        );
        let ours = named(
            include_str!("../chime/refusal.rs"),
            "pub mod code {",
            "\n}\n",
        );
        let members = named(
            include_str!("../schedule/verdict.rs"),
            "fn every_documented_member_code",
            "\"SomethingNew\"",
        );
        assert!(exceptions.len() > 15 && ours.len() > 6 && members.len() > 14);
        let others = [
            "NoVerdict",
            "Interrupted",
            "Defect",
            "Duplicate",
            "Http403",
            "Http503",
        ];
        for code in exceptions
            .into_iter()
            .chain(ours)
            .chain(members)
            .chain(others)
        {
            // A pattern of assert's message is no code.
            if !code.starts_with('{') {
                assert!(explain(code).is_some(), "{code}");
            }
        }
    }

    #[test]
    fn codes_are_found_in_any_case_and_stand_in_order() {
        assert_eq!(
            explain("notFOUND").map(|found| found.code),
            Some("NotFound")
        );
        assert_eq!(explain("Http502").map(|found| found.code), Some("Http5xx"));
        assert_eq!(explain("SomethingNew"), None);
        let lower = |entry: &Explanation| entry.code.to_ascii_lowercase();
        assert!(EXPLAINED.is_sorted_by(|a, b| lower(a) < lower(b)));
    }
}
