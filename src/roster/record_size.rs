//! How long a record of a list may be.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest record, its fields together, in KiB: 1 to 8192.
///
/// Rows of members take a few hundred bytes. A page of the ledger holds 64 rows, and a few pages
/// are in memory: a list of rows as long as this takes up to 700 times this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct RecordSize(u32);

/// The most KiB that a record may take.
const MOST: u32 = 8192;

/// What cannot be the longest record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a whole number of KiB from 1 to {MOST}")]
pub struct RecordSizeError;

impl RecordSize {
    /// In KiB.
    pub(super) fn kib(self) -> u32 {
        self.0
    }
}

impl Default for RecordSize {
    /// 256 KiB.
    fn default() -> Self {
        Self(256)
    }
}

impl TryFrom<u32> for RecordSize {
    type Error = RecordSizeError;
    fn try_from(kib: u32) -> Result<Self, RecordSizeError> {
        if (1..=MOST).contains(&kib) {
            Ok(Self(kib))
        } else {
            Err(RecordSizeError)
        }
    }
}

impl From<RecordSize> for u32 {
    fn from(size: RecordSize) -> Self {
        size.0
    }
}

impl FromStr for RecordSize {
    type Err = RecordSizeError;
    fn from_str(text: &str) -> Result<Self, RecordSizeError> {
        let kib: u32 = text.parse().map_err(|_| RecordSizeError)?;
        kib.try_into()
    }
}
