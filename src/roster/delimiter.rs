//! The byte between the fields of a list.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The byte between fields: ASCII, but no quote, no line end and no NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Delimiter(u8);

/// What cannot be a delimiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DelimiterError {
    /// A character that a list needs for something else.
    #[error("a quote or line end cannot be the delimiter")]
    Reserved,
    /// Not one character.
    #[error("the delimiter is one character, or the word tab")]
    Length,
}

impl Delimiter {
    /// A comma.
    pub const COMMA: Self = Self(b',');
    /// Those that are looked for; the first wins where nothing else decides.
    pub(super) const USUAL: [Self; 4] = [Self::COMMA, Self(b';'), Self(b'\t'), Self(b'|')];

    /// Whether it is found without being named.
    #[must_use]
    pub fn is_usual(self) -> bool {
        Self::USUAL.contains(&self)
    }

    /// As a byte.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Delimiter {
    type Error = DelimiterError;
    fn try_from(byte: u8) -> Result<Self, DelimiterError> {
        match byte {
            b'"' | b'\n' | b'\r' => Err(DelimiterError::Reserved),
            0 | 0x80.. => Err(DelimiterError::Length),
            byte => Ok(Self(byte)),
        }
    }
}

impl From<Delimiter> for u8 {
    fn from(delimiter: Delimiter) -> Self {
        delimiter.0
    }
}

impl FromStr for Delimiter {
    type Err = DelimiterError;
    fn from_str(text: &str) -> Result<Self, DelimiterError> {
        match text.as_bytes() {
            b"tab" | b"\\t" => Ok(Self(b'\t')),
            [byte] => Self::try_from(*byte),
            _ => Err(DelimiterError::Length),
        }
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b',' => f.write_str("comma"),
            b';' => f.write_str("semicolon"),
            b'\t' => f.write_str("tab"),
            other => write!(f, "`{}`", other.escape_ascii()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_is_one_ascii_character_that_a_list_does_not_need_otherwise() {
        let read = |text: &str| text.parse().map(Delimiter::byte);
        for (text, byte) in [(";", b';'), ("tab", b'\t'), ("\\t", b'\t'), ("\t", b'\t')] {
            assert_eq!(read(text), Ok(byte), "{text}");
        }
        for text in ["\"", "\n", "\r"] {
            assert_eq!(read(text), Err(DelimiterError::Reserved), "{text:?}");
        }
        for text in ["", "ab", "\0", "§"] {
            assert_eq!(read(text), Err(DelimiterError::Length), "{text:?}");
        }
        assert!(serde_json::from_str::<Delimiter>("34").is_err());
    }
}
