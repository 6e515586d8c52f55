//! A `diff.csv` that is done as it is.
//!
//! Promises: a channel whose members are not those of the difference any more is left as it is.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use super::comparison::{SyncRules, channels};
use super::csv_report::CsvReport;
use super::diff::{COLUMNS, Diff, DiffRow, Sign, read_diff};
use super::listings::Listings;
use super::questions::each_answer;
use super::set::sync;
use super::{DIFF, ReportError};
use crate::ledger::{Fingerprint, LedgerReader};
use crate::model::{ChannelArn, Finding, MemberArn, MembershipType, Question, RemovalRow};
use crate::roster::{Delimiter, Encoding};

/// A difference beside its channels as they are now.
pub struct AppliedDiff<'a> {
    diff: Diff,
    listings: Listings,
    moderators: HashSet<Fingerprint>,
    changed: HashSet<String>,
    rules: &'a SyncRules,
}

impl<'a> AppliedDiff<'a> {
    /// Compares a difference with the answers of an inquiry about its channels.
    ///
    /// # Errors
    /// If a file or a ledger cannot be read.
    pub fn of(
        path: &Path,
        inquiry: &LedgerReader,
        rules: &'a SyncRules,
    ) -> Result<Self, ReportError> {
        let listings = Listings::read(inquiry)?;
        let mut diff = Diff::default();
        let moderators = channels(&listings, inquiry, &mut diff)?;
        // The members that the difference knows of.
        let mut known: BTreeMap<String, BTreeSet<Fingerprint>> = BTreeMap::new();
        let mut changed = HashSet::new();
        read_diff(path, |row| {
            if row.was_in() {
                let membership = listings.membership(&row.channel, &row.member, None);
                let mut kinds = MembershipType::ALL.into_iter();
                if !kinds.any(|kind| listings.has(membership, kind)) {
                    changed.insert(row.channel.clone());
                }
                known.entry(row.channel).or_default().insert(membership);
            }
            Ok(())
        })?;
        each_answer::<ReportError>(inquiry, |question, row, entry| {
            if question != Question::Members {
                return Ok(());
            }
            let channel = entry.channel_arn();
            for finding in inquiry.findings(row.row, entry.app_instance())? {
                let Finding::Members { members, .. } = finding else {
                    continue;
                };
                let known = known.get(channel);
                let is_new = |member: &String| {
                    let membership = listings.membership(channel, member, None);
                    !known.is_some_and(|known| known.contains(&membership))
                };
                if members.iter().any(is_new) {
                    changed.insert(channel.to_owned());
                }
                diff.channel(channel).members += members.len() as u64;
            }
            Ok(())
        })?;
        for channel in &changed {
            diff.withhold(
                channel,
                "its members have changed since the difference was written",
            );
        }
        // A channel that cannot be read may have changed.
        let unread = diff
            .channels
            .iter()
            .filter(|(_, one)| one.withheld.is_some());
        changed.extend(unread.map(|(channel, _)| channel.clone()));
        Ok(Self {
            diff,
            listings,
            moderators,
            changed,
            rules,
        })
    }

    /// Writes what is done of it, as a `diff.csv` again.
    ///
    /// # Errors
    /// If the file cannot be read, or the report cannot be written.
    pub fn write(&self, path: &Path, dir: &Path) -> Result<Diff, ReportError> {
        let mut report = CsvReport::create(dir, DIFF, Delimiter::COMMA, Encoding::UTF_8, b"")?;
        report.record(COLUMNS)?;
        let mut diff = self.diff.clone();
        read_diff(path, |row| {
            let (sign, reason) = self.sign(&row);
            match sign {
                Sign::Add => {
                    diff.to_add += 1;
                    diff.channel(&row.channel).to_add += 1;
                }
                Sign::Remove => {
                    diff.to_remove += 1;
                    diff.channel(&row.channel).to_remove += 1;
                }
                Sign::Equal => diff.equal += 1,
                Sign::Kept => diff.kept += 1,
                Sign::Problem => diff.withheld += u64::from(row.sign == Sign::Remove),
            }
            let DiffRow {
                channel,
                member,
                kind,
                ..
            } = &row;
            report.record([sign.as_str(), channel, member, kind, &reason])
        })?;
        report.finish()?.persist()?;
        sync(dir)?;
        Ok(diff)
    }

