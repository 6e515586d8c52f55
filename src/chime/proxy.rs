//! A proxy, as a variable of the environment sets it.
//!
//! Promises: neither `Debug` nor an error shows its user or password. Must not: read the environment.

use std::fmt;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_types::base64;
use hyper::http::uri::Authority;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A proxy that takes requests on.
#[derive(Clone)]
pub(super) struct Proxy {
    variable: &'static str,
    is_https: bool,
    /// `HOST:PORT`.
    address: String,
    user: Option<User>,
}

#[derive(Clone)]
struct User {
    name: String,
    password: String,
}

impl Proxy {
    /// Reads the value of this variable: `[http[s]://][USER:PASSWORD@]HOST[:PORT]`, with special
    /// characters of user and password percent-encoded, as for the AWS CLI.
    ///
    /// # Errors
    /// Says what is wrong with it, without repeating it.
    pub(super) fn parse(variable: &'static str, text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "it is not of the form http://USER:PASSWORD@HOST:PORT";
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => ("http", text.strip_prefix("//").unwrap_or(text)),
        };
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return Err("only proxies whose URL begins with http:// or https:// are possible");
        }
        // Passwords are found with any characters but these, encoded or not.
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (user, host) = match rest[..end].rsplit_once('@') {
            Some((user, host)) => (Some(User::parse(user)?), host),
            None => (None, &rest[..end]),
        };
        if rest[end..].contains('@') {
            return Err("the characters / ? # in its user or password must be percent-encoded");
        }
        let authority: Authority = host.parse().map_err(|_| FORM)?;
        // A port that is no number is none to `Authority`.
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() != authority.host() => return Err(FORM),
            None if is_https => 443,
            None => 80,
        };
        if authority.host().is_empty() {
            return Err(FORM);
        }
        let proxy = Self {
            variable,
            is_https,
            address: format!("{}:{port}", authority.host()),
            user,
        };
        proxy.config().map(|_| proxy).ok_or(FORM)
    }

    /// It, for the HTTP client, for requests of any kind.
    pub(super) fn config(&self) -> Option<ProxyConfig> {
        let scheme = if self.is_https { "https" } else { "http" };
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let user = self.user.as_ref().map_or_else(String::new, |user| {
            format!("{}:{}@", encoded(&user.name), encoded(&user.password))
        });
        ProxyConfig::all(format!("{scheme}://{user}{}", self.address)).ok()
    }

    /// The texts by which its credentials could be shown.
    pub(super) fn secrets(&self) -> Vec<String> {
        let Some(User { name, password }) = &self.user else {
            return Vec::new();
        };
        let pair = format!("{name}:{password}");
        let encoded = utf8_percent_encode(password, NON_ALPHANUMERIC).to_string();
        // Longer ones first: a part must not be taken out of them.
        let texts = [base64::encode(&pair), pair, encoded, password.clone()];
        let mut texts: Vec<String> = texts.into_iter().filter(|text| text.len() > 1).collect();
        texts.push(name.clone());
        texts
    }
}

impl User {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, password) = text.split_once(':').unwrap_or((text, ""));
        let decoded = |text| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(std::borrow::Cow::into_owned)
                .map_err(|_| "its user and password are not percent-encoded UTF-8")
        };
        Ok(Self {
            name: decoded(name)?,
            password: decoded(password)?,
        })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.address, self.variable)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_as_the_aws_cli_reads_it() {
        let cases = [
            ("http://proxy.example:3128", "proxy.example:3128", None),
            ("proxy.example:3128", "proxy.example:3128", None),
            ("//proxy.example", "proxy.example:80", None),
            ("https://proxy.example/", "proxy.example:443", None),
            (" HTTP://[fd00::2]:8080\n", "[fd00::2]:8080", None),
            ("http://ann:s3cr%40t@p:1", "p:1", Some(("ann", "s3cr@t"))),
            ("ann:a:b@c@p:1", "p:1", Some(("ann", "a:b@c"))),
            ("http://ann@p:1", "p:1", Some(("ann", ""))),
        ];
        for (text, address, user) in cases {
            let proxy = Proxy::parse("HTTPS_PROXY", text).unwrap();
            assert_eq!(proxy.address, address, "{text}");
            let read = proxy.user.as_ref();
            let read = read.map(|user| (user.name.as_str(), user.password.as_str()));
            assert_eq!(read, user, "{text}");
            assert_eq!(format!("{proxy}"), format!("{address} of HTTPS_PROXY"));
            assert!(!format!("{proxy:?}").contains("ann"));
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_repeating_it() {
        let texts = [
            "http://",
            "http://ann:secret@",
            "http://ann:secret@p:port",
            "http://ann:secret@p:99999",
            "http://ann:sec/ret@p:1",
            "http://ann:sec#ret@p:1",
            "http://ann:%ff@p:1",
            "http://ann:secret@two words:1",
            "socks5://ann:secret@p:1",
            "http://:1",
        ];
        for text in texts {
            let error = Proxy::parse("HTTPS_PROXY", text).unwrap_err();
            assert!(
                !error.contains("secret") && !error.contains("ann"),
                "{text}"
            );
        }
    }

    #[test]
    fn every_form_of_the_password_is_a_secret() {
        let secrets = |url| Proxy::parse("ALL_PROXY", url).unwrap().secrets();
        let found = secrets("http://ann:open%20sesame@p");
        for form in [
            "ann",
            "open sesame",
            "open%20sesame",
            "YW5uOm9wZW4gc2VzYW1l",
        ] {
            assert!(
                found.iter().any(|secret| secret == form),
                "{form} {found:?}"
            );
        }
        assert!(secrets("http://p").is_empty());
    }
}
