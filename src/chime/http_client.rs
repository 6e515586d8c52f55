//! The HTTP client of every request to AWS: calls, credentials, lists and reports.
//!
//! Promises: each request goes through the proxy of its address, or directly if it has none. Must
//! not: retry.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared;

use super::network::Network;
use super::proxy::Proxy;

/// How long an idle connection is kept. Load balancers close theirs after 60 s by default (AWS,
/// "Application Load Balancers"); a request on a connection that is being closed is lost.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The HTTP client of this network. Clones share its connections.
pub(crate) fn http_client(network: &Network) -> SharedHttpClient {
    let tls = tls_context(network);
    let direct = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls.clone())
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .build_https();
    let proxied = network
        .proxies()
        .map(|proxy| proxy.map(|proxy| through(proxy.clone(), tls.clone())));
    if proxied.iter().all(Option::is_none) {
        return direct;
    }
    let network = Arc::new(network.clone());
    RoutingClient {
        network,
        direct,
        proxied,
    }
    .into_shared()
}

/// What servers are checked against.
fn tls_context(network: &Network) -> TlsContext {
    let Some(bundle) = network.ca_bundle() else {
        return TlsContext::default();
    };
    let mut roots = TrustStore::empty();
    for certificate in bundle.certificates() {
        roots.add_pem_certificate(certificate.as_slice());
    }
    let context = TlsContext::builder().with_trust_store(roots).build();
    // Building one of a trust store alone cannot fail.
    context.unwrap_or_default()
}

/// A client whose requests all go through this proxy.
fn through(proxy: Proxy, tls: TlsContext) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.clone())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT);
        builder
            .set_proxy_config(proxy.config())
            .set_connector_settings(settings.cloned())
            .set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.build()
    })
}

/// A client that takes the way of each request.
#[derive(Debug)]
struct RoutingClient {
    network: Arc<Network>,
    direct: SharedHttpClient,
    /// Through the proxies of [`Network::proxies`].
    proxied: [Option<SharedHttpClient>; 2],
}

impl HttpClient for RoutingClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = |client: &SharedHttpClient| client.http_connector(settings, components);
        let [http, https] = &self.proxied;
        SharedHttpConnector::new(RoutingConnector {
            network: Arc::clone(&self.network),
            direct: connector(&self.direct),
            proxied: [http, https].map(|client| client.as_ref().map(connector)),
        })
    }
}

#[derive(Debug)]
struct RoutingConnector {
    network: Arc<Network>,
    direct: SharedHttpConnector,
    proxied: [Option<SharedHttpConnector>; 2],
}

impl HttpConnector for RoutingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri: Option<hyper::Uri> = request.uri().parse().ok();
        let proxy = uri.as_ref().and_then(|uri| self.network.proxy_for(uri));
        let is_https = uri.as_ref().and_then(hyper::Uri::scheme_str) == Some("https");
        let (Some(proxy), Some(connector)) = (proxy, &self.proxied[usize::from(is_https)]) else {
            return self.direct.call(request);
        };
        let (proxy, answer) = (proxy.to_string(), connector.call(request));
        HttpConnectorFuture::new(async move {
            answer.await.map_err(|error| ProxyError::wrap(proxy, error))
        })
    }
}

/// A request that failed on its way through a proxy.
#[derive(Debug)]
pub(super) struct ProxyError {
    proxy: String,
    cause: BoxError,
}

impl ProxyError {
    /// An error of the same kind that names the proxy.
    fn wrap(proxy: String, error: ConnectorError) -> ConnectorError {
        let is_timeout = error.is_timeout();
        let cause = error.into_source();
        let error = Box::new(Self { proxy, cause });
        if is_timeout {
            ConnectorError::timeout(error)
        } else {
            ConnectorError::io(error)
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "through the proxy {}", self.proxy)
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.cause.as_ref())
    }
}
