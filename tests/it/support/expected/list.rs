//! A list with a known outcome for each row.

use std::fmt::Write as _;
use std::io::Write as _;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::program::APP;

/// Users whose ids begin with this do not exist.
pub(crate) const MISSING_USER: &str = "gone-";
/// Channels whose ids begin with this do not exist.
pub(crate) const MISSING_CHANNEL: &str = "closed-";

/// What a finished run must do with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Add the member.
    Added,
    /// Fail: the user does not exist.
    UserMissing,
    /// Fail: the channel does not exist.
    ChannelMissing,
    /// Not send the row: it is defective.
    Invalid,
    /// Not send the row: it repeats the row at this index.
    DuplicateOf(usize),
}

/// A row.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    channel: String,
    user: String,
    pub(crate) expected: Expected,
}

impl Line {
    pub(crate) fn channel_arn(&self) -> String {
        format!("{APP}/channel/{}", self.channel)
    }

    pub(crate) fn member_arn(&self) -> String {
        format!("{APP}/user/{}", self.user)
    }
}

/// The rows of a list.
#[derive(Debug, Clone)]
pub(crate) struct List(pub(crate) Vec<Line>);

impl List {
    /// Good rows only, with the channels in turn.
    pub(crate) fn good(rows: usize, channels: usize) -> Self {
        let line = |row: usize| Line {
            channel: format!("c{}", row % channels),
            user: format!("u{row}"),
            expected: Expected::Added,
        };
        Self((0..rows).map(line).collect())
    }

    /// Rows with every expected outcome, most of them good.
    pub(crate) fn mixed(rows: usize, channels: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let Self(mut lines) = Self::good(rows, channels);
        for row in 1..rows {
            let before = rng.random_range(0..row);
            match rng.random_range(0..100) {
                0 if lines[before].expected == Expected::Added => {
                    lines[row] = Line {
                        expected: Expected::DuplicateOf(before),
                        ..lines[before].clone()
                    };
                }
                1 => {
                    lines[row].user = format!("{MISSING_USER}{row}");
                    lines[row].expected = Expected::UserMissing;
                }
                2 => {
                    lines[row].channel = format!("{MISSING_CHANNEL}{}", row % 2);
                    lines[row].expected = Expected::ChannelMissing;
                }
                3 => {
                    lines[row].user = format!("u {row}");
                    lines[row].expected = Expected::Invalid;
                }
                _ => {}
            }
        }
        Self(lines)
    }

    /// Whether the members of all rows can be added.
    pub(crate) fn is_good(&self) -> bool {
        let is_in =
            |line: &Line| matches!(line.expected, Expected::Added | Expected::DuplicateOf(_));
        self.0.iter().all(is_in)
    }

    /// As CSV.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from("channel,user_id,remark\n");
        for (row, line) in self.0.iter().enumerate() {
            writeln!(text, "{},{},of row {row}", line.channel, line.user).unwrap();
        }
        text
    }

    /// As CSV, compressed with gzip.
    pub(crate) fn gzip(&self) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(self.text().as_bytes()).unwrap();
        packed.finish().unwrap()
    }
}
