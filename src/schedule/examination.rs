//! What is known about the refused calls of one channel.
//!
//! State only: what was refused and accepted, and when. [`examine`](super::examine) and
//! [`conclude`](super::conclude) decide what follows.

use std::time::Duration;

use super::{InFlightCall, RefusedAlone};
use crate::model::{Refusal, RefusalKind};

/// Members refused alone, on a channel where nothing was ever accepted, after which all of it
/// counts as refused: where one member in ten is refused, that is wrong once in a million.
pub(super) const ALONE: usize = 6;
/// Members in a row that fail for a limit, nobody added in between, by which the channel is full.
const FULL_AFTER: u32 = 3;
/// Times that members of one channel are sent again because calls on other channels were accepted.
const MOST_ASKED_AGAIN: usize = 8 * ALONE;

/// The refused calls of a channel, since the first of them.
#[derive(Debug)]
pub(super) struct Examination {
    /// Bearers refused here and not accepted since.
    refused: Vec<RefusedBearer>,
    /// Bearers accepted here since it began, and when their last such call was sent.
    accepted: Vec<(usize, Duration)>,
    /// Members refused alone, held until it is known whether for their own sake.
    held: Vec<Held>,
    /// Refusals of members alone with calls accepted on other channels between each two of them.
    apart: usize,
    /// When the last such refusal came.
    last_alone: Option<Duration>,
    /// Times a member was sent again because calls were accepted on other channels.
    asked_again: usize,
    /// The last refusal.
    refusal: Refusal,
    /// Members in a row that failed for a limit, nobody added in between: a few may be at their own.
    over_limit: u32,
    /// A call was refused since members are held, and none accepted.
    refused_again: bool,
}

/// A member refused alone.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) flight: InFlightCall,
    /// It was refused alone twice, and calls were accepted on other channels in between.
    is_confirmed: bool,
}

/// A bearer refused on a channel.
#[derive(Debug)]
pub(super) struct RefusedBearer {
    pub(super) bearer: usize,
    /// The code of its last refusal.
    code: String,
    /// When its first refusal with this code came, of those with no other code in between.
    pub(super) first: Duration,
    /// When its last refusal came.
    pub(super) last: Duration,
    /// It was accepted on another channel between two refusals.
    pub(super) is_confirmed: bool,
    /// Its last refusal may have been for a member's sake.
    pub(super) may_be_members: bool,
}

impl Examination {
    pub(super) fn new(refusal: &Refusal) -> Self {
        Self {
            refused: Vec::new(),
            accepted: Vec::new(),
            held: Vec::new(),
            apart: 0,
            last_alone: None,
            asked_again: 0,
            refusal: refusal.clone(),
            over_limit: 0,
            refused_again: false,
        }
    }

    /// A call was refused. `works` is when the bearer was last accepted on another channel.
    pub(super) fn on_refused(
        &mut self,
        now: Duration,
        flight: &InFlightCall,
        refusal: &Refusal,
        may_be_members: bool,
        works: Option<Duration>,
    ) {
        self.refusal = refusal.clone();
        self.refused_again = !self.held.is_empty();
        let bearer = flight.bearer;
        let known = self.refused.iter_mut().find(|entry| entry.bearer == bearer);
        if let Some(entry) = known {
            if entry.code == refusal.code {
                entry.is_confirmed |= is_between(entry.first, works, flight.sent_at);
            } else {
                // Something else is wrong than before: what was found out says nothing of it.
                entry.code.clone_from(&refusal.code);
                (entry.first, entry.is_confirmed) = (now, false);
            }
            entry.last = now;
            entry.may_be_members = may_be_members;
        } else {
            self.refused.push(RefusedBearer {
                bearer,
                code: refusal.code.clone(),
                first: now,
                last: now,
                is_confirmed: false,
                may_be_members,
            });
        }
    }

    /// A call on the channel was accepted.
    pub(super) fn on_accepted(&mut self, flight: &InFlightCall) {
        let bearer = flight.bearer;
        self.accepted.retain(|(known, _)| *known != bearer);
        self.accepted.push((bearer, flight.sent_at));
        self.refused
            .retain(|entry| entry.bearer != bearer || entry.last > flight.sent_at);
        self.refused_again = false;
        (self.apart, self.last_alone) = (0, None);
        self.asked_again = 0;
        if !flight.rows.is_empty() {
            self.over_limit = 0;
        }
    }

    /// Whether a member now refused alone is the cause: a call of the same bearer was accepted here
    /// since the member was first refused alone.
    pub(super) fn is_members_fault(&self, flight: &InFlightCall, refusal: &Refusal) -> bool {
        let is_limit = refusal.kind == RefusalKind::LimitExceeded;
        let accepted = self
            .accepted
            .iter()
            .find(|(bearer, _)| *bearer == flight.bearer);
        let accepted_at = accepted.map(|(_, at)| *at);
        (is_limit && self.over_limit > 0)
            || flight
                .refused_alone_at(refusal)
                .is_some_and(|since| is_between(since, accepted_at, flight.sent_at))
    }

