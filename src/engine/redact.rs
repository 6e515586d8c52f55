//! Members' names in what the service says of a call as a whole.
//!
//! A refusal's message goes where names must not be: the closing line, events, logs. Each row of the
//! reports has its member beside the message, so nothing is lost there.

use std::collections::HashSet;

use crate::model::MemberArn;

/// What stands for a member's name.
const MEMBER: &str = "(a member)";

/// The message with the ids and ARNs of these members replaced.
pub(super) fn without_members(message: &str, members: &[MemberArn]) -> String {
    let ids: HashSet<&str> = members.iter().map(MemberArn::id).collect();
    let is_id = |text: &str| {
        let inner = text.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let last = inner.rsplit('/').next().unwrap_or(inner);
        ids.contains(text) || ids.contains(inner) || ids.contains(last)
    };
    let is_break = |c: char| c.is_whitespace() || "\"'`()[]{}<>,;=".contains(c);
    let mut kept = String::with_capacity(message.len());
    let mut rest = message;
    while !rest.is_empty() {
        let end = rest.find(is_break).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        kept.push_str(if is_id(word) { MEMBER } else { word });
        let mut tail = tail.chars();
        kept.extend(tail.next());
        rest = tail.as_str();
    }
    kept
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
        let members = [arn("ann@example.com"), arn("b-2"), arn("user")];
        let said = |text: &str| without_members(text, &members);
        assert_eq!(
            said("ann@example.com, \"b-2\" and b-23 are unknown."),
            "(a member), \"(a member)\" and b-23 are unknown."
        );
        assert_eq!(
            said("invalid: arn:aws:chime:us-east-1:1:app-instance/i/user/b-2."),
            "invalid: (a member)"
        );
        assert_eq!(said("no such thing: ünicode"), "no such thing: ünicode");
        assert_eq!(said(""), "");
    }
}
