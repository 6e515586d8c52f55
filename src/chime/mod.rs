//! The service: one trait, and the clients that speak to it.
//!
//! Promises: one call to the trait is one request on the wire, never retried behind the caller's
//! back; a refusal of [`RefusalKind::Unreachable`] or [`RefusalKind::NoCredentials`] was never sent.
//! Must not: decide what follows from an answer.
//!
//! [`RefusalKind::Unreachable`]: crate::model::RefusalKind::Unreachable
//! [`RefusalKind::NoCredentials`]: crate::model::RefusalKind::NoCredentials

mod address;
mod answers;
mod api;
mod body;
mod bounded_client;
mod ca_bundle;
mod canned;
mod config;
mod connect;
mod credential_process;
mod credentials;
mod endpoint;
mod http_client;
#[cfg(feature = "legacy-chime")]
mod legacy;
mod messaging;
mod network;
mod no_proxy;
mod profiles;
mod proxy;
mod refusal;
mod sdk_config;
mod secrets;
mod service;
mod service_quotas;
#[cfg(feature = "s3")]
mod storage_access;

pub use api::{Api, Unsupported};
pub(crate) use body::{BodyError, read_body};
#[doc(hidden)]
pub use canned::{CannedAnswer, canned};
#[doc(hidden)]
pub use config::{ClientConfig, FixedCredentials};
pub use connect::ConnectError;
#[doc(hidden)]
pub use connect::{Connection, address, check_profile, connect};
pub(crate) use credentials::signing_identity;
pub use endpoint::{EndpointUrl, EndpointUrlError};
pub use service::{Chime, Pending};
#[doc(hidden)]
pub use service_quotas::{AskedQuotas, account_quotas};
#[cfg(feature = "s3")]
pub(crate) use storage_access::{AccessKey, NoAccess, SendError, SendErrorKind, StorageAccess};
