//! Limits the size and the time of answers, from any server.
//!
//! Promises: no answer takes more memory than a fixed limit, more time than the timeout of its call,
//! or nests deeper than the decoders allow. A larger answer is handled as a body that ends early: a
//! status that refuses the call still counts. The timeout starts when the request is passed to the
//! network, so waiting for credentials does not use it up. Must not: depend on the operation.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use hyper::body::{Body, Bytes, Frame};
use memchr::memchr2;
use tokio::time::Instant;

use super::body::{BodyError, read_body};

/// The longest body that is read, in bytes. A hundred members with the longest ARNs, names and
/// messages there can be take less than 2 MiB.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// The deepest nesting that is decoded. The service's answers go four deep; a decoder that skips
/// unknown values recursively, which takes a stack frame for each level.
const MAX_DEPTH: usize = 64;

tokio::task_local! {
    /// The call that the task makes.
    static CALL: Call;
}

/// A call under way.
struct Call {
    /// How long its answer is waited for.
    timeout: Duration,
    /// What came with its answer.
    head: Cell<Option<AnswerHead>>,
}

/// What the SDK does not pass on of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AnswerHead {
    /// The header `Date`, as Unix time in seconds.
    pub(super) date: Option<i64>,
    /// Whether the body has no bytes.
    pub(super) is_empty: bool,
}

/// Makes a call whose answer is waited for this long, from when its request leaves.
pub(super) fn with_timeout<F: Future>(
    timeout: Duration,
    call: F,
) -> impl Future<Output = F::Output> {
    let head = Cell::new(None);
    CALL.scope(Call { timeout, head }, call)
}

/// What came with the answer of the call that is made [`with_timeout`]; `None` before, and if no
/// whole answer came.
pub(super) fn answer_head() -> Option<AnswerHead> {
    CALL.try_with(|call| call.head.get()).ok().flatten()
}

/// An HTTP client that reads bodies itself, within bounds.
#[derive(Debug)]
pub(super) struct BoundedClient {
    inner: SharedHttpClient,
    timeout: AnswerTimeout,
}

/// How long an answer may take, to its end.
#[derive(Debug, Clone, Copy)]
enum AnswerTimeout {
    /// As long as its call allows: see [`with_timeout`].
    OfCall,
    /// This long.
    Fixed(Duration),
}

impl BoundedClient {
    /// For calls made [`with_timeout`] a time.
    pub(super) fn for_calls(inner: SharedHttpClient) -> SharedHttpClient {
        let timeout = AnswerTimeout::OfCall;
        Self { inner, timeout }.into_shared()
    }

    /// For the requests of a credential chain, within whose call others are made.
    pub(super) fn for_credentials(inner: SharedHttpClient, timeout: Duration) -> SharedHttpClient {
        let timeout = AnswerTimeout::Fixed(timeout);
        Self { inner, timeout }.into_shared()
    }
}

impl HttpClient for BoundedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(BoundedConnector {
            inner: self.inner.http_connector(settings, components),
            timeout: self.timeout,
        })
    }
}

#[derive(Debug)]
struct BoundedConnector {
    inner: SharedHttpConnector,
    timeout: AnswerTimeout,
}

impl HttpConnector for BoundedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let timeout = match self.timeout {
            AnswerTimeout::OfCall => CALL.try_with(|call| call.timeout).unwrap_or(Duration::MAX),
            AnswerTimeout::Fixed(timeout) => timeout,
        };
        let is_of_call = matches!(self.timeout, AnswerTimeout::OfCall);
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let deadline = deadline_after(timeout);
            let late = || ConnectorError::timeout(AnswerError::TooSlow(timeout).into());
            let answer = tokio::time::timeout_at(deadline, answer).await;
            let mut answer: HttpResponse = answer.map_err(|_| late())??;
            let body = read_bounded(answer.take_body(), deadline).await;
            if is_of_call && let Ok(bytes) = &body {
                let head = AnswerHead {
                    date: date(&answer),
                    is_empty: bytes.is_empty(),
                };
                // Without a call, nobody asks for it.
                let _ = CALL.try_with(|call| call.head.set(Some(head)));
            }
            *answer.body_mut() = match body {
                Ok(bytes) => SdkBody::from(bytes),
                Err(AnswerError::TooSlow(_)) if answer.status().is_success() => return Err(late()),
                Err(error) => SdkBody::from_body_1_x(FailedBody(Some(error))),
            };
            Ok(answer)
        })
    }
}

/// The header `Date`, as Unix time in seconds.
fn date(answer: &HttpResponse) -> Option<i64> {
    let text = answer.headers().get("date")?;
    let date = DateTime::from_str(text, Format::HttpDate).ok()?;
    Some(date.secs())
}

/// This long from now, or so late that it never comes.
fn deadline_after(time: Duration) -> Instant {
    const MAX_WAIT: Duration = Duration::from_hours(24 * 365);
    Instant::now() + time.min(MAX_WAIT)
}

