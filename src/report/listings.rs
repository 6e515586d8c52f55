//! What listings found: who is in which channel.
//!
//! Promises: a member counts as found only where a page of the channel named it. Memory: 16 bytes for
//! each member that was found.

use std::collections::{HashMap, HashSet};

use crate::ledger::{Fingerprint, FingerprintHasher, LedgerError, LedgerReader, ResultRow};
use crate::model::{Finding, MembershipType, Outcome, Question, QuestionRow};
use crate::roster::Entry;

/// The listings of an inquiry.
#[derive(Debug)]
pub struct Listings {
    hasher: FingerprintHasher,
    by_channel: HashMap<Fingerprint, Listing>,
    /// Sorted, one for each type.
    found: [Vec<Fingerprint>; 2],
}

/// The listing of one type in one channel, or sub-channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Members on its pages.
    pub members: u64,
    /// How it ended.
    pub end: ListingEnd,
}

/// How a listing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListingEnd {
    /// At its last page.
    Complete,
    /// More pages followed that were not read, or a member was repeated: then another may be missing.
    CutShort,
    /// A page was refused, with this code and message.
    Refused(String),
}

impl Listings {
    /// Reads the answers of an inquiry.
    ///
    /// # Errors
    /// If its ledger cannot be read.
    pub fn read(inquiry: &LedgerReader) -> Result<Self, LedgerError> {
        let mut listings = Self {
            hasher: FingerprintHasher::new(inquiry.key()?),
            by_channel: HashMap::new(),
            found: Default::default(),
        };
        let mut entry = Entry::default();
        inquiry.project(|row| listings.add(inquiry, row, &mut entry))?;
        for found in &mut listings.found {
            found.sort_unstable();
        }
        Ok(listings)
    }

    fn add(
        &mut self,
        inquiry: &LedgerReader,
        row: &ResultRow<'_>,
        entry: &mut Entry,
    ) -> Result<(), LedgerError> {
        let damaged = || inquiry.damaged(format!("question {}", row.row));
        let fields: Vec<String> = row.record.iter().map(ToString::to_string).collect();
        let question = QuestionRow::parse(&fields).ok_or_else(damaged)?.question;
        if question != Question::Members {
            return Ok(());
        }
        let resolved = inquiry.layout().resolve(row.record, entry);
        resolved.map_err(|_| damaged())?;
        let kind = entry.membership_type();
        let mut members = HashSet::new();
        let (mut is_last, mut is_repeated) = (false, false);
        for finding in inquiry.findings(row.row, entry.app_instance())? {
            is_last = finding.next_token().is_none();
            let Finding::Members { members: page, .. } = finding else {
                return Err(damaged());
            };
            for member in &page {
                let fingerprint = self.membership(entry.channel_arn(), member, entry.sub_channel());
                self.found[place(kind)].push(fingerprint);
                is_repeated |= !members.insert(fingerprint);
            }
        }
        let members = members.len() as u64;
        let end = match (row.outcome, is_last && !is_repeated) {
            (Outcome::Added, true) => ListingEnd::Complete,
            (Outcome::Added, false) => ListingEnd::CutShort,
            _ => {
                let code = row.code.as_deref().unwrap_or_default();
                let message = row.message.as_deref().unwrap_or_default();
                ListingEnd::Refused(format!("{code}: {message}"))
            }
        };
        let key = self.listing(entry.channel_arn(), kind, entry.sub_channel());
        self.by_channel.insert(key, Listing { members, end });
        Ok(())
    }

    /// The listing of a type in a channel or sub-channel, if it was asked for.
    #[must_use]
    pub fn get(
        &self,
        channel: &str,
        kind: MembershipType,
        sub_channel: Option<&str>,
    ) -> Option<&Listing> {
        self.by_channel
            .get(&self.listing(channel, kind, sub_channel))
    }

    /// Whether a listing of this type found the member.
    #[must_use]
    pub fn has(&self, membership: Fingerprint, kind: MembershipType) -> bool {
        self.found[place(kind)].binary_search(&membership).is_ok()
    }

    /// The fingerprint of a membership, of whatever type.
    #[must_use]
    pub fn membership(
        &self,
        channel: &str,
        member: &str,
        sub_channel: Option<&str>,
    ) -> Fingerprint {
        let sub_channel = sub_channel.unwrap_or_default();
        self.hasher.hash(&[channel, member, sub_channel])
    }

    fn listing(
        &self,
        channel: &str,
        kind: MembershipType,
        sub_channel: Option<&str>,
    ) -> Fingerprint {
        let sub_channel = sub_channel.unwrap_or_default();
        self.hasher.hash(&[channel, kind.as_str(), sub_channel])
    }
}

fn place(kind: MembershipType) -> usize {
    match kind {
        MembershipType::Default => 0,
        MembershipType::Hidden => 1,
    }
}
