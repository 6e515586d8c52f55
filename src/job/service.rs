//! Which service a job speaks to.

use std::sync::Arc;

use super::{JobError, LimitOverrides, RunSettings};
use crate::chime::{self, Api, Chime};
use crate::roster::Options;
use crate::sandbox::{self, Service, Simulated};

/// The service, real or simulated.
#[derive(Clone)]
pub enum Target {
    /// Amazon, or what answers at an endpoint in its place.
    Aws {
        /// Which API.
        api: Api,
        /// Instead of the one in the ARNs.
        region: Option<String>,
        /// Of the AWS configuration.
        profile: Option<String>,
        /// Instead of Amazon's.
        endpoint_url: Option<String>,
    },
    /// A simulated service in this process.
    Sandbox(Arc<Service>),
}

impl Target {
    /// A sandbox in this process, shaped so.
    #[must_use]
    pub fn sandbox(settings: sandbox::SandboxConfig) -> Self {
        Self::Sandbox(Arc::new(Service::new(settings)))
    }

    pub(super) fn api(&self) -> Api {
        match self {
            Self::Aws { api, .. } => *api,
            Self::Sandbox(_) => Api::Messaging,
        }
    }

    pub(super) fn is_sandbox(&self) -> bool {
        matches!(self, Self::Sandbox(_))
    }

    /// Settings that name this service and nothing else; `region` is used where none is given.
    pub(super) fn settings(&self, region: &str) -> RunSettings {
        let (api, sandbox) = (self.api(), self.is_sandbox());
        let (given, profile, endpoint_url) = match self {
            Self::Aws {
                region,
                profile,
                endpoint_url,
                ..
            } => (region.clone(), profile.clone(), endpoint_url.clone()),
            Self::Sandbox(_) => (None, None, None),
        };
        RunSettings {
            list: None,
            options: Options::default(),
            bearers: Vec::new(),
            limits: LimitOverrides::default(),
            max_failures: None,
            api,
            region: given.unwrap_or_else(|| region.to_owned()),
            profile,
            endpoint_url,
            sandbox,
        }
    }

    /// The service for a run with these settings.
    pub(super) async fn connect(&self, settings: &RunSettings) -> Result<Arc<dyn Chime>, JobError> {
        match self {
            Self::Sandbox(service) => Ok(Arc::new(Simulated::new(Arc::clone(service)))),
            Self::Aws { api, .. } => {
                let mut to = chime::ClientConfig::new(*api, settings.region.clone());
                to.profile.clone_from(&settings.profile);
                to.endpoint_url.clone_from(&settings.endpoint_url);
                Ok(chime::connect(to).await?)
            }
        }
    }
}
