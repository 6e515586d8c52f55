//! Member lists of a known shape: every row follows from its number, so that whoever sends the
//! same batches needs no list.

use std::fs::File;
use std::hash::Hasher;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use siphasher::sip128::{Hasher128, SipHasher13};

/// The app instance of all channels and members.
pub(crate) const INSTANCE: &str =
    "arn:aws:chime:us-east-1:123456789012:app-instance/5f1c0f4e-9a3b-4c58-8a43-0a3f6d2b7c11";
/// One row in this many repeats an earlier one, where a list has repeats.
const REPEATS: u64 = 1_000;

/// In which order rows of which channels come.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CallPlan {
    /// One channel, named by a flag: the list holds ids alone.
    One,
    /// Sorted by channel, of this many.
    Sorted(u64),
    /// The channels in turn, of this many.
    Interleaved(u64),
    /// Any channel, of this many.
    Shuffled(u64),
}

/// So many channels that each has a hundred rows: a hundred thousand for the ten million rows
/// that the budgets are set for.
pub(crate) fn channels_for(rows: u64) -> u64 {
    (rows / 100).clamp(1, 100_000)
}

/// A list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    /// How many rows.
    pub(crate) rows: u64,
    /// Their order.
    pub(crate) order: CallPlan,
    /// Whether some repeat earlier ones.
    pub(crate) repeats: bool,
}

impl List {
    /// How many channels it names.
    pub(crate) fn channels(&self) -> u64 {
        match self.order {
            CallPlan::One => 1,
            CallPlan::Sorted(channels)
            | CallPlan::Interleaved(channels)
            | CallPlan::Shuffled(channels) => channels,
        }
    }

    /// How many rows repeat an earlier one.
    pub(crate) fn repeated(&self) -> u64 {
        if self.repeats { self.rows / REPEATS } else { 0 }
    }

    /// A row's channel, counted from 0.
    pub(crate) fn channel(&self, row: u64) -> u64 {
        match self.order {
            CallPlan::One => 0,
            CallPlan::Sorted(channels) => row * channels / self.rows,
            CallPlan::Interleaved(channels) => row % channels,
            CallPlan::Shuffled(channels) => {
                u64::try_from(random(row, 1) % u128::from(channels)).unwrap_or_default()
            }
        }
    }

    /// The row whose channel and member this one has: as a rule itself.
    fn original(&self, mut row: u64) -> u64 {
        while self.repeats && row % REPEATS == REPEATS - 1 {
            row /= 2;
        }
        row
    }

    /// Writes it as CSV; returns its size in bytes.
    pub(crate) fn write(&self, path: &Path) -> io::Result<u64> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let one = matches!(self.order, CallPlan::One);
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

/// Always the same for the same numbers.
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
