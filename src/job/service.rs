//! Which service a job calls.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{JobError, LimitOverrides, RunSettings};
use crate::chime::{self, Api, Chime, EndpointUrl};
use crate::model::BearerPool;
use crate::roster::Options;
use crate::sandbox::{self, Service, Simulated};

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

/// The service, real or simulated.
#[derive(Clone)]
pub enum Target {
    /// Amazon, or a server in its place.
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

    /// Settings that name this service and who calls it, and nothing else. The region is the
    /// bearers' where none is set.
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

    /// The service for a run with these settings.
    pub(super) async fn connect(&self, settings: &RunSettings) -> Result<Arc<dyn Chime>, JobError> {
        match self {
            Self::Sandbox(service) => Ok(Arc::new(Simulated::new(Arc::clone(service)))),
            Self::Aws(aws) => {
                let mut to = chime::ClientConfig::new(aws.api(), settings.region.clone());
                to.profile.clone_from(&aws.profile);
                to.endpoint_url.clone_from(&aws.endpoint_url);
                Ok(chime::connect(to).await?)
            }
        }
    }
}
