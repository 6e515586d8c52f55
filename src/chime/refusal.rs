//! Converts the SDK's errors and the answer's member errors into refusals.
//!
//! Promises: separates calls that were certainly not sent from those that may have been applied; when
//! in doubt, a call counts as applied. Keeps the service's messages, up to a limit. Must not: depend
//! on the operation.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};

use super::http_client::ProxyError;
use crate::model::codes;
use crate::model::{MemberError, Refusal, RefusalKind, is_unprintable};

/// Longest message that is read, in characters. It is shortened once the credentials are taken out
/// of it: a part of a key would not be found.
const MAX_MESSAGE: usize = 20_000;
/// Longest exception name that is read, in characters.
const MAX_CODE: usize = 2_000;

/// Why a call has no reply.
pub(super) fn refusal<E>(error: &SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let metadata = answer.err().meta();
            // If an answer names no exception, the SDK keeps its text as the error's cause.
            let metadata = source::<ErrorMetadata>(answer.err()).unwrap_or(metadata);
            from_answer(answer.raw(), metadata, error)
        }
        SdkError::ResponseError(answer) => {
            from_answer(answer.raw(), &ErrorMetadata::builder().build(), error)
        }
        SdkError::DispatchFailure(failure) => failure.as_connector_error().map_or_else(
            || lost(codes::CONNECTION_LOST, error),
            from_dispatch_failure,
        ),
        SdkError::TimeoutError(_) => lost(codes::TIMEOUT, error),
        SdkError::ConstructionFailure(_) => {
            own_refusal(RefusalKind::NoCredentials, codes::NO_CREDENTIALS, error)
        }
        _ => lost(codes::CONNECTION_LOST, error),
    }
}

/// One entry of a reply's `Errors`. Every field may be missing; without an ARN it is ignored.
pub(super) fn member_error(
    member: Option<String>,
    code: Option<&str>,
    message: Option<String>,
) -> Option<MemberError> {
    Some(MemberError {
        member: member?,
        code: sanitize(
            code.filter(|code| !code.is_empty())
                .unwrap_or(codes::NO_CODE),
            MAX_CODE,
        ),
        message: sanitize(&message.unwrap_or_default(), MAX_MESSAGE),
    })
}

