//! Compares the channels of a list with the list.
//!
//! Promises: nobody is to be removed on half knowledge. A channel whose listing is incomplete, whose
//! moderators are unknown, or that an invalid row may be about, has no removals.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::csv_report::CsvReport;
use super::diff::{COLUMNS, Diff, INVALID, LEFT, Sign, UNREAD, check_diff};
use super::listings::{ListingEnd, Listings};
use super::questions::each_answer;
use super::set::sync;
use super::{DIFF, ReportError};
use crate::ledger::{Fingerprint, LedgerReader, Settled};
use crate::model::{Finding, MembershipType, Outcome, Question, codes};
use crate::roster::{Delimiter, Encoding, Entry};

/// What decides about those who are not on the list.
#[derive(Debug, Default)]
pub struct SyncRules {
    /// Whether they are to be removed.
    pub remove_others: bool,
    /// The ARNs of those who are never removed, each with the reason.
    pub protected: HashMap<String, &'static str>,
    /// Whether who left by themselves is added again.
    pub add_left: bool,
}

impl SyncRules {
    /// Why somebody who is not on the list is kept; `None` if nothing speaks for it.
    pub(super) fn reason_to_keep(&self, member: &str, is_moderator: bool) -> Option<&'static str> {
        let protected = self.protected.get(member).copied();
        protected
            .or_else(|| is_moderator.then_some("a moderator"))
            .or_else(|| member.contains("/bot/").then_some("a bot"))
    }
}

/// What is known of the channels of a list.
pub struct Comparison {
    listings: Listings,
    /// Memberships that earlier runs know of.
    earlier: HashSet<Fingerprint>,
    rules: SyncRules,
}

impl Comparison {
    /// Reads the answers of an inquiry about the channels of a list: their members of both types, and
    /// their moderators. `earlier` are the ledgers of earlier runs of the list.
    ///
    /// # Errors
    /// If a ledger cannot be read.
    pub fn of(
        inquiry: &LedgerReader,
        earlier: &[LedgerReader],
        rules: SyncRules,
    ) -> Result<Self, ReportError> {
        let mut comparison = Self {
            listings: Listings::read(inquiry)?,
            earlier: HashSet::new(),
            rules,
        };
        let mut entry = Entry::default();
        for ledger in earlier {
            ledger.project(|row| {
                let has_left = row.code.as_deref() == Some(codes::LEFT_SINCE);
                let was_in = row.outcome.is_in() || has_left;
                if was_in && ledger.layout().resolve(row.record, &mut entry).is_ok() {
                    let membership = comparison.membership(&entry);
                    comparison.earlier.insert(membership);
                }
                Ok::<_, ReportError>(())
            })?;
        }
        Ok(comparison)
    }

    /// How a row of the list is settled without a call.
    #[must_use]
    pub fn settled(&self, entry: &Entry) -> Option<Settled> {
        match self.sign(entry) {
            (Sign::Add, _) => None,
            (Sign::Problem, reason) if reason == UNREAD => Some(Settled {
                outcome: Outcome::Failed,
                code: codes::UNREAD,
                message: "the members of the channel cannot be listed",
            }),
            (Sign::Problem, _) if self.type_of(entry).is_none() => Some(Settled {
                outcome: Outcome::Failed,
                code: codes::LEFT_SINCE,
                message: "the member left since an earlier run",
            }),
            _ => Some(Settled {
                outcome: Outcome::AlreadyMember,
                code: codes::LISTED,
                message: "a listing of the channel had the member before the first call",
            }),
        }
    }

