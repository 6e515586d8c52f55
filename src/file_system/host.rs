//! The host of a process, as others that have the same directory recognize it.

use std::fmt;

/// A host, until it is started anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    name: String,
    /// A number that differs at each start of the host, where there is one: names are not unique, such as
    /// `localhost`.
    boot: String,
}

impl Host {
    /// The host of this process.
    #[must_use]
    pub fn this() -> Self {
        #[cfg(unix)]
        let name = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        #[cfg(not(unix))]
        let name = std::env::var("COMPUTERNAME").unwrap_or_default();
        let word = |text: String| text.split_whitespace().collect::<String>();
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let (name, boot) = (word(name), word(boot));
        Self { name, boot }
    }

    /// Reads what `Display` wrote.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (name, boot) = line.strip_prefix("host ")?.split_once(' ')?;
        let (name, boot) = (name.to_owned(), boot.to_owned());
        Some(Self { name, boot })
    }

    /// Its name, which need not be unique.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {} {}", self.name, self.boot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_recognized_by_what_it_wrote() {
        let this = Host::this();
        assert_eq!(Host::parse(&this.to_string()), Some(this.clone()));
        assert!(!this.name().contains(char::is_whitespace));
        assert_eq!(Host::parse("process 7"), None);
    }
}
