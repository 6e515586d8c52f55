//! Creates a client from its configuration.
//!
//! Promises: a configuration that cannot work is refused before any request, with a hint. Must not:
//! load credentials: the first call does.

use std::path::PathBuf;
use std::sync::Arc;

use aws_types::SdkConfig;

#[cfg(feature = "legacy-chime")]
use super::legacy::{self, Legacy};
use super::messaging::{self, Messaging};
use super::network::Network;
use super::sdk_config::configure;
use super::secrets::{RedactingClient, Secrets};
use super::{Api, Chime, ClientConfig, EndpointUrl, profiles};

/// A client configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// AWS does not run the API in this region, and no endpoint URL is set.
    #[error("the {api} API is not in region `{region}`, only in {}", api.regions().join(" and "))]
    Region {
        /// The API asked for.
        api: Api,
        /// The region asked for.
        region: String,
    },
    /// The AWS configuration has no profile of this name.
    #[error("there is no AWS profile `{profile}`{}", known_text(known))]
    NoProfile {
        /// The profile asked for.
        profile: String,
        /// The profiles that exist.
        known: Vec<String>,
    },
    /// The environment or the profile sets an endpoint URL that is none. It is not repeated: it may
    /// hold a password.
    #[error(
        "the endpoint URL of the environment or the profile is not of the form http://HOST:PORT or https://HOST"
    )]
    EndpointUrl,
    /// The file of certificates cannot be used.
    #[error("the CA bundle {} of {origin} cannot be used: {why}", file.display())]
    CaBundle {
        /// What names the file.
        origin: &'static str,
        /// The file.
        file: PathBuf,
        /// Why it cannot be used.
        why: String,
    },
    /// A variable sets a proxy that cannot be one. Its value is not repeated: it may hold a password.
    #[error("the proxy of {variable} cannot be used: {why}")]
    Proxy {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its value.
        why: &'static str,
    },
    /// AWS's SDK has no address for the region.
    #[error("no address is known for the {api} API in region `{region}`: {why}")]
    NoAddress {
        /// The API asked for.
        api: Api,
        /// The region asked for.
        region: String,
        /// The SDK's reason.
        why: String,
    },
    /// The program was built without the feature `legacy-chime`.
    #[error("the legacy API is not built into this program")]
    NoLegacyApi,
}

impl ConnectError {
    /// The flag whose value is wrong.
    #[must_use]
    pub fn flag(&self) -> Option<&'static str> {
        match self {
            Self::Region { .. } => Some("region"),
            Self::NoProfile { .. } => Some("profile"),
            Self::NoLegacyApi => Some("api"),
            Self::EndpointUrl
            | Self::CaBundle { .. }
            | Self::Proxy { .. }
            | Self::NoAddress { .. } => None,
        }
    }

    /// How to fix it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Region { .. } => {
                "--region is the one in the channel's ARN; --endpoint-url names a service elsewhere"
            }
            Self::NoProfile { .. } => {
                "name an existing one with --profile or AWS_PROFILE, or create it: aws configure sso"
            }
            Self::EndpointUrl => {
                "correct AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_CHIME_SDK_MESSAGING or the profile's endpoint_url, or pass --endpoint-url"
            }
            Self::CaBundle { .. } => {
                "name a readable PEM file of certificates in AWS_CA_BUNDLE or the profile's ca_bundle, or unset them: the system's certificates are then used"
            }
            Self::Proxy { .. } => {
                "set it to http://HOST:PORT, with USER:PASSWORD@ before HOST if the proxy asks for them, or to nothing; NO_PROXY names hosts to call without it"
            }
            Self::NoAddress { .. } => {
                "check --region and what the environment and the profile set about endpoints, or pass --endpoint-url"
            }
            Self::NoLegacyApi => {
                "leave --api at messaging, or build with the feature `legacy-chime`"
            }
        }
    }
}

/// The profiles that exist, in words.
fn known_text(known: &[String]) -> String {
    match known {
        [] => "; the AWS configuration has no profiles".to_owned(),
        known => format!(", only {}", known.join(", ")),
    }
}

/// Checks that the profile to use exists: this one or, without it, that of the environment.
///
/// # Errors
/// If it does not. Files that cannot be read are not an error here, but of the first call.
pub async fn check_profile(profile: Option<&str>) -> Result<(), ConnectError> {
    match profiles::missing(profile).await {
        Some((profile, known)) => Err(ConnectError::NoProfile { profile, known }),
        None => Ok(()),
    }
}

