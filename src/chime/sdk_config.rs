//! The SDK's configuration for our calls.
//!
//! Promises: a client made of it never retries, and waits for an answer as long as its call allows.
//! Must not: ask for credentials.

use aws_config::identity::IdentityCache;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use super::ClientConfig;
use super::bounded_client::BoundedClient;
use super::credentials::{CREDENTIALS_TIMEOUT, ProviderWithTimeout, chain, fixed};
use super::http_client::http_client;
use super::network::Network;
use super::secrets::Secrets;

/// One configuration, one HTTP client and one pool of connections for whichever API.
pub(super) async fn configure(
    settings: ClientConfig,
    network: &Network,
    secrets: &Secrets,
) -> SdkConfig {
    configure_with(settings, http_client(network), secrets).await
}

/// The configuration over this HTTP client, whose answers are bounded. The credentials it uses are
/// noted in `secrets`.
pub(super) async fn configure_with(
    settings: ClientConfig,
    http: SharedHttpClient,
    secrets: &Secrets,
) -> SdkConfig {
    let calls = BoundedClient::for_calls(http.clone());
    let http = BoundedClient::for_credentials(http, CREDENTIALS_TIMEOUT);
    let region = Region::new(settings.region);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone())
        .http_client(http.clone());
    if let Ok(name) = AppName::new(env!("CARGO_PKG_NAME")) {
        loader = loader.app_name(name);
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = settings.endpoint_url {
        loader = loader.endpoint_url(url.as_str());
    }
    let provider = match settings.credentials {
        Some(credentials) => Some(fixed(credentials)),
        None => chain(settings.profile, region, http).await,
    };
    if let Some(provider) = provider {
        loader = loader.credentials_provider(provider);
    }
    // What follows is for our calls alone: the credential chain, made by `load`, keeps its own
    // retries and timeouts.
    let config = loader.load().await;
    let credentials = config.credentials_provider();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .build();
    let mut config = config
        .into_builder()
        .http_client(calls)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // Bodies are a few kilobytes: each call's own timeout covers them.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .identity_cache(
            IdentityCache::lazy()
                .load_timeout(2 * CREDENTIALS_TIMEOUT)
                .build(),
        );
    config.set_credentials_provider(
        credentials.map(|chain| {
            SharedCredentialsProvider::new(ProviderWithTimeout(chain, secrets.clone()))
        }),
    );
    config.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chime::config::tests::settings;
    use crate::chime::credentials::tests::Silent;
    #[cfg(feature = "legacy-chime")]
    use crate::chime::legacy::Legacy;
    use crate::chime::messaging::Messaging;
    use crate::chime::{Api, Chime};
    use crate::model::{AddMembers, Batch, ChannelArn, MemberArn, Membership, RefusalKind};
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::{ProvideCredentials, future};
    use aws_smithy_runtime_api::client::http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
    use std::sync::Arc;
    use std::sync::Mutex;
    use std::time::Duration;
    use tokio::net::TcpListener;

    const TIMEOUT: Duration = Duration::from_secs(15);
    const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

    fn call() -> AddMembers {
        let user = |id: &str| MemberArn::parse(&format!("{INSTANCE}/user/{id}")).unwrap();
        AddMembers {
            channel: ChannelArn::parse(&format!("{INSTANCE}/channel/c")).unwrap(),
            bearer: user("admin"),
            membership: Membership::default(),
            members: Batch::new(vec![user("ann")]).unwrap(),
        }
    }

    #[derive(Debug)]
    struct Broke;

    impl ProvideCredentials for Broke {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let error = CredentialsError::invalid_configuration("profile `nobody` is not there");
            future::ProvideCredentials::ready(Err(error))
        }
    }

    #[tokio::test]
    async fn without_credentials_nobody_is_called() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = configure(settings(&url), &Network::default(), &Secrets::default())
            .await
            .into_builder();
        let broke = SharedCredentialsProvider::new(Broke);
        let client = Messaging::new(&config.credentials_provider(broke).build());
        let refusal = client.add_members(call(), TIMEOUT).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::NoCredentials);
        assert!(refusal.message.contains("profile `nobody` is not there"));
        let accepted = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
        assert!(accepted.is_err(), "somebody was called");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_for_credentials_longer_than_for_an_answer_was_never_sent() {
        let addressed = Addressed::default();
        let silent = SharedCredentialsProvider::new(ProviderWithTimeout(
            SharedCredentialsProvider::new(Silent),
            Secrets::default(),
        ));
        let config = configure(
            settings("http://127.0.0.1:1"),
            &Network::default(),
            &Secrets::default(),
        )
        .await
        .into_builder()
        .http_client(addressed.clone())
        .credentials_provider(silent);
        let client = Messaging::new(&config.build());
        let answer = client.add_members(call(), Duration::from_secs(1)).await;
        let refusal = answer.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::NoCredentials, "{refusal}");
        assert!(!refusal.kind.leaves_doubt());
        assert!(addressed.0.lock().unwrap().is_empty());
    }

    /// Writes down where requests would go.
    #[derive(Debug, Clone, Default)]
    struct Addressed(Arc<Mutex<Vec<String>>>);

    impl HttpConnector for Addressed {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            self.0.lock().unwrap().push(request.uri().to_owned());
            HttpConnectorFuture::ready(Err(ConnectorError::io("nowhere".into())))
        }
    }

    impl HttpClient for Addressed {
        fn http_connector(
            &self,
            _: &HttpConnectorSettings,
            _: &RuntimeComponents,
        ) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    #[tokio::test]
    async fn without_an_endpoint_url_aws_is_called() {
        let addressed = Addressed::default();
        let to_aws = |api, region: &str| {
            let settings = ClientConfig {
                api,
                region: region.to_owned(),
                endpoint_url: None,
                ..settings("http://127.0.0.1:1")
            };
            let addressed = addressed.clone();
            async move {
                let config = configure(settings, &Network::default(), &Secrets::default())
                    .await
                    .into_builder();
                config.http_client(addressed).build()
            }
        };
        for region in Api::Messaging.regions() {
            let config = to_aws(Api::Messaging, region).await;
            let _ = Messaging::new(&config).add_members(call(), TIMEOUT).await;
            let uri = addressed.0.lock().unwrap().pop().unwrap();
            let host = format!("https://messaging-chime.{region}.amazonaws.com/channels/");
            assert!(uri.starts_with(&host), "{uri}");
        }
        #[cfg(feature = "legacy-chime")]
        {
            let config = to_aws(Api::Legacy, "us-east-1").await;
            let _ = Legacy::new(&config).add_members(call(), TIMEOUT).await;
            let uri = addressed.0.lock().unwrap().pop().unwrap();
            let host = "https://messaging-chime.us-east-1.amazonaws.com/channels/";
            assert!(uri.starts_with(host), "{uri}");
        }
        assert!(addressed.0.lock().unwrap().is_empty(), "called twice");
    }
}
