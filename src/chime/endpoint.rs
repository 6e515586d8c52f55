//! Where the service is, if not at Amazon.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The address of a service: `http://HOST:PORT` or `https://HOST`, without a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct EndpointUrl(String);

/// No address of a service. The text is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint URL is not of the form http://HOST:PORT or https://HOST")]
pub struct EndpointUrlError;

impl EndpointUrl {
    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EndpointUrl {
    type Error = EndpointUrlError;
    fn try_from(text: String) -> Result<Self, EndpointUrlError> {
        let url: hyper::Uri = text.parse().map_err(|_| EndpointUrlError)?;
        let scheme = matches!(url.scheme_str(), Some("http" | "https"));
        let authority = url.authority().map(hyper::http::uri::Authority::as_str);
        let plain = authority.is_some_and(|authority| !authority.contains('@'));
        if scheme && plain && url.query().is_none() {
            Ok(Self(text))
        } else {
            Err(EndpointUrlError)
        }
    }
}

impl FromStr for EndpointUrl {
    type Err = EndpointUrlError;
    fn from_str(text: &str) -> Result<Self, EndpointUrlError> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_endpoint_url_is_not_repeated() {
        for url in [
            "localhost:8480",
            "ftp://localhost",
            "http://",
            "http://ann:secret@localhost",
            "http://localhost?token=secret",
            "",
        ] {
            let error = url.parse::<EndpointUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{url}");
        }
        for url in ["http://127.0.0.1:8480", "https://chime.example.com/path"] {
            assert_eq!(url.parse::<EndpointUrl>().unwrap().as_str(), url);
        }
    }
}
