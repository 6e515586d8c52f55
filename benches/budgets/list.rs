//! Member lists of a known shape. Every row is computed from its number, so the bare loop sends the
//! same batches without reading a list.

use std::fs::File;
use std::hash::Hasher;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use siphasher::sip128::{Hasher128, SipHasher13};

/// The app instance of all channels and members.
pub(crate) const INSTANCE: &str =
    "arn:aws:chime:us-east-1:123456789012:app-instance/5f1c0f4e-9a3b-4c58-8a43-0a3f6d2b7c11";
/// In a list with repeats, one row in this many repeats an earlier one.
const REPEATS: u64 = 1_000;

/// The channels of a list, and the order of their rows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowOrder {
    /// One channel, set by a flag: the list contains ids only.
    One,
    /// This many channels; the rows are sorted by channel.
    Sorted(u64),
    /// This many channels, in turn.
    Interleaved(u64),
    /// This many channels, in random order.
    Shuffled(u64),
}

/// The number of channels with which each has a hundred rows: a hundred thousand for the ten million
/// rows that the budgets are set for.
pub(crate) fn channels_for(rows: u64) -> u64 {
    (rows / 100).clamp(1, 100_000)
}

/// A list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    /// The number of rows.
    pub(crate) rows: u64,
    /// The channels, and the order of the rows.
    pub(crate) order: RowOrder,
    /// Whether some rows repeat earlier ones.
    pub(crate) repeats: bool,
}

impl List {
    /// The number of channels.
    pub(crate) fn channels(&self) -> u64 {
        match self.order {
            RowOrder::One => 1,
            RowOrder::Sorted(channels)
            | RowOrder::Interleaved(channels)
            | RowOrder::Shuffled(channels) => channels,
        }
    }

    /// The number of rows that repeat an earlier one.
    pub(crate) fn repeated(&self) -> u64 {
        if self.repeats { self.rows / REPEATS } else { 0 }
    }

    /// A row's channel, counted from 0.
    pub(crate) fn channel(&self, row: u64) -> u64 {
        match self.order {
            RowOrder::One => 0,
            RowOrder::Sorted(channels) => row * channels / self.rows,
            RowOrder::Interleaved(channels) => row % channels,
            RowOrder::Shuffled(channels) => {
                u64::try_from(random(row, 1) % u128::from(channels)).unwrap_or_default()
            }
        }
    }

    /// The row that this one repeats, or the row itself.
    fn original(&self, mut row: u64) -> u64 {
        while self.repeats && row % REPEATS == REPEATS - 1 {
            row /= 2;
        }
        row
    }

    /// Writes the list as CSV. Returns its size in bytes.
    pub(crate) fn write(&self, path: &Path) -> io::Result<u64> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let one = matches!(self.order, RowOrder::One);
        file.write_all(if one {
            b"user_id\n"
        } else {
            b"channel_arn,user_id\n"
        })?;
        for row in 0..self.rows {
            let row = self.original(row);
            if !one {
                write!(file, "{},", channel_arn(self.channel(row)))?;
            }
            writeln!(file, "{}", user_id(row))?;
        }
        file.flush()?;
        Ok(file.get_ref().metadata()?.len())
    }
}

/// The ARN of a channel.
pub(crate) fn channel_arn(channel: u64) -> String {
    format!("{INSTANCE}/channel/{}", uuid(random(channel, 2)))
}

/// The id of a row's user.
pub(crate) fn user_id(row: u64) -> String {
    uuid(random(row, 3))
}

/// A random number that depends only on the arguments.
fn random(number: u64, purpose: u64) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(20_250_101, purpose);
    hasher.write_u64(number);
    hasher.finish128().as_u128()
}

fn uuid(bits: u128) -> String {
    let mut text = format!("{bits:032x}");
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}
