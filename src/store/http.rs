//! The HTTP client of object storage: that of all calls.
//!
//! Promises: a body is a stream; a refusal is an error with its code. Must not: wait without end for
//! the head of an answer.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Method;
use object_store::ClientOptions;
use object_store::aws::AwsCredential;
use object_store::client::{
    CredentialProvider, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest,
    HttpResponse, HttpResponseBody, HttpService,
};

use crate::chime::{AccessKey, SendErrorKind, StorageAccess, read_body};

/// The longest answer that refuses a request, in bytes. Those of S3 have less than a thousand.
const MAX_REFUSAL: usize = 64 * 1024;
/// How long the head of an answer may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take if the request has a body: a part of a report, on a slow line.
const UPLOAD_TIMEOUT: Duration = Duration::from_mins(5);

/// A future as the traits of `object_store` have it.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gives `object_store` its HTTP client and its credentials.
#[derive(Debug, Clone)]
pub(super) struct Access(pub(super) Arc<StorageAccess>);

/// An answer that refuses a request.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) status: u16,
    /// The code of S3; empty if there is none.
    pub(super) code: String,
    pub(super) message: String,
    /// The region of the bucket, if the answer names it.
    pub(super) region: Option<String>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP status {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, ", {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl Error for Refused {}

/// The cause of this type.
pub(super) fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// No answer came in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
struct Late(Duration);

impl HttpConnector for Access {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Access {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> Boxed<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let timeout = if [Method::PUT, Method::POST].contains(request.method()) {
                UPLOAD_TIMEOUT
            } else {
                HEAD_TIMEOUT
            };
            let answer = tokio::time::timeout(timeout, self.0.send(request)).await;
            let answer =
                answer.map_err(|_| HttpError::new(HttpErrorKind::Timeout, Late(timeout)))?;
            let answer = answer.map_err(|error| {
                let kind = match error.kind {
                    SendErrorKind::Unreachable => HttpErrorKind::Connect,
                    SendErrorKind::Lost => HttpErrorKind::Interrupted,
                };
                HttpError::new(kind, error)
            })?;
            let status = answer.status();
            if status.is_success() {
                let broken = |error| HttpError::new_boxed(HttpErrorKind::Interrupted, error);
                return Ok(answer.map(|body| HttpResponseBody::new(body.map_err(broken))));
            }
            let region = answer.headers().get("x-amz-bucket-region");
            let region = region.and_then(|region| region.to_str().ok());
            let region = region.map(str::to_owned);
            let body = tokio::time::timeout(timeout, read_body(answer.into_body(), MAX_REFUSAL));
            let body = body.await.ok().and_then(Result::ok).unwrap_or_default();
            let body = String::from_utf8_lossy(&body);
            let text = |name| self.0.redact(&element(&body, name).unwrap_or_default());
            let refused = Refused {
                status: status.as_u16(),
                code: text("Code"),
                message: text("Message"),
                region: region.or_else(|| element(&body, "Region")),
            };
            // `Request` is what `object_store` sends again, `Unknown` is what it does not.
            let kind = if status.is_server_error() || [408, 409, 429].contains(&status.as_u16()) {
                HttpErrorKind::Request
            } else {
                HttpErrorKind::Unknown
            };
            Err(HttpError::new(kind, refused))
        })
    }
}

impl CredentialProvider for Access {
    type Credential = AwsCredential;

    fn get_credential<'a, 'b>(&'a self) -> Boxed<'b, object_store::Result<Arc<AwsCredential>>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let key = self.0.access_key().await;
            let AccessKey { id, secret, token } =
                key.map_err(|error| object_store::Error::Generic {
                    store: "S3",
                    source: Box::new(error),
                })?;
            Ok(Arc::new(AwsCredential {
                key_id: id,
                secret_key: secret,
                token,
            }))
        })
    }
}

/// The text of the first element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once('<')?;
    let text = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    Some(text.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_a_refusal_are_found() {
        let xml =
            "<Error><Code>A</Code><Message>x &amp;lt; &quot;y&quot;</Message><Region/></Error>";
        assert_eq!(element(xml, "Code").as_deref(), Some("A"));
        assert_eq!(element(xml, "Message").as_deref(), Some("x &lt; \"y\""));
        assert_eq!(element(xml, "Region"), None);
        assert_eq!(element("<html>", "Code"), None);
        assert_eq!(element("<Code>A", "Code"), None);
    }
}