/// A client, and where it calls.
pub struct Connection {
    /// The client.
    pub service: Arc<dyn Chime>,
    /// The address that it calls.
    pub address: String,
}

/// The address that the client of a configuration calls, and the proxy on the way, in words.
///
/// # Errors
/// As [`connect`].
pub async fn address(settings: ClientConfig) -> Result<String, ConnectError> {
    let (api, region) = (settings.api, settings.region.clone());
    let network = Network::load(settings.profile.as_deref()).await?;
    let config = Box::pin(configure(settings, &network, &Secrets::default())).await;
    let address = address_of(api, region, &config).await?;
    let uri = address.parse().ok();
    let proxy = uri.as_ref().and_then(|uri| network.proxy_for(uri));
    Ok(match proxy {
        Some(proxy) => format!("{address} through the proxy {proxy}"),
        None => address,
    })
}

/// The address that the client of this API calls.
async fn address_of(api: Api, region: String, config: &SdkConfig) -> Result<String, ConnectError> {
    let configured = match api {
        Api::Messaging => messaging::configured_address(config)?,
        #[cfg(feature = "legacy-chime")]
        Api::Legacy => legacy::configured_address(config)?,
        #[cfg(not(feature = "legacy-chime"))]
        Api::Legacy => return Err(ConnectError::NoLegacyApi),
    };
    if let Some(url) = configured {
        return Ok(EndpointUrl::to_string(&url));
    }
    if !api.regions().contains(&region.as_str()) {
        return Err(ConnectError::Region { api, region });
    }
    let address = match api {
        Api::Messaging => messaging::default_address(config).await,
        #[cfg(feature = "legacy-chime")]
        Api::Legacy => legacy::default_address(config).await,
        #[cfg(not(feature = "legacy-chime"))]
        Api::Legacy => return Err(ConnectError::NoLegacyApi),
    };
    address.map_err(|why| ConnectError::NoAddress {
        api,
        region,
        why: why.to_string(),
    })
}

/// Creates the client of a configuration.
///
/// # Errors
/// If the configuration cannot work. Missing credentials are not an error here: the first call is
/// then refused.
pub async fn connect(settings: ClientConfig) -> Result<Connection, ConnectError> {
    let api = settings.api;
    let region = settings.region.clone();
    let network = Network::load(settings.profile.as_deref()).await?;
    let secrets = Secrets::with(network.secrets());
    let config = Box::pin(configure(settings, &network, &secrets)).await;
    let address = address_of(api, region, &config).await?;
    let service = Arc::new(RedactingClient::new(client(api, &config)?, secrets));
    Ok(Connection { service, address })
}

/// The client of an API.
#[cfg_attr(
    feature = "legacy-chime",
    expect(clippy::unnecessary_wraps, reason = "without the feature it can fail")
)]
pub(super) fn client(api: Api, config: &SdkConfig) -> Result<Arc<dyn Chime>, ConnectError> {
    match api {
        Api::Messaging => Ok(Arc::new(Messaging::new(config))),
        #[cfg(feature = "legacy-chime")]
        Api::Legacy => Ok(Arc::new(Legacy::new(config))),
        #[cfg(not(feature = "legacy-chime"))]
        Api::Legacy => Err(ConnectError::NoLegacyApi),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chime::config::tests::settings;

    async fn error(settings: ClientConfig) -> ConnectError {
        connect(settings).await.err().unwrap()
    }

    #[tokio::test]
    async fn a_region_without_messaging_names_those_that_have_it() {
        let error = error(ClientConfig::new(Api::Messaging, "eu-west-1")).await;
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
                connect(ClientConfig::new(Api::Messaging, *region))
                    .await
                    .is_ok()
            );
        }
        let elsewhere = ClientConfig {
            region: "eu-west-1".to_owned(),
            ..settings("http://127.0.0.1:8480")
        };
        assert!(connect(elsewhere).await.is_ok());
    }

    #[cfg(feature = "legacy-chime")]
    #[tokio::test]
    async fn the_legacy_api_is_in_one_region() {
        assert!(
            connect(ClientConfig::new(Api::Legacy, "us-east-1"))
                .await
                .is_ok()
        );
        let error = error(ClientConfig::new(Api::Legacy, "eu-central-1")).await;
        assert!(error.to_string().ends_with("only in us-east-1"), "{error}");
    }

    #[cfg(not(feature = "legacy-chime"))]
    #[tokio::test]
    async fn a_build_without_the_legacy_api_says_so() {
        let error = error(ClientConfig::new(Api::Legacy, "us-east-1")).await;
        assert_eq!(error, ConnectError::NoLegacyApi);
    }
}
