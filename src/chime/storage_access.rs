//! What object storage needs of AWS: credentials, settings, and the HTTP client.
//!
//! Promises: the credentials come from the same chain as those of calls, and requests go through the
//! same HTTP client; bodies are streams. Must not: sign, or retry.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime::client::auth::no_auth::{NO_AUTH_SCHEME_ID, NoAuthScheme};
use aws_smithy_runtime::client::identity::no_auth::NoAuthIdentityResolver;
use aws_smithy_runtime::client::orchestrator::endpoints::StaticUriEndpointResolver;
use aws_smithy_runtime::client::retries::strategy::NeverRetryStrategy;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper::body::{Body, Bytes};
use tokio::sync::Mutex;

use super::address::configured;
use super::bounded_client::BoundedClient;
use super::credentials::{CREDENTIALS_TIMEOUT, ProviderWithTimeout, chain};
use super::http_client::http_client;
use super::network::Network;
use super::refusal::causes_text;
use super::secrets::Secrets;
use super::{ConnectError, EndpointUrl};

/// How long a connection may take to be made, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Credentials are renewed this long before they expire.
const RENEW_BEFORE: Duration = Duration::from_secs(10);

/// An error of any kind.
type AnyError = Box<dyn Error + Send + Sync>;

/// The way to a service of AWS other than Chime.
pub(crate) struct StorageAccess {
    connector: SharedHttpConnector,
    credentials: Option<SharedCredentialsProvider>,
    /// The credentials in use, as long as they last.
    kept: Mutex<Option<Credentials>>,
    secrets: Secrets,
    region: Option<String>,
    endpoint: Option<EndpointUrl>,
    use_fips: bool,
    use_dual_stack: bool,
}

impl fmt::Debug for StorageAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageAccess(..)")
    }
}

/// What signs a request.
pub(crate) struct AccessKey {
    /// The access key's id.
    pub(crate) id: String,
    /// Its secret.
    pub(crate) secret: String,
    /// The session's token, if it is temporary.
    pub(crate) token: Option<String>,
}

/// There are no credentials.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoAccess(String);

/// A request without an answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub(crate) struct SendError {
    /// How far it came.
    pub(crate) kind: SendErrorKind,
    what: String,
}

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendErrorKind {
    /// It was not sent.
    Unreachable,
    /// It may have been carried out.
    Lost,
}

impl StorageAccess {
    /// The access of this profile or, without it, of the environment.
    ///
    /// # Errors
    /// If a setting cannot be used. Missing credentials are not an error here.
    pub(crate) async fn load(profile: Option<&str>) -> Result<Self, ConnectError> {
        super::check_profile(profile).await?;
        let network = Network::load(profile).await?;
        let http = http_client(&network);
        let secrets = Secrets::with(network.secrets());
        let bounded = BoundedClient::for_credentials(http.clone(), CREDENTIALS_TIMEOUT);
        let region = region_of(profile).await;
        let of_sts = region
            .clone()
            .unwrap_or_else(|| Region::new("us-east-1".to_owned()));
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(of_sts.clone())
            .http_client(bounded.clone());
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(provider) = chain(profile.map(str::to_owned), of_sts, bounded).await {
            loader = loader.credentials_provider(provider);
        }
        let config = loader.load().await;
        let credentials = config.credentials_provider().map(|chain| {
            SharedCredentialsProvider::new(ProviderWithTimeout(chain, secrets.clone()))
        });
        Ok(Self {
            connector: connector(&http),
            credentials,
            kept: Mutex::default(),
            secrets,
            region: region.map(|region| region.to_string()),
            endpoint: configured(&config, "S3")?,
            use_fips: config.use_fips().unwrap_or_default(),
            use_dual_stack: config.use_dual_stack().unwrap_or_default(),
        })
    }