/// Reads a body to its end.
async fn read_bounded(body: SdkBody, deadline: Instant) -> Result<Vec<u8>, AnswerError> {
    let timeout = deadline.saturating_duration_since(Instant::now());
    let whole = tokio::time::timeout_at(deadline, read_body(body, MAX_BODY));
    let bytes = match whole.await {
        Err(_) => return Err(AnswerError::TooSlow(timeout)),
        Ok(Err(BodyError::TooLong(_))) => return Err(AnswerError::TooLong),
        Ok(Err(BodyError::Broken(error))) => return Err(AnswerError::Broken(error)),
        Ok(Ok(whole)) => whole,
    };
    if depth(&bytes) > MAX_DEPTH {
        return Err(AnswerError::TooDeep);
    }
    Ok(bytes)
}

/// How deep the brackets of a JSON text are nested, those in strings aside.
fn depth(text: &[u8]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'"' => rest = after_string(after),
            b'{' | b'[' => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// What follows a string's closing quote; nothing if it has none.
fn after_string(mut text: &[u8]) -> &[u8] {
    // Most of an answer is strings: ARNs.
    while let Some(at) = memchr2(b'"', b'\\', text) {
        if text[at] == b'"' {
            return &text[at + 1..];
        }
        text = text.get(at + 2..).unwrap_or_default();
    }
    &[]
}

/// Why a body is not given to the decoder.
#[derive(Debug)]
enum AnswerError {
    TooLong,
    TooSlow(Duration),
    TooDeep,
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the answer is longer than {} MiB", MAX_BODY >> 20),
            Self::TooSlow(timeout) => write!(f, "the answer did not end within {timeout:?}"),
            Self::TooDeep => write!(f, "the answer is nested more than {MAX_DEPTH} deep"),
            Self::Broken(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AnswerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Broken(error) => error.source(),
            _ => None,
        }
    }
}

/// A body that breaks off at once.
struct FailedBody(Option<AnswerError>);

impl Body for FailedBody {
    type Data = Bytes;
    type Error = AnswerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn depth_is_that_of_brackets_outside_strings() {
        let cases = [
            ("", 0),
            ("{}", 1),
            (r#"{"a":[{"b":[]}],"c":[]}"#, 4),
            (r#"{"a":"[[[[\"[[["}"#, 1),
            (r#"{"a\\":[]}"#, 2),
            ("]]]][", 1),
        ];
        for (text, wanted) in cases {
            assert_eq!(depth(text.as_bytes()), wanted, "{text}");
        }
        assert_eq!(depth("[".repeat(1_000_000).as_bytes()), 1_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_within_its_bounds_or_not_at_all() {
        let timeout = Duration::from_secs(1);
        let said = |body: SdkBody| async move {
            let read = read_bounded(body, Instant::now() + timeout).await;
            read.map(|bytes| bytes.len())
                .map_err(|error| error.to_string())
        };
        assert_eq!(said(SdkBody::from("{}")).await, Ok(2));
        let most = SdkBody::from(vec![b' '; MAX_BODY]);
        assert_eq!(said(most).await, Ok(MAX_BODY));
        let long = said(SdkBody::from(vec![b' '; MAX_BODY + 1])).await;
        assert_eq!(long, Err("the answer is longer than 4 MiB".to_owned()));
        let deepest = "[".repeat(MAX_DEPTH);
        assert_eq!(said(SdkBody::from(deepest.clone())).await, Ok(MAX_DEPTH));
        let deep = said(SdkBody::from(deepest + "[")).await;
        assert_eq!(
            deep,
            Err("the answer is nested more than 64 deep".to_owned())
        );
        let broken = SdkBody::from_body_1_x(FailedBody(Some(AnswerError::Broken("reset".into()))));
        assert_eq!(said(broken).await, Err("reset".to_owned()));
        let silent = SdkBody::from_body_1_x(Silent);
        assert_eq!(
            said(silent).await,
            Err("the answer did not end within 1s".to_owned())
        );
    }

    /// A frame's one byte; `Drop` takes it off the count of those kept.
    struct Byte(Arc<AtomicUsize>);

    impl AsRef<[u8]> for Byte {
        fn as_ref(&self) -> &[u8] {
            b" "
        }
    }

    impl Drop for Byte {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A body of one-byte frames.
    struct Drips {
        left: usize,
        kept: Arc<AtomicUsize>,
        most_kept: Arc<AtomicUsize>,
    }

    impl Body for Drips {
        type Data = Bytes;
        type Error = AnswerError;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
            let Some(left) = self.left.checked_sub(1) else {
                return Poll::Ready(None);
            };
            self.left = left;
            let kept = self.kept.fetch_add(1, Ordering::Relaxed) + 1;
            self.most_kept.fetch_max(kept, Ordering::Relaxed);
            let byte = Bytes::from_owner(Byte(Arc::clone(&self.kept)));
            Poll::Ready(Some(Ok(Frame::data(byte))))
        }
    }

    #[tokio::test]
    async fn frames_are_not_kept_one_by_one() {
        let most_kept = Arc::new(AtomicUsize::new(0));
        let drips = Drips {
            left: 100_000,
            kept: Arc::default(),
            most_kept: Arc::clone(&most_kept),
        };
        let body = SdkBody::from_body_1_x(drips);
        let whole = read_bounded(body, deadline_after(Duration::from_mins(1)))
            .await
            .unwrap();
        assert_eq!(whole.len(), 100_000);
        assert_eq!(most_kept.load(Ordering::Relaxed), 1);
    }

    /// A body that never comes.
    struct Silent;

    impl Body for Silent {
        type Data = Bytes;
        type Error = AnswerError;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
            Poll::Pending
        }
    }
}
