//! One bucket.
//!
//! Promises: a bucket in another region than the configured one is found there. Must not: depend on
//! what is read or written.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredentialProvider};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::ObjectUrl;
use super::http::{Access, Refused, cause};
use crate::chime::StorageAccess;
use crate::roster::RemoteError;

/// How often a request is sent again, with a growing delay in between. A download that breaks is
/// resumed this often before it begins anew where it broke.
const RETRIES: RetryConfig = RetryConfig {
    backoff: BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(5),
        base: 2.0,
    },
    max_retries: 4,
    retry_timeout: Duration::from_mins(3),
};
/// The region of a bucket until S3 answers with another.
const DEFAULT_REGION: &str = "us-east-1";

/// A bucket, and how it is asked.
#[derive(Debug)]
pub(super) struct Bucket {
    access: Arc<StorageAccess>,
    name: String,
    region: String,
    store: AmazonS3,
}

impl Bucket {
    /// The bucket of an object, with the access of a profile or of the environment. Asks nobody.
    pub(super) async fn connect(
        url: &ObjectUrl,
        profile: Option<&str>,
    ) -> Result<Self, RemoteError> {
        let access = StorageAccess::load(profile).await;
        let access = Arc::new(access.map_err(|error| RemoteError {
            what: format!("cannot be asked for: {error}"),
            hint: "check --profile, AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL".to_owned(),
            is_usage: true,
        })?);
        let region = access.region().unwrap_or(DEFAULT_REGION).to_owned();
        Self::of(access, url.bucket().to_owned(), region)
    }

    fn of(access: Arc<StorageAccess>, name: String, region: String) -> Result<Self, RemoteError> {
        let provider: AwsCredentialProvider = Arc::new(Access(Arc::clone(&access)));
        let options = ClientOptions::new()
            .with_content_type_for_suffix("csv", "text/csv; charset=utf-8")
            .with_content_type_for_suffix("html", "text/html; charset=utf-8")
            .with_content_type_for_suffix("json", "application/json");
        let builder = AmazonS3Builder::new()
            .with_bucket_name(&name)
            .with_region(&region)
            .with_credentials(provider)
            .with_client_options(options)
            .with_retry(RETRIES)
            .with_http_connector(Access(Arc::clone(&access)));
        let builder = match access.endpoint() {
            Some(endpoint) => builder.with_endpoint(endpoint),
            // The certificates of S3 do not cover a bucket with dots as a part of the host.
            None if name.contains('.') => {
                builder.with_endpoint(format!("https://{}", access.s3_host(&region)))
            }
            None => builder
                .with_virtual_hosted_style_request(true)
                .with_endpoint(format!("https://{name}.{}", access.s3_host(&region))),
        };
        let store = builder.build().map_err(|error| unusable(&error))?;
        Ok(Self {
            access,
            name,
            region,
            store,
        })
    }

    /// The same bucket in the region that a refusal names, if that is another.
    pub(super) fn elsewhere(&self, error: &object_store::Error) -> Option<Self> {
        let region = cause::<Refused>(error)?.region.clone()?;
        let is_region = |region: &str| {
            let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            !region.is_empty() && region.len() < 40 && region.chars().all(is_allowed)
        };
        if region == self.region || !is_region(&region) {
            return None;
        }
        Self::of(Arc::clone(&self.access), self.name.clone(), region).ok()
    }

    pub(super) fn store(&self) -> &AmazonS3 {
        &self.store
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Where it is asked.
    pub(super) fn host(&self) -> String {
        self.access
            .endpoint()
            .map_or_else(|| self.access.s3_host(&self.region), str::to_owned)
    }
}

/// The path of an object, exactly as in its address.
pub(super) fn path(url: &ObjectUrl) -> Result<Path, RemoteError> {
    Path::parse(url.key()).map_err(|error| unusable(&error))
}

fn unusable(error: &dyn fmt::Display) -> RemoteError {
    RemoteError {
        what: format!("cannot be asked for: {error}"),
        hint: "check the address, and AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL if one is set"
            .to_owned(),
        is_usage: true,
    }
}