/// An HTTP answer came, but no reply could be read from it.
fn from_answer(
    answer: &HttpResponse,
    metadata: &ErrorMetadata,
    error: &(dyn Error + 'static),
) -> Refusal {
    let status = answer.status().as_u16();
    // A body that is not JSON hides even the header from the SDK.
    let header = || answer.headers().get("x-amzn-errortype");
    let exception = metadata.code().or_else(header).map(exception_name);
    let exception = sanitize(exception.unwrap_or_default(), MAX_CODE);
    let (kind, code) = codes::refused_call(status, &exception, is_html(answer));
    if code == codes::UNREADABLE_REPLY {
        return own_refusal(kind, &code, error);
    }
    Refusal {
        kind,
        code,
        message: metadata.message().map_or_else(
            || format!("HTTP status {status}, without a message"),
            |text| sanitize(text, MAX_MESSAGE),
        ),
    }
}

/// Whether the answer is a web page: by its content type, or by its first character.
fn is_html(answer: &HttpResponse) -> bool {
    let content_type = answer.headers().get("content-type").unwrap_or_default();
    let body = answer.body().bytes().unwrap_or_default();
    content_type.to_ascii_lowercase().contains("html") || body.trim_ascii_start().starts_with(b"<")
}

/// `namespace#Exception:http://…` is how some AWS services write `Exception`.
fn exception_name(text: &str) -> &str {
    let name = text.split(':').next().unwrap_or(text);
    name.rsplit('#').next().unwrap_or(name).trim()
}

/// No HTTP answer came.
fn from_dispatch_failure(failure: &ConnectorError) -> Refusal {
    let connecting = source::<hyper_util::client::legacy::Error>(failure)
        .is_some_and(hyper_util::client::legacy::Error::is_connect);
    if source::<CredentialsError>(failure).is_some() {
        own_refusal(RefusalKind::NoCredentials, codes::NO_CREDENTIALS, failure)
    } else if connecting {
        // A proxy that refuses the tunnel has passed nothing on either.
        let code = if is_untrusted(failure) {
            codes::UNTRUSTED_SERVER
        } else if source::<ProxyError>(failure).is_some() {
            codes::PROXY_FAILED
        } else {
            codes::UNREACHABLE
        };
        own_refusal(RefusalKind::Unreachable, code, failure)
    } else if failure.is_timeout() {
        lost(codes::TIMEOUT, failure)
    } else {
        lost(codes::CONNECTION_LOST, failure)
    }
}

fn lost(code: &str, error: &(dyn Error + 'static)) -> Refusal {
    own_refusal(RefusalKind::Lost, code, error)
}

/// A refusal with our own message: the chain of causes, as no answer contains any.
fn own_refusal(kind: RefusalKind, code: &str, error: &(dyn Error + 'static)) -> Refusal {
    Refusal {
        kind,
        code: code.to_owned(),
        message: causes_text(error),
    }
}

/// The causes of an error, on one line.
pub(super) fn causes_text(error: &(dyn Error + 'static)) -> String {
    let mut causes: Vec<String> = chain(error).skip(1).map(ToString::to_string).collect();
    causes.dedup();
    let message = if causes.is_empty() {
        error.to_string()
    } else {
        causes.join(": ")
    };
    sanitize(&message, MAX_MESSAGE)
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Whether the server's certificate was not accepted.
fn is_untrusted(error: &(dyn Error + 'static)) -> bool {
    // `source` of an I/O error is that of the error inside, not the error itself.
    let mut errors = std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    });
    let is_certificate =
        |error: &rustls::Error| matches!(error, rustls::Error::InvalidCertificate(_));
    errors.any(|error| error.downcast_ref().is_some_and(is_certificate))
}

fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// At most `limit` characters on one line, escaped: text from outside must not control a terminal.
pub(super) fn sanitize(text: &str, limit: usize) -> String {
    let printable = |c: char| if is_unprintable(c) { ' ' } else { c };
    let mut line: String = text.chars().take(limit).map(printable).collect();
    if text.chars().nth(limit).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    type Failure = SdkError<ErrorMetadata, HttpResponse>;

    fn answer(status: u16, errortype: Option<&'static str>) -> HttpResponse {
        let status = StatusCode::try_from(status).unwrap();
        let mut answer = HttpResponse::new(status, SdkBody::empty());
        if let Some(errortype) = errortype {
            answer.headers_mut().insert("x-amzn-errortype", errortype);
        }
        answer
    }

    fn metadata(code: Option<&str>, message: Option<&str>) -> ErrorMetadata {
        let mut error = ErrorMetadata::builder();
        if let Some(code) = code {
            error = error.code(code);
        }
        if let Some(message) = message {
            error = error.message(message);
        }
        error.build()
    }

    #[test]
    fn the_exception_is_taken_from_the_body_or_the_header_without_its_trimmings() {
        let throttled = "ThrottledClientException";
        let trimmed = "com.amazonaws.chime#ThrottledClientException:http://internal/";
        let cases = [
            (
                answer(429, None),
                metadata(Some(throttled), Some("slow down")),
            ),
            (
                answer(400, Some(throttled)),
                metadata(None, Some("slow down")),
            ),
            (
                answer(400, Some(trimmed)),
                metadata(None, Some("slow down")),
            ),
        ];
        for (answer, error) in cases {
            let refusal = refusal(&Failure::service_error(error, answer));
            assert_eq!(refusal.kind, RefusalKind::Throttled);
            assert_eq!(refusal.code, throttled);
            assert_eq!(refusal.message, "slow down");
        }
    }

    #[test]
    fn an_answer_that_names_no_exception_goes_by_its_status() {
        let error = Failure::service_error(metadata(None, None), answer(503, None));
        let refusal = refusal(&error);
        assert_eq!(refusal.kind, RefusalKind::ServiceUnavailable);
        assert_eq!(refusal.code, "Http503");
        assert_eq!(refusal.message, "HTTP status 503, without a message");
    }

    #[test]
    fn a_success_that_cannot_be_read_is_lost_and_an_error_that_cannot_is_not() {
        let cut = |answer| refusal(&Failure::response_error("cut off", answer));
        let success = cut(answer(200, None));
        assert_eq!(success.kind, RefusalKind::Lost);
        assert_eq!(success.code, "UnreadableReply");
        let page = cut(answer(404, None));
        assert_eq!(
            (page.kind, &*page.code),
            (RefusalKind::WrongAddress, "Http404")
        );
        let throttled = cut(answer(429, Some("ThrottledClientException")));
        assert_eq!(throttled.kind, RefusalKind::Throttled);
    }

    #[test]
    fn only_a_failure_before_the_request_was_sent_is_free_of_doubt() {
        let credentials = CredentialsError::not_loaded("no provider had any");
        let before = ConnectorError::other(Box::new(credentials), None);
        let refused = refusal(&Failure::dispatch_failure(before));
        assert_eq!(refused.kind, RefusalKind::NoCredentials);
        assert!(refused.message.contains("no provider had any"));
        let io = ConnectorError::io("connection reset by peer".into());
        let timeout = ConnectorError::timeout("HTTP read timeout".into());
        let odd = ConnectorError::other("a header that is no text".into(), None);
        for (failure, code) in [
            (io, "ConnectionLost"),
            (timeout, "Timeout"),
            (odd, "ConnectionLost"),
        ] {
            let refused = refusal(&Failure::dispatch_failure(failure));
            assert_eq!((refused.kind, &*refused.code), (RefusalKind::Lost, code));
        }
        let timeout = refusal(&Failure::timeout_error("elapsed"));
        assert_eq!(
            (timeout.kind, &*timeout.code),
            (RefusalKind::Lost, "Timeout")
        );
    }

    #[test]
    fn long_and_unruly_words_are_tamed() {
        let words = format!("\u{1b}[2J\u{202e}{}", "é".repeat(2000));
        let error = metadata(Some("BadRequestException"), Some(&words));
        let refusal = refusal(&Failure::service_error(error, answer(400, None)));
        assert!(refusal.message.starts_with(" [2J é") && !refusal.message.ends_with('…'));
    }
}
