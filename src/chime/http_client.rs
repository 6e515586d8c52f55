//! The HTTP client of every request to AWS: calls, credentials, lists and reports.
//!
//! Promises: all of them go the way that the environment sets. Must not: retry.

use std::time::Duration;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::network::Network;

/// How long an idle connection is kept. Load balancers close theirs after 60 s by default (AWS,
/// "Application Load Balancers"); a request on a connection that is being closed is lost.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The HTTP client of this network. Clones share its connections.
pub(crate) fn http_client(network: &Network) -> SharedHttpClient {
    let mut builder = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .pool_idle_timeout(POOL_IDLE_TIMEOUT);
    if let Some(bundle) = network.ca_bundle() {
        let mut roots = TrustStore::empty();
        for certificate in bundle.certificates() {
            roots.add_pem_certificate(certificate.as_slice());
        }
        // Building a context with roots alone cannot fail.
        if let Ok(context) = TlsContext::builder().with_trust_store(roots).build() {
            builder = builder.tls_context(context);
        }
    }
    builder.build_https()
}
