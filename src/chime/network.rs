//! The way to the network, as environment and profile set it.
//!
//! Promises: what is set and cannot work is an error before any request. Must not: connect.

use std::path::{Path, PathBuf};

use super::ConnectError;
use super::ca_bundle::CaBundle;
use super::profiles;

/// The variable that names a file of certificates.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// How requests reach AWS.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    ca_bundle: Option<CaBundle>,
}

impl Network {
    /// The network of the environment and of this profile; without one, of the environment's
    /// profile.
    ///
    /// # Errors
    /// If what they set cannot work.
    pub(crate) async fn load(profile: Option<&str>) -> Result<Self, ConnectError> {
        let ca_bundle = match ca_bundle_file(profile).await {
            Some((origin, file)) => Some(read_ca_bundle(origin, &file)?),
            None => None,
        };
        Ok(Self { ca_bundle })
    }

    /// The certificates that replace those of the system.
    pub(super) fn ca_bundle(&self) -> Option<&CaBundle> {
        self.ca_bundle.as_ref()
    }
}

/// The file of certificates that is set, and what sets it: the environment, else the profile.
async fn ca_bundle_file(profile: Option<&str>) -> Option<(&'static str, PathBuf)> {
    let of_environment = std::env::var_os(CA_BUNDLE).filter(|file| !file.is_empty());
    if let Some(file) = of_environment {
        return Some((CA_BUNDLE, file.into()));
    }
    let file = profiles::setting(profile, "ca_bundle").await?;
    Some(("the profile's ca_bundle", file.into()))
}

fn read_ca_bundle(origin: &'static str, file: &Path) -> Result<CaBundle, ConnectError> {
    CaBundle::read(file).map_err(|why| ConnectError::CaBundle {
        origin,
        file: file.to_owned(),
        why,
    })
}
