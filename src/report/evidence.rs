//! What listings and descriptions show of a row.
//!
//! Promises: a row is confirmed only if a listing or a description names its member.

use std::collections::HashMap;

use super::listings::{ListingEnd, Listings};
use super::verification::Verdict;
use crate::ledger::{Fingerprint, ResultRow};
use crate::model::{MembershipType, Outcome};
use crate::roster::Entry;

/// What was answered about one membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Description {
    /// It exists, with this type if the service said it.
    In(Option<MembershipType>),
    Absent,
    /// The question was refused.
    Refused(String),
}

/// What was found out.
#[derive(Debug, Default)]
pub struct Evidence {
    listings: Option<Listings>,
    described: HashMap<Fingerprint, Description>,
    trusts_empty: bool,
}

impl Evidence {
    /// None yet. `trusts_empty`: whether an empty listing is believed, as members may have been removed
    /// on purpose.
    #[must_use]
    pub fn new(trusts_empty: bool) -> Self {
        Self {
            trusts_empty,
            ..Self::default()
        }
    }

    /// Adds the listings.
    pub fn add_listings(&mut self, listings: Listings) {
        self.listings = Some(listings);
    }

    /// Adds the description of a membership.
    pub(super) fn describe(&mut self, membership: Fingerprint, description: Description) {
        self.described.insert(membership, description);
    }

    /// What follows for a row. `is_filled`: whether the run reported members as in this channel.
    pub(super) fn judge(
        &self,
        row: &ResultRow<'_>,
        entry: &Entry,
        membership: Fingerprint,
        is_filled: bool,
    ) -> Judgement {
        let wanted = entry.membership_type();
        if let Some(description) = self.described.get(&membership) {
            return match description {
                Description::In(kind) => found(row, wanted, kind.unwrap_or(wanted)),
                Description::Absent => missing(row),
                Description::Refused(why) => Judgement::Verdict(Verdict::Unreadable, why.clone()),
            };
        }
        let Some(listings) = &self.listings else {
            return Judgement::Open;
        };
        let (channel, sub_channel) = (entry.channel_arn(), entry.sub_channel());
        let Some(listing) = listings.get(channel, wanted, sub_channel) else {
            return Judgement::Open;
        };
        let other = wanted.other();
        let listed = listings.membership(channel, entry.member_arn(), sub_channel);
        for kind in [wanted, other] {
            if listings.has(listed, kind) {
                return found(row, wanted, kind);
            }
        }
        if let ListingEnd::Refused(why) = &listing.end {
            return Judgement::Verdict(Verdict::Unreadable, why.clone());
        }
        let others = listings.get(channel, other, sub_channel);
        let is_empty = listing.members + others.map_or(0, |others| others.members) == 0;
        if is_empty && is_filled && !self.trusts_empty {
            let detail = "the listing of the channel is empty, though members were added to it";
            return Judgement::Verdict(Verdict::Unreadable, detail.to_owned());
        }
        // Neither the run nor the listing has the member.
        let is_agreed = matches!(row.outcome, Outcome::Failed | Outcome::NotAttempted);
        let is_other_known = others.is_none_or(|others| others.end == ListingEnd::Complete);
        if is_agreed && is_other_known && listing.end == ListingEnd::Complete {
            return missing(row);
        }
        Judgement::Open
    }
}

/// What follows from the evidence for one row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Verdict(Verdict, String),
    /// Only a description can tell.
    Open,
}

/// A member that is in the channel, with this type.
fn found(row: &ResultRow<'_>, wanted: MembershipType, kind: MembershipType) -> Judgement {
    if kind != wanted {
        let detail = format!("a member of type {kind}, not {wanted}");
        return Judgement::Verdict(Verdict::OtherType, detail);
    }
    match row.outcome {
        Outcome::Failed | Outcome::NotAttempted => {
            let detail = format!("the run reported {}", row.outcome);
            Judgement::Verdict(Verdict::Unexpected, detail)
        }
        Outcome::Unconfirmed => {
            let detail = "the run could not tell".to_owned();
            Judgement::Verdict(Verdict::Confirmed, detail)
        }
        _ => Judgement::Verdict(Verdict::Confirmed, String::new()),
    }
}

/// A member that is not in the channel.
fn missing(row: &ResultRow<'_>) -> Judgement {
    let detail = format!("the run reported {}", row.outcome);
    Judgement::Verdict(Verdict::Missing, detail)
}
