//! The JSON forms of the service (AWS, Amazon Chime SDK messaging API reference).

mod identity;
mod reading;
mod replies;

use serde::{Deserialize, Serialize};

use super::exception::Exception;
use super::member_result::MemberResult;
use crate::model::{ChannelArn, MemberArn, Membership, MembershipType, SubChannelId};
use identity::Identity;

pub(super) use reading::{
    channel_described, described, listed, moderators_listed, sub_channels_listed,
};
pub(super) use replies::{
    read_channel, read_facts, read_members, read_moderators, read_reply, read_single_reply,
    read_sub_channels,
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
