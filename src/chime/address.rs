//! The address that a client calls.
//!
//! Promises: it is the one that the SDK takes, from the same settings. Must not: call it.

use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::{ConnectError, EndpointUrl};

/// The address that is set for a service: in our configuration, else in its own environment variable
/// or that of all services, else in the profile. `None` if none is.
///
/// # Errors
/// If what is set is no address. The SDK would call AWS then.
pub(super) fn configured(
    config: &SdkConfig,
    service_id: &str,
) -> Result<Option<EndpointUrl>, ConnectError> {
    let url = if config.get_origin("endpoint_url").is_client_config() {
        config.endpoint_url().map(str::to_owned)
    } else {
        let key = ServiceConfigKey::builder()
            .service_id(service_id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        let key = key.map_err(|_| ConnectError::EndpointUrl)?;
        config
            .service_config()
            .and_then(|settings| settings.load_config(key))
    };
    url.map(|url| url.parse().map_err(|_| ConnectError::EndpointUrl))
        .transpose()
}