    /// The region of the environment or the profile.
    pub(crate) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The address of the service, if it is not at AWS.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_ref().map(EndpointUrl::as_str)
    }

    /// The host of S3 in a region of AWS.
    pub(crate) fn s3_host(&self, region: &str) -> String {
        let fips = if self.use_fips { "-fips" } else { "" };
        let dual_stack = if self.use_dual_stack {
            ".dualstack"
        } else {
            ""
        };
        let end = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("s3{fips}{dual_stack}.{region}.amazonaws.com{end}")
    }

    /// The credentials. Asks for them again before they expire.
    ///
    /// # Errors
    /// If there are none.
    pub(crate) async fn access_key(&self) -> Result<AccessKey, NoAccess> {
        let mut kept = self.kept.lock().await;
        let is_valid = |credentials: &Credentials| {
            credentials
                .expiry()
                .is_none_or(|expiry| expiry > SystemTime::now() + RENEW_BEFORE)
        };
        if !kept.as_ref().is_some_and(is_valid) {
            let provider = self.credentials.as_ref();
            let provider = provider.ok_or_else(|| NoAccess("no credentials are set".to_owned()))?;
            let credentials = provider.provide_credentials().await;
            *kept = Some(credentials.map_err(|error| NoAccess(causes_text(&error)))?);
        }
        let credentials = kept.as_ref();
        let credentials =
            credentials.ok_or_else(|| NoAccess("no credentials are set".to_owned()))?;
        Ok(AccessKey {
            id: credentials.access_key_id().to_owned(),
            secret: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
        })
    }

    /// Sends a request. The answer's body is a stream.
    ///
    /// # Errors
    /// If no answer comes.
    pub(crate) async fn send<B>(
        &self,
        request: hyper::Request<B>,
    ) -> Result<
        hyper::Response<impl Body<Data = Bytes, Error = AnyError> + Send + Sync + use<B>>,
        SendError,
    >
    where
        B: Body<Data = Bytes, Error: Into<AnyError>> + Send + Sync + 'static,
    {
        let request = request.map(SdkBody::from_body_1_x);
        let request = HttpRequest::try_from(request).map_err(|error| SendError {
            kind: SendErrorKind::Unreachable,
            what: causes_text(&error),
        })?;
        let answer = self.connector.call(request).await;
        let answer = answer.map_err(|error| {
            let error = send_error(&error);
            let what = self.secrets.redact_text(&error.what);
            SendError { what, ..error }
        })?;
        answer.try_into_http1x().map_err(|error| SendError {
            kind: SendErrorKind::Lost,
            what: causes_text(&error),
        })
    }

    /// A text of the service, without the credentials that it may repeat.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.secrets.redact_text(text)
    }
}

/// The region of the environment or of the profile. The metadata service is not asked: S3 itself
/// answers with the region of a bucket.
async fn region_of(profile: Option<&str>) -> Option<Region> {
    let mut of_profile = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        of_profile = of_profile.profile_name(profile);
    }
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(of_profile.build())
        .region()
        .await
}

/// A connector of the HTTP client. Of the components, which belong to the calls of an SDK, it uses the
/// clock alone.
fn connector(http: &SharedHttpClient) -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .build();
    let components = RuntimeComponents::builder("s3")
        .with_auth_scheme(NoAuthScheme::new())
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(Vec::new())))
        .with_endpoint_resolver(Some(StaticUriEndpointResolver::http_localhost(0)))
        .with_identity_cache(Some(IdentityCache::no_cache()))
        .with_identity_resolver(NO_AUTH_SCHEME_ID, NoAuthIdentityResolver::new())
        .with_retry_strategy(Some(NeverRetryStrategy::new()))
        .build();
    match components {
        Ok(components) => http.http_connector(&settings, &components),
        Err(error) => SharedHttpConnector::new(Broken(error.to_string())),
    }
}

/// A connector that cannot be made.
#[derive(Debug)]
struct Broken(String);

impl HttpConnector for Broken {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let error = ConnectorError::user(self.0.clone().into());
        HttpConnectorFuture::ready(Err(error))
    }
}

fn send_error(error: &ConnectorError) -> SendError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut is_connect = false;
    while let Some(error) = cause {
        is_connect |= error
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        cause = error.source();
    }
    SendError {
        kind: if is_connect {
            SendErrorKind::Unreachable
        } else {
            SendErrorKind::Lost
        },
        what: causes_text(error),
    }
}
