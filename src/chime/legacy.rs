//! The client of `Chime`, the operation's first namespace.
//!
//! Promises: what [`Chime`] promises; what this API does not have ([`Api::supports`]) is refused
//! before any request. Must not: depend on its configuration.

use std::future::ready;
use std::time::Duration;

use aws_sdk_chime::Client;
use aws_sdk_chime::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_chime::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_chime::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_chime::error::BoxError;
use aws_sdk_chime::operation::batch_create_channel_membership::BatchCreateChannelMembershipOutput as Output;
use aws_sdk_chime::operation::create_channel_membership::CreateChannelMembershipOutput as SingleOutput;
use aws_sdk_chime::types::{ChannelMembershipType, ErrorCode};
use aws_smithy_runtime_api::client::endpoint::EndpointPrefix;
use aws_types::SdkConfig;
use aws_types::endpoint_config::EndpointUrl;

use super::address::configured;
use super::bounded_client::with_timeout;
use super::refusal::{member_error, refusal};
use super::{Api, Chime, ConnectError, Pending, Unsupported};
use crate::model::codes;
use crate::model::{AddMember, AddMembers, MembershipType, Refusal, RefusalKind, Reply};

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

impl Chime for Legacy {
    #[expect(
        deprecated,
        reason = "in favour of the messaging API; this client is the old one"
    )]
    fn add_members(&self, call: AddMembers, timeout: Duration) -> Pending<Reply> {
        if let Err(reason) = Api::Legacy.supports(&call) {
            return Box::pin(ready(Err(unsupported(reason))));
        }
        let members = call.members.members().iter();
        let request = self
            .client
            .batch_create_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .r#type(wire_type(call.membership.membership_type))
            .set_member_arns(Some(
                members.map(|member| member.as_str().to_owned()).collect(),
            ));
        Box::pin(with_timeout(timeout, async move {
            request.send().await.map(reply).map_err(|e| refusal(&e))
        }))
    }

    #[expect(
        deprecated,
        reason = "in favour of the messaging API; this client is the old one"
    )]
    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply> {
        if let Err(reason) = Api::Legacy.supports(&call.clone().into()) {
            return Box::pin(ready(Err(unsupported(reason))));
        }
        let request = self
            .client
            .create_channel_membership()
            .channel_arn(call.channel.as_str())
            .chime_bearer(call.bearer.as_str())
            .r#type(wire_type(call.membership.membership_type))
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

/// The last check: jobs ask [`Api::supports`] before a run.
fn unsupported(reason: Unsupported) -> Refusal {
    Refusal {
        kind: RefusalKind::BadRequest,
        code: codes::UNSUPPORTED.to_owned(),
        message: reason.to_string(),
    }
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
