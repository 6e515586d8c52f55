//! A list that is not on this machine.

use std::fmt;
use std::io::Read;

use serde::{Deserialize, Serialize};

use super::error::Problem;

/// A list in object storage, or anywhere else that is asked over a network.
pub trait RemoteList: fmt::Debug + Send + Sync {
    /// The address: what messages call it.
    fn name(&self) -> String;

    /// Opens it. May be called anywhere, and blocks.
    ///
    /// # Errors
    /// If it cannot be read.
    fn open(&self) -> Result<RemoteStream, RemoteError>;

    /// What it is now, without its content. May be called anywhere, and blocks.
    ///
    /// # Errors
    /// If it cannot be looked up.
    fn identity(&self) -> Result<RemoteIdentity, RemoteError>;
}

/// A remote list, opened.
pub struct RemoteStream {
    /// Its bytes. All of them are of the same version of the list, or reading fails.
    pub bytes: Box<dyn Read + Send>,
    /// What it is.
    pub identity: RemoteIdentity,
}

/// What distinguishes a remote list from any other, and from itself before a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteIdentity {
    /// Its size in bytes.
    pub size: u64,
    /// The tag of its content.
    pub etag: Option<String>,
    /// Its version, if the storage keeps versions.
    pub version: Option<String>,
}

impl RemoteIdentity {
    /// How a list of this identity differs from one of that; none if it does not.
    #[must_use]
    pub fn difference(&self, now: &Self) -> Option<String> {
        let tag = |tag: &Option<String>| tag.clone().unwrap_or_else(|| "none".to_owned());
        if self.size != now.size {
            Some(format!("it had {} bytes, and has {}", self.size, now.size))
        } else if self.etag != now.etag {
            let (before, now) = (tag(&self.etag), tag(&now.etag));
            Some(format!("its ETag was {before}, and is {now}"))
        } else if self.version != now.version {
            let (before, now) = (tag(&self.version), tag(&now.version));
            Some(format!("its version was {before}, and is {now}"))
        } else {
            None
        }
    }
}

/// Why a remote list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct RemoteError {
    /// What went wrong, without the list's address.
    pub what: String,
    /// How to fix it.
    pub hint: String,
    /// Whether the request is wrong: a repetition has no other result.
    pub is_usage: bool,
}

impl RemoteError {
    /// A list that is not the one that a run was begun with.
    #[must_use]
    pub fn changed(difference: &str) -> Self {
        Self {
            what: format!("has changed since this run began: {difference}"),
            hint:
                "put the object back as it was, or start a new run with the object as it is now: \
                   who is in already stays in"
                    .to_owned(),
            is_usage: false,
        }
    }
}

impl From<RemoteError> for Problem {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_described() {
        let of = |size, etag: &str, version: Option<&str>| RemoteIdentity {
            size,
            etag: Some(etag.to_owned()),
            version: version.map(str::to_owned),
        };
        let before = of(3, "\"a\"", Some("1"));
        let difference = |now| before.difference(&now).unwrap_or_default();
        assert_eq!(difference(of(3, "\"a\"", Some("1"))), "");
        assert_eq!(
            difference(of(4, "\"b\"", Some("2"))),
            "it had 3 bytes, and has 4"
        );
        assert_eq!(
            difference(of(3, "\"b\"", Some("2"))),
            "its ETag was \"a\", and is \"b\""
        );
        assert_eq!(
            difference(of(3, "\"a\"", None)),
            "its version was 1, and is none"
        );
    }
}
