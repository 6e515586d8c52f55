//! `diff.csv`: the channels of a list beside the list, row by row and in counts.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::csv_report::check_csv;
use super::{DIFF, ReportError};
use crate::ledger::FingerprintHasher;
use crate::model::escape_control;

/// Columns of `diff.csv`: a contract.
pub(super) const COLUMNS: [&str; 5] = ["sign", "channel_arn", "member_arn", "type", "reason"];

/// The signs of `diff.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// On the list, not in the channel: to be added.
    Add,
    /// In the channel, not on the list: to be removed.
    Remove,
    /// On the list and in the channel.
    Equal,
    /// Neither added nor removed, for the reason beside it.
    Problem,
    /// In the channel, not on the list, and kept.
    Kept,
}

impl Sign {
    /// All signs.
    pub const ALL: [Self; 5] = [
        Self::Add,
        Self::Remove,
        Self::Equal,
        Self::Problem,
        Self::Kept,
    ];

    /// Its text in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Remove => "-",
            Self::Equal => "=",
            Self::Problem => "!",
            Self::Kept => "kept",
        }
    }
}

/// The beginnings of the reasons of rows with `!` whose member is not in the channel.
pub(super) const LEFT: &str = "left_since";
pub(super) const UNREAD: &str = "unread: the members of the channel cannot be listed";
pub(super) const INVALID: &str = "invalid";

/// The difference of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelDiff {
    /// Members now.
    pub members: u64,
    /// Members to add.
    pub to_add: u64,
    /// Members to remove.
    pub to_remove: u64,
    /// Why nobody is removed, if that is so.
    pub withheld: Option<String>,
}

/// The difference of all channels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// By ARN.
    pub channels: BTreeMap<String, ChannelDiff>,
    /// Members to add.
    pub to_add: u64,
    /// Members to remove.
    pub to_remove: u64,
    /// Members on the list and in their channels.
    pub equal: u64,
    /// Members not on the list, and kept for their own sake.
    pub kept: u64,
    /// Members not on the list, and kept because too little is known of their channel.
    pub withheld: u64,
    /// Members on the list who left since an earlier run had added them.
    pub left_since: u64,
    /// Members on the list and in their channels with another type.
    pub other_type: u64,
    /// Invalid rows.
    pub invalid: u64,
    /// Members on the list whose channels cannot be listed.
    pub unread: u64,
}

impl Diff {
    /// Whether the channels are as the list says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.to_add + self.to_remove + self.withheld + self.invalid + self.other_type + self.unread
            == 0
            && self.channels.values().all(|one| one.withheld.is_none())
    }

    pub(super) fn channel(&mut self, arn: &str) -> &mut ChannelDiff {
        if !self.channels.contains_key(arn) {
            self.channels.insert(arn.to_owned(), ChannelDiff::default());
        }
        self.channels.entry(arn.to_owned()).or_default()
    }

    pub(super) fn withhold(&mut self, channel: &str, reason: &str) {
        let withheld = &mut self.channel(channel).withheld;
        withheld.get_or_insert_with(|| reason.to_owned());
    }
}

/// One row of a `diff.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffRow {
    /// The sign.
    pub sign: Sign,
    /// The channel's ARN.
    pub channel: String,
    /// The member's ARN.
    pub member: String,
    /// The type.
    pub kind: String,
    /// The reason.
    pub reason: String,
}

impl DiffRow {
    /// Whether it stands for an invalid row of the list.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.sign == Sign::Problem && self.reason.starts_with(INVALID)
    }

    /// Whether its member was in the channel when the report was written.
    #[must_use]
    pub fn was_in(&self) -> bool {
        match self.sign {
            Sign::Add => false,
            Sign::Problem => ![LEFT, UNREAD].contains(&&*self.reason) && !self.is_invalid(),
            Sign::Remove | Sign::Equal | Sign::Kept => true,
        }
    }
}

/// Passes each row of a `diff.csv` to `each`.
///
/// # Errors
/// If it cannot be read or is no such report, or what `each` returns.
pub fn read_diff(
    path: &Path,
    mut each: impl FnMut(DiffRow) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    let wrong = |what: String| ReportError::NotADiff {
        path: path.to_owned(),
        what,
    };
    let failed = |error: csv::Error| wrong(error.to_string());
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    let header = reader.headers().map_err(failed)?;
    let begin = header
        .get(0)
        .unwrap_or_default()
        .trim_start_matches('\u{feff}');
    if !std::iter::once(begin)
        .chain(header.iter().skip(1))
        .eq(COLUMNS)
    {
        let columns = COLUMNS.join(",");
        return Err(wrong(format!("its header is not {columns}")));
    }
    for record in reader.into_records() {
        let record = record.map_err(failed)?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |index: usize| record.get(index).unwrap_or_default().to_owned();
        let mut signs = Sign::ALL.into_iter();
        let sign = signs.find(|sign| sign.as_str() == field(0));
        let sign = sign.ok_or_else(|| {
            let sign = escape_control(&field(0), 20);
            wrong(format!(
                "line {line}: sign `{sign}`: it is +, -, =, ! or kept"
            ))
        })?;
        each(DiffRow {
            sign,
            channel: field(1),
            member: field(2),
            kind: field(3),
            reason: field(4),
        })?;
    }
    Ok(())
}

/// The digest of the rows of a `diff.csv`, under a secret key.
///
/// # Errors
/// As [`read_diff`].
pub fn diff_digest(path: &Path, key: [u8; 16]) -> Result<String, ReportError> {
    let hasher = FingerprintHasher::new(key);
    let mut digest = String::new();
    read_diff(path, |row| {
        let (channel, member) = (&*row.channel, &*row.member);
        let parts = [
            &*digest,
            row.sign.as_str(),
            channel,
            member,
            &row.kind,
            &row.reason,
        ];
        digest = format!("{:032x}", hasher.hash(&parts));
        Ok(())
    })?;
    Ok(digest)
}

/// Checks that a file with the name of the report is one.
///
/// # Errors
/// [`ReportError::Foreign`] if it is not.
pub fn check_diff(dir: &Path) -> Result<(), ReportError> {
    check_csv(dir, DIFF, &COLUMNS)
}
