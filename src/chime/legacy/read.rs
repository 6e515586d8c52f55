//! Reads the answers of `Chime`. Every field may be missing.

use aws_sdk_chime::operation::batch_create_channel_membership::BatchCreateChannelMembershipOutput;
use aws_sdk_chime::operation::create_channel_membership::CreateChannelMembershipOutput;
use aws_sdk_chime::operation::describe_channel::DescribeChannelOutput;
use aws_sdk_chime::operation::describe_channel_membership::DescribeChannelMembershipOutput;
use aws_sdk_chime::operation::list_channel_memberships::ListChannelMembershipsOutput;
use aws_sdk_chime::operation::list_channel_moderators::ListChannelModeratorsOutput;
use aws_sdk_chime::types::{ChannelMembershipType, ErrorCode, Identity};

use crate::chime::answers::member_page;
use crate::chime::refusal::member_error;
use crate::model::{
    ChannelFacts, ChannelMode, ChannelPrivacy, MemberPage, MembershipFacts, MembershipType, Reply,
};

/// A type, as the SDK has it.
pub(super) fn wire_type(membership_type: MembershipType) -> ChannelMembershipType {
    match membership_type {
        MembershipType::Default => ChannelMembershipType::Default,
        MembershipType::Hidden => ChannelMembershipType::Hidden,
    }
}

fn arn(identity: Option<Identity>) -> Option<String> {
    identity.and_then(|identity| identity.arn)
}

/// The reply of a batch call.
pub(super) fn reply(output: BatchCreateChannelMembershipOutput) -> Reply {
    let memberships = output.batch_channel_memberships;
    let (channel, members) = memberships.map_or((None, None), |memberships| {
        (memberships.channel_arn, memberships.members)
    });
    let errors = output.errors.unwrap_or_default().into_iter();
    Reply {
        channel,
        added: members
            .into_iter()
            .flatten()
            .filter_map(|member| member.arn)
            .collect(),
        errors: errors
            .filter_map(|error| {
                let code = error.error_code.as_ref().map(ErrorCode::as_str);
                member_error(error.member_arn, code, error.error_message)
            })
            .collect(),
        date: None,
    }
}

/// The reply of a call that adds one member.
pub(super) fn single_reply(output: CreateChannelMembershipOutput) -> Reply {
    Reply {
        channel: output.channel_arn,
        added: arn(output.member).into_iter().collect(),
        ..Reply::default()
    }
}

/// A page of members.
pub(super) fn members(output: ListChannelMembershipsOutput) -> MemberPage {
    let members = output.channel_memberships.into_iter().flatten();
    let arns = members.map(|one| arn(one.member));
    member_page(output.channel_arn, arns, output.next_token)
}

/// A page of moderators.
pub(super) fn moderators(output: ListChannelModeratorsOutput) -> MemberPage {
    let moderators = output.channel_moderators.into_iter().flatten();
    let arns = moderators.map(|one| arn(one.moderator));
    member_page(output.channel_arn, arns, output.next_token)
}

/// A membership, if there is one in the answer.
pub(super) fn facts(output: DescribeChannelMembershipOutput) -> Option<MembershipFacts> {
    let membership = output.channel_membership?;
    let membership_type = membership.r#type.as_ref();
    Some(MembershipFacts {
        member: arn(membership.member)?,
        channel: membership.channel_arn,
        membership_type: membership_type.and_then(|text| text.as_str().parse().ok()),
        invited_by: arn(membership.invited_by),
        created: membership.created_timestamp.map(|time| time.secs()),
    })
}

/// A channel, if there is one in the answer.
pub(super) fn channel(output: DescribeChannelOutput) -> Option<ChannelFacts> {
    let channel = output.channel?;
    let (mode, privacy) = (channel.mode.as_ref(), channel.privacy.as_ref());
    Some(ChannelFacts {
        channel: channel.channel_arn,
        mode: mode.and_then(|mode| ChannelMode::from_text(mode.as_str())),
        privacy: privacy.and_then(|privacy| ChannelPrivacy::from_text(privacy.as_str())),
        ..ChannelFacts::default()
    })
}
