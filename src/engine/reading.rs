//! Asking about a channel or a membership: one request, or one page of a listing.
//!
//! Promises: what is found is about the channel and the member that were asked for. Must not: change
//! anything.

use std::sync::Arc;
use std::time::Duration;

use crate::chime::Chime;
use crate::ledger::LastPage;
use crate::model::{
    ChannelCall, Described, Finding, ListChannel, ListMembers, MemberCall, MemberPage, Membership,
    MembershipFacts, Question, QuestionRow, Refusal, RefusalKind, codes,
};

/// More pages than any channel has: an elastic one has at most 1,000,000 members (AWS, "Amazon Chime
/// SDK endpoints and quotas"), 50 on a page.
const MAX_PAGES: u64 = 20_000;

/// A question to ask.
pub(super) struct Reading {
    pub(super) row: QuestionRow,
    /// The channel, the member and the bearer.
    pub(super) call: MemberCall,
    /// Which members to list.
    pub(super) membership: Membership,
    /// The page before, if this is not the first.
    pub(super) last: Option<LastPage>,
}

/// What a question found.
pub(super) struct Read {
    pub(super) finding: Finding,
    /// The page's number, from 0.
    pub(super) page: u64,
    /// Whether the next page is to be read.
    pub(super) goes_on: bool,
}

impl Reading {
    /// Asks. The answer is waited for as long as `timeout`.
    pub(super) async fn perform(
        self,
        service: Arc<dyn Chime>,
        timeout: Duration,
    ) -> Result<Read, Refusal> {
        let finding = self
            .ask(&*service, timeout)
            .await
            .map_err(changes_nothing)?;
        let page = self.last.as_ref().map_or(0, |last| last.page + 1);
        let token = self.last.as_ref().map(|last| last.next_token.as_str());
        let next_token = finding.next_token();
        if next_token.is_some() && (next_token == token || page >= MAX_PAGES) {
            return Err(changes_nothing(unreadable("the listing does not go on")));
        }
        let may_go_on = self.row.max_pages.is_none_or(|most| page + 1 < most);
        Ok(Read {
            goes_on: may_go_on && finding.next_token().is_some(),
            finding,
            page,
        })
    }

    async fn ask(&self, service: &dyn Chime, timeout: Duration) -> Result<Finding, Refusal> {
        let call = self.call.clone();
        let (channel, bearer) = (call.channel.clone(), call.bearer.clone());
        let next_token = self.last.as_ref().map(|last| last.next_token.clone());
        let listing = ListChannel {
            channel: channel.clone(),
            bearer: bearer.clone(),
            next_token: next_token.clone(),
        };
        match self.row.question {
            Question::Membership => match service.describe_member(call, timeout).await? {
                Described::NotFound(_) => Ok(Finding::NoMembership),
                Described::Member(facts) => {
                    check_member(&facts, &self.call)?;
                    Ok(Finding::Membership(facts))
                }
            },
            Question::Members => {
                let call = ListMembers {
                    channel,
                    bearer,
                    membership: self.membership.clone(),
                    next_token,
                };
                self.page(service.list_members(call, timeout).await?)
            }
            Question::Moderators => self.page(service.list_moderators(listing, timeout).await?),
            Question::SubChannels => {
                let page = service.list_sub_channels(listing, timeout).await?;
                self.check_channel(page.channel.as_deref())?;
                Ok(Finding::SubChannels {
                    sub_channels: page.sub_channels,
                    next_token: page.next_token,
                })
            }
            Question::Channel => {
                let call = ChannelCall { channel, bearer };
                let facts = service.describe_channel(call, timeout).await?;
                self.check_channel(facts.channel.as_deref())?;
                Ok(Finding::Channel(facts))
            }
        }
    }

    fn page(&self, page: MemberPage) -> Result<Finding, Refusal> {
        self.check_channel(page.channel.as_deref())?;
        if page.has_nameless {
            return Err(unreadable("the answer lists somebody without an ARN"));
        }
        Ok(Finding::Members {
            members: page.members,
            next_token: page.next_token,
        })
    }

    /// Checks that an answer is about the channel that was asked for. One that names no channel may be
    /// any page on the web.
    fn check_channel(&self, named: Option<&str>) -> Result<(), Refusal> {
        match named {
            Some(named) if named != self.call.channel.as_str() => {
                Err(of_other("the answer is about another channel"))
            }
            None => Err(unreadable("the answer does not name the channel")),
            _ => Ok(()),
        }
    }
}

/// Checks that facts are about the membership that was asked for. Only a proxy or a cache answers
/// otherwise.
pub(super) fn check_member(facts: &MembershipFacts, call: &MemberCall) -> Result<(), Refusal> {
    let channel = facts.channel.as_deref().unwrap_or(call.channel.as_str());
    if channel == call.channel.as_str() && facts.member == call.member.as_str() {
        return Ok(());
    }
    Err(of_other("the description is of another membership"))
}

fn unreadable(message: &str) -> Refusal {
    Refusal {
        kind: RefusalKind::WrongAddress,
        code: codes::UNREADABLE_REPLY.to_owned(),
        message: message.to_owned(),
    }
}

fn of_other(message: &str) -> Refusal {
    Refusal {
        kind: RefusalKind::WrongAddress,
        code: codes::OTHER_CHANNEL.to_owned(),
        message: message.to_owned(),
    }
}

/// The refusal of a request that only reads: a lost answer leaves no doubt.
pub(super) fn changes_nothing(refusal: Refusal) -> Refusal {
    let kind = match refusal.kind {
        RefusalKind::Lost => RefusalKind::Unreachable,
        RefusalKind::ServiceFailure => RefusalKind::ServiceUnavailable,
        kind => kind,
    };
    Refusal { kind, ..refusal }
}
