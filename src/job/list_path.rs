//! The path of a list as a ledger has it: text, or the bytes in hexadecimal if they are no text.

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

/// Where paths are not bytes, one that is no text fails to be written.
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
    Err("the list's path is that of another system".to_owned())
}

/// The path of a list, as a run's settings keep it.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Kept(#[serde(with = "super")] Option<PathBuf>);

    #[test]
    fn a_path_comes_back_as_it_was() {
        let path = |bytes: &[u8]| PathBuf::from(std::ffi::OsString::from_vec(bytes.to_vec()));
        for (list, text) in [
            (None, "null"),
            (Some(path(b"/a b")), r#""/a b""#),
            (Some(path(b"/\xff")), r#"{"hex":"2fff"}"#),
        ] {
            let kept = Kept(list);
            assert_eq!(serde_json::to_string(&kept).unwrap(), text);
            assert_eq!(serde_json::from_str::<Kept>(text).unwrap(), kept);
        }
        assert!(serde_json::from_str::<Kept>(r#"{"hex":"2"}"#).is_err());
    }
}
