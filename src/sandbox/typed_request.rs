//! Requests of callers within the process.

use super::request::{Action, MAX_RESULTS, Request};
use super::world::{ListFilter, Paging};
use crate::model::{ChannelCall, ListChannel, ListMembers, MemberCall, SubChannelId};

impl Request {
    /// `ListChannelMemberships`
    pub(super) fn list_members(call: ListMembers) -> Self {
        let filter = ListFilter {
            membership_type: call.membership.membership_type,
            sub_channel: text(call.membership.sub_channel.as_ref()),
            paging: paging(call.next_token),
        };
        Self {
            channel: call.channel,
            bearer: call.bearer,
            action: Action::List(filter),
        }
    }

    /// `DescribeChannelMembership`
    pub(super) fn describe_member(call: MemberCall) -> Self {
        Self {
            channel: call.channel,
            bearer: call.bearer,
            action: Action::Describe {
                member: call.member.to_string(),
                sub_channel: text(call.sub_channel.as_ref()),
            },
        }
    }

    /// `DeleteChannelMembership`
    pub(super) fn remove_member(call: MemberCall) -> Self {
        Self {
            channel: call.channel,
            bearer: call.bearer,
            action: Action::Delete {
                member: call.member.to_string(),
                sub_channel: text(call.sub_channel.as_ref()),
            },
        }
    }

    /// `DescribeChannel`
    pub(super) fn describe_channel(call: ChannelCall) -> Self {
        Self {
            channel: call.channel,
            bearer: call.bearer,
            action: Action::DescribeChannel,
        }
    }

    /// `ListChannelModerators`
    pub(super) fn list_moderators(call: ListChannel) -> Self {
        Self {
            channel: call.channel,
            bearer: call.bearer,
            action: Action::ListModerators(paging(call.next_token)),
        }
    }

    /// `ListSubChannels`
    pub(super) fn list_sub_channels(call: ListChannel) -> Self {
        Self {
            channel: call.channel,
            bearer: call.bearer,
            action: Action::ListSubChannels(paging(call.next_token)),
        }
    }
}

fn paging(next_token: Option<String>) -> Paging {
    Paging {
        max_results: MAX_RESULTS,
        next_token,
    }
}

fn text(sub_channel: Option<&SubChannelId>) -> Option<String> {
    sub_channel.map(|id| id.as_str().to_owned())
}
