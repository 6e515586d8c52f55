//! Where a list comes from.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;

use super::error::Problem;

/// How much of a list is read at once, in bytes.
pub(super) const CHUNK: usize = 64 * 1024;

/// A list's origin.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

impl Source {
    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
            Self::Bytes { name, .. } => name.clone(),
        }
    }

    /// Opens it; with its size in bytes where that can be known.
    pub(super) fn open(&self) -> Result<(Box<dyn Read + Send>, Option<u64>), Problem> {
        match self {
            Self::File(path) => {
                let file = File::open(path)?;
                let about = file.metadata()?;
                if about.is_dir() {
                    return Err(Problem::Directory);
                }
                let size = about.is_file().then_some(about.len());
                Ok((Box::new(file), size))
            }
            Self::Stdin => Ok((Box::new(io::stdin()), None)),
            Self::Bytes { bytes, .. } => {
                let size = bytes.len() as u64;
                Ok((Box::new(Cursor::new(bytes.clone())), Some(size)))
            }
        }
    }
}
