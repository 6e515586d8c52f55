//! The answers of the operations that read, in JSON.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::identity::Identity;
use super::to_json;
use crate::model::{ChannelArn, MembershipType};
use crate::sandbox::world::{ChannelDetails, ListPage, MembershipDetails, SubChannelsPage};

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedOut<'a> {
    channel_membership: MembershipOut<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MembershipOut<'a> {
    invited_by: Identity<'a>,
    r#type: MembershipType,
    member: Identity<'a>,
    channel_arn: &'a str,
    created_timestamp: f64,
    last_updated_timestamp: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_channel_id: Option<&'a str>,
}

/// The answer of `DescribeChannelMembership`.
pub(in crate::sandbox) fn described(
    channel: &ChannelArn,
    member: &str,
    details: &MembershipDetails,
    created: SystemTime,
) -> Vec<u8> {
    let created = epoch_seconds(created);
    to_json(&DescribedOut {
        channel_membership: MembershipOut {
            invited_by: Identity::of(&details.invited_by),
            r#type: details.membership_type,
            member: Identity::of(member),
            channel_arn: channel.as_str(),
            created_timestamp: created,
            last_updated_timestamp: created,
            sub_channel_id: details.sub_channel.as_deref(),
        },
    })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedOut<'a> {
    channel_arn: &'a str,
    channel_memberships: Vec<SummaryOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SummaryOut<'a> {
    member: Identity<'a>,
}

/// The answer of `ListChannelMemberships`.
pub(in crate::sandbox) fn listed(channel: &ChannelArn, page: &ListPage) -> Vec<u8> {
    to_json(&ListedOut {
        channel_arn: channel.as_str(),
        channel_memberships: page
            .members
            .iter()
            .map(|arn| SummaryOut {
                member: Identity::of(arn),
            })
            .collect(),
        next_token: page.next_token.as_deref(),
    })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChannelDescribedOut<'a> {
    channel: ChannelOut<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChannelOut<'a> {
    channel_arn: &'a str,
    name: &'a str,
    mode: &'static str,
    privacy: &'static str,
    created_timestamp: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    elastic_channel_configuration: Option<ElasticOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_settings: Option<ExpirationOut>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ElasticOut {
    maximum_sub_channels: u64,
    target_memberships_per_sub_channel: u64,
    minimum_membership_percentage: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ExpirationOut {
    expiration_days: u64,
    expiration_criterion: &'static str,
}

/// The answer of `DescribeChannel`; every channel is as old as the service.
pub(in crate::sandbox) fn channel_described(
    channel: &ChannelArn,
    details: &ChannelDetails,
    created: SystemTime,
) -> Vec<u8> {
    let Identity { arn, name } = Identity::of(channel.as_str());
    to_json(&ChannelDescribedOut {
        channel: ChannelOut {
            channel_arn: arn,
            name,
            mode: details.mode.as_str(),
            privacy: "PUBLIC",
            created_timestamp: epoch_seconds(created),
            elastic_channel_configuration: details.elastic.map(|(sub_channels, members)| {
                ElasticOut {
                    maximum_sub_channels: sub_channels,
                    target_memberships_per_sub_channel: members,
                    minimum_membership_percentage: 40,
                }
            }),
            expiration_settings: details.expires.then_some(ExpirationOut {
                expiration_days: 30,
                expiration_criterion: "CREATED_TIMESTAMP",
            }),
        },
    })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ModeratorsOut<'a> {
    channel_arn: &'a str,
    channel_moderators: Vec<ModeratorOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ModeratorOut<'a> {
    moderator: Identity<'a>,
}

/// The answer of `ListChannelModerators`.
pub(in crate::sandbox) fn moderators_listed(channel: &ChannelArn, page: &ListPage) -> Vec<u8> {
    let moderator = |arn| ModeratorOut {
        moderator: Identity::of(arn),
    };
    to_json(&ModeratorsOut {
        channel_arn: channel.as_str(),
        channel_moderators: page.members.iter().map(|arn| moderator(arn)).collect(),
        next_token: page.next_token.as_deref(),
    })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SubChannelsOut<'a> {
    channel_arn: &'a str,
    sub_channels: Vec<SubChannelOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SubChannelOut<'a> {
    sub_channel_id: &'a str,
    membership_count: u64,
}

/// The answer of `ListSubChannels`.
pub(in crate::sandbox) fn sub_channels_listed(
    channel: &ChannelArn,
    page: &SubChannelsPage,
) -> Vec<u8> {
    let sub_channels = page.sub_channels.iter();
    to_json(&SubChannelsOut {
        channel_arn: channel.as_str(),
        sub_channels: sub_channels
            .map(|(id, count)| SubChannelOut {
                sub_channel_id: id,
                membership_count: *count,
            })
            .collect(),
        next_token: page.next_token.as_deref(),
    })
}

fn epoch_seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |since: Duration| since.as_secs_f64())
}
