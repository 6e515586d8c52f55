//! The metrics by HTTP, for Prometheus.
//!
//! Promises: a client can hold up neither the run nor other clients for long: it has few connections, for
//! a few seconds, and its request's body is not read.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::prometheus_text;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::measures::{Format, Measures};
use crate::screen::Screen;

/// The path of the metrics.
const PATH: &str = "/metrics";
/// Connections at once; one more is closed.
const MOST_CONNECTIONS: usize = 4;
/// How long a connection may take, from its beginning to its end: Prometheus gives up after 10 seconds.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest head of a request, in bytes; the least that hyper accepts.
const MAX_HEAD: usize = 8 * 1024;
/// How long to wait when no connection can be accepted, usually because of too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// An address to listen on: an address and a port, or a port on this machine only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetricsAddress(SocketAddr);

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = match text.strip_prefix(':').map(str::parse) {
            Some(port) => port.ok().map(|port| (Ipv4Addr::LOCALHOST, port).into()),
            None => text.parse().ok(),
        };
        let form = "such as :9100, 127.0.0.1:9100 or [::1]:9100";
        address
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not an address and a port, {form}"))
    }
}

impl fmt::Display for MetricsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Serves the metrics until it is dropped.
pub(super) struct Listener(JoinHandle<()>);

impl Listener {
    /// Begins to serve, and prints where. To be called in tokio's runtime.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub(super) fn begin(
        address: MetricsAddress,
        measures: Measures,
        screen: &Screen,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address.0)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        screen.note(format_args!("metrics: http://{address}{PATH}"));
        if !address.ip().is_loopback() {
            screen.note(
                "note: not a loopback address: everybody who can reach it can read the metrics",
            );
        }
        Ok(Self(tokio::spawn(serve(listener, measures))))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn serve(listener: TcpListener, measures: Measures) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < MOST_CONNECTIONS => {
                    let connection = connection(stream, measures.clone());
                    connections.spawn(timeout(CONNECTION_TIMEOUT, connection));
                }
                Ok(_) => {}
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, measures: Measures) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let answer = answer(&request, &measures);
        async move { Ok::<_, Infallible>(answer) }
    });
    // Not an error of the run: the client closed the connection, or sent something else.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

fn answer(request: &Request<Incoming>, measures: &Measures) -> Response<Full<Bytes>> {
    if request.uri().path() != PATH {
        let text = format!("the metrics are at {PATH}\n");
        return response(StatusCode::NOT_FOUND, PLAIN, text);
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let text = "use GET\n".to_owned();
        let mut response = response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, text);
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    let format = accepted(request.headers());
    let content_type = match format {
        Format::OpenMetrics => OPEN_METRICS,
        Format::Prometheus => prometheus_text::CONTENT_TYPE,
    };
    match measures.text(format) {
        Ok(text) => response(StatusCode::OK, content_type, text),
        Err(error) => {
            let text = format!("{error}\n");
            response(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, text)
        }
    }
}

fn response(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// The format that a client prefers; of the two, the older one if it does not care.
fn accepted(headers: &HeaderMap) -> Format {
    let (mut open_metrics, mut plain) = (0.0, 0.0);
    let values = headers.get_all(ACCEPT).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
        let quality: f32 = quality.unwrap_or(1.0);
        match name.as_str() {
            "application/openmetrics-text" => open_metrics = quality.max(open_metrics),
            "text/plain" | "text/*" | "*/*" => plain = quality.max(plain),
            _ => {}
        }
    }
    if open_metrics > 0.0 && open_metrics >= plain {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_this_machine_only() {
        for (text, address) in [
            (":9100", "127.0.0.1:9100"),
            (":0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:9100", "[::1]:9100"),
        ] {
            assert_eq!(text.parse::<MetricsAddress>().unwrap().to_string(), address);
        }
        for text in [
            "",
            ":",
            "9100",
            ":70000",
            "localhost:9100",
            "::1:9100:x",
            "http://x/",
        ] {
            let error = text.parse::<MetricsAddress>().unwrap_err();
            assert!(error.contains("such as :9100"), "{error}");
        }
    }

    #[test]
    fn the_format_is_the_one_that_the_client_prefers() {
        let format = |accept: &'static str| {
            accepted(&HeaderMap::from_iter([(
                ACCEPT,
                HeaderValue::from_static(accept),
            )]))
        };
        assert_eq!(accepted(&HeaderMap::new()), Format::Prometheus);
        // Of Prometheus 2.42.
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for accept in [
            prometheus,
            "Application/OpenMetrics-Text",
            "text/plain;q=0.2, application/openmetrics-text; q=0.3",
        ] {
            assert_eq!(format(accept), Format::OpenMetrics, "{accept}");
        }
        for accept in [
            "*/*",
            "text/html",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.2, text/plain",
        ] {
            assert_eq!(format(accept), Format::Prometheus, "{accept}");
        }
    }
}
