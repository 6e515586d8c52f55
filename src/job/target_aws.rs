//! The AWS service as a user names it.

use serde::{Deserialize, Serialize};

use crate::chime::{Api, ClientConfig, EndpointUrl};

/// The AWS service to call. Values that are not set have their default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AwsTarget {
    /// The API [default: messaging].
    pub api: Option<Api>,
    /// The region [default: that of the ARNs].
    pub region: Option<String>,
    /// A profile of the AWS configuration.
    pub profile: Option<String>,
    /// The service's address, instead of that of AWS.
    pub endpoint_url: Option<EndpointUrl>,
}

impl AwsTarget {
    pub(super) fn api(&self) -> Api {
        self.api.unwrap_or(Api::Messaging)
    }

    /// The configuration of its client in a region.
    pub(super) fn client_config(&self, region: String) -> ClientConfig {
        ClientConfig {
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            ..ClientConfig::new(self.api(), region)
        }
    }

    /// This target, with the values of `defaults` where it has none.
    pub(super) fn or_else(self, defaults: Self) -> Self {
        Self {
            api: self.api.or(defaults.api),
            region: self.region.or(defaults.region),
            profile: self.profile.or(defaults.profile),
            endpoint_url: self.endpoint_url.or(defaults.endpoint_url),
        }
    }
}
