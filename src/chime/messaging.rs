//! The client of `ChimeSDKMessaging`.
//!
//! Promises: what [`Chime`] promises. Must not: depend on its configuration.

mod read;

use std::time::Duration;

use aws_sdk_chimesdkmessaging::Client;
use aws_sdk_chimesdkmessaging::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_chimesdkmessaging::error::BoxError;
use aws_types::SdkConfig;

use super::address::configured;
use super::answers::{PAGE_SIZE, dated, described, removed, unreadable};
use super::bounded_client::with_timeout;
use super::refusal::refusal;
use super::{Chime, ConnectError, EndpointUrl, Pending};
use crate::model::{
    AddMember, AddMembers, ChannelCall, ChannelFacts, Described, ListChannel, ListMembers,
    MemberCall, MemberPage, Removed, Reply, SubChannelId, SubChannelPage,
};

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
        let members = call.members.members().iter();
        let request = self
            .client
            .batch_create_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .r#type(read::wire_type(call.membership.membership_type))
            .set_sub_channel_id(text(call.membership.sub_channel.as_ref()))
            .set_member_arns(Some(
                members.map(|member| member.as_str().to_owned()).collect(),
            ));
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e))?;
            Ok(dated(read::reply(answer)))
        }))
    }

    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply> {
        let request = self
            .client
            .create_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .r#type(read::wire_type(call.membership.membership_type))
            .set_sub_channel_id(text(call.membership.sub_channel.as_ref()))
            .member_arn(call.member.as_str());
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e));
            answer
                .map(read::single_reply)
                .or_else(|refusal| call.refused(refusal))
                .map(dated)
        }))
    }

    fn list_members(&self, call: ListMembers, timeout: Duration) -> Pending<MemberPage> {
        let request = self
            .client
            .list_channel_memberships()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .r#type(read::wire_type(call.membership.membership_type))
            .set_sub_channel_id(text(call.membership.sub_channel.as_ref()))
            .max_results(PAGE_SIZE)
            .set_next_token(call.next_token);
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e));
            answer.map(read::members)
        }))
    }

    fn describe_member(&self, call: MemberCall, timeout: Duration) -> Pending<Described> {
        let request = self
            .client
            .describe_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .member_arn(call.member.as_str())
            .set_sub_channel_id(text(call.sub_channel.as_ref()));
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e));
            described(answer.map(read::facts))
        }))
    }

    fn remove_member(&self, call: MemberCall, timeout: Duration) -> Pending<Removed> {
        let request = self
            .client
            .delete_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .member_arn(call.member.as_str())
            .set_sub_channel_id(text(call.sub_channel.as_ref()));
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e));
            removed(answer.map(drop))
        }))
    }

    fn describe_channel(&self, call: ChannelCall, timeout: Duration) -> Pending<ChannelFacts> {
        let request = self
            .client
            .describe_channel()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str());
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e))?;
            read::channel(answer).ok_or_else(|| unreadable("the answer contains no channel"))
        }))
    }

    fn list_moderators(&self, call: ListChannel, timeout: Duration) -> Pending<MemberPage> {
        let request = self
            .client
            .list_channel_moderators()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .max_results(PAGE_SIZE)
            .set_next_token(call.next_token);
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e));
            answer.map(read::moderators)
        }))
    }

    fn list_sub_channels(&self, call: ListChannel, timeout: Duration) -> Pending<SubChannelPage> {
        let request = self
            .client
            .list_sub_channels()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .max_results(PAGE_SIZE)
            .set_next_token(call.next_token);
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e));
            answer.map(read::sub_channels)
        }))
    }
}

fn text(sub_channel: Option<&SubChannelId>) -> Option<String> {
    sub_channel.map(|id| id.as_str().to_owned())
}
