//! The AWS service as a user names it.

use serde::{Deserialize, Serialize};

use crate::chime::{Api, EndpointUrl};

/// Where and with what the AWS service is called. What is not set has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AwsTarget {
    /// Which API [default: messaging].
    pub api: Option<Api>,
    /// The region [default: that of the ARNs].
    pub region: Option<String>,
    /// A profile of the AWS configuration.
    pub profile: Option<String>,
    /// The service's address, instead of Amazon's.
    pub endpoint_url: Option<EndpointUrl>,
}

impl AwsTarget {
    pub(super) fn api(&self) -> Api {
        self.api.unwrap_or(Api::Messaging)
    }

    /// This target; `those` where a value is not set.
    pub(super) fn or_else(self, those: Self) -> Self {
        Self {
            api: self.api.or(those.api),
            region: self.region.or(those.region),
            profile: self.profile.or(those.profile),
            endpoint_url: self.endpoint_url.or(those.endpoint_url),
        }
    }
}
