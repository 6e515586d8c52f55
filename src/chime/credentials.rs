//! Where a client's credentials come from, and how long it waits for them.
//!
//! Promises: credentials that do not come are told apart from a service that does not answer.
//! Must not: keep, log or show a credential.

use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::Identity;

use super::FixedCredentials;
use super::profiles::Profiles;
use super::secrets::Secrets;

/// How long the credential chain may take: many times what a refresh through SSO or STS does.
pub(super) const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long credentials without an expiry are kept. They may be renewed where they
/// came from (a profile's file): a run that waits for that finds them within this time.
const RENEWAL: Duration = Duration::from_mins(1);

/// A provider that answers in bounded time, and is asked again within a minute for credentials
/// that have no expiry.
///
/// The SDK asks for credentials within the attempt's own time. Without this bound a chain that
/// hangs would look like a lost response, and rows never sent would be in doubt.
#[derive(Debug)]
pub(super) struct ProviderWithTimeout(pub(super) SharedCredentialsProvider, pub(super) Secrets);

impl ProvideCredentials for ProviderWithTimeout {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let answer = tokio::time::timeout(CREDENTIALS_TIMEOUT, self.0.provide_credentials());
            let late = |_| CredentialsError::provider_timed_out(CREDENTIALS_TIMEOUT);
            let mut credentials = answer.await.map_err(late)??;
            self.1.set(&credentials);
            let expiry = credentials.expiry_mut();
            *expiry = expiry.or_else(|| SystemTime::now().checked_add(RENEWAL));
            Ok(credentials)
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.0.fallback_on_interrupt()
    }
}

/// The credential chain: of a profile alone, or AWS's. None if the SDK's own does as it is.
///
/// AWS's chain asks the environment first. Who names a profile means that one, as with the AWS
/// CLI: keys left in the environment must not send a list to another account.
pub(super) async fn chain(
    profile: Option<String>,
    region: Region,
    http: SharedHttpClient,
) -> Option<SharedCredentialsProvider> {
    let Profiles { files, processes } = Profiles::load().await;
    if profile.is_none() && processes.is_empty() {
        return None;
    }
    let config = ProviderConfig::default()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_region(Some(region.clone()))
        .with_http_client(http);
    let mut of_profile = ProfileFileCredentialsProvider::builder()
        .configure(&config)
        .profile_files(files);
    for (name, process) in processes {
        of_profile = of_profile.with_custom_provider(name, process);
    }
    if let Some(profile) = profile {
        let provider = of_profile.profile_name(profile).build();
        return Some(SharedCredentialsProvider::new(provider));
    }
    let default = DefaultCredentialsChain::builder()
        .configure(config)
        .region(region)
        .build();
    // The default chain begins with the same two. It gets to them again only if neither has any.
    let environment = EnvironmentVariableCredentialsProvider::new();
    let chain = CredentialsProviderChain::first_try("Environment", environment)
        .or_else("Profile", of_profile.build())
        .or_else("Default", default.await);
    Some(SharedCredentialsProvider::new(chain))
}

/// A provider of these credentials alone.
pub(super) fn fixed(credentials: FixedCredentials) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(for_sdk(credentials))
}

/// The identity that signs requests with these credentials.
pub(crate) fn signing_identity(credentials: FixedCredentials) -> Identity {
    for_sdk(credentials).into()
}

fn for_sdk(credentials: FixedCredentials) -> Credentials {
    let (id, secret) = (credentials.access_key_id, credentials.secret_access_key);
    Credentials::new(id, secret, None, None, "fixed")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Credentials that never come.
    #[derive(Debug)]
    pub(in crate::chime) struct Silent;

    impl ProvideCredentials for Silent {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_that_never_come_are_an_error() {
        let provider =
            ProviderWithTimeout(SharedCredentialsProvider::new(Silent), Secrets::default());
        let error = provider.provide_credentials().await.unwrap_err();
        assert!(matches!(error, CredentialsError::ProviderTimedOut(_)));
    }

    #[tokio::test]
    async fn credentials_without_a_term_are_asked_for_again_and_others_keep_theirs() {
        let of = |expiry| Credentials::new("id", "secret", None, expiry, "test");
        let term = SystemTime::now() + Duration::from_hours(1);
        for (given, most) in [(None, RENEWAL), (Some(term), Duration::from_hours(1))] {
            let provider = ProviderWithTimeout(
                SharedCredentialsProvider::new(of(given)),
                Secrets::default(),
            );
            let credentials = provider.provide_credentials().await.unwrap();
            let left = credentials
                .expiry()
                .unwrap()
                .duration_since(SystemTime::now());
            assert!(left.unwrap() <= most);
            assert!(given.is_none() || credentials.expiry() == given);
        }
    }
}
