//! The JSON forms of the service (AWS, Amazon Chime SDK messaging API reference).

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::exception::Exception;
use super::member_result::MemberResult;
use super::world::{ListPage, MembershipDetails};
use crate::model::{
    ChannelArn, MemberArn, MemberError, Membership, MembershipType, Reply, SubChannelId, codes,
};

/// Body of `BatchCreateChannelMembership`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchCreateIn {
    pub(super) r#type: Option<String>,
    pub(super) member_arns: Option<Vec<String>>,
    pub(super) sub_channel_id: Option<String>,
}

/// Body of `CreateChannelMembership`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateIn {
    pub(super) r#type: Option<String>,
    pub(super) member_arn: Option<String>,
    pub(super) sub_channel_id: Option<String>,
}

/// A user or bot. Users have no names here, so the id is also the name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Identity<'a> {
    arn: &'a str,
    name: &'a str,
}

impl<'a> Identity<'a> {
    fn of(arn: &'a str) -> Self {
        Self {
            arn,
            name: arn.rsplit('/').next().unwrap_or(arn),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchCreateOut<'a> {
    batch_channel_memberships: MembershipsOut<'a>,
    errors: Vec<ErrorOut<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MembershipsOut<'a> {
    invited_by: Identity<'a>,
    r#type: MembershipType,
    members: Vec<Identity<'a>>,
    channel_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_channel_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorOut<'a> {
    member_arn: &'a str,
    error_code: &'a str,
    error_message: &'a str,
}

/// The answer of `BatchCreateChannelMembership`.
pub(super) fn batch_created(
    channel: &ChannelArn,
    bearer: &MemberArn,
    membership: &Membership,
    members: &[String],
    results: &[MemberResult],
) -> Vec<u8> {
    let mut out = BatchCreateOut {
        batch_channel_memberships: MembershipsOut {
            invited_by: Identity::of(bearer.as_str()),
            r#type: membership.membership_type,
            members: Vec::with_capacity(members.len()),
            channel_arn: channel.as_str(),
            sub_channel_id: membership.sub_channel.as_ref().map(SubChannelId::as_str),
        },
        errors: Vec::new(),
    };
    for (member, result) in members.iter().zip(results) {
        match result {
            MemberResult::Added => {
                let added = &mut out.batch_channel_memberships.members;
                added.push(Identity::of(member));
            }
            MemberResult::Refused { code, message } => out.errors.push(ErrorOut {
                member_arn: member,
                error_code: code,
                error_message: message,
            }),
            MemberResult::LeftOut => {}
        }
    }
    to_json(&out)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreatedOut<'a> {
    channel_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<Identity<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_channel_id: Option<&'a str>,
}

/// The answer of `CreateChannelMembership`.
pub(super) fn created(
    channel: &ChannelArn,
    membership: &Membership,
    member: &str,
    result: &MemberResult,
) -> Vec<u8> {
    to_json(&CreatedOut {
        channel_arn: channel.as_str(),
        member: (*result == MemberResult::Added).then(|| Identity::of(member)),
        sub_channel_id: membership.sub_channel.as_ref().map(SubChannelId::as_str),
    })
}

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
pub(super) fn described(
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
pub(super) fn listed(channel: &ChannelArn, page: &ListPage) -> Vec<u8> {
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
}

/// The answer of `DescribeChannel`; every channel is as old as the service.
pub(super) fn channel_described(channel: &ChannelArn, created: SystemTime) -> Vec<u8> {
    let Identity { arn, name } = Identity::of(channel.as_str());
    to_json(&ChannelDescribedOut {
        channel: ChannelOut {
            channel_arn: arn,
            name,
            mode: "UNRESTRICTED",
            privacy: "PUBLIC",
            created_timestamp: epoch_seconds(created),
        },
    })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ExceptionOut<'a> {
    code: &'a str,
    message: &'a str,
}

/// The body of an error.
pub(super) fn refused(exception: &Exception) -> Vec<u8> {
    let code = exception.name.trim_end_matches("Exception");
    let code = code.trim_end_matches("Client");
    to_json(&ExceptionOut {
        code,
        message: &exception.message,
    })
}

/// The value as JSON. Cannot fail: all values here have text keys and plain numbers.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn epoch_seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |since: Duration| since.as_secs_f64())
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
pub(super) fn read_single_reply(body: &str) -> Result<Reply, serde_json::Error> {
    let read: SingleReplyIn = serde_json::from_str(if body.is_empty() { "{}" } else { body })?;
    let member = read.member.and_then(|member| member.arn);
    Ok(Reply {
        channel: read.channel_arn,
        added: member.into_iter().collect(),
        errors: Vec::new(),
    })
}

/// Reads the body of a batch call's answer as a client does: every field may be missing, an entry
/// without an ARN is ignored.
pub(super) fn read_reply(body: &str) -> Result<Reply, serde_json::Error> {
    let read: BatchReplyIn = serde_json::from_str(if body.is_empty() { "{}" } else { body })?;
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
    })
}
