//! What is known about the refused calls of one channel.
//!
//! State only: what was refused and accepted, and when. [`examine`](super::examine) and
//! [`conclude`](super::conclude) decide what follows.

use std::time::Duration;

use super::InFlightCall;
use crate::model::{Refusal, RefusalKind};

/// Members refused alone, on a channel where nothing was ever accepted, after which all of it
/// counts as refused: where one member in ten is refused, that is wrong once in a million.
pub(super) const ALONE: usize = 6;
/// Members in a row that fail for a limit, nobody added in between, by which the channel is full.
const FULL_AFTER: u32 = 3;
/// Calls refused in a row after which a channel is not asked again because calls on other channels
/// were accepted.
const MOST_IN_ROW: usize = 16 * ALONE;
/// A channel is refused for at least this long before it ends: permissions take some seconds to
/// spread when they are changed (AWS, IAM User Guide, "Changes that I make are not always immediately
/// visible").
const AT_LEAST: Duration = Duration::from_secs(10);
/// Within that time it is refused once more, so far at least from both ends: a first and a last
/// refusal alone may come from two short incidents.
const BETWEEN: Duration = Duration::from_secs(2);

/// The refused calls of a channel, since the first of them.
#[derive(Debug)]
pub(super) struct Examination {
    /// Bearers refused here and not accepted since.
    refused: Vec<RefusedBearer>,
    /// Bearers accepted here since it began, and when their last such call was sent.
    accepted: Vec<(usize, Duration)>,
    /// Members refused alone, held until it is known whether for their own sake.
    held: Vec<InFlightCall>,
    /// Rows refused alone whose bearer was accepted on another channel since the row before was.
    apart: Vec<u64>,
    /// Rows refused alone twice whose bearer was accepted on another channel in between.
    confirmed: Vec<u64>,
    /// When a member was last refused alone.
    last_alone: Option<Duration>,
    /// Calls refused one after another, none accepted in between.
    refused_in_row: usize,
    /// The last refusal.
    refusal: Refusal,
    /// Members in a row that failed for a limit, nobody added in between: a few may be at their own.
    over_limit: u32,
    /// A call was refused since members are held, and none accepted.
    refused_again: bool,
    /// When a call was refused some time after the first one.
    between: Option<Duration>,
    /// When such a call is made, as a share of the time there is for it.
    share: f64,
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
    /// It was accepted on another channel between two of these refusals.
    pub(super) is_confirmed: bool,
    /// When the first of them came that was not for a member's sake.
    certain_since: Option<Duration>,
    /// It was accepted on another channel between two refusals that were not for a member's sake.
    pub(super) is_certain: bool,
    /// Its last refusal may have been for a member's sake.
    pub(super) may_be_members: bool,
}

