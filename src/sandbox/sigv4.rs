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

    /// Of AWS's published Signature Version 4 test suite.
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const STAMP: &str = "20150830T123600Z";
    const NOW: Duration = Duration::from_mins(24_015_636);

    fn verifier(service: &'static str) -> Verifier {
        Verifier {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: SECRET.into(),
            service,
        }
    }

    fn request(
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        service: &str,
        signature: &str,
    ) -> Parts {
        let mut names: Vec<String> = headers.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.push("x-amz-date".into());
        names.sort();
        names.dedup();
        let mut request = hyper::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request = request.header("x-amz-date", STAMP).header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request, \
                 SignedHeaders={}, Signature={signature}",
                names.join(";")
            ),
        );
        request.body(()).unwrap().into_parts().0
    }

    const HOST: (&str, &str) = ("host", "example.amazonaws.com");

    fn vectors() -> Vec<(&'static str, Parts, &'static [u8])> {
        let make = |name, method, uri, headers: &[(&str, &str)], signature| {
            (
                name,
                request(method, uri, headers, "service", signature),
                &b""[..],
            )
        };
        let form = ("content-type", "application/x-www-form-urlencoded");
        let mut vectors = vec![
            make(
                "get-vanilla",
                "GET",
                "/",
                &[HOST],
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            make(
                "get-vanilla-query-order-key-case",
                "GET",
                "/?Param2=value2&Param1=value1",
                &[HOST],
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            make(
                "get-header-value-trim",
                "GET",
                "/",
                &[
                    HOST,
                    ("my-header1", " value1"),
                    ("my-header2", " \"a   b   c\""),
                ],
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            make(
                "normalize-path/get-relative",
                "GET",
                "/example/..",
                &[HOST],
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            make(
                "post-vanilla",
                "POST",
                "/",
                &[HOST],
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            make(
                "post-x-www-form-urlencoded",
                "POST",
                "/",
                &[HOST, form],
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ];
        vectors[5].2 = b"Param1=value1";
        vectors
    }

    #[test]
    fn aws_published_vectors_verify() {
        let at = SystemTime::UNIX_EPOCH + NOW;
        for (name, request, body) in vectors() {
            assert_eq!(
                verifier("service").verify(&request, body, at),
                Ok(()),
                "{name}"
            );
        }
        // AWS, "Create a signed AWS API request": ListUsers of IAM.
        let list_users = request(
            "GET",
            "/?Action=ListUsers&Version=2010-05-08",
            &[
                ("host", "iam.amazonaws.com"),
                (
                    "content-type",
                    "application/x-www-form-urlencoded; charset=utf-8",
                ),
            ],
            "iam",
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        );
        assert_eq!(verifier("iam").verify(&list_users, b"", at), Ok(()));
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
}
