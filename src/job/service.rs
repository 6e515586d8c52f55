//! The service that a job calls: AWS or a sandbox.

use std::sync::Arc;

use super::{AwsTarget, JobError, LimitOverrides, RunSettings};
use crate::chime::{self, Api, Chime};
use crate::model::{BearerPool, LimitShare, SkipExisting};
use crate::roster::Options;
use crate::sandbox::{self, Service, Simulated};

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

    /// Checks that the AWS profile to use exists.
    ///
    /// # Errors
    /// If it does not.
    pub async fn check_profile(&self) -> Result<(), JobError> {
        match self {
            Self::Aws(aws) => Ok(chime::check_profile(aws.profile.as_deref()).await?),
            Self::Sandbox(_) => Ok(()),
        }
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
            undo: None,
            reading_rate: None,
            sync: None,
            skip_existing: SkipExisting::Never,
            shard: None,
            share: LimitShare::default(),
            reports_to: None,
        }
    }

    /// Connects to the service for a run with these settings. Returns its address too; a sandbox has
    /// none.
    pub(super) async fn connect(
        &self,
        settings: &RunSettings,
    ) -> Result<(Arc<dyn Chime>, Option<String>), JobError> {
        match self {
            Self::Sandbox(service) => Ok((Arc::new(Simulated::new(Arc::clone(service))), None)),
            Self::Aws(aws) => {
                let config = aws.client_config(settings.region.clone());
                let connection = chime::connect(config).await?;
                Ok((connection.service, Some(connection.address)))
            }
        }
    }
}
