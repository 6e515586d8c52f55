//! Checks AWS Signature Version 4 as AWS does: signs each request again and compares.
//!
//! Rules: AWS, IAM User Guide, "Create a signed AWS API request". Signatures in the query
//! (presigned URLs), which no client of this service sends, are not accepted.
//!
//! Promises: no error contains a secret or the expected signature.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningInstructions, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use hyper::HeaderMap;
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;

use super::exception::Exception;
use crate::chime::{FixedCredentials, signing_identity};

/// How far the clocks may be apart (AWS, "Elements of an AWS API request signature").
const MAX_SKEW: Duration = Duration::from_mins(5);
/// Longest path and query accepted, in bytes, as at AWS's load balancers. The signer percent-encodes
/// the query, and panics if the result is longer than 64 KiB.
const MAX_TARGET: usize = 16 << 10;
/// The header with the time of the signature.
const DATE: &str = "x-amz-date";
/// The header with the hash of the body, which a client may send.
const BODY_HASH: &str = "x-amz-content-sha256";

/// Checks signatures made with one key.
#[derive(Clone)]
pub(super) struct Verifier {
    /// The key's id.
    pub(super) access_key: String,
    /// The key.
    pub(super) secret_key: String,
    /// The service that signatures must be for.
    pub(super) service: &'static str,
}

/// The `Authorization` header, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Authorization<'a> {
    access_key: &'a str,
    /// `date/region/service/aws4_request`
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl Verifier {
    /// One for the requests to another service.
    pub(super) fn for_service(&self, service: &'static str) -> Self {
        Self {
            service,
            ..self.clone()
        }
    }

    /// Checks a request's signature.
    pub(super) fn verify(
        &self,
        request: &Parts,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), Exception> {
        let header = text(&request.headers, "authorization").ok_or_else(missing)?;
        let authorization = Authorization::read(header).ok_or_else(incomplete)?;
        let stamp = text(&request.headers, DATE).ok_or_else(incomplete)?;
        if authorization.access_key != self.access_key {
            return Err(unrecognized());
        }
        let region = self.check_scope(authorization.scope, stamp)?;
        let time = check_time(stamp, now)?;
        check_signed_headers(&request.headers, authorization.signed_headers)?;
        if target(request).len() > MAX_TARGET {
            return Err(invalid("path and query are longer than 16 KiB"));
        }

        let signed = self
            .sign(request, body, authorization.signed_headers, region, time)
            .ok_or_else(mismatch)?;
        let expected = |header: &str| {
            let mut headers = signed.headers();
            headers.find_map(|(name, value)| (name == header).then_some(value))
        };
        let body_hash = text(&request.headers, BODY_HASH);
        if body_hash.is_some() && body_hash != expected(BODY_HASH) {
            return Err(invalid("x-amz-content-sha256 is not the hash of the body"));
        }
        hex::decode(authorization.signature).map_err(|_| incomplete())?;
        // The signer sorts the header names and writes the date in one form. Comparing the signature
        // alone would accept requests that write them in another.
        if expected("authorization").and_then(Authorization::read) != Some(authorization)
            || expected(DATE) != Some(stamp)
        {
            return Err(mismatch());
        }
        Ok(())
    }

    /// Checks the scope of a credential and returns its region.
    fn check_scope<'a>(&self, scope: &'a str, stamp: &str) -> Result<&'a str, Exception> {
        let parts: Vec<&str> = scope.split('/').collect();
        let [date, region, service, "aws4_request"] = parts[..] else {
            return Err(invalid("the credential's scope is malformed"));
        };
        if service != self.service {
            return Err(invalid("the credential is scoped to another service"));
        }
        if region.is_empty() || !stamp.starts_with(date) || date.len() != 8 {
            return Err(invalid(
                "the credential's scope is not of the request's day",
            ));
        }
        Ok(region)
    }

    /// Signs a request as its client should have, and returns the headers that result. `None` if it
    /// cannot be signed.
    fn sign(
        &self,
        request: &Parts,
        body: &[u8],
        signed_headers: &str,
        region: &str,
        time: SystemTime,
    ) -> Option<SigningInstructions> {
        let mut headers = Vec::new();
        for name in signed_headers.split(';') {
            for value in request.headers.get_all(name) {
                headers.push((name, str::from_utf8(value.as_bytes()).ok()?));
            }
        }
        // The signer panics if neither the headers nor the URI contain a host.
        request.headers.get("host")?;
        let signable = SignableRequest::new(
            request.method.as_str(),
            target(request),
            headers.into_iter(),
            SignableBody::Bytes(body),
        );

        let mut settings = SigningSettings::default();
        // Whatever the client signed is signed again, `user-agent` too.
        settings.excluded_headers = None;
        if text(&request.headers, BODY_HASH).is_some() {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let identity = signing_identity(FixedCredentials {
            access_key_id: self.access_key.clone(),
            secret_access_key: self.secret_key.clone(),
        });
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(self.service)
            .time(time)
            .settings(settings)
            .build();
        let signed = sign(signable.ok()?, &params.ok()?.into()).ok()?;
        Some(signed.into_parts().0)
    }
}

