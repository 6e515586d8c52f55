//! Removes members' names from the service's messages about a call as a whole.
//!
//! A refusal's message appears where names must not: in the closing line, events and logs. In the
//! reports each row has its member beside the message, so no information is lost.

use std::collections::HashSet;

use crate::model::MemberArn;

/// Replaces a member's name.
const REPLACEMENT: &str = "(a member)";

/// Ids this long are replaced anywhere in the text, shorter ones only as words.
const MIN_SUBSTRING: usize = 4;

/// The message with the ids and ARNs of these members replaced, and those of any other user or bot
/// of an app instance.
pub(super) fn redact_members(message: &str, members: &[MemberArn]) -> String {
    let ids: HashSet<&str> = members.iter().map(MemberArn::id).collect();
    let mut text = message.to_owned();
    for id in ids.iter().filter(|id| id.len() >= MIN_SUBSTRING) {
        if text.contains(id) {
            text = text.replace(id, REPLACEMENT);
        }
    }
    let is_break = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut is_identity = false;
    while !rest.is_empty() {
        let end = rest.find(is_break).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let is_named = is_identity && !word.is_empty();
        redacted.push_str(if is_named || ids.contains(word) {
            REPLACEMENT
        } else {
            word
        });
        let mut tail = tail.chars();
        let separator = tail.next();
        redacted.extend(separator);
        rest = tail.as_str();
        is_identity =
            separator == Some('/') && (redacted.ends_with("/user/") || redacted.ends_with("/bot/"));
    }
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_arns_of_the_members_are_replaced_and_other_words_stay() {
        let arn = |id: &str| {
            let text = format!("arn:aws:chime:us-east-1:1:app-instance/i/user/{id}");
            MemberArn::parse(&text).unwrap()
        };
        let members = [arn("ann@example.com"), arn("b-2")];
        let redacted = |text: &str| redact_members(text, &members);
        assert_eq!(
            redacted("ann@example.com, \"b-2\" and b-23 are unknown."),
            "(a member), \"(a member)\" and b-23 are unknown."
        );
        assert_eq!(
            redacted("invalid: arn:aws:chime:us-east-1:1:app-instance/i/user/b-2."),
            "invalid: arn:aws:chime:us-east-1:1:app-instance/i/user/(a member)."
        );
        for around in [
            "user:{}",
            "{}|{}",
            "a_{}_b",
            "%2Fuser%2F{}",
            "{}#1",
            "{}+{}",
        ] {
            let text = around.replace("{}", "ann@example.com");
            assert!(!redacted(&text).contains("ann@"), "{text}");
        }
        assert_eq!(
            redacted("app-instance/i/user/somebody-else"),
            "app-instance/i/user/(a member)"
        );
        assert_eq!(redacted("arn:aws:iam::1:user/me"), "arn:aws:iam::1:user/me");
        assert_eq!(redacted("no such thing: ünicode"), "no such thing: ünicode");
        assert_eq!(redacted(""), "");
    }
}