    /// A member failed: the bearer is allowed here after all. True if the channel is full.
    pub(super) fn on_member_failed(&mut self, bearer: usize, refusal: &Refusal) -> bool {
        self.over_limit += u32::from(refusal.kind == RefusalKind::LimitExceeded);
        self.refused.retain(|entry| entry.bearer != bearer);
        self.over_limit >= FULL_AFTER
    }

    /// Holds a member that was refused alone. `works` is when the bearer was last accepted on another
    /// channel.
    pub(super) fn hold(
        &mut self,
        now: Duration,
        mut flight: InFlightCall,
        refusal: &Refusal,
        works: Option<Duration>,
    ) {
        let since = flight.refused_alone_at(refusal);
        let is_apart = |since| is_between(since, works, flight.sent_at);
        self.apart += usize::from(self.last_alone.is_none_or(is_apart));
        self.last_alone = Some(now);
        let is_confirmed = since.is_some_and(is_apart);
        if since.is_none() {
            flight.refused_alone.push(RefusedAlone {
                bearer: flight.bearer,
                code: refusal.code.clone(),
                at: now,
            });
        }
        flight.other_half = None;
        self.held.push(Held {
            flight,
            is_confirmed,
        });
    }

    /// Takes up to `most` of the members held, the first held first.
    pub(super) fn take_held(&mut self, most: usize) -> Vec<Held> {
        self.held.drain(..most.min(self.held.len())).collect()
    }

    /// All members held, when the channel ends.
    pub(super) fn into_held(self) -> Vec<Held> {
        self.held
    }

    /// A member is sent again because calls were accepted on other channels.
    pub(super) fn on_asked_again(&mut self) {
        self.asked_again += 1;
    }

    /// The last refusal.
    pub(super) fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// How many members are held.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// The bearers whose members are held, and then those refused.
    pub(super) fn bearers(&self) -> impl Iterator<Item = usize> {
        let held = self.held.iter().map(|held| held.flight.bearer);
        held.chain(self.refused.iter().map(|entry| entry.bearer))
    }

    /// Bearers refused here and not accepted since.
    pub(super) fn refused(&self) -> &[RefusedBearer] {
        &self.refused
    }

    /// Whether a bearer was refused here and not accepted since, and how.
    pub(super) fn entry(&self, bearer: usize) -> Option<&RefusedBearer> {
        self.refused.iter().find(|entry| entry.bearer == bearer)
    }

    /// Whether a bearer was accepted here since the examination began.
    pub(super) fn is_accepted(&self, bearer: usize) -> bool {
        self.accepted.iter().any(|(known, _)| *known == bearer)
    }

    /// Whether a call was refused since members are held, and none accepted.
    pub(super) fn is_refused_again(&self) -> bool {
        self.refused_again
    }

    /// Whether a member failed for a limit, and nobody was added since.
    pub(super) fn is_over_limit(&self) -> bool {
        self.over_limit > 0
    }

    /// Whether enough is known of its members: the refusals are not for one member's sake. `alone`
    /// is how many of them must have been refused alone.
    pub(super) fn has_tried_members(&self, is_accepting: bool, alone: usize) -> bool {
        !self.may_be_members() || (!is_accepting && self.held.len() >= alone)
    }

    /// Whether the members refused alone were not all refused in one time of refusals.
    pub(super) fn are_members_apart(&self) -> bool {
        !self.may_be_members() || self.apart >= ALONE
    }

    /// Whether each member held was refused twice, with calls accepted elsewhere in between.
    pub(super) fn are_held_confirmed(&self) -> bool {
        self.held.iter().all(|held| held.is_confirmed)
    }

    /// Whether the last refusal of any bearer may have been for a member's sake.
    fn may_be_members(&self) -> bool {
        self.refused.iter().any(|entry| entry.may_be_members)
    }

    /// When the last refusal of a member alone came, where it is not known yet whether such
    /// refusals belong to one time of refusals.
    pub(super) fn last_alone(&self) -> Option<Duration> {
        self.last_alone.filter(|_| !self.are_members_apart())
    }

    /// Whether members of this channel were sent again often enough.
    pub(super) fn has_asked_enough(&self) -> bool {
        self.asked_again > MOST_ASKED_AGAIN
    }
}

/// Whether a call was sent at or after `since`, and another at or after that one.
fn is_between(since: Duration, call: Option<Duration>, other: Duration) -> bool {
    call.is_some_and(|at| since <= at && at <= other)
}