impl<'a> Authorization<'a> {
    fn read(header: &'a str) -> Option<Self> {
        let fields = header.strip_prefix("AWS4-HMAC-SHA256")?;
        let field = |name: &str| {
            fields
                .split(',')
                .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let (access_key, scope) = field("Credential")?.split_once('/')?;
        Some(Self {
            access_key,
            scope,
            signed_headers: field("SignedHeaders")?,
            signature: field("Signature")?,
        })
    }
}

/// Checks the time of a request and returns it.
fn check_time(stamp: &str, now: SystemTime) -> Result<SystemTime, Exception> {
    let read = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp)
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC))
        .map_err(|_| incomplete())?;
    let signed = SystemTime::from(read.timestamp());
    let skew = now
        .duration_since(signed)
        .unwrap_or_else(|earlier| earlier.duration());
    if skew > MAX_SKEW {
        return Err(invalid(
            "Signature expired: the request's time is more than 5 min from the service's",
        ));
    }
    Ok(signed)
}

/// `host` and every `x-amz-` header must be signed, or they could be changed on the way.
fn check_signed_headers(headers: &HeaderMap, signed: &str) -> Result<(), Exception> {
    let is_signed = |name: &str| signed.split(';').any(|one| one == name);
    let bound = |name: &&str| *name == "host" || name.starts_with("x-amz-");
    let mut names = headers.keys().map(hyper::header::HeaderName::as_str);
    if !is_signed("host") || names.any(|name| bound(&name) && !is_signed(name)) {
        return Err(invalid("host and all x-amz- headers must be signed"));
    }
    Ok(())
}

/// Path and query, as sent.
fn target(request: &Parts) -> &str {
    let target = request.uri.path_and_query();
    target.map_or("/", PathAndQuery::as_str)
}

/// The value of a header that is there once. The signer replaces headers that it computes: a second
/// value of one of them would be lost before the signature is checked.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

fn denied(name: &'static str, message: &'static str) -> Exception {
    Exception {
        status: 403,
        name: name.into(),
        message: message.into(),
    }
}

fn missing() -> Exception {
    denied(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    )
}

fn incomplete() -> Exception {
    denied(
        "IncompleteSignatureException",
        "Authorization (AWS4-HMAC-SHA256 with Credential, SignedHeaders, Signature) or X-Amz-Date \
         is missing or malformed",
    )
}

fn unrecognized() -> Exception {
    denied(
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )
}

fn mismatch() -> Exception {
    invalid(
        "The request signature we calculated does not match the signature you provided. Check your \
         AWS Secret Access Key and signing method.",
    )
}

