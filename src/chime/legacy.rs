//! The client of `Chime`, the operation's first namespace.
//!
//! Promises: what [`Chime`] promises; what this API does not have ([`Api::supports`]) is refused
//! before any request. Must not: depend on its configuration.

mod read;

use std::future::ready;
use std::time::Duration;

use aws_sdk_chime::Client;
use aws_sdk_chime::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_chime::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_chime::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_chime::error::BoxError;
use aws_smithy_runtime_api::client::endpoint::EndpointPrefix;
use aws_types::SdkConfig;
use aws_types::endpoint_config::EndpointUrl;

use super::address::configured;
use super::answers::{PAGE_SIZE, dated, described, removed, unreadable};
use super::bounded_client::with_timeout;
use super::refusal::refusal;
use super::{Api, Chime, ConnectError, Pending, Unsupported};
use crate::model::codes;
use crate::model::{
    AddMember, AddMembers, ChannelCall, ChannelFacts, Described, ListChannel, ListMembers,
    MemberCall, MemberPage, Refusal, RefusalKind, Removed, Reply, SubChannelPage,
};

/// The service under its first namespace.
pub(super) struct Legacy {
    client: Client,
}

impl Legacy {
    pub(super) fn new(config: &SdkConfig) -> Self {
        let config = Builder::from(config).interceptor(KeepEndpointHost).build();
        Self {
            client: Client::from_conf(config),
        }
    }
}

/// The address that is set for this API.
pub(super) fn configured_address(
    config: &SdkConfig,
) -> Result<Option<super::EndpointUrl>, ConnectError> {
    configured(config, "chime")
}

/// The address where AWS has this API. The operation has its own host, with a prefix.
pub(super) async fn default_address(config: &SdkConfig) -> Result<String, BoxError> {
    let params = Params::builder()
        .set_region(config.region().map(ToString::to_string))
        .set_use_fips(config.use_fips())
        .set_use_dual_stack(config.use_dual_stack())
        .build()?;
    let endpoint = DefaultResolver::new().resolve_endpoint(&params).await?;
    Ok(endpoint.url().replacen("://", "://messaging-", 1))
}

#[expect(
    deprecated,
    reason = "in favour of the messaging API; this client is the old one"
)]
impl Chime for Legacy {
    fn add_members(&self, call: AddMembers, timeout: Duration) -> Pending<Reply> {
        if let Err(reason) = Api::Legacy.supports(&call) {
            return unsupported(reason);
        }
        let members = call.members.members().iter();
        let request = self
            .client
            .batch_create_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .r#type(read::wire_type(call.membership.membership_type))
            .set_member_arns(Some(
                members.map(|member| member.as_str().to_owned()).collect(),
            ));
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e))?;
            Ok(dated(read::reply(answer)))
        }))
    }

    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply> {
        if let Err(reason) = Api::Legacy.supports(&call.clone().into()) {
            return unsupported(reason);
        }
        let request = self
            .client
            .create_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .r#type(read::wire_type(call.membership.membership_type))
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
        let sub_channel = call.membership.sub_channel.as_ref();
        if let Err(reason) = Api::Legacy.supports_parts(sub_channel, [&call.bearer]) {
            return unsupported(reason);
        }
        let request = self
            .client
            .list_channel_memberships()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .r#type(read::wire_type(call.membership.membership_type))
            .max_results(PAGE_SIZE)
            .set_next_token(call.next_token);
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e));
            answer.map(read::members)
        }))
    }

    fn describe_member(&self, call: MemberCall, timeout: Duration) -> Pending<Described> {
        if let Err(reason) = supports_member_call(&call) {
            return unsupported(reason);
        }
        let request = self
            .client
            .describe_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .member_arn(call.member.as_str());
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e));
            described(answer.map(read::facts))
        }))
    }

    fn remove_member(&self, call: MemberCall, timeout: Duration) -> Pending<Removed> {
        if let Err(reason) = supports_member_call(&call) {
            return unsupported(reason);
        }
        let request = self
            .client
            .delete_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .member_arn(call.member.as_str());
        Box::pin(with_timeout(timeout, async move {
            let answer = request.send().await.map_err(|e| refusal(&e));
            removed(answer.map(drop))
        }))
    }

    fn describe_channel(&self, call: ChannelCall, timeout: Duration) -> Pending<ChannelFacts> {
        if let Err(reason) = Api::Legacy.supports_identity(&call.bearer) {
            return unsupported(reason);
        }
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
        if let Err(reason) = Api::Legacy.supports_identity(&call.bearer) {
            return unsupported(reason);
        }
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

    fn list_sub_channels(&self, _: ListChannel, _: Duration) -> Pending<SubChannelPage> {
        unsupported(Unsupported::SubChannel)
    }
}

fn supports_member_call(call: &MemberCall) -> Result<(), Unsupported> {
    Api::Legacy.supports_parts(call.sub_channel.as_ref(), [&call.bearer, &call.member])
}

/// The last check: jobs ask [`Api::supports`] before a run.
fn unsupported<T: Send + 'static>(reason: Unsupported) -> Pending<T> {
    Box::pin(ready(Err(Refusal {
        kind: RefusalKind::BadRequest,
        code: codes::UNSUPPORTED.to_owned(),
        message: reason.to_string(),
    })))
}

/// Leaves the host of an endpoint URL as it was given.
///
/// The model wants `messaging-` before the host, which is right for `chime.us-east-1.amazonaws.com`
/// and makes `messaging-127.0.0.1` of a local endpoint. Taken away before the request is made, so
/// that the host signed, the host called and the `Host` header are one.
#[derive(Debug)]
struct KeepEndpointHost;

impl Intercept for KeepEndpointHost {
    fn name(&self) -> &'static str {
        "KeepEndpointHost"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<EndpointUrl>().is_some() {
            config.interceptor_state().unset::<EndpointPrefix>();
        }
        Ok(())
    }
}