impl Examination {
    /// An examination that begins with this refusal. `share` is random.
    pub(super) fn new(refusal: &Refusal, share: f64) -> Self {
        Self {
            between: None,
            share,
            refused: Vec::new(),
            accepted: Vec::new(),
            held: Vec::new(),
            apart: Vec::new(),
            confirmed: Vec::new(),
            last_alone: None,
            refused_in_row: 0,
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
        self.refused_in_row += 1;
        self.refused_again = !self.held.is_empty();
        let bearer = flight.bearer;
        let known = self.refused.iter_mut().find(|entry| entry.bearer == bearer);
        if let Some(entry) = known {
            if entry.code == refusal.code {
                entry.again(now, flight.sent_at, works, may_be_members);
            } else {
                // Something else is wrong than before: what was found out says nothing of it.
                *entry = RefusedBearer::new(bearer, refusal, now, may_be_members);
            }
        } else {
            let entry = RefusedBearer::new(bearer, refusal, now, may_be_members);
            self.refused.push(entry);
        }
        if now >= self.first_refused() + BETWEEN {
            self.between = self.between().or(Some(now));
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
        self.last_alone = None;
        self.apart.clear();
        self.confirmed.clear();
        self.refused_in_row = 0;
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
                .first_refused_at(refusal)
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
        let since = flight.first_refused_at(refusal);
        let has_worked = |since| is_between(since, works, flight.sent_at);
        let row = row_of(&flight);
        if self.last_alone.is_none_or(has_worked) && !self.is_apart(row) {
            self.apart.push(row);
        }
        if since.is_some_and(has_worked) && !self.is_confirmed(row) {
            self.confirmed.push(row);
        }
        self.last_alone = Some(now);
        flight.refusals = flight.refused_by(refusal, now);
        flight.other_half = None;
        self.held.push(flight);
    }

    /// Takes up to `most` of the members held: first those that show more when refused again, and of
    /// these the first held first.
    pub(super) fn take_held(&mut self, most: usize) -> Vec<InFlightCall> {
        let apart = &self.apart;
        self.held.sort_by_key(|held| apart.contains(&row_of(held)));
        self.held.drain(..most.min(self.held.len())).collect()
    }

    /// All members held, when the channel ends.
    pub(super) fn into_held(self) -> Vec<InFlightCall> {
        self.held
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
        let held = self.held.iter().map(|held| held.bearer);
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

    /// Whether so many members were refused alone, not all of them in one time of refusals, that it
    /// is not for their own sake. Where no other row is left, those there are must do.
    pub(super) fn are_members_tried(&self, is_over: bool) -> bool {
        let mut held = self.held.iter();
        self.apart.len() >= ALONE || (is_over && held.all(|held| self.is_confirmed(row_of(held))))
    }

    /// Whether the last refusal of any bearer may have been for a member's sake.
    fn may_be_members(&self) -> bool {
        self.refused.iter().any(|entry| entry.may_be_members)
    }

    /// When the last refusal of a member alone came, where another would show more.
    pub(super) fn last_alone(&self) -> Option<Duration> {
        let is_few = self.held.len() < ALONE;
        let is_open = |held: &InFlightCall| {
            let row = row_of(held);
            !self.is_apart(row) || (is_few && !self.is_confirmed(row))
        };
        let is_known = !self.may_be_members() || !self.held.iter().any(is_open);
        self.last_alone.filter(|_| !is_known)
    }

    /// Members held that this bearer was refused with alone.
    pub(super) fn held_by(&self, bearer: usize) -> usize {
        let by = |held: &&InFlightCall| held.refusals.iter().any(|one| one.bearer == bearer);
        self.held.iter().filter(by).count()
    }

    fn is_apart(&self, row: u64) -> bool {
        self.apart.contains(&row)
    }

    fn is_confirmed(&self, row: u64) -> bool {
        self.confirmed.contains(&row)
    }

    /// Whether its calls were refused for long enough to end it.
    pub(super) fn has_lasted(&self) -> bool {
        let last = self.refused.iter().map(|entry| entry.last).max();
        self.between().is_some() && last.is_some_and(|last| last >= self.asked_at())
    }

    /// When a call, refused as well, shows that it lasts.
    pub(super) fn asked_at(&self) -> Duration {
        let first = self.first_refused();
        match self.between() {
            Some(between) => (first + AT_LEAST).max(between + BETWEEN),
            None => first + BETWEEN + (AT_LEAST - 2 * BETWEEN).mul_f64(self.share),
        }
    }

    fn between(&self) -> Option<Duration> {
        let earliest = self.first_refused() + BETWEEN;
        self.between.filter(|between| *between >= earliest)
    }

    fn first_refused(&self) -> Duration {
        let first = self.refused.iter().map(|entry| entry.first).min();
        first.unwrap_or_default()
    }

    /// Whether calls on it were refused often enough.
    pub(super) fn has_asked_enough(&self) -> bool {
        self.refused_in_row > MOST_IN_ROW
    }
}

impl RefusedBearer {
    fn new(bearer: usize, refusal: &Refusal, now: Duration, may_be_members: bool) -> Self {
        Self {
            bearer,
            code: refusal.code.clone(),
            first: now,
            last: now,
            is_confirmed: false,
            certain_since: (!may_be_members).then_some(now),
            is_certain: false,
            may_be_members,
        }
    }

    /// It was refused again, with the same code. `works` is when it was last accepted on another channel.
    fn again(
        &mut self,
        now: Duration,
        sent_at: Duration,
        works: Option<Duration>,
        may_be_members: bool,
    ) {
        let is_apart = |since| is_between(since, works, sent_at);
        self.is_confirmed |= is_apart(self.first);
        if !may_be_members {
            self.is_certain |= self.certain_since.is_some_and(is_apart);
            self.certain_since = self.certain_since.or(Some(now));
        }
        self.last = now;
        self.may_be_members = may_be_members;
    }

    /// Whether another refusal of the kind of the last one would show nothing new.
    pub(super) fn is_settled(&self) -> bool {
        if self.may_be_members {
            self.is_confirmed
        } else {
            self.is_certain
        }
    }
}

/// The row of a call that carries one member.
fn row_of(flight: &InFlightCall) -> u64 {
    flight.rows.first().map_or(0, |pending| pending.row)
}

/// Whether a call was sent at or after `since`, and another at or after that one.
fn is_between(since: Duration, call: Option<Duration>, other: Duration) -> bool {
    call.is_some_and(|at| since <= at && at <= other)
}
