//! Reads answers as a client does: every field may be missing, an entry without its ARN or id is
//! ignored.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model::{
    ChannelFacts, ChannelMode, ChannelPrivacy, MemberError, MemberPage, MembershipFacts, Reply,
    SubChannelPage, codes,
};

/// The JSON of a body; an empty one has no fields.
fn json<T: DeserializeOwned>(body: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(if body.is_empty() { "{}" } else { body })
}

/// The fields of the answer of `BatchCreateChannelMembership` that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchReplyIn {
    batch_channel_memberships: Option<MembershipsIn>,
    errors: Option<Vec<ErrorIn>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MembershipsIn {
    channel_arn: Option<String>,
    members: Option<Vec<IdentityIn>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IdentityIn {
    arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorIn {
    member_arn: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
}

/// The fields of the answer of `CreateChannelMembership` that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SingleReplyIn {
    channel_arn: Option<String>,
    member: Option<IdentityIn>,
}

/// Reads the body of a single add's answer as a client does: every field may be missing.
pub(in crate::sandbox) fn read_single_reply(body: &str) -> Result<Reply, serde_json::Error> {
    let read: SingleReplyIn = json(body)?;
    let member = read.member.and_then(|member| member.arn);
    Ok(Reply {
        channel: read.channel_arn,
        added: member.into_iter().collect(),
        ..Reply::default()
    })
}

/// Reads the body of a batch call's answer as a client does: every field may be missing, an entry
/// without an ARN is ignored.
pub(in crate::sandbox) fn read_reply(body: &str) -> Result<Reply, serde_json::Error> {
    let read: BatchReplyIn = json(body)?;
    let (channel, members) = read
        .batch_channel_memberships
        .map_or((None, None), |memberships| {
            (memberships.channel_arn, memberships.members)
        });
    let error = |error: ErrorIn| {
        Some(MemberError {
            member: error.member_arn?,
            code: error
                .error_code
                .unwrap_or_else(|| codes::NO_CODE.to_owned()),
            message: error.error_message.unwrap_or_default(),
        })
    };
    Ok(Reply {
        channel,
        added: members
            .into_iter()
            .flatten()
            .filter_map(|member| member.arn)
            .collect(),
        errors: read
            .errors
            .into_iter()
            .flatten()
            .filter_map(error)
            .collect(),
        date: None,
    })
}

/// The fields of the answers of `ListChannelMemberships`, `ListChannelModerators` and
/// `ListSubChannels` that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PageIn {
    channel_arn: Option<String>,
    channel_memberships: Option<Vec<MemberIn>>,
    channel_moderators: Option<Vec<ModeratorIn>>,
    sub_channels: Option<Vec<SubChannelIn>>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MemberIn {
    member: Option<IdentityIn>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ModeratorIn {
    moderator: Option<IdentityIn>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SubChannelIn {
    sub_channel_id: Option<String>,
    membership_count: Option<i32>,
}

fn arn(identity: Option<IdentityIn>) -> Option<String> {
    identity.and_then(|identity| identity.arn)
}

fn some_text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Reads a page of members.
pub(in crate::sandbox) fn read_members(body: &str) -> Option<MemberPage> {
    let page: PageIn = json(body).ok()?;
    let members = page.channel_memberships.into_iter().flatten();
    let arns = members.map(|one| arn(one.member)).collect();
    Some(member_page(page.channel_arn, arns, page.next_token))
}

/// Reads a page of moderators.
pub(in crate::sandbox) fn read_moderators(body: &str) -> Option<MemberPage> {
    let page: PageIn = json(body).ok()?;
    let moderators = page.channel_moderators.into_iter().flatten();
    let arns = moderators.map(|one| arn(one.moderator)).collect();
    Some(member_page(page.channel_arn, arns, page.next_token))
}

fn member_page(
    channel: Option<String>,
    arns: Vec<Option<String>>,
    next_token: Option<String>,
) -> MemberPage {
    MemberPage {
        channel,
        has_nameless: arns.iter().any(Option::is_none),
        members: arns.into_iter().flatten().collect(),
        next_token: some_text(next_token),
    }
}

/// Reads a page of sub-channels.
pub(in crate::sandbox) fn read_sub_channels(body: &str) -> Option<SubChannelPage> {
    let page: PageIn = json(body).ok()?;
    let one = |one: SubChannelIn| {
        let members = u64::try_from(one.membership_count?).ok()?;
        Some((one.sub_channel_id?, members))
    };
    Some(SubChannelPage {
        channel: page.channel_arn,
        sub_channels: page
            .sub_channels
            .into_iter()
            .flatten()
            .filter_map(one)
            .collect(),
        next_token: some_text(page.next_token),
    })
}

/// The fields of the answer of `DescribeChannelMembership` that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedIn {
    channel_membership: Option<MembershipIn>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MembershipIn {
    channel_arn: Option<String>,
    member: Option<IdentityIn>,
    r#type: Option<String>,
    invited_by: Option<IdentityIn>,
    created_timestamp: Option<f64>,
}

/// Reads a membership.
pub(in crate::sandbox) fn read_facts(body: &str) -> Option<MembershipFacts> {
    let described: DescribedIn = json(body).ok()?;
    let membership = described.channel_membership?;
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
    let seconds = |time: f64| time.floor() as i64;
    Some(MembershipFacts {
        member: arn(membership.member)?,
        channel: membership.channel_arn,
        membership_type: membership.r#type.and_then(|text| text.parse().ok()),
        invited_by: arn(membership.invited_by),
        created: membership.created_timestamp.map(seconds),
    })
}

/// The fields of the answer of `DescribeChannel` that are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChannelDescribedIn {
    channel: Option<ChannelIn>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChannelIn {
    channel_arn: Option<String>,
    mode: Option<String>,
    privacy: Option<String>,
    elastic_channel_configuration: Option<ElasticIn>,
    expiration_settings: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ElasticIn {
    maximum_sub_channels: Option<u32>,
    target_memberships_per_sub_channel: Option<u32>,
}

impl ElasticIn {
    fn max_members(&self) -> Option<u64> {
        let sub_channels = u64::from(self.maximum_sub_channels?);
        let members = u64::from(self.target_memberships_per_sub_channel?);
        Some(sub_channels * members).filter(|most| *most > 0)
    }
}

/// Reads a channel.
pub(in crate::sandbox) fn read_channel(body: &str) -> Option<ChannelFacts> {
    let described: ChannelDescribedIn = json(body).ok()?;
    let channel = described.channel?;
    let elastic = channel.elastic_channel_configuration;
    Some(ChannelFacts {
        channel: channel.channel_arn,
        is_elastic: elastic.is_some(),
        max_members: elastic.and_then(|elastic| elastic.max_members()),
        mode: channel.mode.as_deref().and_then(ChannelMode::from_text),
        privacy: channel
            .privacy
            .as_deref()
            .and_then(ChannelPrivacy::from_text),
        expires: channel.expiration_settings.is_some(),
    })
}
