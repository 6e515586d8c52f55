//! The service that a job calls: AWS or a sandbox.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{JobError, LimitOverrides, RunSettings};
use crate::chime::{self, Api, Chime, EndpointUrl};
use crate::model::BearerPool;
use crate::roster::Options;
use crate::sandbox::{self, Service, Simulated};

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

/// The service, real or simulated.
#[derive(Clone)]
pub enum Target {
    /// AWS, or a server in its place.
    Aws(AwsTarget),
    /// A simulated service in this process.
    Sandbox(Arc<Service>),
}

impl Target {
    /// A sandbox in this process with this configuration.
    #[must_use]
    pub fn sandbox(config: sandbox::SandboxConfig) -> Self {
        Self::Sandbox(Arc::new(Service::new(config)))
    }

    pub(super) fn api(&self) -> Api {
        match self {
            Self::Aws(aws) => aws.api(),
            Self::Sandbox(_) => Api::Messaging,
        }
    }

    pub(super) fn is_sandbox(&self) -> bool {
        matches!(self, Self::Sandbox(_))
    }

    /// Run settings with only this service and these bearers set. The region defaults to that of the
    /// bearers.
    pub(super) fn settings(&self, bearers: BearerPool) -> RunSettings {
        let aws = match self {
            Self::Aws(aws) => aws.clone(),
            Self::Sandbox(_) => AwsTarget::default(),
        };
        RunSettings {
            list: None,
            options: Options::default(),
            limits: LimitOverrides::default(),
            region: aws
                .region
                .clone()
                .unwrap_or_else(|| bearers.region().unwrap_or_default().to_owned()),
            bearers,
            aws,
            sandbox: self.is_sandbox(),
        }
    }

    /// Connects to the service for a run with these settings.
    pub(super) async fn connect(&self, settings: &RunSettings) -> Result<Arc<dyn Chime>, JobError> {
        match self {
            Self::Sandbox(service) => Ok(Arc::new(Simulated::new(Arc::clone(service)))),
            Self::Aws(aws) => {
                let mut config = chime::ClientConfig::new(aws.api(), settings.region.clone());
                config.profile.clone_from(&aws.profile);
                config.endpoint_url.clone_from(&aws.endpoint_url);
                Ok(chime::connect(config).await?)
            }
        }
    }
}
