//! How a list's bytes are characters.

use std::borrow::Cow;
use std::fmt;
use std::io::{Cursor, Read};
use std::str::FromStr;

use encoding_rs_io::DecodeReaderBytesBuilder;
use serde::{Deserialize, Serialize};

/// A character encoding: any of the WHATWG Encoding Standard, by any of its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    /// UTF-8, also ASCII.
    pub const UTF_8: Self = Self(encoding_rs::UTF_8);
    /// UTF-16, low byte first: Excel's "Unicode text".
    pub const UTF_16LE: Self = Self(encoding_rs::UTF_16LE);
    /// UTF-16, high byte first.
    pub const UTF_16BE: Self = Self(encoding_rs::UTF_16BE);
    /// Windows-1252: Excel's CSV in western Europe, also Latin-1.
    pub const WINDOWS_1252: Self = Self(encoding_rs::WINDOWS_1252);

    /// The encoding's usual name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self.0.name() {
            "windows-1252" => "Windows-1252",
            name => name,
        }
    }

    /// The byte order mark of a file in this encoding, if it has one; UTF-16 always has.
    #[must_use]
    pub fn mark(self, has_bom: bool) -> &'static [u8] {
        if self == Self::UTF_16LE {
            b"\xFF\xFE"
        } else if self == Self::UTF_16BE {
            b"\xFE\xFF"
        } else if self == Self::UTF_8 && has_bom {
            b"\xEF\xBB\xBF"
        } else {
            b""
        }
    }

    /// Text in this encoding; what has no place in it becomes a numeric character reference.
    #[must_use]
    pub fn encode(self, text: &str) -> Cow<'_, [u8]> {
        // The standard's encoder for UTF-16 is UTF-8's.
        if self == Self::UTF_16LE {
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        } else if self == Self::UTF_16BE {
            text.encode_utf16().flat_map(u16::to_be_bytes).collect()
        } else {
            self.0.encode(text).0
        }
    }

    /// Reads the encoding off a byte order mark.
    pub(super) fn of_bom(start: &[u8]) -> Option<Self> {
        encoding_rs::Encoding::for_bom(start).map(|(encoding, _)| Self(encoding))
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
            Some(Self::UTF_16LE)
        } else if high * 2 > count && low == 0 {
            Some(Self::UTF_16BE)
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
        if self == Self::UTF_8 {
            let mark = usize::from(Self::of_bom(&start).is_some()) * 3;
            start.drain(..mark);
            return Box::new(Cursor::new(start).chain(rest));
        }
        Box::new(
            DecodeReaderBytesBuilder::new()
                .encoding(Some(self.0))
                .strip_bom(true)
                .build(Cursor::new(start).chain(rest)),
        )
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self::UTF_8
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Encoding> for String {
    fn from(encoding: Encoding) -> Self {
        encoding.as_str().to_lowercase()
    }
}

impl TryFrom<String> for Encoding {
    type Error = EncodingError;
    fn try_from(text: String) -> Result<Self, EncodingError> {
        text.parse()
    }
}

/// A text that names no encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an encoding: use a label of the Encoding Standard, such as windows-1252, shift_jis or gbk"
)]
pub struct EncodingError;

impl FromStr for Encoding {
    type Err = EncodingError;
    fn from_str(text: &str) -> Result<Self, EncodingError> {
        encoding_rs::Encoding::for_label_no_replacement(text.as_bytes())
            .map(Self)
            .ok_or(EncodingError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_again() {
        let text = "user_id,größe\nu1,Ä\n";
        for label in [
            "utf-8",
            "utf-16le",
            "utf-16be",
            "latin1",
            "iso-8859-15",
            "macintosh",
            "gb18030",
        ] {
            let encoding: Encoding = label.parse().unwrap();
            let bytes = [encoding.mark(true), &encoding.encode(text)].concat();
            let mut read = String::new();
            let mut decoded = encoding.decode(bytes, Box::new(std::io::empty()));
            decoded.read_to_string(&mut read).unwrap();
            assert_eq!(read, text, "{label}");
            let stored = serde_json::to_string(&encoding).unwrap();
            assert_eq!(serde_json::from_str::<Encoding>(&stored).unwrap(), encoding);
        }
        for label in ["", "utf-7", "iso-2022-kr"] {
            assert_eq!(label.parse::<Encoding>(), Err(EncodingError), "{label}");
        }
    }
}