    /// The channels that are left as they are.
    #[must_use]
    pub fn into_changed(self) -> HashSet<String> {
        self.changed
    }

    fn sign(&self, row: &DiffRow) -> (Sign, String) {
        let is_action = matches!(row.sign, Sign::Add | Sign::Remove);
        if is_action && self.changed.contains(&row.channel) {
            let channel = self.diff.channels.get(&row.channel);
            let reason = channel.and_then(|one| one.withheld.clone());
            return (
                Sign::Problem,
                format!("withheld: {}", reason.unwrap_or_default()),
            );
        }
        if row.sign == Sign::Remove {
            let membership = self.listings.membership(&row.channel, &row.member, None);
            let is_moderator = self.moderators.contains(&membership);
            let protected = self.rules.reason_to_keep(&row.member, is_moderator);
            if let Some(reason) = protected {
                return (Sign::Kept, reason.to_owned());
            }
        }
        (row.sign, row.reason.clone())
    }
}

/// Checks that a `diff.csv` can be applied: that each row is about one member of one channel, and no two
/// rows about the same.
///
/// # Errors
/// [`ReportError::NotADiff`] if it cannot.
pub fn check_applicable(path: &Path) -> Result<(), ReportError> {
    let mut seen = HashSet::new();
    let mut line = 1u64;
    read_diff(path, |row| {
        line += 1;
        let wrong = |what: String| ReportError::NotADiff {
            path: path.to_owned(),
            what: format!("row {line}: {what}"),
        };
        if row.is_invalid() {
            return Ok(());
        }
        ChannelArn::parse(&row.channel).map_err(|error| wrong(error.to_string()))?;
        MemberArn::parse(&row.member).map_err(|error| wrong(error.to_string()))?;
        let kind: Result<MembershipType, String> = row.kind.parse();
        kind.map_err(wrong)?;
        if !seen.insert((row.channel, row.member)) {
            return Err(wrong("a row before it is about the same member".to_owned()));
        }
        Ok(())
    })
}

/// Passes each channel of a `diff.csv` to `each`, once.
///
/// # Errors
/// If it cannot be read, or what `each` returns.
pub fn each_channel_of(
    path: &Path,
    mut each: impl FnMut(&str) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    let mut channels = BTreeSet::new();
    read_diff(path, |row| {
        if row.channel.contains("/channel/") {
            channels.insert(row.channel);
        }
        Ok(())
    })?;
    channels.iter().try_for_each(|channel| each(channel))
}

/// Writes the list of the members that a `diff.csv` removes, but for those of these channels. Returns how
/// many there are.
///
/// # Errors
/// If the file cannot be read, or the list cannot be written.
pub fn write_sync_removals(
    path: &Path,
    except: impl Fn(&str) -> bool,
    dir: &Path,
    name: &str,
) -> Result<u64, ReportError> {
    let mut list = CsvReport::create(dir, name, Delimiter::COMMA, Encoding::UTF_8, b"")?;
    list.record(RemovalRow::COLUMNS)?;
    let removal = RemovalRow {
        in_doubt: false,
        created: 0..=0,
    };
    let [in_doubt, from, until] = removal.fields();
    let (mut number, mut count) = (0u64, 0);
    read_diff(path, |row| {
        number += 1;
        if row.sign != Sign::Remove || except(&row.channel) {
            return Ok(());
        }
        count += 1;
        list.record([
            number.to_string().as_str(),
            &row.channel,
            &row.member,
            &row.kind,
            "",
            &in_doubt,
            &from,
            &until,
        ])
    })?;
    list.finish()?.persist()?;
    sync(dir)?;
    Ok(count)
}
