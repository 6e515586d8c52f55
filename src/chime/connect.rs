//! Makes a client from settings.
//!
//! Promises: settings that cannot work are refused before any request, with a hint; the client
//! never retries, and gives up in bounded time. Must not: ask for credentials: the first call does.

use std::sync::Arc;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use super::credentials::{CREDENTIALS_TIMEOUT, Timely, fixed, of_profile};
#[cfg(feature = "legacy-chime")]
use super::legacy::Legacy;
use super::messaging::Messaging;
use super::{Api, Chime, Settings};

/// How long an unused connection is kept. Load balancers close theirs after 60 s unless told
/// otherwise (AWS, "Application Load Balancers"); a request sent into a closing one is lost.
const IDLE: Duration = Duration::from_secs(20);

/// Settings that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// AWS does not run the API in this region, and no endpoint URL says who does.
    #[error("the {api} API is not in region `{region}`, only in {}", api.regions().join(" and "))]
    Region {
        /// The API asked for.
        api: Api,
        /// The region asked for.
        region: String,
    },
    /// No URL of a service. Not repeated here: it may hold a password.
    #[error("the endpoint URL is not of the form http://HOST:PORT or https://HOST")]
    EndpointUrl,
    /// The program was built without the feature `legacy-chime`.
    #[error("the legacy API is not built into this program")]
    NoLegacyApi,
}

impl ConnectError {
    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Region { .. } => {
                "--region is the one in the channel's ARN; --endpoint-url names a service elsewhere"
            }
            Self::EndpointUrl => "give it as --endpoint-url http://127.0.0.1:8480",
            Self::NoLegacyApi => {
                "leave --api at messaging, or build with the feature `legacy-chime`"
            }
        }
    }
}

/// Makes the client that the settings describe.
///
/// # Errors
/// If the settings cannot work. Credentials are not among them: where none can be had, the first
/// call is refused.
pub async fn connect(settings: Settings) -> Result<Arc<dyn Chime>, ConnectError> {
    if let Some(url) = &settings.endpoint_url {
        check_url(url)?;
    }
    if settings.api == Api::Legacy && !cfg!(feature = "legacy-chime") {
        return Err(ConnectError::NoLegacyApi);
    }
    let api = settings.api;
    let region = settings.region.clone();
    let config = configure(settings).await;
    if config.endpoint_url().is_none() && !api.regions().contains(&region.as_str()) {
        return Err(ConnectError::Region { api, region });
    }
    match api {
        Api::Messaging => Ok(Arc::new(Messaging::new(&config))),
        #[cfg(feature = "legacy-chime")]
        Api::Legacy => Ok(Arc::new(Legacy::new(&config))),
        #[cfg(not(feature = "legacy-chime"))]
        Api::Legacy => Err(ConnectError::NoLegacyApi),
    }
}

/// Whether this names a host to call, and nothing that does not belong.
fn check_url(url: &str) -> Result<(), ConnectError> {
    let url: hyper::Uri = url.parse().map_err(|_| ConnectError::EndpointUrl)?;
    let scheme = matches!(url.scheme_str(), Some("http" | "https"));
    let authority = url.authority().map(hyper::http::uri::Authority::as_str);
    let plain = authority.is_some_and(|authority| !authority.contains('@'));
    if scheme && plain && url.query().is_none() {
        Ok(())
    } else {
        Err(ConnectError::EndpointUrl)
    }
}

