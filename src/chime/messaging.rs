//! The client of `ChimeSDKMessaging`.
//!
//! Promises: what [`Chime`] promises. Must not: depend on its configuration.

use std::time::Duration;

use aws_sdk_chimesdkmessaging::Client;
use aws_sdk_chimesdkmessaging::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_chimesdkmessaging::error::BoxError;
use aws_sdk_chimesdkmessaging::operation::batch_create_channel_membership::BatchCreateChannelMembershipOutput as Output;
use aws_sdk_chimesdkmessaging::types::{ChannelMembershipType, ErrorCode};
use aws_types::SdkConfig;

use super::address::configured;
use super::bounded_client::with_timeout;
use super::refusal::{member_error, refusal};
use super::{Chime, ConnectError, EndpointUrl, Pending};
use crate::model::{AddMembers, MembershipType, Reply};

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
        let membership_type = match call.membership.membership_type {
            MembershipType::Default => ChannelMembershipType::Default,
            MembershipType::Hidden => ChannelMembershipType::Hidden,
        };
        let sub_channel = call.membership.sub_channel.as_ref();
        let members = call.members.members().iter();
        let request = self
            .client
            .batch_create_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .r#type(membership_type)
            .set_sub_channel_id(sub_channel.map(|id| id.as_str().to_owned()))
            .set_member_arns(Some(
                members.map(|member| member.as_str().to_owned()).collect(),
            ));
        Box::pin(with_timeout(timeout, async move {
            request.send().await.map(reply).map_err(|e| refusal(&e))
        }))
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
