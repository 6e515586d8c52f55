//! Why a request to object storage failed, in words.
//!
//! Promises: what went wrong, and how to fix it, with the IAM action where access is denied. Must
//! not: repeat a URL with its query, or a header.

use std::error::Error;

use super::ObjectUrl;
use super::bucket::Bucket;
use super::http::{Refused, cause};
use crate::chime::{NoAccess, SendError};
use crate::roster::RemoteError;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To read an object.
    Read,
    /// To write one.
    Write,
}

impl Purpose {
    /// The IAM action.
    fn action(self) -> &'static str {
        match self {
            Self::Read => "s3:GetObject",
            Self::Write => "s3:PutObject",
        }
    }
}

/// Whether an object is no longer the one that is asked for.
pub(super) fn is_replaced(error: &object_store::Error) -> bool {
    cause::<Refused>(error).is_some_and(|refused| refused.status == 412)
}

/// Whether a repetition may have another result.
pub(super) fn may_pass(error: &object_store::Error) -> bool {
    cause::<NoAccess>(error).is_none()
        && cause::<Refused>(error).is_none_or(|refused| refused.status >= 500)
}

/// The error in words.
pub(super) fn explain(
    error: &object_store::Error,
    purpose: Purpose,
    url: &ObjectUrl,
    bucket: &Bucket,
) -> RemoteError {
    if let Some(refused) = cause::<Refused>(error) {
        return of_refusal(refused, purpose, url, bucket);
    }
    if let Some(error) = cause::<NoAccess>(error) {
        return later(
            format!("cannot be asked for without AWS credentials: {error}"),
            "set credentials or --profile, or renew them: aws sso login",
        );
    }
    let why = cause::<SendError>(error).map_or_else(|| deepest(error), ToString::to_string);
    later(
        format!("S3 cannot be reached at {}: {why}", bucket.host()),
        "check the network, DNS and proxies, and AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL if one is set",
    )
}

/// The innermost cause.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

fn usage(what: impl Into<String>, hint: impl Into<String>) -> RemoteError {
    RemoteError {
        what: what.into(),
        hint: hint.into(),
        is_usage: true,
    }
}

fn later(what: impl Into<String>, hint: impl Into<String>) -> RemoteError {
    RemoteError {
        is_usage: false,
        ..usage(what, hint)
    }
}

fn of_refusal(
    refused: &Refused,
    purpose: Purpose,
    url: &ObjectUrl,
    bucket: &Bucket,
) -> RemoteError {
    let code = match (refused.code.as_str(), refused.status) {
        // The answer to a HEAD request has no code.
        ("", 403) => "AccessDenied",
        ("", 404) => "NoSuchKey",
        (code, _) => code,
    };
    match code {
        "NoSuchKey" | "NoSuchVersion" => usage(
            "does not exist",
            format!(
                "check the key; aws s3 ls s3://{}/ lists those that exist",
                url.bucket()
            ),
        ),
        "NoSuchBucket" | "InvalidBucketName" => usage(
            format!("there is no bucket `{}`", url.bucket()),
            "check the bucket's name, and the endpoint if one is set",
        ),
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => {
            let missing = match purpose {
                Purpose::Read => {
                    "; without s3:ListBucket, S3 also denies a key that does not exist: check the key"
                }
                Purpose::Write => "",
            };
            usage(
                match refused.message.as_str() {
                    "" => format!("access is denied by {}", bucket.host()),
                    message => format!("access is denied by {}: {message}", bucket.host()),
                },
                format!(
                    "allow the IAM action {} on arn:aws:s3:::{}/{}, and that of its KMS key if it is \
                     encrypted with one{missing}",
                    purpose.action(),
                    url.bucket(),
                    url.key()
                ),
            )
        }
        "ExpiredToken" | "TokenRefreshRequired" | "RequestExpired" => later(
            "the AWS credentials have expired",
            "renew them, for example with aws sso login",
        ),
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "InvalidSecurity" => {
            later(
                format!(
                    "the AWS credentials were not accepted: {code}: {}",
                    refused.message
                ),
                "check the credentials and --profile",
            )
        }
        "RequestTimeTooSkewed" => later(
            format!("the clock of this machine is wrong: {}", refused.message),
            "set the clock",
        ),
        "InvalidObjectState" => usage(
            "is archived, and cannot be read before it is restored",
            format!(
                "restore it: aws s3api restore-object --bucket {} --key KEY --restore-request Days=1",
                url.bucket()
            ),
        ),
        _ if refused
            .region
            .as_deref()
            .is_some_and(|region| region != bucket.region()) =>
        {
            let region = refused.region.as_deref().unwrap_or_default();
            usage(
                format!(
                    "the bucket is in region {region}, and was asked for in {}",
                    bucket.region()
                ),
                format!("set AWS_REGION={region}, and check the endpoint if one is set"),
            )
        }
        _ if refused.status < 500 => usage(
            format!("S3 refuses the request: {refused}"),
            format!(
                "see the error codes of the Amazon S3 API; the action is {}",
                purpose.action()
            ),
        ),
        _ => later(
            format!("S3 is not available: {refused}"),
            "try again in a moment",
        ),
    }
}
