//! Addresses in object storage: of a list, and of the place of reports.
//!
//! Promises: an address that is accepted names one object, or one prefix, exactly as it is written:
//! nothing in it is decoded. Must not: become a path on this machine.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How an address begins.
const SCHEME: &str = "s3://";
/// The longest key, in bytes (Amazon S3 User Guide, "Naming Amazon S3 objects").
const MAX_KEY: usize = 1024;

/// The address of an object: `s3://BUCKET/KEY`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectUrl {
    bucket: String,
    key: String,
}

/// The address of a prefix: `s3://BUCKET/PREFIX/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PrefixUrl {
    bucket: String,
    /// Empty, or with a slash at its end.
    prefix: String,
}

/// No address in object storage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// It does not begin as one.
    #[error("`{0}` is not of the form s3://BUCKET/KEY")]
    Scheme(String),
    /// The bucket cannot have this name.
    #[error("`{0}` is not the name of a bucket")]
    Bucket(String),
    /// It names no object.
    #[error("`{0}` names no object")]
    NoKey(String),
    /// The key is too long.
    #[error("the key has {0} bytes, and at most {MAX_KEY} are possible")]
    LongKey(usize),
    /// The key cannot be asked for.
    #[error("the key `{key}` contains {what}")]
    Key {
        /// The key.
        key: String,
        /// What it contains.
        what: &'static str,
    },
}

impl StoreUrlError {
    /// How to fix it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Scheme(_) | Self::NoKey(_) => "name an object: s3://BUCKET/KEY",
            Self::Bucket(_) => {
                "a bucket has 3 to 63 lower-case letters, digits, dots and hyphens: s3://BUCKET/KEY"
            }
            Self::LongKey(_) => "check the key",
            Self::Key { .. } => "copy the object to another key",
        }
    }
}

impl ObjectUrl {
    /// Whether a text is meant as an address in object storage.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl FromStr for ObjectUrl {
    type Err = StoreUrlError;
    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        let (bucket, key) = split(text)?;
        if key.is_empty() || key.ends_with('/') {
            return Err(StoreUrlError::NoKey(text.to_owned()));
        }
        check_key(key)?;
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

impl PrefixUrl {
    /// The address of an object with this name under it.
    #[must_use]
    pub fn join(&self, name: &str) -> ObjectUrl {
        ObjectUrl {
            bucket: self.bucket.clone(),
            key: format!("{}{name}", self.prefix),
        }
    }
}

impl PrefixUrl {
    /// The prefix for what belongs to this part of a job, under the job's.
    #[must_use]
    pub fn within(&self, part: &str) -> Self {
        Self {
            bucket: self.bucket.clone(),
            prefix: format!("{}{part}/", self.prefix),
        }
    }
}

impl FromStr for PrefixUrl {
    type Err = StoreUrlError;
    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        let (bucket, prefix) = split(text)?;
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let prefix = if prefix.is_empty() {
            String::new()
        } else {
            check_key(prefix)?;
            format!("{prefix}/")
        };
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix,
        })
    }
}

/// The bucket, and what follows it.
fn split(text: &str) -> Result<(&str, &str), StoreUrlError> {
    let rest = text.strip_prefix(SCHEME);
    let rest = rest.ok_or_else(|| StoreUrlError::Scheme(text.to_owned()))?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    let is_name = (3..=63).contains(&bucket.len())
        && bucket.chars().all(is_allowed)
        && !bucket.starts_with(['.', '-'])
        && !bucket.ends_with(['.', '-'])
        && !bucket.contains("..");
    if !is_name {
        return Err(StoreUrlError::Bucket(bucket.to_owned()));
    }
    Ok((bucket, key))
}

/// Checks that a key can be part of a URL: clients and proxies remove dots and double slashes.
fn check_key(key: &str) -> Result<(), StoreUrlError> {
    if key.len() > MAX_KEY {
        return Err(StoreUrlError::LongKey(key.len()));
    }
    let what = if key.contains(|c: char| c.is_ascii_control()) {
        "a control character"
    } else if key.split('/').any(str::is_empty) {
        "an empty part between slashes"
    } else if key.split('/').any(|part| [".", ".."].contains(&part)) {
        "the part `.` or `..`"
    } else {
        return Ok(());
    };
    Err(StoreUrlError::Key {
        key: key.to_owned(),
        what,
    })
}

impl TryFrom<String> for ObjectUrl {
    type Error = StoreUrlError;
    fn try_from(text: String) -> Result<Self, StoreUrlError> {
        text.parse()
    }
}

impl From<ObjectUrl> for String {
    fn from(url: ObjectUrl) -> Self {
        url.to_string()
    }
}

impl fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.key)
    }
}

impl TryFrom<String> for PrefixUrl {
    type Error = StoreUrlError;
    fn try_from(text: String) -> Result<Self, StoreUrlError> {
        text.parse()
    }
}

impl From<PrefixUrl> for String {
    fn from(url: PrefixUrl) -> Self {
        url.to_string()
    }
}

impl fmt::Display for PrefixUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_it_is_written() {
        for (text, bucket, key) in [
            ("s3://lists/may.csv", "lists", "may.csv"),
            ("s3://a.b-c/x/y z+%20ü?#.csv", "a.b-c", "x/y z+%20ü?#.csv"),
            ("s3://lists/...", "lists", "..."),
        ] {
            let url: ObjectUrl = text.parse().unwrap();
            assert_eq!((url.bucket(), url.key()), (bucket, key));
            assert_eq!(url.to_string(), text);
        }
        for (text, shown, of_name) in [
            ("s3://lists", "s3://lists/", "s3://lists/a.csv"),
            ("s3://lists/", "s3://lists/", "s3://lists/a.csv"),
            ("s3://lists/out", "s3://lists/out/", "s3://lists/out/a.csv"),
            ("s3://lists/out/", "s3://lists/out/", "s3://lists/out/a.csv"),
        ] {
            let url: PrefixUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.join("a.csv").to_string(), of_name);
        }
    }

    #[test]
    fn what_cannot_be_asked_for_as_it_is_written_is_refused() {
        for text in [
            "lists/may.csv",
            "https://lists/may.csv",
            "s3://",
            "s3:///may.csv",
            "s3://ab/may.csv",
            "s3://Lists/may.csv",
            "s3://user:secret@lists/may.csv",
            "s3://lists..x/may.csv",
            "s3://lists/",
            "s3://lists/may/",
            "s3://lists//may.csv",
            "s3://lists/a/../may.csv",
            "s3://lists/./may.csv",
            "s3://lists/may\n.csv",
        ] {
            let error = text.parse::<ObjectUrl>().unwrap_err();
            assert!(!error.hint().is_empty(), "{text}: {error}");
        }
        let long = format!("s3://lists/{}", "x".repeat(MAX_KEY + 1));
        assert!(long.parse::<ObjectUrl>().is_err());
        assert!("s3://lists/a//b/".parse::<PrefixUrl>().is_err());
        assert!("/tmp/reports".parse::<PrefixUrl>().is_err());
    }
}