    /// Writes `diff.csv`. `run` is the run whose list is read, and of which no call was made.
    ///
    /// # Errors
    /// If a ledger cannot be read, or the report cannot be written.
    pub fn write(
        &self,
        run: &LedgerReader,
        inquiry: &LedgerReader,
        dir: &Path,
    ) -> Result<Diff, ReportError> {
        check_diff(dir)?;
        let mut report = CsvReport::create(dir, DIFF, Delimiter::COMMA, Encoding::UTF_8, b"")?;
        report.record(COLUMNS)?;
        let mut diff = Diff::default();
        let moderators = channels(&self.listings, inquiry, &mut diff)?;
        let on_list = self.rows(run, &mut diff, &mut report)?;
        self.others(inquiry, &mut diff, &mut report, &moderators, &on_list)?;
        report.finish()?.persist()?;
        sync(dir)?;
        Ok(diff)
    }

    /// Writes the rows of the list. Returns their memberships, sorted.
    fn rows(
        &self,
        run: &LedgerReader,
        diff: &mut Diff,
        report: &mut CsvReport,
    ) -> Result<Vec<Fingerprint>, ReportError> {
        let mut on_list = Vec::new();
        let mut entry = Entry::default();
        let mut is_any_unknown = false;
        run.project(|row| {
            let layout = run.layout();
            let is_valid =
                row.outcome != Outcome::Invalid && layout.resolve(row.record, &mut entry).is_ok();
            if !is_valid {
                diff.invalid += 1;
                let (channel, member) = layout.channel_and_member(row.record);
                if diff.channels.contains_key(&*channel) {
                    diff.withhold(&channel, "the list has an invalid row for this channel");
                } else {
                    // It may be about any of them, in another spelling.
                    is_any_unknown = true;
                }
                let reason = row.message.as_deref().unwrap_or_default();
                let reason = format!("{INVALID}: {reason}");
                return report.record([Sign::Problem.as_str(), &channel, &member, "", &reason]);
            }
            if row.outcome == Outcome::Duplicate {
                return Ok(());
            }
            on_list.push(self.membership(&entry));
            let (sign, reason) = self.sign(&entry);
            match sign {
                Sign::Add => {
                    diff.to_add += 1;
                    diff.channel(entry.channel_arn()).to_add += 1;
                }
                Sign::Problem if reason == LEFT => diff.left_since += 1,
                Sign::Problem if reason == UNREAD => diff.unread += 1,
                Sign::Problem => diff.other_type += 1,
                _ => diff.equal += 1,
            }
            let kind = entry.membership_type().as_str();
            let (channel, member) = (entry.channel_arn(), entry.member_arn());
            report.record([sign.as_str(), channel, member, kind, &reason])
        })?;
        if is_any_unknown {
            let channels: Vec<String> = diff.channels.keys().cloned().collect();
            for channel in channels {
                let reason = "the list has an invalid row, perhaps for this channel";
                diff.withhold(&channel, reason);
            }
        }
        on_list.sort_unstable();
        Ok(on_list)
    }

    /// Writes those who are in a channel and not on the list.
    fn others(
        &self,
        inquiry: &LedgerReader,
        diff: &mut Diff,
        report: &mut CsvReport,
        moderators: &HashSet<Fingerprint>,
        on_list: &[Fingerprint],
    ) -> Result<(), ReportError> {
        let mut seen = HashSet::new();
        each_answer::<ReportError>(inquiry, |question, row, entry| {
            if question != Question::Members {
                return Ok(());
            }
            let (channel, kind) = (entry.channel_arn(), entry.membership_type());
            for finding in inquiry.findings(row.row, entry.app_instance())? {
                let Finding::Members { members, .. } = finding else {
                    continue;
                };
                for member in &members {
                    let membership = self.listings.membership(channel, member, None);
                    let is_new = seen.insert(membership);
                    diff.channel(channel).members += u64::from(is_new);
                    if !is_new || on_list.binary_search(&membership).is_ok() {
                        continue;
                    }
                    let withheld = diff.channel(channel).withheld.clone();
                    let is_moderator = moderators.contains(&membership);
                    let protected = self.rules.reason_to_keep(member, is_moderator);
                    let (sign, reason) = match (protected, withheld) {
                        _ if !self.rules.remove_others => {
                            let reason = "not on the list; removed only with --remove-others";
                            (Sign::Kept, reason.to_owned())
                        }
                        (Some(reason), _) => (Sign::Kept, reason.to_owned()),
                        (None, Some(reason)) => (Sign::Problem, format!("withheld: {reason}")),
                        (None, None) => (Sign::Remove, "not on the list".to_owned()),
                    };
                    match sign {
                        Sign::Remove => {
                            diff.to_remove += 1;
                            diff.channel(channel).to_remove += 1;
                        }
                        Sign::Problem => diff.withheld += 1,
                        _ => diff.kept += 1,
                    }
                    report.record([sign.as_str(), channel, member, kind.as_str(), &reason])?;
                }
            }
            Ok(())
        })?;
        if !self.rules.remove_others {
            // There is nothing to withhold.
            for channel in diff.channels.values_mut() {
                channel.withheld = None;
            }
        }
        Ok(())
    }

