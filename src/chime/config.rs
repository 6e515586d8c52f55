//! The configuration of a client: which API, where, and with which credentials.
//!
//! Promises: `Debug` shows no secret. Must not: read the environment.

use std::fmt;
use std::time::Duration;

use super::{Api, EndpointUrl};

/// How to reach the service.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Which API.
    pub api: Api,
    /// The AWS region: as a rule the one named in the channel's ARN.
    pub region: String,
    /// The profile of the AWS configuration files, whose credentials are taken and no others;
    /// `None` takes AWS's chain: environment, the profile `AWS_PROFILE` or `default`, SSO, process,
    /// web identity, ECS, EC2.
    pub profile: Option<String>,
    /// Where the service is, if not at AWS; `None` takes `AWS_ENDPOINT_URL` and its kin, else AWS.
    pub endpoint_url: Option<EndpointUrl>,
    /// Credentials in place of profile and chain: for a sandbox of one's own.
    pub credentials: Option<FixedCredentials>,
    /// How long a connection may take to be made, TLS included.
    pub connect_timeout: Duration,
}

impl ClientConfig {
    /// The usual: AWS itself, its credential chain, 3 s for a connection.
    #[must_use]
    pub fn new(api: Api, region: impl Into<String>) -> Self {
        Self {
            api,
            region: region.into(),
            profile: None,
            endpoint_url: None,
            credentials: None,
            connect_timeout: Duration::from_secs(3),
        }
    }
}

/// An access key that does not expire.
#[derive(Clone)]
pub struct FixedCredentials {
    /// The access key's id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
}

impl fmt::Debug for FixedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FixedCredentials(..)")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A service at this address, with the credentials of AWS's examples.
    pub(in crate::chime) fn settings(url: &str) -> ClientConfig {
        ClientConfig {
            endpoint_url: Some(url.parse().unwrap()),
            credentials: Some(FixedCredentials {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret_access_key: "wJalrXUtnFEMI".to_owned(),
            }),
            ..ClientConfig::new(Api::Messaging, "us-east-1")
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let settings = settings("http://127.0.0.1:1");
        let shown = format!("{settings:?}");
        assert!(shown.contains("us-east-1"));
        assert!(!shown.contains("AKIDEXAMPLE") && !shown.contains("wJalrXUtnFEMI"));
    }
}