/// One configuration, one HTTP client and one pool of connections for whichever API.
async fn configure(settings: Settings) -> SdkConfig {
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .pool_idle_timeout(IDLE)
        .build_https();
    let region = Region::new(settings.region);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone())
        .http_client(http.clone());
    if let Ok(name) = AppName::new(env!("CARGO_PKG_NAME")) {
        loader = loader.app_name(name);
    }
    if let Some(profile) = settings.profile {
        loader = loader
            .credentials_provider(of_profile(profile.clone(), region, http))
            .profile_name(profile);
    }
    if let Some(url) = settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(credentials) = settings.credentials {
        loader = loader.credentials_provider(fixed(credentials));
    }
    // What follows is for our calls alone: the credential chain, made by `load`, keeps its own
    // retries and timeouts.
    let config = loader.load().await;
    let credentials = config.credentials_provider();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.attempt_timeout)
        // Spans the wait for credentials too, so only a request that was sent can exhaust it.
        .operation_attempt_timeout(settings.attempt_timeout + CREDENTIALS_TIMEOUT)
        .build();
    let mut config = config
        .into_builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // Bodies are a few kilobytes: the attempt's timeout says all.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .identity_cache(
            IdentityCache::lazy()
                .load_timeout(2 * CREDENTIALS_TIMEOUT)
                .build(),
        );
    config.set_credentials_provider(
        credentials.map(|chain| SharedCredentialsProvider::new(Timely(chain))),
    );
    config.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chime::FixedCredentials;
    use crate::model::{AddMembers, Batch, ChannelArn, MemberArn, Membership, RefusalKind};
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::{ProvideCredentials, future};
    use tokio::net::TcpListener;

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

    fn settings(url: &str) -> Settings {
        Settings {
            endpoint_url: Some(url.to_owned()),
            credentials: Some(FixedCredentials {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret_access_key: "wJalrXUtnFEMI".to_owned(),
            }),
            ..Settings::new(Api::Messaging, "us-east-1")
        }
    }

    async fn error(settings: Settings) -> ConnectError {
        connect(settings).await.err().unwrap()
    }

    #[tokio::test]
    async fn a_region_without_messaging_names_those_that_have_it() {
        let error = error(Settings::new(Api::Messaging, "eu-west-1")).await;
        assert_eq!(
            error.to_string(),
            "the messaging API is not in region `eu-west-1`, only in us-east-1 and eu-central-1"
        );
        assert!(error.hint().contains("--region"));
    }

    #[tokio::test]
    async fn an_endpoint_url_or_a_region_of_the_service_will_do() {
        for region in Api::Messaging.regions() {
            assert!(
                connect(Settings::new(Api::Messaging, *region))
                    .await
                    .is_ok()
            );
        }
        let elsewhere = Settings {
            region: "eu-west-1".to_owned(),
            ..settings("http://127.0.0.1:8480")
        };
        assert!(connect(elsewhere).await.is_ok());
    }

    #[cfg(feature = "legacy-chime")]
    #[tokio::test]
    async fn the_legacy_api_is_in_one_region() {
        assert!(
            connect(Settings::new(Api::Legacy, "us-east-1"))
                .await
                .is_ok()
        );
        let error = error(Settings::new(Api::Legacy, "eu-central-1")).await;
        assert!(error.to_string().ends_with("only in us-east-1"), "{error}");
    }

    #[cfg(not(feature = "legacy-chime"))]
    #[tokio::test]
    async fn a_build_without_the_legacy_api_says_so() {
        let error = error(Settings::new(Api::Legacy, "us-east-1")).await;
        assert_eq!(error, ConnectError::NoLegacyApi);
    }

    #[tokio::test]
    async fn an_endpoint_url_that_is_none_is_not_repeated() {
        for url in [
            "localhost:8480",
            "ftp://localhost",
            "http://",
            "http://ann:secret@localhost",
            "http://localhost?token=secret",
            "",
        ] {
            let error = error(settings(url)).await;
            assert_eq!(error, ConnectError::EndpointUrl, "{url}");
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_is_in_doubt() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        for url in [url.as_str(), "http://nowhere.invalid:8480"] {
            let client = connect(settings(url)).await.unwrap();
            let refusal = client.add_members(call()).await.unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::Unreachable, "{refusal:?}");
            assert!(!refusal.kind.leaves_doubt());
        }
    }

    #[tokio::test]
    async fn a_handshake_that_never_ends_leaves_no_doubt() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", silent.local_addr().unwrap());
        let client = connect(Settings {
            connect_timeout: Duration::from_millis(20),
            ..settings(&url)
        });
        let refusal = client.await.unwrap().add_members(call()).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Unreachable, "{refusal:?}");
        assert!(refusal.message.contains("timeout"), "{refusal:?}");
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_leaves_doubt() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let client = connect(Settings {
            attempt_timeout: Duration::from_millis(20),
            ..settings(&url)
        });
        let refusal = client.await.unwrap().add_members(call()).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{refusal:?}");
        assert_eq!(refusal.code, "Timeout");
    }

    #[tokio::test]
    async fn a_connection_closed_without_an_answer_leaves_doubt() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = connect(settings(&url)).await.unwrap();
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
        };
        let (answer, ()) = tokio::join!(client.add_members(call()), server);
        let refusal = answer.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{refusal:?}");
        assert_eq!(refusal.code, "ConnectionLost");
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
        let config = configure(settings(&url)).await.into_builder();
        let broke = SharedCredentialsProvider::new(Broke);
        let client = Messaging::new(&config.credentials_provider(broke).build());
        let refusal = client.add_members(call()).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::NoCredentials);
        assert!(refusal.message.contains("profile `nobody` is not there"));
        let accepted = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
        assert!(accepted.is_err(), "somebody was called");
    }
}
