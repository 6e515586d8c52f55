//! The way to the network, as environment and profile set it.
//!
//! Promises: what is set and cannot work is an error before any request. Must not: connect.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hyper::Uri;

use super::ConnectError;
use super::ca_bundle::CaBundle;
use super::no_proxy::{NoProxy, is_local};
use super::profiles;
use super::proxy::Proxy;

/// The variable that names a file of certificates.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";
/// Names of variables, of which the first takes precedence. Set but empty, it unsets the second.
type Names = [&'static str; 2];
const HTTPS_PROXY: Names = ["https_proxy", "HTTPS_PROXY"];
const HTTP_PROXY: Names = ["http_proxy", "HTTP_PROXY"];
const ALL_PROXY: Names = ["all_proxy", "ALL_PROXY"];
const NO_PROXY: Names = ["no_proxy", "NO_PROXY"];

/// How requests reach AWS.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    https: Option<Proxy>,
    http: Option<Proxy>,
    no_proxy: NoProxy,
    ca_bundle: Option<CaBundle>,
}

impl Network {
    /// The network of the environment and of this profile; without one, of the environment's
    /// profile.
    ///
    /// # Errors
    /// If what they set cannot work.
    pub(crate) async fn load(profile: Option<&str>) -> Result<Self, ConnectError> {
        let environment = |name: &str| std::env::var_os(name);
        let ca_bundle = match ca_bundle_file(profile, environment).await {
            Some((origin, file)) => Some(read_ca_bundle(origin, &file)?),
            None => None,
        };
        let proxies = Self::with_proxies(environment)?;
        Ok(Self {
            ca_bundle,
            ..proxies
        })
    }

