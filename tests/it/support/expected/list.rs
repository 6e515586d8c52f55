//! A list of which it is known what must become of each row.

use std::fmt::Write as _;
use std::io::Write as _;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::program::APP;

/// Users whose ids begin so do not exist.
pub(crate) const GONE: &str = "gone-";
/// Nor do channels whose ids begin so.
pub(crate) const CLOSED: &str = "closed-";

/// What must become of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallResult {
    /// The member gets in.
    In,
    /// The user does not exist.
    Gone,
    /// The channel does not exist.
    Closed,
    /// The row cannot be sent.
    Defect,
    /// It repeats an earlier row.
    Repeat(usize),
}

/// A row.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    channel: String,
    user: String,
    pub(crate) fate: CallResult,
}

impl Line {
    pub(crate) fn channel_arn(&self) -> String {
        format!("{APP}/channel/{}", self.channel)
    }

    pub(crate) fn member_arn(&self) -> String {
        format!("{APP}/user/{}", self.user)
    }
}

/// Rows in their order, the first at 0.
#[derive(Debug, Clone)]
pub(crate) struct List(pub(crate) Vec<Line>);

impl List {
    /// Good rows only, the channels in turn.
    pub(crate) fn good(rows: usize, channels: usize) -> Self {
        let line = |row: usize| Line {
            channel: format!("c{}", row % channels),
            user: format!("u{row}"),
            fate: CallResult::In,
        };
        Self((0..rows).map(line).collect())
    }

    /// Rows of every fate, most of them good.
    pub(crate) fn mixed(rows: usize, channels: usize, seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let Self(mut lines) = Self::good(rows, channels);
        for row in 1..rows {
            let before = dice.random_range(0..row);
            match dice.random_range(0..100) {
                0 if lines[before].fate == CallResult::In => {
                    lines[row] = Line {
                        fate: CallResult::Repeat(before),
                        ..lines[before].clone()
                    };
                }
                1 => {
                    lines[row].user = format!("{GONE}{row}");
                    lines[row].fate = CallResult::Gone;
                }
                2 => {
                    lines[row].channel = format!("{CLOSED}{}", row % 2);
                    lines[row].fate = CallResult::Closed;
                }
                3 => {
                    lines[row].user = format!("u {row}");
                    lines[row].fate = CallResult::Defect;
                }
                _ => {}
            }
        }
        Self(lines)
    }

    /// Whether every row's member gets in.
    pub(crate) fn is_good(&self) -> bool {
        let is_in = |line: &Line| matches!(line.fate, CallResult::In | CallResult::Repeat(_));
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

    /// As CSV, packed.
    pub(crate) fn gzip(&self) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(self.text().as_bytes()).unwrap();
        packed.finish().unwrap()
    }
}
