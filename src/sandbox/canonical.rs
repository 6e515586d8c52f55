//! The canonical form of a request, which Signature Version 4 signs.
//!
//! Rules: AWS, IAM User Guide, "Create a signed AWS API request", step 1.

use hyper::http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// What stands for itself in a canonical request; all else is percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The request as it is hashed into its signature; `payload` is the body's hash in hex.
pub(super) fn canonical_request(request: &Parts, signed_headers: &str, payload: &str) -> String {
    let mut headers = String::new();
    for name in signed_headers.split(';') {
        let values = request.headers.get_all(name).iter();
        let values = values.map(|value| {
            let value = String::from_utf8_lossy(value.as_bytes());
            value.split_whitespace().collect::<Vec<_>>().join(" ")
        });
        headers.push_str(name);
        headers.push(':');
        headers.push_str(&values.collect::<Vec<_>>().join(","));
        headers.push('\n');
    }
    format!(
        "{}\n{}\n{}\n{headers}\n{signed_headers}\n{payload}",
        request.method,
        canonical_path(request.uri.path()),
        canonical_query(request.uri.query().unwrap_or_default()),
    )
}

/// The path as sent, dot segments resolved and encoded once more: services other than S3 sign it
/// twice encoded.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut canonical = String::with_capacity(path.len() * 2);
    for segment in &segments {
        canonical.push('/');
        canonical.extend(percent_encode(segment.as_bytes(), ENCODED));
    }
    if segments.is_empty() || path.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

fn canonical_query(query: &str) -> String {
    let encode = |text: &str| {
        let plain: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&plain, ENCODED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (encode(key), encode(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_encoded_once_more() {
        assert_eq!(
            canonical_path("/channels/arn%3Aaws%2Fx/memberships"),
            "/channels/arn%253Aaws%252Fx/memberships"
        );
        assert_eq!(canonical_path("//a/./b/../c/"), "/a/c/");
        assert_eq!(canonical_query("b=2&a=%2f&c&a=1"), "a=%2F&a=1&b=2&c=");
    }
}