    /// The network with the proxies of this environment.
    fn with_proxies(environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConnectError> {
        let no_proxy = value(NO_PROXY, &environment);
        let no_proxy = no_proxy.map(|(_, list)| NoProxy::parse(&list.to_string_lossy()));
        let no_proxy = no_proxy.unwrap_or_default();
        if no_proxy.is_all() {
            return Ok(Self::default());
        }
        let proxy = |names| {
            let text = value(names, &environment);
            text.map(|(variable, text)| {
                let parsed = Proxy::parse(variable, text.to_str().unwrap_or("://"));
                parsed.map_err(|why| ConnectError::Proxy { variable, why })
            })
        };
        // Below a web server, a client sets HTTP_PROXY by a header `Proxy` (CVE-2016-1000110).
        let is_cgi = environment("REQUEST_METHOD").is_some();
        let http: Names = if is_cgi {
            [HTTP_PROXY[0]; 2]
        } else {
            HTTP_PROXY
        };
        let or_all = |own: Names| proxy(own).or_else(|| proxy(ALL_PROXY)).transpose();
        Ok(Self {
            https: or_all(HTTPS_PROXY)?,
            http: or_all(http)?,
            no_proxy,
            ca_bundle: None,
        })
    }

    /// The proxy of requests to this address; `None` if they go there themselves.
    pub(super) fn proxy_for(&self, uri: &Uri) -> Option<&Proxy> {
        let authority = uri.authority()?;
        if is_local(authority.host()) || self.no_proxy.contains(authority) {
            return None;
        }
        self.proxies()[usize::from(uri.scheme_str() == Some("https"))]
    }

    /// The proxies of `http://` and of `https://` addresses.
    pub(super) fn proxies(&self) -> [Option<&Proxy>; 2] {
        [self.http.as_ref(), self.https.as_ref()]
    }

    /// The texts by which the credentials of proxies could be shown.
    pub(super) fn secrets(&self) -> Vec<String> {
        let proxies = self.proxies().into_iter().flatten();
        proxies.flat_map(Proxy::secrets).collect()
    }

    /// The certificates that replace those of the system.
    pub(super) fn ca_bundle(&self) -> Option<&CaBundle> {
        self.ca_bundle.as_ref()
    }
}

/// The variable that is set, with its value, as Python's `getproxies_environment` finds it.
fn value(
    names: Names,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Option<(&'static str, OsString)> {
    let set = names.into_iter().find_map(|name| {
        let value = environment(name)?;
        // An empty variable in upper case is not set; one in lower case takes back the other.
        (!value.is_empty() || name == names[0]).then_some((name, value))
    });
    set.filter(|(_, value)| !value.is_empty())
}

/// The file of certificates that is set, and what sets it: the environment, else the profile.
async fn ca_bundle_file(
    profile: Option<&str>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Option<(&'static str, PathBuf)> {
    let of_environment = environment(CA_BUNDLE).filter(|file| !file.is_empty());
    if let Some(file) = of_environment {
        return Some((CA_BUNDLE, file.into()));
    }
    let file = profiles::setting(profile, "ca_bundle").await?;
    Some(("the profile's ca_bundle", file.into()))
}

fn read_ca_bundle(origin: &'static str, file: &Path) -> Result<CaBundle, ConnectError> {
    CaBundle::read(file).map_err(|why| ConnectError::CaBundle {
        origin,
        file: file.to_owned(),
        why,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The network of these variables.
    pub(in crate::chime) fn network(variables: &[(&str, &str)]) -> Result<Network, ConnectError> {
        Network::with_proxies(|name| {
            let mut variables = variables.iter();
            let found = variables.find(|(variable, _)| *variable == name);
            found.map(|(_, value)| value.into())
        })
    }

    /// The proxy of an address under these variables, in words.
    fn proxy(variables: &[(&str, &str)], address: &str) -> Option<String> {
        let network = network(variables).unwrap();
        let proxy = network.proxy_for(&address.parse().unwrap());
        proxy.map(ToString::to_string)
    }

    const CHIME: &str = "https://messaging-chime.us-east-1.amazonaws.com/channels";
    const PLAIN: &str = "http://chime.example:8480/channels";

    #[test]
    fn a_variable_in_lower_case_precedes_its_twin_and_all_proxy_fills_gaps() {
        let of = |variables: &[(&str, &str)]| (proxy(variables, CHIME), proxy(variables, PLAIN));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of(&[]), (None, None));
        let upper = ("HTTPS_PROXY", "up:1");
        assert_eq!(of(&[upper]), (some("up:1 of HTTPS_PROXY"), None));
        let both = [upper, ("https_proxy", "low:1")];
        assert_eq!(of(&both), (some("low:1 of https_proxy"), None));
        // Empty, it takes back the other.
        assert_eq!(of(&[upper, ("https_proxy", "")]), (None, None));
        assert_eq!(of(&[("HTTPS_PROXY", "")]), (None, None));
        let http = ("HTTP_PROXY", "plain:1");
        assert_eq!(of(&[http]), (None, some("plain:1 of HTTP_PROXY")));
        let all = [http, ("ALL_PROXY", "all:1")];
        let wanted = (some("all:1 of ALL_PROXY"), some("plain:1 of HTTP_PROXY"));
        assert_eq!(of(&all), wanted);
        assert_eq!(of(&[http, ("REQUEST_METHOD", "GET")]), (None, None));
        let lower = [("http_proxy", "plain:1"), ("REQUEST_METHOD", "GET")];
        assert_eq!(of(&lower), (None, some("plain:1 of http_proxy")));
    }

    #[test]
    fn neither_no_proxy_nor_a_local_address_goes_through_the_proxy() {
        let set = [
            ("ALL_PROXY", "p:1"),
            ("NO_PROXY", "example.com,.amazonaws.com"),
        ];
        assert_eq!(proxy(&set, CHIME), None);
        assert!(proxy(&set, "https://messaging-chime.us-east-1.api.aws").is_some());
        let lower = [set[0], set[1], ("no_proxy", "other")];
        assert!(proxy(&lower, CHIME).is_some());
        for local in [
            "http://127.0.0.1:8480",
            "https://localhost",
            "http://169.254.170.2/v2/credentials",
            "http://169.254.169.254/latest/meta-data",
            "http://[fe80::1]:80",
        ] {
            assert_eq!(proxy(&set[..1], local), None, "{local}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_work_is_refused_unless_none_is_used() {
        let bad = ("HTTPS_PROXY", "socks5://ann:secret@p:1");
        let error = network(&[bad]).unwrap_err();
        assert!(matches!(
            error,
            ConnectError::Proxy {
                variable: "HTTPS_PROXY",
                ..
            }
        ));
        assert!(!format!("{error} {error:?}").contains("secret"));
        assert!(network(&[bad, ("NO_PROXY", "*")]).is_ok());
        assert!(network(&[bad, ("https_proxy", "p:1")]).is_ok());
    }
}
