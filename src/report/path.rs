//! Paths as text: for a shell, and for JSON.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serializer;

use crate::model::is_unprintable;

/// A path as an argument for a shell: quoted if necessary, never read as a flag, exact in every byte.
#[must_use]
pub fn shell_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    match bytes.first() {
        // An empty path means the current directory, but an empty argument is an error.
        None => ".".to_owned(),
        Some(b'-') => quoted(&[b"./", bytes].concat()),
        Some(_) => quoted(bytes),
    }
}

/// Any value as an argument for a shell.
#[must_use]
pub fn shell_value(value: &OsStr) -> String {
    quoted(value.as_encoded_bytes())
}

fn quoted(bytes: &[u8]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    match str::from_utf8(bytes) {
        // Quoted, because zsh replaces `=ls` with the path of `ls`.
        Ok(text) if text.chars().all(plain) && !text.is_empty() && !text.starts_with('=') => {
            text.to_owned()
        }
        Ok(text) if !text.contains(is_unprintable) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => escaped(bytes, plain),
    }
}

/// The bytes in `$'…'`, which bash, ksh and zsh accept on one printable line. Octal, because shells
/// disagree on how many digits follow `\x`.
fn escaped(bytes: &[u8], plain: impl Fn(char) -> bool) -> String {
    let mut line = String::from("$'");
    for &byte in bytes {
        if plain(char::from(byte)) {
            line.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(line, "\\{byte:03o}");
        }
    }
    line + "'"
}

/// A path for JSON, which is UTF-8. Other bytes are replaced; [`hex`] contains them.
pub(super) fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// The bytes of a path in hexadecimal, if it is not UTF-8.
pub(super) fn hex(path: &Path) -> Option<String> {
    match path.to_str() {
        Some(_) => None,
        None => Some(hex::encode(path.as_os_str().as_encoded_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_only_if_necessary() {
        let words = [
            ("runs/2024-a_b.c", "runs/2024-a_b.c"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("-dir", "./-dir"),
            ("--a b", "'./--a b'"),
            ("-", "./-"),
            ("", "."),
            ("~", "'~'"),
            ("=ls", "'=ls'"),
            ("a=b", "a=b"),
            ("Größe", "'Größe'"),
            ("a\nb", r"$'a\012b'"),
            ("-\u{1b}7", r"$'./-\0337'"),
            ("\u{202e}\\'", r"$'\342\200\256\134\047'"),
        ];
        for (path, word) in words {
            assert_eq!(shell_word(Path::new(path)), word);
        }
        assert_eq!(shell_value(OsStr::new("-a")), "-a");
        assert_eq!(shell_value(OsStr::new("")), "''");
    }

    #[test]
    #[cfg(unix)]
    fn bytes_that_are_not_utf_8_are_kept() {
        let path: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"-r\xff7");
        assert_eq!(shell_word(Path::new(path)), r"$'./-r\3777'");
        assert_eq!(hex(Path::new(path)).as_deref(), Some("2d72ff37"));
        assert_eq!(hex(Path::new("run")), None);
    }
}