fn invalid(message: &'static str) -> Exception {
    denied("InvalidSignatureException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &str = include_str!("../../tests/sigv4/vectors.txt");
    /// The key that all of them are signed with.
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    /// When most of them are signed.
    const NOW: Duration = Duration::from_mins(24_015_636);

    fn verifier(service: &'static str) -> Verifier {
        Verifier {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: SECRET.into(),
            service,
        }
    }

    /// Name, request and body of each request that AWS publishes.
    fn vectors() -> Vec<(&'static str, Parts, &'static [u8])> {
        let read = |vector: &'static str| {
            let (name, request) = vector.split_once('\n').unwrap();
            let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
            let (line, headers) = head.split_once('\n').unwrap();
            let (method, target) = line.split_once(' ').unwrap();
            let target = target.trim_end_matches(" HTTP/1.1");
            let mut request = hyper::Request::builder().method(method).uri(target);
            for header in headers.lines() {
                let (name, value) = header.split_once(':').unwrap();
                request = request.header(name, value.trim());
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            (name, parts, body.trim_end().as_bytes())
        };
        VECTORS.split("=== ").skip(1).map(read).collect()
    }

    /// What checks a vector, and the time of its signature.
    fn checked_by(request: &Parts) -> (Verifier, SystemTime) {
        let authorization = request.headers["authorization"].to_str().unwrap();
        let mut services = ["service", "lambda", "iam"].into_iter();
        let service = services.find(|name| authorization.contains(&format!("/{name}/")));
        let stamp = request.headers[DATE].to_str().unwrap();
        let time: jiff::civil::DateTime = stamp.trim_end_matches('Z').parse().unwrap();
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        (verifier(service.unwrap()), time.into())
    }

    /// The text with the byte at this place changed.
    fn changed(text: &[u8], at: usize) -> Vec<u8> {
        let mut text = text.to_vec();
        text[at] = if text[at] == b'0' { b'1' } else { b'0' };
        text
    }

    #[test]
    fn aws_published_vectors_verify() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 34);
        for (name, request, body) in vectors {
            let (verifier, now) = checked_by(&request);
            assert_eq!(verifier.verify(&request, body, now), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_changed_byte_is_refused() {
        for (name, original, body) in vectors() {
            let (verifier, now) = checked_by(&original);
            let refused = |request: &Parts, body: &[u8]| {
                let answer = verifier.verify(request, body, now);
                assert!(answer.is_err(), "{name}: {request:?} {body:?}");
            };

            let mut request = original.clone();
            request.method = hyper::Method::PUT;
            refused(&request, body);

            refused(&original, &[body, b"0"].concat());
            for at in 0..body.len() {
                refused(&original, &changed(body, at));
            }

            for (index, value) in original.headers.values().enumerate() {
                for at in 0..value.len() {
                    let mut request = original.clone();
                    let header = request.headers.values_mut().nth(index).unwrap();
                    *header = changed(value.as_bytes(), at).try_into().unwrap();
                    refused(&request, body);
                }
            }

            let target = target(&original);
            let mut request = original.clone();
            request.uri = format!("{target}0").parse().unwrap();
            refused(&request, body);
            // Segments that are normalized away may be anything.
            if target.contains("//") || target.contains("/.") {
                continue;
            }
            for at in 1..target.len() {
                // A changed byte of a longer character is not UTF-8, hence no URI.
                if let Ok(uri) = changed(target.as_bytes(), at).try_into() {
                    request.uri = uri;
                    refused(&request, body);
                }
            }
        }
    }

    #[test]
    fn what_is_not_signed_so_is_refused_by_its_name() {
        let at = SystemTime::UNIX_EPOCH + NOW;
        let good = || vectors().remove(0).1;
        let refused = |verifier: &Verifier, request: &Parts, body: &[u8], at| {
            let exception = verifier.verify(request, body, at).unwrap_err();
            assert_eq!(exception.status, 403);
            exception.name.into_owned()
        };
        let ours = verifier("service");
        let invalid = "InvalidSignatureException";

        assert_eq!(refused(&ours, &good(), b"changed", at), invalid);
        let late = at + MAX_SKEW + Duration::from_secs(1);
        assert_eq!(refused(&ours, &good(), b"", late), invalid);
        let early = at - MAX_SKEW - Duration::from_secs(1);
        assert_eq!(refused(&ours, &good(), b"", early), invalid);
        assert_eq!(refused(&verifier("chime"), &good(), b"", at), invalid);

        let mut other_path = good();
        other_path.uri = "/other".parse().unwrap();
        assert_eq!(refused(&ours, &other_path, b"", at), invalid);

        let mut unsigned_header = good();
        let name = hyper::header::HeaderName::from_static("x-amz-chime-bearer");
        unsigned_header.headers.insert(name, "b".parse().unwrap());
        assert_eq!(refused(&ours, &unsigned_header, b"", at), invalid);

        let mut wrong_secret = verifier("service");
        wrong_secret.secret_key.push('x');
        assert_eq!(refused(&wrong_secret, &good(), b"", at), invalid);
        let mut wrong_key = verifier("service");
        wrong_key.access_key.push('x');
        assert_eq!(
            refused(&wrong_key, &good(), b"", at),
            "UnrecognizedClientException"
        );

        let mut unsigned = good();
        unsigned.headers.remove("authorization");
        assert_eq!(
            refused(&ours, &unsigned, b"", at),
            "MissingAuthenticationTokenException"
        );
        let mut garbled = good();
        let header = garbled.headers.get_mut("authorization").unwrap();
        *header = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE".parse().unwrap();
        assert_eq!(
            refused(&ours, &garbled, b"", at),
            "IncompleteSignatureException"
        );
    }

    /// Replaces text in the `Authorization` header.
    fn rewrite(request: &mut Parts, from: &str, to: &str) {
        let header = request.headers.get_mut("authorization").unwrap();
        *header = header.to_str().unwrap().replace(from, to).parse().unwrap();
    }

    /// The two signatures were computed without the signer.
    #[test]
    fn headers_are_checked_that_the_signer_would_skip_or_rewrite() {
        let at = SystemTime::UNIX_EPOCH + NOW;
        let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

        let mut agent = vectors().remove(0).1;
        let signature = "49daeac37b871b1c2e8c9dc9849f29f6f590df958de6e5d99dd3108535e650fe";
        rewrite(&mut agent, vanilla, signature);
        rewrite(&mut agent, "host;", "host;user-agent;");
        let name = hyper::header::USER_AGENT;
        agent.headers.insert(&name, "a client".parse().unwrap());
        assert_eq!(verifier("service").verify(&agent, b"", at), Ok(()));
        agent.headers.insert(&name, "another".parse().unwrap());
        let answer = verifier("service").verify(&agent, b"", at);
        assert_eq!(answer, Err(mismatch()));

        let mut dated = vectors().remove(0).1;
        let signature = "e9214abcc8dfd582446e18d752b6f47ba8bbe6a2a515752b0fd87a75805875ba";
        rewrite(&mut dated, vanilla, signature);
        // The parser reads second 60 as 59.
        for (stamp, expected) in [
            ("20150830T123659Z", Ok(())),
            ("20150830T123660Z", Err(mismatch())),
        ] {
            dated.headers.insert(DATE, stamp.parse().unwrap());
            assert_eq!(verifier("service").verify(&dated, b"", at), expected);
        }
    }

    #[test]
    fn what_the_signer_would_accept_or_panic_on_is_refused() {
        let at = SystemTime::UNIX_EPOCH + NOW;
        let refused = |change: &dyn Fn(&mut Parts)| {
            let mut request = vectors().remove(0).1;
            change(&mut request);
            let exception = verifier("service").verify(&request, b"", at).unwrap_err();
            exception.name.into_owned()
        };
        let rewritten = |from, to| refused(&|request| rewrite(request, from, to));
        let invalid = "InvalidSignatureException";
        let incomplete = "IncompleteSignatureException";

        assert_eq!(rewritten("host;x-amz-date", "x-amz-date;host"), invalid);
        assert_eq!(rewritten("host;x", "host;host;x"), invalid);
        assert_eq!(rewritten("host;x", "absent;host;x"), invalid);
        assert_eq!(rewritten("Signature=5fa", "Signature=5FA"), invalid);
        assert_eq!(rewritten("Signature=5fa", "Signature=5"), invalid);
        assert_eq!(rewritten("Signature=5fa", "Signature=xyz"), incomplete);

        let second_date = refused(&|request| {
            request.headers.append(DATE, "another".parse().unwrap());
        });
        assert_eq!(second_date, incomplete);
        let no_host = refused(&|request| {
            request.headers.remove("host");
        });
        assert_eq!(no_host, invalid);
        let not_text = refused(&|request| {
            let value = hyper::header::HeaderValue::from_bytes(b"\xff").unwrap();
            request.headers.insert("host", value);
        });
        assert_eq!(not_text, invalid);
        let (_, mut form, body) = vectors()
            .into_iter()
            .find(|(_, request, _)| request.headers.contains_key(BODY_HASH))
            .unwrap();
        let hash = form.headers[BODY_HASH].clone();
        form.headers.append(BODY_HASH, hash);
        assert_eq!(verifier("service").verify(&form, body, at), Err(mismatch()));
        for length in [MAX_TARGET, MAX_TARGET + 1, 60_000] {
            let long = format!("/?{}", "!".repeat(length - 2));
            let long = refused(&|request| request.uri = long.parse().unwrap());
            assert_eq!(long, invalid);
        }
    }
}
