//! Where a list comes from.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::error::Problem;
use super::remote::{RemoteError, RemoteIdentity, RemoteList};

/// How much of a list is read at once, in bytes.
pub(super) const CHUNK: usize = 64 * 1024;

/// A list's origin.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// Bytes in memory.
    Bytes {
        /// What messages call it.
        name: String,
        /// The list as it would be in a file.
        bytes: Vec<u8>,
    },
    /// A list that is not on this machine.
    Remote {
        /// The list.
        list: Arc<dyn RemoteList>,
        /// What it was, if it was opened before. It is refused if it is no longer that.
        expected: Option<RemoteIdentity>,
    },
}

/// A list's bytes, and what is known of them.
pub(super) struct OpenSource {
    pub(super) bytes: Box<dyn Read + Send>,
    /// The size in bytes, where that can be known.
    pub(super) size: Option<u64>,
    /// What it is, if it is remote.
    pub(super) identity: Option<RemoteIdentity>,
}

impl Source {
    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
            Self::Bytes { name, .. } => name.clone(),
            Self::Remote { list, .. } => list.name(),
        }
    }

    /// Opens it.
    pub(super) fn open(&self) -> Result<OpenSource, Problem> {
        let (bytes, size): (Box<dyn Read + Send>, _) = match self {
            Self::File(path) => {
                let file = File::open(path)?;
                let about = file.metadata()?;
                if about.is_dir() {
                    return Err(Problem::Directory);
                }
                let size = about.is_file().then_some(about.len());
                (Box::new(file), size)
            }
            Self::Stdin => (Box::new(io::stdin()), None),
            Self::Bytes { bytes, .. } => {
                let size = bytes.len() as u64;
                (Box::new(Cursor::new(bytes.clone())), Some(size))
            }
            Self::Remote { list, expected } => {
                let opened = list.open()?;
                let before = expected.as_ref();
                if let Some(what) = before.and_then(|before| before.difference(&opened.identity)) {
                    return Err(RemoteError::changed(&what).into());
                }
                return Ok(OpenSource {
                    bytes: opened.bytes,
                    size: Some(opened.identity.size),
                    identity: Some(opened.identity),
                });
            }
        };
        Ok(OpenSource {
            bytes,
            size,
            identity: None,
        })
    }
}
