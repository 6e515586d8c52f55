//! One channel's state, lean: ten million memberships fit into memory.
//!
//! Names are interned symbols, memberships 16 bytes each, in the order in which their names first
//! came up: so that a page of a listing is found without sorting, and adding or deleting between
//! two pages neither repeats nor skips anybody else.

use std::collections::{BTreeMap, BTreeSet};

use string_interner::DefaultSymbol;

use super::token_bucket::TokenBucket;
use crate::model::MembershipType;

/// An interned name: a member's ARN without its app instance (`user/ann`), or a sub-channel's id.
pub(super) type Name = DefaultSymbol;

/// One membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    /// The bearer who added it.
    pub(super) invited_by: Name,
    /// The sub-channel it was added to.
    pub(super) sub_channel: Option<Name>,
    /// Whole seconds since the service's start.
    pub(super) created: u32,
    /// Listed or not.
    pub(super) membership_type: MembershipType,
}

/// What is kept of a channel.
#[derive(Debug, Default)]
pub(super) struct Channel {
    /// Who is in it.
    pub(super) members: BTreeMap<Name, Member>,
    /// Who may not be added.
    pub(super) banned: BTreeSet<Name>,
    /// What is left of the batch API's rate.
    pub(super) batch: TokenBucket,
    /// What is left of the rate that creating and deleting single memberships and listing moderators
    /// share.
    pub(super) single: TokenBucket,
    /// What is left of the listing rate.
    pub(super) list: TokenBucket,
    /// What is left of the rate of describing the channel.
    pub(super) describe: TokenBucket,
}
