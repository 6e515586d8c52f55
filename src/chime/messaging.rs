//! The client of `ChimeSDKMessaging`.
//!
//! Promises: what [`Chime`] promises. Must not: depend on its configuration.

use std::time::Duration;

use aws_sdk_chimesdkmessaging::Client;
use aws_sdk_chimesdkmessaging::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_chimesdkmessaging::error::BoxError;
use aws_sdk_chimesdkmessaging::operation::batch_create_channel_membership::BatchCreateChannelMembershipOutput as Output;
use aws_sdk_chimesdkmessaging::operation::create_channel_membership::CreateChannelMembershipOutput as SingleOutput;
use aws_sdk_chimesdkmessaging::types::{ChannelMembershipType, ErrorCode};
use aws_types::SdkConfig;

use super::address::configured;
use super::bounded_client::with_timeout;
use super::refusal::{member_error, refusal};
use super::{Chime, ConnectError, EndpointUrl, Pending};
use crate::model::{AddMember, AddMembers, MembershipType, Reply};

/// The service under its present namespace.
pub(super) struct Messaging {
    client: Client,
}

impl Messaging {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }
}

/// The address that is set for this API.
pub(super) fn configured_address(config: &SdkConfig) -> Result<Option<EndpointUrl>, ConnectError> {
    configured(config, "Chime SDK Messaging")
}

/// The address where AWS has this API.
pub(super) async fn default_address(config: &SdkConfig) -> Result<String, BoxError> {
    let params = Params::builder()
        .set_region(config.region().map(ToString::to_string))
        .set_use_fips(config.use_fips())
        .set_use_dual_stack(config.use_dual_stack())
        .build()?;
    let endpoint = DefaultResolver::new().resolve_endpoint(&params).await?;
    Ok(endpoint.url().to_owned())
}

impl Chime for Messaging {
    fn add_members(&self, call: AddMembers, timeout: Duration) -> Pending<Reply> {
        let sub_channel = call.membership.sub_channel.as_ref();
        let members = call.members.members().iter();
        let request = self
            .client
            .batch_create_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .r#type(wire_type(call.membership.membership_type))
            .set_sub_channel_id(sub_channel.map(|id| id.as_str().to_owned()))
            .set_member_arns(Some(
                members.map(|member| member.as_str().to_owned()).collect(),
            ));
        Box::pin(with_timeout(timeout, async move {
            request.send().await.map(reply).map_err(|e| refusal(&e))
        }))
    }

    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply> {
        let sub_channel = call.membership.sub_channel.as_ref();
        let request = self
            .client
            .create_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .r#type(wire_type(call.membership.membership_type))
            .set_sub_channel_id(sub_channel.map(|id| id.as_str().to_owned()))
            .member_arn(call.member.as_str());
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e));
            answer
                .map(single_reply)
                .or_else(|refusal| call.refused(refusal))
        }))
    }
}

fn wire_type(membership_type: MembershipType) -> ChannelMembershipType {
    match membership_type {
        MembershipType::Default => ChannelMembershipType::Default,
        MembershipType::Hidden => ChannelMembershipType::Hidden,
    }
}

fn single_reply(output: SingleOutput) -> Reply {
    let member = output.member.and_then(|member| member.arn);
    Reply {
        channel: output.channel_arn,
        added: member.into_iter().collect(),
        errors: Vec::new(),
    }
}

fn reply(output: Output) -> Reply {
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
    }
}
