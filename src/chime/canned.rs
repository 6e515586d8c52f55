//! A client whose every call is answered with the same bytes, without a network.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::{Headers, StatusCode};
use aws_smithy_types::body::SdkBody;

use super::connect::client;
use super::sdk_config::configure_with;
use super::secrets::{RedactingClient, Secrets};
use super::{Chime, ClientConfig, ConnectError};

/// An HTTP answer, as it comes.
#[derive(Debug, Clone, Default)]
pub struct CannedAnswer {
    /// The status.
    pub status: u16,
    /// Names and values of headers; those that can be none are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Makes a real client, all but the network: what becomes of any answer can be tried.
///
/// # Errors
/// As [`connect`](super::connect()).
pub async fn canned(
    settings: ClientConfig,
    answer: CannedAnswer,
) -> Result<Arc<dyn Chime>, ConnectError> {
    let api = settings.api;
    let connector = SharedHttpConnector::new(Connector(answer));
    let http = http_client_fn(move |_, _| connector.clone());
    let secrets = Secrets::default();
    let config = configure_with(settings, http, &secrets).await;
    Ok(Arc::new(RedactingClient::new(
        client(api, &config)?,
        secrets,
    )))
}

#[derive(Debug)]
struct Connector(CannedAnswer);

impl HttpConnector for Connector {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let Ok(status) = StatusCode::try_from(self.0.status) else {
            let odd = ConnectorError::other("no HTTP status".into(), None);
            return HttpConnectorFuture::ready(Err(odd));
        };
        let mut answer = HttpResponse::new(status, SdkBody::from(self.0.body.clone()));
        let mut headers = Headers::new();
        for (name, value) in &self.0.headers {
            let _ = headers.try_append(name.clone(), value.clone());
        }
        *answer.headers_mut() = headers;
        HttpConnectorFuture::ready(Ok(answer))
    }
}
