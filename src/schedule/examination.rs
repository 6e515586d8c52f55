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
/// Within that time each bearer is refused once more, so far at least from both ends: a first and a last
/// refusal alone may come from two short incidents.
const BETWEEN: Duration = Duration::from_secs(4);

/// The refused calls of a channel, since the first of them.
#[derive(Debug)]
pub(super) struct Examination {
    /// Bearers refused here and not accepted since.
    refused: Vec<RefusedBearer>,
    /// Bearers accepted here since it began, and when their last such call was sent.
    accepted: Vec<(usize, Duration)>,
    /// Members refused alone, held until it is known whether for their own sake.
    held: Vec<InFlightCall>,
    /// Bearers and the rows that were refused to them alone.
    alone: Vec<(usize, u64)>,
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
    /// When a call is made some time after the first refusal, as a share of the time there is for it.
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
    /// When it was refused some time after the first refusal.
    between: Option<Duration>,
    /// It was accepted on another channel between two of these refusals.
    is_confirmed: bool,
    /// It was refused after any bearer was accepted on another channel, some time after the first.
    pub(super) is_after_others: bool,
    /// When the first of them came that was not for a member's sake.
    certain_since: Option<Duration>,
    /// When it was refused so again, and accepted on another channel in between.
    certain_at: Option<Duration>,
    /// Its last refusal may have been for a member's sake.
    pub(super) may_be_members: bool,
}

/// When calls were last accepted on other channels than the one that is examined.
#[derive(Debug, Clone, Copy)]
pub(super) struct Works {
    /// Of the bearer that is asked about.
    pub(super) own: Option<Duration>,
    /// Of any.
    pub(super) any: Option<Duration>,
}

impl Examination {
    /// An examination that begins with this refusal. `share` is random.
    pub(super) fn new(refusal: &Refusal, share: f64) -> Self {
        Self {
            share,
            refused: Vec::new(),
            accepted: Vec::new(),
            held: Vec::new(),
            alone: Vec::new(),
            apart: Vec::new(),
            confirmed: Vec::new(),
            last_alone: None,
            refused_in_row: 0,
            refusal: refusal.clone(),
            over_limit: 0,
            refused_again: false,
        }
    }

    /// A call was refused.
    pub(super) fn on_refused(
        &mut self,
        now: Duration,
        flight: &InFlightCall,
        refusal: &Refusal,
        may_be_members: bool,
        works: Works,
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
                // Something else is wrong than before: the earlier evidence does not apply.
                *entry = RefusedBearer::new(bearer, refusal, now, may_be_members);
                self.alone.retain(|(one, _)| *one != bearer);
            }
        } else {
            let entry = RefusedBearer::new(bearer, refusal, now, may_be_members);
            self.refused.push(entry);
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
        self.alone.clear();
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
        if !self.alone.contains(&(flight.bearer, row)) {
            self.alone.push((flight.bearer, row));
        }
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

    /// Takes the members held.
    pub(super) fn take_held(&mut self) -> Vec<InFlightCall> {
        std::mem::take(&mut self.held)
    }

    /// Takes one of the members held: the one that shows most when it is refused again, by this
    /// bearer if it is given.
    pub(super) fn take_one(&mut self, by: Option<usize>) -> Option<InFlightCall> {
        let is_refused_by = |held: &InFlightCall| {
            let mut refusals = held.refusals.iter();
            by.is_some_and(|by| refusals.any(|one| one.bearer == by))
        };
        let key = |held: &InFlightCall| (is_refused_by(held), self.is_apart(row_of(held)));
        let keys = self.held.iter().map(key).enumerate();
        let (place, _) = keys.min_by_key(|(_, key)| *key)?;
        Some(self.held.remove(place))
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

    /// Whether enough members were refused alone, not all of them in one incident, to rule out that
    /// they are bad rows. Where no other row is left, the existing ones must do.
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

    /// Members that this bearer was refused with alone.
    pub(super) fn alone_by(&self, bearer: usize) -> usize {
        let by = |(one, _): &&(usize, u64)| *one == bearer;
        self.alone.iter().filter(by).count()
    }

    /// Whether a member is held that this bearer was not refused with alone.
    pub(super) fn is_any_untried_by(&self, bearer: usize) -> bool {
        let mut held = self.held.iter();
        held.any(|held| !self.alone.contains(&(bearer, row_of(held))))
    }

    /// Members refused alone.
    pub(super) fn alone_rows(&self) -> usize {
        let mut rows: Vec<u64> = self.alone.iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        rows.dedup();
        rows.len()
    }

    fn is_apart(&self, row: u64) -> bool {
        self.apart.contains(&row)
    }

    fn is_confirmed(&self, row: u64) -> bool {
        self.confirmed.contains(&row)
    }

    /// When the next call is made that is to show whether the refusals last.
    pub(super) fn asked_at(&self) -> Duration {
        let open = self.refused.iter().filter(|entry| !entry.has_lasted());
        let asked_at = open.map(|entry| entry.asked_at(self.share)).min();
        asked_at.unwrap_or_default()
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
            between: None,
            is_confirmed: false,
            is_after_others: false,
            certain_since: (!may_be_members).then_some(now),
            certain_at: None,
            may_be_members,
        }
    }

    /// It was refused again, with the same code.
    fn again(&mut self, now: Duration, sent_at: Duration, works: Works, may_be_members: bool) {
        let is_apart = |since| is_between(since, works.own, sent_at);
        self.is_confirmed |= is_apart(self.first);
        self.is_after_others |= is_between(self.first + AT_LEAST, works.any, sent_at);
        if !may_be_members {
            if self.certain_since.is_some_and(is_apart) {
                self.certain_at = Some(now);
            }
            self.certain_since = self.certain_since.or(Some(now));
        }
        if now >= self.first + BETWEEN {
            self.between = self.between.or(Some(now));
        }
        self.last = now;
        self.may_be_members = may_be_members;
    }

    /// Whether it is refused for good, perhaps for members' sake.
    pub(super) fn is_confirmed(&self) -> bool {
        self.is_confirmed && self.has_lasted()
    }

    /// Whether it is refused for good, and not for a member's sake.
    pub(super) fn is_certain(&self) -> bool {
        self.certain_at.is_some() && self.has_lasted()
    }

    /// Whether its calls were refused for long enough.
    fn has_lasted(&self) -> bool {
        self.between.is_some() && self.last >= self.asked_at(0.0)
    }

    /// When a call, refused as well, shows that it lasts.
    fn asked_at(&self, share: f64) -> Duration {
        if let Some(between) = self.between {
            (self.first + AT_LEAST).max(between + BETWEEN)
        } else {
            let latest = AT_LEAST.saturating_sub(2 * BETWEEN);
            self.first + BETWEEN + latest.mul_f64(share)
        }
    }

    /// Whether another refusal of the kind of the last one would show nothing new.
    pub(super) fn is_settled(&self) -> bool {
        if self.may_be_members {
            self.is_confirmed()
        } else {
            self.is_certain()
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
