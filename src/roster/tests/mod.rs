//! Whole lists, read from bytes.

mod columns;
mod field_lists;
mod reading;
mod rows;
mod samples;
mod unreadable;

use super::*;

const HOME: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/5f7c1a9e";

/// A member's ARN.
fn user(id: &str) -> String {
    format!("{HOME}/user/{id}")
}

/// A channel's ARN.
fn channel(id: &str) -> String {
    format!("{HOME}/channel/{id}")
}

/// All rows into one channel.
fn one_channel() -> Options {
    Options {
        channel_arn: Some(channel("c").parse().unwrap()),
        ..Options::default()
    }
}

fn bytes(bytes: impl Into<Vec<u8>>) -> Source {
    Source::Bytes {
        name: "list.csv".to_owned(),
        bytes: bytes.into(),
    }
}

fn open(text: impl Into<Vec<u8>>, options: &Options) -> Result<Roster, RosterError> {
    Roster::open(&bytes(text), options)
}

/// What became of a row, and its line: `c/u` of an entry, the defect, or `-`.
fn rows(mut roster: Roster) -> Result<Vec<(u64, String)>, RosterError> {
    let mut row = Row::new();
    let mut rows = Vec::new();
    while roster.read(&mut row)? {
        let text = match row.kind() {
            RowKind::Take(entry) => format!(
                "{}/{}",
                entry.channel_arn().rsplit('/').next().unwrap(),
                entry.member_arn().rsplit('/').next().unwrap()
            ),
            RowKind::Defect(defect) => defect.to_string(),
            RowKind::LeftOut => "-".to_owned(),
        };
        rows.push((row.line(), text));
        assert_eq!(row.number(), rows.len() as u64);
    }
    Ok(rows)
}

/// What became of the rows, without their lines.
fn verdicts(text: impl Into<Vec<u8>>, options: &Options) -> Vec<String> {
    rows(open(text, options).unwrap())
        .unwrap()
        .into_iter()
        .map(|(_, text)| text)
        .collect()
}
