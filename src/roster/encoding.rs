//! How a list's bytes are characters.

use std::fmt;
use std::io::{Cursor, Read};
use std::str::FromStr;

use encoding_rs_io::DecodeReaderBytesBuilder;
use serde::{Deserialize, Serialize};

/// A character encoding that lists come in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, also ASCII.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, low byte first: Excel's "Unicode text".
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, high byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Windows-1252: Excel's CSV in western Europe, also Latin-1.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

impl Encoding {
    /// The encoding's usual name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "Windows-1252",
        }
    }

    /// Reads the encoding off a byte order mark.
    pub(super) fn of_bom(start: &[u8]) -> Option<Self> {
        match start {
            [0xEF, 0xBB, 0xBF, ..] => Some(Self::Utf8),
            [0xFF, 0xFE, ..] => Some(Self::Utf16Le),
            [0xFE, 0xFF, ..] => Some(Self::Utf16Be),
            _ => None,
        }
    }

    /// Guesses UTF-16 without a mark: in Latin text every other byte is NUL.
    pub(super) fn of_nuls(start: &[u8]) -> Option<Self> {
        let pairs = start.chunks_exact(2);
        let count = pairs.len();
        let (high, low) = pairs.fold((0, 0), |(high, low), pair| {
            (
                high + usize::from(pair[0] == 0),
                low + usize::from(pair[1] == 0),
            )
        });
        if low * 2 > count && high == 0 {
            Some(Self::Utf16Le)
        } else if high * 2 > count && low == 0 {
            Some(Self::Utf16Be)
        } else {
            None
        }
    }

    /// Turns a stream, its start already taken off, into UTF-8 without byte order mark; UTF-8 is
    /// passed on as it is, valid or not.
    pub(super) fn decode(
        self,
        mut start: Vec<u8>,
        rest: Box<dyn Read + Send>,
    ) -> Box<dyn Read + Send> {
        let named = match self {
            Self::Utf8 => {
                let mark = usize::from(Self::of_bom(&start).is_some()) * 3;
                start.drain(..mark);
                return Box::new(Cursor::new(start).chain(rest));
            }
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
        };
        Box::new(
            DecodeReaderBytesBuilder::new()
                .encoding(Some(named))
                .strip_bom(true)
                .build(Cursor::new(start).chain(rest)),
        )
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no encoding lists come in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an encoding is utf-8, utf-16le, utf-16be or windows-1252")]
pub struct EncodingError;

impl FromStr for Encoding {
    type Err = EncodingError;
    fn from_str(text: &str) -> Result<Self, EncodingError> {
        let named = encoding_rs::Encoding::for_label(text.as_bytes()).ok_or(EncodingError)?;
        [
            (encoding_rs::UTF_8, Self::Utf8),
            (encoding_rs::UTF_16LE, Self::Utf16Le),
            (encoding_rs::UTF_16BE, Self::Utf16Be),
            (encoding_rs::WINDOWS_1252, Self::Windows1252),
        ]
        .into_iter()
        .find_map(|(known, encoding)| (known == named).then_some(encoding))
        .ok_or(EncodingError)
    }
}
