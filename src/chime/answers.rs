//! Answers as both APIs have them.
//!
//! Promises: an answer without what was asked for is no answer, and counts as lost. Must not: depend
//! on the API.

use super::bounded_client::answer_head;
use crate::model::{
    Described, MemberPage, MembershipFacts, Refusal, RefusalKind, Removed, Reply, SubChannelPage,
    codes,
};

/// The most members of one page (service model, `MaxResults`).
pub(super) const PAGE_SIZE: i32 = 50;

/// A reply with the time of its answer. Call it within the timeout of the call.
pub(super) fn dated(reply: Reply) -> Reply {
    let date = answer_head().and_then(|head| head.date);
    Reply { date, ..reply }
}

/// A page of ARNs. An empty token is none.
pub(super) fn member_page(
    channel: Option<String>,
    members: impl Iterator<Item = Option<String>>,
    next_token: Option<String>,
) -> MemberPage {
    let members: Vec<Option<String>> = members.collect();
    MemberPage {
        channel,
        has_nameless: members.iter().any(Option::is_none),
        members: members.into_iter().flatten().collect(),
        next_token: next_token.filter(|token| !token.is_empty()),
    }
}

/// A page of sub-channels. An empty token is none.
pub(super) fn sub_channel_page(
    channel: Option<String>,
    sub_channels: impl Iterator<Item = (Option<String>, Option<i32>)>,
    next_token: Option<String>,
) -> SubChannelPage {
    let one =
        |(id, members): (Option<String>, Option<i32>)| Some((id?, u64::try_from(members?).ok()?));
    SubChannelPage {
        channel,
        sub_channels: sub_channels.filter_map(one).collect(),
        next_token: next_token.filter(|token| !token.is_empty()),
    }
}

/// The answer to the question for a membership: its facts, if the answer has any.
pub(super) fn described(
    answer: Result<Option<MembershipFacts>, Refusal>,
) -> Result<Described, Refusal> {
    match answer {
        Ok(Some(facts)) => Ok(Described::Member(facts)),
        Ok(None) => Err(unreadable("the answer contains no membership")),
        Err(refusal) if refusal.kind == RefusalKind::NotFound => Ok(Described::NotFound(refusal)),
        Err(refusal) => Err(refusal),
    }
}

/// The answer to a removal. Call it within the timeout of the call.
pub(super) fn removed(answer: Result<(), Refusal>) -> Result<Removed, Refusal> {
    match answer {
        // The SDK does not look at the body. The service sends none; a proxy sends a page.
        Ok(()) if answer_head().is_some_and(|head| head.is_empty) => Ok(Removed::Removed),
        Ok(()) => Err(unreadable("the answer to the removal has a body")),
        Err(refusal) if refusal.kind == RefusalKind::NotFound => Ok(Removed::NotFound(refusal)),
        Err(refusal) => Err(refusal),
    }
}

/// What an answer counts as that does not contain what it must.
pub(super) fn unreadable(message: &str) -> Refusal {
    Refusal {
        kind: RefusalKind::Lost,
        code: codes::UNREADABLE_REPLY.to_owned(),
        message: message.to_owned(),
    }
}
