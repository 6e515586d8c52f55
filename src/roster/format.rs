//! Formats that are text, or begin like it, and no list.

/// What a text is instead of a list, if its first record shows it; with how to make a list of it.
///
/// Only what no list begins with counts: neither a column nor a member is called so.
pub(super) fn detect_other_format(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let start = start.trim_ascii_start();
    let first = start.first()?;
    let begins = |words: &[&str]| {
        words.iter().any(|word| {
            start
                .get(..word.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    let then = start[1..].trim_ascii_start().first();
    match (first, then) {
        (b'{', None | Some(b'"' | b'}')) | (b'[', None | Some(b'{' | b'[')) => Some((
            "JSON",
            "export it as CSV; of JSON lines: jq -r .user_id FILE > list.csv",
        )),
        _ if begins(&["%PDF-"]) => Some(("a PDF document", "export the table as CSV")),
        _ if begins(&["{\\rtf"]) => Some(("a word processor's document", "save it as plain text")),
        _ if begins(&["<!doctype", "<html", "<?xml"]) => Some((
            "HTML or XML",
            "if it was fetched from a web site, look whether it is a page that asks to log in",
        )),
        _ if start == b"--" || begins(SQL) => Some((
            "an SQL dump",
            "export the table as CSV: SELECT .. INTO OUTFILE, or COPY .. TO .. CSV HEADER",
        )),
        _ if begins(&["BZh9"])
            || start.starts_with(b"7z\xBC\xAF")
            || start.starts_with(b"\xFD7zXZ") =>
        {
            Some((
                "packed with bzip2, xz or 7-Zip",
                "unpack it, or pack it with gzip or zstd",
            ))
        }
        _ => None,
    }
}

/// How dumps of databases begin.
const SQL: &[&str] = &[
    "-- ",
    "/*!",
    "insert into ",
    "create table ",
    "drop table ",
    "begin transaction;",
    "pragma foreign_keys",
    "set names ",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_not_lists_are_recognized_by_their_start() {
        let cases = [
            ("{\"user_id\":\"ann\"}\n{\"user_id\":\"bob\"}\n", "JSON"),
            ("[", "JSON"),
            ("{ ", "JSON"),
            ("%PDF-1.7\n", "a PDF document"),
            ("<!DOCTYPE html><html>", "HTML or XML"),
            ("-- MySQL dump 10.13\n", "an SQL dump"),
            ("--", "an SQL dump"),
            ("INSERT INTO users VALUES (1,'ann');", "an SQL dump"),
            ("BZh91AY&SY", "packed with bzip2, xz or 7-Zip"),
        ];
        for (text, wanted) in cases {
            let found = detect_other_format(text.as_bytes());
            assert_eq!(found.map(|(what, _)| what), Some(wanted), "{text}");
        }
    }

    #[test]
    fn lists_of_all_kinds_are_not_mistaken() {
        for text in [
            "user_id\nann\n",
            "[user_id],[name]\n",
            "\"user_id\";\"name\"\n",
            "{id},name\n",
            "--,user_id\n",
            "pragma,user_id\n",
            "<unknown>,user_id\n",
            "",
        ] {
            assert_eq!(detect_other_format(text.as_bytes()), None, "{text}");
        }
    }
}
