//! The path of a list in the ledger's JSON: text, or hexadecimal bytes if it is not UTF-8.

use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(PathBuf),
    Bytes { hex: String },
}

#[expect(clippy::ref_option, reason = "serde's signature")]
pub(super) fn serialize<S: Serializer>(
    path: &Option<PathBuf>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    path.as_deref().map(stored).serialize(serializer)
}

/// Outside Unix a path that is not Unicode cannot be serialized.
fn stored(path: &Path) -> Stored {
    #[cfg(unix)]
    if path.to_str().is_none() {
        let hex = hex::encode(path.as_os_str().as_encoded_bytes());
        return Stored::Bytes { hex };
    }
    Stored::Text(path.to_owned())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    let path = |stored| match stored {
        Stored::Text(path) => Ok(path),
        Stored::Bytes { hex } => from_hex(&hex),
    };
    let stored = Option::<Stored>::deserialize(deserializer)?;
    stored.map(path).transpose().map_err(D::Error::custom)
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

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapper(#[serde(with = "super")] Option<PathBuf>);

    #[test]
    fn a_path_is_the_same_after_a_round_trip() {
        let path = |bytes: &[u8]| PathBuf::from(std::ffi::OsString::from_vec(bytes.to_vec()));
        for (list, text) in [
            (None, "null"),
            (Some(path(b"/a b")), r#""/a b""#),
            (Some(path(b"/\xff")), r#"{"hex":"2fff"}"#),
        ] {
            let path = Wrapper(list);
            assert_eq!(serde_json::to_string(&path).unwrap(), text);
            assert_eq!(serde_json::from_str::<Wrapper>(text).unwrap(), path);
        }
        assert!(serde_json::from_str::<Wrapper>(r#"{"hex":"2"}"#).is_err());
    }
}
