//! The JSON forms of the service (AWS, Amazon Chime SDK messaging API reference).

use serde::Deserialize;

use crate::model::{MemberError, Reply};

/// Answer of `BatchCreateChannelMembership`, as much of it as is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchReplyIn {
    batch_channel_memberships: Option<MembershipsIn>,
    errors: Option<Vec<ErrorIn>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MembershipsIn {
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

/// Reads the body of a batch call's answer as a client does: every field may be missing, an entry
/// without an ARN says nothing.
pub(super) fn read_reply(body: &str) -> Result<Reply, serde_json::Error> {
    let read: BatchReplyIn = serde_json::from_str(if body.is_empty() { "{}" } else { body })?;
    let members = read.batch_channel_memberships.and_then(|m| m.members);
    let error = |error: ErrorIn| {
        Some(MemberError {
            member: error.member_arn?,
            code: error.error_code.unwrap_or_default(),
            message: error.error_message.unwrap_or_default(),
        })
    };
    Ok(Reply {
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
