//! Hosts that are called without the proxy.
//!
//! Promises: `NO_PROXY` is read as the AWS CLI reads it (Python's `proxy_bypass_environment`):
//! entries are suffixes of host names, with or without a leading dot, with a port if the URL has one;
//! `*` alone is every host. One addition, where the CLI finds no host at all: networks, such as
//! 10.0.0.0/8, and IPv6 addresses without brackets. Must not: resolve names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::http::uri::Authority;
use ipnet::{IpNet, Ipv6Net};

/// Where AWS serves credentials and metadata by IPv6 (`fd00:ec2::254`, `fd00:ec2::23`). They are
/// unique local addresses, but have the role of IPv4's link-local ones.
const METADATA_V6: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32);

/// The hosts of `NO_PROXY`.
#[derive(Debug, Clone, Default)]
pub(super) struct NoProxy {
    all: bool,
    entries: Vec<Entry>,
}

/// One entry of the list.
#[derive(Debug, Clone)]
struct Entry {
    /// In lower case, without leading dots.
    name: String,
    network: Option<IpNet>,
}

impl NoProxy {
    /// Reads the value of the variable.
    pub(super) fn parse(text: &str) -> Self {
        let entries = text.split(',').map(str::trim);
        let entries = entries.filter(|entry| !entry.is_empty()).map(|entry| {
            let address = || entry.parse::<IpAddr>().ok().map(IpNet::from);
            Entry {
                name: entry.trim_start_matches('.').to_lowercase(),
                network: entry.parse().ok().or_else(address),
            }
        });
        Self {
            // Among other entries it means nothing to the CLI.
            all: text == "*",
            entries: entries.collect(),
        }
    }

    /// Whether no host is called through a proxy.
    pub(super) fn is_all(&self) -> bool {
        self.all
    }

    /// Whether the host is called without a proxy.
    pub(super) fn contains(&self, authority: &Authority) -> bool {
        let host = authority.host().to_lowercase();
        let with_port = authority
            .port()
            .map_or_else(|| host.clone(), |port| format!("{host}:{}", port.as_str()));
        let ip = ip(&host);
        let matches = |entry: &Entry| {
            let Entry { name, network } = entry;
            let is_suffix = |text: &str| {
                let front = text.strip_suffix(name.as_str());
                front.is_some_and(|front| front.is_empty() || front.ends_with('.'))
            };
            let is_in = |network: &IpNet| ip.is_some_and(|ip| network.contains(&ip));
            is_suffix(&host) || is_suffix(&with_port) || network.as_ref().is_some_and(is_in)
        };
        self.all || self.entries.iter().any(matches)
    }
}

/// Whether a host is never called through a proxy: this machine, and what only it can reach. A proxy
/// would answer with its own credentials.
pub(super) fn is_local(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host).to_lowercase();
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    match ip(&name) {
        Some(IpAddr::V4(ip)) => is_local_v4(ip),
        Some(IpAddr::V6(ip)) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unicast_link_local()
                || METADATA_V6.contains(&ip)
                || ip.to_ipv4_mapped().is_some_and(is_local_v4)
        }
        None => false,
    }
}

fn is_local_v4(ip: Ipv4Addr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip.is_link_local()
}

/// The address that a host of a URL is, unless it is a name.
fn ip(host: &str) -> Option<IpAddr> {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Answers of Python 3.11's `urllib.request.proxy_bypass_environment`, which the AWS CLI asks:
    /// `direct` or `proxy`, host, and the value of the variable, separated by tabs.
    const VECTORS: &str = include_str!("no_proxy/vectors.tsv");

    fn contains(no_proxy: &str, host: &str) -> bool {
        NoProxy::parse(no_proxy).contains(&host.parse().unwrap())
    }

    #[test]
    fn hosts_are_matched_as_the_aws_cli_matches_them() {
        let mut seen = [0, 0];
        for line in VECTORS.lines() {
            let mut cells = line.split('\t');
            let mut next = || cells.next().unwrap();
            let (wanted, host, no_proxy) = (next() == "direct", next(), next());
            assert_eq!(contains(no_proxy, host), wanted, "{line}");
            seen[usize::from(wanted)] += 1;
        }
        assert!(seen.iter().all(|&lines| lines >= 200), "{seen:?}");
    }

    #[test]
    fn networks_and_bare_addresses_are_hosts_too() {
        let cases = [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "10.1.2.3:8443", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/8", "example.com", false),
            ("example.com, fd00::/16", "[fd00::5]:443", true),
            ("fd00::5", "[fd00::5]", true),
            ("fd00::5", "[fd00::6]", false),
        ];
        for (no_proxy, host, wanted) in cases {
            assert_eq!(contains(no_proxy, host), wanted, "{no_proxy} {host}");
        }
    }

    #[test]
    fn this_machine_and_its_link_are_local() {
        let local = [
            "localhost",
            "LOCALHOST.",
            "messaging-chime.localhost",
            "127.0.0.1",
            "127.8.9.10",
            "0.0.0.0",
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[febf::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:169.254.169.254]",
            "[fd00:ec2::254]",
            "[fd00:ec2::23]",
        ];
        for host in local {
            assert!(is_local(host), "{host}");
        }
        let others = [
            "localhost.example.com",
            "notlocalhost",
            "10.0.0.1",
            "168.254.0.1",
            "128.0.0.1",
            "[fec0::1]",
            "[fd00:ec3::1]",
            "[2600:1f18::1]",
            "messaging-chime.us-east-1.amazonaws.com",
        ];
        for host in others {
            assert!(!is_local(host), "{host}");
        }
    }

    proptest! {
        /// Any text can be in the variable.
        #[test]
        fn any_text_is_read(no_proxy in ".*", host in "[a-z0-9][a-z0-9.-]{0,19}(:[0-9]{1,4})?") {
            prop_assume!(host.parse::<Authority>().is_ok());
            let list = NoProxy::parse(&no_proxy);
            let matched = list.contains(&host.parse().unwrap());
            prop_assert!(!list.is_all() || matched);
            // One more entry takes no host away, and the host itself is always matched.
            let more = format!("{no_proxy},{host}");
            prop_assert!(no_proxy == "*" || contains(&more, &host));
        }
    }
}