    /// The sign of a row of the list, and the reason.
    fn sign(&self, entry: &Entry) -> (Sign, String) {
        match self.type_of(entry) {
            Some(kind) if kind == entry.membership_type() => (Sign::Equal, String::new()),
            Some(kind) => {
                let reason = format!("other_type: a member of type {kind} already");
                (Sign::Problem, reason)
            }
            None if !self.is_listed(entry) => (Sign::Problem, UNREAD.to_owned()),
            None if !self.rules.add_left && self.earlier.contains(&self.membership(entry)) => {
                (Sign::Problem, LEFT.to_owned())
            }
            None => (Sign::Add, String::new()),
        }
    }

    /// Whether the members of a row's channel are known, of both types.
    fn is_listed(&self, entry: &Entry) -> bool {
        let mut kinds = MembershipType::ALL.into_iter();
        kinds.all(|kind| {
            let listing = self.listings.get(entry.channel_arn(), kind, None);
            listing.is_some_and(|listing| listing.end == ListingEnd::Complete)
        })
    }

    /// The type with which a row's member is in the channel, if a listing has it.
    fn type_of(&self, entry: &Entry) -> Option<MembershipType> {
        let membership = self.membership(entry);
        let wanted = entry.membership_type();
        let mut kinds = [wanted, wanted.other()].into_iter();
        kinds.find(|kind| self.listings.has(membership, *kind))
    }

    /// The membership of a row. A list of a sync has no sub-channels.
    fn membership(&self, entry: &Entry) -> Fingerprint {
        self.listings
            .membership(entry.channel_arn(), entry.member_arn(), None)
    }
}

/// Notes which channels could not be read. Returns the moderators.
pub(super) fn channels(
    listings: &Listings,
    inquiry: &LedgerReader,
    diff: &mut Diff,
) -> Result<HashSet<Fingerprint>, ReportError> {
    let mut moderators = HashSet::new();
    each_answer::<ReportError>(inquiry, |question, row, entry| {
        let channel = entry.channel_arn();
        diff.channel(channel);
        let is_answered = row.outcome == Outcome::Added;
        match question {
            Question::Members => {
                let kind = entry.membership_type();
                let listing = listings.get(channel, kind, None);
                let is_complete =
                    listing.is_some_and(|listing| listing.end == ListingEnd::Complete);
                if !is_complete {
                    let code = row.code.as_deref().unwrap_or("incomplete");
                    diff.withhold(channel, &format!("the members cannot be listed: {code}"));
                }
            }
            Question::Moderators => {
                if !is_answered {
                    let code = row.code.as_deref().unwrap_or("incomplete");
                    let reason = format!("the moderators cannot be listed: {code}");
                    diff.withhold(channel, &reason);
                }
                for finding in inquiry.findings(row.row, entry.app_instance())? {
                    if let Finding::Members { members, .. } = finding {
                        let of = |member: &String| listings.membership(channel, member, None);
                        moderators.extend(members.iter().map(of));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(moderators)
}
