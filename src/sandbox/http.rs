//! The HTTP server of the simulated service, in the real wire format, so that the real clients work.
//!
//! Promises: a request without a valid AWS signature is refused; only `GET /_sandbox/stats` needs
//! none. Must not: contain logic of the service.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::exception::Exception;
use super::perform::perform;
use super::request::Request;
use super::service::{Service, delay};
use super::service_answer::ServiceAnswer;
use super::sigv4::Verifier;
use super::{service_quotas, wire};
use crate::chime::{BodyError, read_body};

/// The longest body accepted, in bytes: six times the size of a hundred ARNs of the maximum length.
const MAX_BODY: usize = 1 << 20;
/// How long to wait when no connection can be accepted, usually because of too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a connection may be idle: idle clients must not occupy all descriptors. The default of
/// AWS's load balancers.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// The path of the statistics.
const STATS_PATH: &str = "/_sandbox/stats";

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
struct Closed;

/// Serves HTTP/1.1 on this listener until `shutdown` completes; requests then in progress get no
/// answer. Dropping the future stops it, too.
///
/// # Errors
/// If the listener's local address cannot be read.
pub async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.local_addr()?;
    let config = service.config();
    let verifier = Arc::new(Verifier {
        access_key: config.access_key.clone(),
        secret_key: config.secret_key.clone(),
        service: "chime",
    });
    let mut connections = JoinSet::new();
    let mut spare = SpareDescriptor::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, Arc::clone(&service), Arc::clone(&verifier)));
                } else {
                    // An error of one connection does not end the listener.
                    spare.close_oldest_waiting(&listener);
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A spare descriptor. When no other is left, it is released to accept a connection and close it, so
/// that the client gets an error instead of no answer.
struct SpareDescriptor(Option<TcpSocket>);

impl SpareDescriptor {
    fn new() -> Self {
        Self(TcpSocket::new_v4().ok())
    }

    /// Closes the connection that waits longest, if the error is a lack of descriptors.
    fn close_oldest_waiting(&mut self, listener: &TcpListener) {
        if self.0.take().is_some() {
            let _ = listener.poll_accept(&mut Context::from_waker(Waker::noop()));
        }
        *self = Self::new();
    }
}

async fn connection(stream: TcpStream, service: Arc<Service>, verifier: Arc<Verifier>) {
    // Answers are small: Nagle's algorithm would delay them by 40 ms. An error is ignored, because the
    // socket works without the option.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let (service, verifier) = (Arc::clone(&service), Arc::clone(&verifier));
        async move { answer(&service, &verifier, request).await }
    });
    // Not an error: the client closed the connection, or a fault withholds the answer.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

async fn answer(
    service: &Service,
    verifier: &Verifier,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let (parts, body) = request.into_parts();
    if parts.method == Method::GET && parts.uri.path() == STATS_PATH {
        return Ok(response(200, wire::to_json(&service.stats())));
    }
    let body = match timeout(IDLE_TIMEOUT, read_body(body, MAX_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(BodyError::TooLong(_))) => return Ok(refusal(&too_large())),
        Ok(Err(BodyError::Broken(_))) | Err(_) => return Err(Closed),
    };
    if service_quotas::operation(&parts).is_some() {
        let of_quotas = verifier.for_service(service_quotas::SIGNED_FOR);
        let signed = of_quotas.verify(&parts, &body, SystemTime::now());
        let answer = signed.and_then(|()| service_quotas::answer(service, &parts, &body));
        return Ok(match answer {
            Ok(answer) => response(200, wire::to_json(&answer)),
            Err(exception) => refusal(&exception),
        });
    }
    let round_trip = service.round_trip();
    delay(round_trip.out).await;
    let answer = match read(verifier, &parts, &body) {
        Ok(request) => perform(service, &request),
        Err(exception) => ServiceAnswer::Refused(exception),
    };
    let date = date(service);
    delay(round_trip.back).await;
    let mut response = match answer {
        ServiceAnswer::Success((status, body)) => response(status, body),
        ServiceAnswer::Page(status, body) => page(status, body),
        ServiceAnswer::Refused(exception) => refusal(&exception),
        ServiceAnswer::Closed | ServiceAnswer::Lost => return Err(Closed),
        ServiceAnswer::Silence => {
            let never: Infallible = pending().await;
            match never {}
        }
    };
    if let Some(date) = date {
        response.headers_mut().insert("date", date);
    }
    Ok(response)
}

/// The header `Date`, by the clock of the service: timestamps in its answers are of the same.
fn date(service: &Service) -> Option<HeaderValue> {
    let now = Timestamp::from_second(service.date()).ok()?;
    let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    HeaderValue::from_str(&text.ok()?).ok()
}

fn read(verifier: &Verifier, parts: &Parts, body: &[u8]) -> Result<Request, Exception> {
    verifier.verify(parts, body, SystemTime::now())?;
    Request::read(parts, body)
}

fn page(status: u16, body: String) -> Response<Full<Bytes>> {
    let is_html = body.trim_start().starts_with('<');
    let mut response = response(status, body.into_bytes());
    if is_html {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert("content-type", html);
    }
    response
}

fn refusal(exception: &Exception) -> Response<Full<Bytes>> {
    let mut response = response(exception.status, wire::refused(exception));
    if let Ok(name) = HeaderValue::from_str(&exception.name)
        && !name.is_empty()
    {
        response.headers_mut().insert("x-amzn-errortype", name);
    }
    response
}

fn response(status: u16, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if status != 204 {
        headers.insert("content-type", HeaderValue::from_static("application/json"));
    }
    let id = format!("{:032x}", rand::random::<u128>());
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

fn too_large() -> Exception {
    Exception {
        status: 413,
        name: "RequestEntityTooLargeException".into(),
        message: "the body is longer than 1 MiB".into(),
    }
}
