//! Where a run's list is: its path or its address in object storage, in the ledger's JSON and as a
//! source.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::JobError;
use crate::roster::{RemoteIdentity, Source};
use crate::store::{ObjectList, ObjectUrl};

/// Where a list is. In JSON: text, or hexadecimal bytes for a path that is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub enum ListAddress {
    /// A file, by its absolute path.
    File(PathBuf),
    /// An object.
    Object(ObjectUrl),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(PathBuf),
    Bytes { hex: String },
}

impl ListAddress {
    /// Where this source is; none if it cannot be opened again.
    pub(super) fn of(source: &Source) -> Option<Self> {
        match source {
            Source::File(path) => Some(Self::File(absolute(path))),
            Source::Remote { list, .. } => list.name().parse().ok().map(Self::Object),
            Source::Stdin | Source::Bytes { .. } => None,
        }
    }

    /// The list as a source: an object is read with the credentials of this profile, and refused if it
    /// is not the expected one.
    pub(super) fn source(self, profile: Option<&str>, expected: Option<RemoteIdentity>) -> Source {
        match self {
            Self::File(path) => Source::File(path),
            Self::Object(url) => Source::Remote {
                list: Arc::new(ObjectList::new(url, profile.map(str::to_owned))),
                expected,
            },
        }
    }

    /// Its path, if it is a file.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Object(_) => None,
        }
    }
}

/// The list of a command line: a path, `s3://BUCKET/KEY`, or `-` for standard input. An object is read
/// with the credentials of this profile or, without it, of the environment.
///
/// # Errors
/// If it is meant as the address of an object, and is none.
pub fn source(list: &Path, profile: Option<&str>) -> Result<Source, JobError> {
    if list == Path::new("-") {
        return Ok(Source::Stdin);
    }
    match list.to_str().filter(|text| ObjectUrl::is_meant(text)) {
        Some(url) => Ok(ListAddress::Object(url.parse()?).source(profile, None)),
        None => Ok(Source::File(list.to_owned())),
    }
}

impl From<PathBuf> for ListAddress {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl fmt::Display for ListAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Object(url) => url.fmt(f),
        }
    }
}

impl From<ListAddress> for Stored {
    /// Outside Unix a path that is not Unicode cannot be serialized.
    fn from(address: ListAddress) -> Self {
        let path = match address {
            ListAddress::File(path) => path,
            ListAddress::Object(url) => return Self::Text(url.to_string().into()),
        };
        #[cfg(unix)]
        if path.to_str().is_none() {
            let hex = hex::encode(path.as_os_str().as_encoded_bytes());
            return Self::Bytes { hex };
        }
        Self::Text(path)
    }
}

impl TryFrom<Stored> for ListAddress {
    type Error = String;
    fn try_from(stored: Stored) -> Result<Self, String> {
        match stored {
            // The path of a file is absolute.
            Stored::Text(path) => match path.to_str().filter(|text| ObjectUrl::is_meant(text)) {
                Some(url) => url
                    .parse()
                    .map(Self::Object)
                    .map_err(|error| format!("{error}")),
                None => Ok(Self::File(path)),
            },
            Stored::Bytes { hex } => from_hex(&hex).map(Self::File),
        }
    }
}

#[cfg(unix)]
fn from_hex(text: &str) -> Result<PathBuf, String> {
    let bytes = hex::decode(text).map_err(|error| format!("the list's path: {error}"))?;
    let path: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(bytes);
    Ok(path.into())
}

#[cfg(not(unix))]
fn from_hex(_: &str) -> Result<PathBuf, String> {
    Err("the list's path comes from another operating system".to_owned())
}

/// The absolute path of a list, for a run's settings.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn an_address_is_the_same_after_a_round_trip() {
        let path = |bytes: &[u8]| {
            let path: PathBuf = std::ffi::OsString::from_vec(bytes.to_vec()).into();
            ListAddress::from(path)
        };
        let object = ListAddress::Object("s3://lists/a b".parse().unwrap());
        for (list, text) in [
            (None, "null"),
            (Some(path(b"/a b")), r#""/a b""#),
            (Some(path(b"/\xff")), r#"{"hex":"2fff"}"#),
            (Some(object), r#""s3://lists/a b""#),
        ] {
            assert_eq!(serde_json::to_string(&list).unwrap(), text);
            assert_eq!(
                serde_json::from_str::<Option<ListAddress>>(text).unwrap(),
                list
            );
        }
        for text in [r#"{"hex":"2"}"#, r#""s3://lists/""#] {
            assert!(serde_json::from_str::<ListAddress>(text).is_err(), "{text}");
        }
    }
}
