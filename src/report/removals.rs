//! The list of an undo: the members that a run added, for their removal.

use std::collections::HashMap;
use std::path::Path;

use super::ReportError;
use super::csv_report::CsvReport;
use super::set::sync;
use crate::ledger::LedgerReader;
use crate::model::{ChannelArn, RemovalRow};
use crate::roster::{Delimiter, Encoding, Entry};
use crate::schedule::LowerBound;

/// Which of the members that a run added are to be removed.
#[derive(Debug, Clone, Default)]
pub struct RemovalChoice {
    /// Only those of these channels; if there are none, those of all channels.
    pub channels: Vec<ChannelArn>,
    /// Also those of whom it is unknown whether the run added them.
    pub include_in_doubt: bool,
}

/// The members to remove, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemovalCounts {
    /// Members.
    pub members: u64,
    /// Channels that they are in.
    pub channels: u64,
    /// Members left out because it is unknown whether the run added them.
    pub in_doubt_left_out: u64,
    /// The calls, one for each member.
    pub bound: LowerBound,
}

/// Counts the members to remove.
///
/// # Errors
/// If the ledger cannot be read.
pub fn count_removals(
    ledger: &LedgerReader,
    choice: &RemovalChoice,
) -> Result<RemovalCounts, ReportError> {
    each_removal(ledger, choice, |_| Ok(()))
}

/// Writes the list of the members to remove, which only its owner can read.
///
/// # Errors
/// If the ledger cannot be read, or the list cannot be written.
pub fn write_removals(
    ledger: &LedgerReader,
    choice: &RemovalChoice,
    dir: &Path,
    name: &str,
) -> Result<RemovalCounts, ReportError> {
    let mut list = CsvReport::create(dir, name, Delimiter::COMMA, Encoding::UTF_8, b"")?;
    list.record(RemovalRow::COLUMNS)?;
    let counts = each_removal(ledger, choice, |fields| list.record(fields))?;
    list.finish()?.persist()?;
    sync(dir)?;
    Ok(counts)
}

/// Passes the fields of each row of the list to `each`.
fn each_removal(
    ledger: &LedgerReader,
    choice: &RemovalChoice,
    mut each: impl FnMut([&str; 8]) -> Result<(), ReportError>,
) -> Result<RemovalCounts, ReportError> {
    let mut counts = RemovalCounts::default();
    let mut by_channel: HashMap<String, u64> = HashMap::new();
    let mut entry = Entry::default();
    ledger.for_each_addition(|row, removal| {
        if ledger.layout().resolve(row.record, &mut entry).is_err() {
            return Err(ledger.damaged(format!("row {}", row.row)).into());
        }
        let channel = entry.channel_arn();
        let is_chosen = |chosen: &ChannelArn| chosen.as_str() == channel;
        if !choice.channels.is_empty() && !choice.channels.iter().any(is_chosen) {
            return Ok(());
        }
        if removal.in_doubt && !choice.include_in_doubt {
            counts.in_doubt_left_out += 1;
            return Ok(());
        }
        match by_channel.get_mut(channel) {
            Some(members) => *members += 1,
            None => drop(by_channel.insert(channel.to_owned(), 1)),
        }
        counts.members += 1;
        let [in_doubt, from, until] = removal.fields();
        each([
            &row.row.to_string(),
            channel,
            entry.member_arn(),
            entry.membership_type().as_str(),
            entry.sub_channel().unwrap_or_default(),
            &in_doubt,
            &from,
            &until,
        ])
    })?;
    counts.channels = by_channel.len() as u64;
    for members in by_channel.into_values() {
        counts.bound.add_calls(members);
    }
    Ok(counts)
}
