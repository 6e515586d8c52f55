//! Calls refused as a whole: whom does the refusal concern?
//!
//! A refusal may concern one member, the channel, the bearer or every call; its code only says
//! which cannot be ruled out ([`Scope`]). What decides is what other calls meet, and in which order:
//! refused, then others accepted, then refused again. Two refusals with an accepted call between
//! them cannot come from a time in which everything was refused. A call counts as after another's
//! answer when it was sent at or after the time that answer came.
//!
//! - A member fails when it is refused alone twice, and a call of the same bearer on the same channel
//!   is accepted in between: as a rule the channel's next one. If there is none, a control call is
//!   made: one that adds a member who is in the channel already.
//! - A channel ends when every bearer was refused on it, accepted on another channel, and refused on
//!   it again. Where members may be to blame, several of them must have been refused alone as well.
//! - A bearer is set aside when others get through with a call denied to it: see
//!   [`bearers`](super::bearers).
//! - The run stops when nobody gets through any more. Nobody is marked failed for that.

use std::time::Duration;

use super::bearers::PROBES;
use super::{Flight, Order, Ruling, Scheduler, Settlement, Stop, Ticket};
use crate::model::codes::Scope;
use crate::model::{ChannelId, Outcome, Refusal, RefusalKind};

/// Members refused alone, on a channel where nothing was ever accepted, after which all of it
/// counts as refused: where one member in ten is refused, that is wrong once in a million.
const ALONE: usize = 6;
/// As many are enough for a denial where nothing was accepted anywhere: what follows is a stop, no
/// failure.
const ALONE_AT_FIRST: usize = 3;
/// Calls refused one after the other, none accepted between, by which nobody gets through: a call
/// of a hundred is bisected in eight, on several channels at a time.
const REFUSED_IN_ROW: u32 = 4 * PROBES;
/// Members in a row that fail for a limit, nobody added in between, by which the channel is full.
const FULL_AFTER: u32 = 3;
/// A channel is refused for at least this long before it ends: permissions take some seconds to
/// spread when they are changed (AWS, IAM User Guide, "Changes that I make are not always immediately
/// visible").
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// How long a channel waits whose bearers all wait for answers.
const PARK: Duration = Duration::from_millis(100);

/// What is being found out about the refused calls of a channel.
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
struct Held {
    flight: Flight,
    /// It was refused alone twice, and calls were accepted on other channels in between.
    is_confirmed: bool,
}

/// A bearer refused on a channel.
#[derive(Debug)]
struct RefusedBearer {
    bearer: usize,
    /// When its first refusal came.
    first: Duration,
    /// When its last refusal came.
    last: Duration,
    /// It was accepted on another channel between two refusals.
    is_confirmed: bool,
    /// Its last refusal may have been for a member's sake.
    may_be_members: bool,
}

impl Examination {
    fn new(refusal: &Refusal) -> Self {
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

    fn entry(&self, bearer: usize) -> Option<&RefusedBearer> {
        self.refused.iter().find(|entry| entry.bearer == bearer)
    }

    /// Whether enough is known of its members: the refusals are not for one member's sake. `alone`
    /// is how many of them must have been refused alone.
    fn has_tried_members(&self, is_accepting: bool, alone: usize) -> bool {
        self.refused.iter().all(|entry| !entry.may_be_members)
            || (!is_accepting && self.held.len() >= alone)
    }
}

impl Examination {
    /// Whether the members refused alone were not all refused in one time of refusals.
    fn are_members_apart(&self) -> bool {
        self.refused.iter().all(|entry| !entry.may_be_members) || self.apart >= ALONE
    }
}

impl Scheduler {
    /// A call was refused, and it is not known for whose sake.
    pub(super) fn examine(
        &mut self,
        now: Duration,
        flight: Flight,
        refusal: &Refusal,
    ) -> Settlement {
        self.health.answer();
        let (channel, lane) = (flight.channel, flight.lane);
        if self.lanes[lane.index()].closed && !flight.tickets.is_empty() {
            let mut settlement = Settlement::pending(&flight, refusal);
            settlement.end();
            self.requeue_other_half(now, lane, flight.other_half(), refusal, &mut settlement);
            return settlement;
        }
        self.note_refusal(now, &flight, refusal);
        let mut settlement = match flight.tickets.len() {
            0 => self.control_refused(channel, flight.bearer),
            1 if refusal.may_concern(Scope::Member) => self.refused_alone(now, flight, refusal),
            _ => self.refused_together(now, flight, refusal),
        };
        self.judge_channel(channel, &mut settlement);
        self.judge_run(refusal);
        settlement
    }

    /// Keeps what the refusal shows of its bearer and channel.
    fn note_refusal(&mut self, now: Duration, flight: &Flight, refusal: &Refusal) {
        let (bearer, channel) = (flight.bearer, flight.channel);
        // A control call's member is known to be good.
        let is_control = flight.tickets.is_empty();
        let may_be_members = refusal.may_concern(Scope::Member) && !is_control;
        if refusal.may_concern(Scope::Bearer) {
            self.bearers.refused(flight, refusal, now);
        }
        if refusal.kind != RefusalKind::LimitExceeded {
            self.refused_in_row += 1;
        }
        let works = self.bearers.works_elsewhere(bearer, channel);
        let examination = self.channels[channel.index()]
            .examination
            .get_or_insert_with(|| Box::new(Examination::new(refusal)));
        examination.refusal = refusal.clone();
        examination.refused_again = !examination.held.is_empty();
        self.examined.insert(channel);
        match examination
            .refused
            .iter_mut()
            .find(|entry| entry.bearer == bearer)
        {
            Some(entry) => {
                let is_between = |at| entry.first <= at && at <= flight.sent_at;
                entry.is_confirmed |= works.is_some_and(is_between);
                entry.last = now;
                entry.may_be_members = may_be_members;
            }
            None => examination.refused.push(RefusedBearer {
                bearer,
                first: now,
                last: now,
                is_confirmed: false,
                may_be_members,
            }),
        }
    }

    /// A member was refused alone: it fails if others got through since it came under suspicion.
    fn refused_alone(&mut self, now: Duration, flight: Flight, refusal: &Refusal) -> Settlement {
        let mut settlement = Settlement::default();
        let (channel, lane) = (flight.channel, flight.lane);
        let (is_accepting, alone) = (self.channels[channel.index()].accepted, self.alone(refusal));
        let works = self.bearers.any_works_elsewhere(channel);
        let Some(examination) = &mut self.channels[channel.index()].examination else {
            return settlement;
        };
        let is_limit = refusal.kind == RefusalKind::LimitExceeded;
        let is_own_fault = (is_limit && examination.over_limit > 0)
            || examination.accepted.iter().any(|(bearer, at)| {
                *bearer == flight.bearer
                    && flight.alone_since.is_some_and(|since| since <= *at)
                    && *at <= flight.sent_at
            });
        let other_half = flight.other_half();
        if is_own_fault {
            examination.over_limit += u32::from(is_limit);
            let is_full = examination.over_limit >= FULL_AFTER;
            // The bearer is allowed here after all: it was the member.
            examination
                .refused
                .retain(|entry| entry.bearer != flight.bearer);
            settlement.rulings = Settlement::fail(&flight, refusal);
            if is_full {
                self.requeue_other_half(now, lane, other_half, refusal, &mut settlement);
                self.end_channel(channel, refusal, &mut settlement);
                return settlement;
            }
            self.requeue_other_half(now, lane, other_half, refusal, &mut settlement);
            return settlement;
        }
        let since = flight.alone_since;
        settlement.rulings = Settlement::pending(&flight, refusal).rulings;
        // Nothing was ever accepted here: a few more alone show whether it is the channel.
        let tries_more = !is_accepting
            && (refusal.kind == RefusalKind::Denied || examination.refused_again)
            && examination.held.len() + 1 < alone;
        let is_between =
            |since: Duration| works.is_some_and(|at| since <= at && at <= flight.sent_at);
        examination.apart += usize::from(examination.last_alone.is_none_or(is_between));
        examination.last_alone = Some(now);
        examination.held.push(Held {
            is_confirmed: since.is_some_and(is_between),
            flight: Flight {
                alone_since: since.or(Some(now)),
                beside: None,
                ..flight
            },
        });
        if tries_more && !other_half.is_empty() {
            self.enqueue_part(lane, spread(other_half), 1);
        } else {
            self.requeue_other_half(now, lane, other_half, refusal, &mut settlement);
        }
        settlement
    }

    /// Several members were refused together, or it cannot be for a member's sake.
    fn refused_together(&mut self, now: Duration, flight: Flight, refusal: &Refusal) -> Settlement {
        let mut settlement = Settlement::pending(&flight, refusal);
        let (channel, lane) = (flight.channel, flight.lane);
        let since = flight.alone_since;
        let is_accepting = self.channels[channel.index()].accepted;
        let concerns_member = refusal.may_concern(Scope::Member);
        let is_for_others = refusal.may_concern(Scope::Bearer) && self.is_any_untested(channel);
        let is_unknown = !is_accepting || !self.bearers.has_worked(flight.bearer);
        if !concerns_member || (is_for_others && is_unknown) {
            // The same call by another bearer, or by this one once it is known to be allowed.
            let other_half = flight.other_half();
            self.wait_as_part(lane, Duration::ZERO, flight.tickets, other_half, since);
            return settlement;
        }
        self.requeue_other_half(now, lane, flight.other_half(), refusal, &mut settlement);
        // A denial where nothing was ever accepted is as likely the channel's as a member's, and a few
        // members alone tell.
        let examination = self.channels[channel.index()].examination.as_ref();
        let is_full = examination.is_some_and(|examination| examination.over_limit > 0);
        let is_again = examination.is_some_and(|examination| examination.refused_again);
        let is_doubtful = !is_accepting && (refusal.kind == RefusalKind::Denied || is_again);
        if is_full || is_doubtful {
            self.enqueue_part(lane, spread(flight.tickets), 1);
        } else {
            let first = flight.tickets.len().div_ceil(2);
            self.enqueue_part(lane, flight.tickets, first);
        }
        settlement
    }

    /// Not even a member who is in the channel can be added: it is not for the members' sake.
    fn control_refused(&mut self, channel: ChannelId, bearer: usize) -> Settlement {
        let is_for_others = !self.has_rows_left(channel) && self.held(channel) == 0;
        if is_for_others || self.bearers.has_control(bearer) {
            // Made for another channel's sake: this bearer is denied here as well.
            self.bearers.give_up(bearer);
        }
        // By this bearer it is not for the members' sake; by another it may be.
        if self.is_any_untested(channel) || self.control_bearer(channel).is_some() {
            self.resend_held(channel, usize::MAX);
        }
        Settlement::default()
    }

    /// A call on a channel was accepted.
    pub(super) fn accepted_on(
        &mut self,
        flight: &Flight,
        was_refused: bool,
        settlement: &mut Settlement,
    ) {
        self.refused_in_row = 0;
        self.note_control_channel(flight.channel);
        let channel = &mut self.channels[flight.channel.index()];
        channel.accepted = true;
        if let Some(examination) = &mut channel.examination {
            let bearer = flight.bearer;
            examination.accepted.retain(|(known, _)| *known != bearer);
            examination.accepted.push((bearer, flight.sent_at));
            examination
                .refused
                .retain(|entry| entry.bearer != bearer || entry.last > flight.sent_at);
            examination.refused_again = false;
            (examination.apart, examination.last_alone) = (0, None);
            examination.asked_again = 0;
            if !flight.tickets.is_empty() {
                examination.over_limit = 0;
            }
            if was_refused {
                let denied = examination
                    .refused
                    .iter()
                    .filter(|entry| entry.bearer != bearer && entry.last <= flight.sent_at);
                for bearer in denied.map(|entry| entry.bearer).collect::<Vec<_>>() {
                    if self.bearers.set_aside(bearer) {
                        settlement.set_aside.push(bearer);
                    }
                }
            }
            self.resend_held(flight.channel, usize::MAX);
        }
        if self.examined.is_empty() {
            return;
        }
        for channel in self.examined.iter().copied().collect::<Vec<_>>() {
            self.judge_channel(channel, settlement);
            self.place(channel);
        }
    }

    /// Remembers that a control call can be made on a channel: two of them, so that there is one
    /// beside any other.
    pub(super) fn note_control_channel(&mut self, channel: ChannelId) {
        let [latest, other] = &mut self.control_channels;
        if *latest != Some(channel) {
            *other = *latest;
            *latest = Some(channel);
        }
    }

    /// So many members refused alone, those first held, are sent again: now it shows whether for their own sake.
    fn resend_held(&mut self, channel: ChannelId, most: usize) {
        let Some(examination) = &mut self.channels[channel.index()].examination else {
            return;
        };
        let most = most.min(examination.held.len());
        let resent: Vec<Held> = examination.held.drain(..most).collect();
        for Held { flight, .. } in resent {
            let since = flight.alone_since;
            self.wait_as_part(
                flight.lane,
                Duration::ZERO,
                flight.tickets,
                Vec::new(),
                since,
            );
        }
    }

    /// Ends a channel that is refused for all of its members and bearers, and the examination of one
    /// where nothing is left to find out.
    fn judge_channel(&mut self, channel: ChannelId, settlement: &mut Settlement) {
        let state = &self.channels[channel.index()];
        let Some(examination) = &state.examination else {
            self.examined.remove(&channel);
            return;
        };
        let is_left = self.has_rows_left(channel);
        let has_parts = state
            .lanes
            .iter()
            .any(|lane| self.lanes[lane.index()].has_parts());
        let is_open = !examination.refused.is_empty() || examination.over_limit > 0 || has_parts;
        if examination.held.is_empty()
            && !(is_left && is_open)
            && !self.is_channel_in_flight(channel)
        {
            self.channels[channel.index()].examination = None;
            self.examined.remove(&channel);
            return;
        }
        let is_over = !is_left && !self.is_channel_in_flight(channel);
        let has_tried = examination.has_tried_members(state.accepted, ALONE)
            && examination.are_members_apart()
            || (!state.accepted
                && is_over
                && examination.held.iter().all(|held| held.is_confirmed));
        if has_tried && self.is_refused_for_all(examination) {
            let refusal = examination.refusal.clone();
            self.end_channel(channel, &refusal, settlement);
        } else if !self.is_channel_in_flight(channel) && self.may_ask_again(channel) {
            // One of them, and then it takes another accepted call elsewhere.
            let first = examination.refused.iter().map(|entry| entry.first).min();
            let state = &mut self.channels[channel.index()];
            state.next = state.next.max(first.unwrap_or_default() + ASK_AGAIN);
            if let Some(examination) = &mut state.examination {
                examination.asked_again += 1;
            }
            self.resend_held(channel, 1);
        }
    }

    /// How many members refused alone hold a channel back on which nothing was ever accepted.
    fn alone(&self, refusal: &Refusal) -> usize {
        if self.health.has_accepted() || refusal.kind != RefusalKind::Denied {
            ALONE
        } else {
            ALONE_AT_FIRST
        }
    }

    /// Whether a channel is refused to every bearer, and to one of them for the channel's sake.
    fn is_refused_for_all(&self, examination: &Examination) -> bool {
        let is_refused = |bearer| match examination.entry(bearer) {
            // A bearer that was allowed before may be allowed here again.
            Some(entry) => {
                let was_never_allowed = || !self.bearers.has_worked(bearer);
                entry.is_confirmed || (self.bearers.is_set_aside(bearer) && was_never_allowed())
            }
            None => false,
        };
        let mut entries = examination.refused.iter();
        entries.any(|entry| entry.is_confirmed) && self.bearers.numbers().all(is_refused)
    }

    /// Members refused alone on a channel, and held.
    fn held(&self, channel: ChannelId) -> usize {
        let examination = &self.channels[channel.index()].examination;
        examination
            .as_ref()
            .map_or(0, |examination| examination.held.len())
    }

    /// Whether a bearer refused here was accepted elsewhere since: then it is asked once more.
    fn may_ask_again(&self, channel: ChannelId) -> bool {
        let Some(examination) = &self.channels[channel.index()].examination else {
            return false;
        };
        if examination.asked_again > 8 * ALONE {
            return false;
        }
        let last_alone = examination
            .last_alone
            .filter(|_| !examination.are_members_apart());
        let works = self.bearers.any_works_elsewhere(channel);
        if last_alone.is_some_and(|last| works.is_some_and(|at| at >= last)) {
            return true;
        }
        examination.refused.iter().any(|entry| {
            let works = self.bearers.works_elsewhere(entry.bearer, channel);
            !entry.is_confirmed && works.is_some_and(|at| at >= entry.last)
        })
    }

    /// Stops the run when nobody gets through any more.
    fn judge_run(&mut self, refusal: &Refusal) {
        if self.bearers.are_denied() || self.refused_in_row >= REFUSED_IN_ROW {
            self.stop.get_or_insert(Stop::Denied(refusal.clone()));
        }
    }

    /// Whether the channel has rows that could be sent now or later, beside those held.
    fn has_rows_left(&self, channel: ChannelId) -> bool {
        let mut lanes = self.channels[channel.index()].lanes.iter();
        lanes.any(|lane| self.lanes[lane.index()].members_left() > 0)
    }

    fn is_channel_in_flight(&self, channel: ChannelId) -> bool {
        self.channels[channel.index()].in_flight > 0
    }

    /// Whether a bearer of the pool was not refused on the channel since it was last accepted there.
    fn is_any_untested(&self, channel: ChannelId) -> bool {
        let examination = &self.channels[channel.index()].examination;
        let is_tested = |bearer| {
            examination
                .as_ref()
                .is_some_and(|examination| examination.entry(bearer).is_some())
        };
        self.bearers.numbers().any(|bearer| !is_tested(bearer))
    }

    /// Whether the channel is held back: its bearers and members were tried, and now it depends on
    /// what other channels show.
    pub(super) fn is_held_back(&self, channel: ChannelId) -> bool {
        let state = &self.channels[channel.index()];
        let Some(examination) = &state.examination else {
            return false;
        };
        let refusal = &examination.refusal;
        let is_tried = examination.has_tried_members(state.accepted, self.alone(refusal))
            && !self.is_any_untested(channel);
        is_tried && !examination.refused.is_empty() && !self.may_ask_again(channel)
    }

    /// The bearer whose control call the channel is due, if it is.
    pub(super) fn control_due(&self, channel: ChannelId) -> Option<usize> {
        let state = &self.channels[channel.index()];
        let examination = state.examination.as_ref().filter(|_| state.accepted)?;
        // As a rule the channel's next call shows the same, and costs nothing.
        let is_needed = examination.refused_again || !self.has_rows_left(channel);
        let is_due = is_needed
            && state.in_flight == 0
            && !examination.held.is_empty()
            && self.controls_in_row < REFUSED_IN_ROW;
        is_due.then(|| self.control_bearer(channel))?
    }

    /// A bearer that was refused here perhaps for members' sake: the first of those whose member is
    /// held, else any.
    fn control_bearer(&self, channel: ChannelId) -> Option<usize> {
        let examination = self.channels[channel.index()].examination.as_ref()?;
        let may_be_members = |bearer: &usize| {
            let entry = examination.entry(*bearer);
            entry.is_none_or(|entry| entry.may_be_members)
        };
        let held = examination.held.iter().map(|held| held.flight.bearer);
        let refused = examination.refused.iter().map(|entry| entry.bearer);
        held.chain(refused).find(may_be_members)
    }

    /// The bearer to call a channel with, and when; none if all that may wait for an answer.
    pub(super) fn bearer_for(&self, channel: ChannelId) -> Option<(usize, Duration)> {
        let active = |bearer: usize| self.bearers.is_active(bearer);
        let Some(examination) = &self.channels[channel.index()].examination else {
            return self.bearers.first(active);
        };
        if let Some(bearer) = self.control_due(channel) {
            return self.bearers.first(|one| one == bearer);
        }
        let untested = |bearer: usize| examination.entry(bearer).is_none();
        let accepted = |bearer: usize| {
            let mut known = examination.accepted.iter();
            untested(bearer) && active(bearer) && known.any(|(one, _)| *one == bearer)
        };
        let may_be_members = |bearer: usize| {
            let entry = examination.entry(bearer);
            active(bearer) && entry.is_some_and(|entry| entry.may_be_members)
        };
        // Refused once more, it is known of this one that it is for the channel's sake.
        let is_to_confirm = |bearer: usize| {
            let works = self.bearers.works_elsewhere(bearer, channel);
            let entry = examination
                .entry(bearer)
                .filter(|entry| !entry.is_confirmed);
            active(bearer) && entry.is_some_and(|entry| works.is_some_and(|at| at >= entry.last))
        };
        // Those known to be allowed first; those set aside only where all others were refused.
        let groups: [&dyn Fn(usize) -> bool; 6] = [
            &accepted,
            &|bearer| untested(bearer) && active(bearer),
            &untested,
            &is_to_confirm,
            &may_be_members,
            &active,
        ];
        let group = groups
            .into_iter()
            .find(|group| self.bearers.numbers().any(group))?;
        self.bearers.first(group)
    }

    /// Puts a channel off whose bearers all wait for answers.
    pub(super) fn park(&mut self, now: Duration, channel: ChannelId, until: Option<Duration>) {
        let state = &mut self.channels[channel.index()];
        state.next = state.next.max(until.unwrap_or(now + PARK));
        self.place(channel);
    }

    /// With nothing else to do: what is still to be found out takes a control call on another
    /// channel, or the run stops.
    pub(super) fn settle_examinations(&mut self) -> Option<(ChannelId, usize)> {
        let has_asked_enough = self.controls_in_row >= REFUSED_IN_ROW;
        let mut last = None;
        let mut examined = std::mem::take(&mut self.examined);
        examined.retain(|channel| self.has_rows_left(*channel) || self.held(*channel) > 0);
        self.examined = examined;
        for channel in self.examined.iter().copied() {
            let Some(examination) = &self.channels[channel.index()].examination else {
                continue;
            };
            last = Some(examination.refusal.clone());
            let (confirmed, open): (Vec<_>, Vec<_>) = examination
                .refused
                .iter()
                .partition(|entry| entry.is_confirmed);
            // Those confirmed only bring about the end of a channel that is refused to all.
            let can_end = self.is_refused_for_all(examination);
            let confirmed = confirmed.into_iter().filter(|_| can_end);
            for entry in open.into_iter().chain(confirmed) {
                let elsewhere = |other: &&ChannelId| {
                    **other != channel && self.can_be_control(**other, entry.bearer)
                };
                let other = self.control_channels.iter().flatten().find(elsewhere);
                let is_denied = self.bearers.is_set_aside(entry.bearer)
                    || self.bearers.is_given_up(entry.bearer);
                if let Some(other) = other.filter(|_| !is_denied && !has_asked_enough) {
                    return Some((*other, entry.bearer));
                }
                self.bearers.give_up(entry.bearer);
            }
        }
        if let Some(refusal) = last {
            self.stop.get_or_insert(Stop::Denied(refusal));
        }
        None
    }

    /// The control call that shows whether a bearer is denied everywhere, where all are in question.
    pub(super) fn control_for_question(&self) -> Option<(ChannelId, usize)> {
        if !self.bearers.are_all_in_question() {
            return None;
        }
        let mut wanting = self
            .bearers
            .numbers()
            .filter(|bearer| self.bearers.wants_control(*bearer));
        wanting.find_map(|bearer| {
            let can_be = |channel: &&ChannelId| self.can_be_control(**channel, bearer);
            let channel = self.control_channels.iter().flatten().find(can_be)?;
            Some((*channel, bearer))
        })
    }

    /// Whether a control call by this bearer can be made there: it was not refused there.
    fn can_be_control(&self, channel: ChannelId, bearer: usize) -> bool {
        let state = &self.channels[channel.index()];
        let is_refused = |examination: &Examination| {
            let entry = examination.entry(bearer);
            entry.is_some_and(|entry| !entry.may_be_members)
        };
        let is_open = state
            .lanes
            .iter()
            .any(|lane| !self.lanes[lane.index()].closed);
        // One at a time: they may carry the same member.
        let is_free = state.in_flight == 0;
        is_open
            && is_free
            && state.accepted
            && !state.examination.as_deref().is_some_and(is_refused)
    }

    /// Nobody who is in the channel is known: it has no control call.
    pub fn no_control(&mut self, order: Order) {
        let channel = order.channel;
        self.channels[channel.index()].accepted = false;
        self.cancel(order);
        for known in &mut self.control_channels {
            *known = known.filter(|known| *known != channel);
        }
        self.place(channel);
    }

    /// The channel is refused as a whole: nothing more is sent to it.
    pub(super) fn end_channel(
        &mut self,
        channel: ChannelId,
        refusal: &Refusal,
        settlement: &mut Settlement,
    ) {
        let held = self.channels[channel.index()].examination.take();
        self.examined.remove(&channel);
        for held in held.into_iter().flat_map(|examination| examination.held) {
            let rulings = Settlement::fail(&held.flight, refusal);
            settlement.others.extend(rulings);
        }
        for lane in self.channels[channel.index()].lanes.clone() {
            let state = &mut self.lanes[lane.index()];
            if !state.closed {
                settlement.unsent += state.fresh;
                let rest = state.close(Some(refusal));
                self.waiting -= rest.len();
                let abandoned = |ticket| Ruling::abandoned(ticket, refusal);
                settlement.others.extend(rest.into_iter().map(abandoned));
                settlement.closed.push((lane, refusal.clone()));
            }
        }
    }
}

/// The same rows with another first: those that stand together in a list are often bad together.
fn spread(mut tickets: Vec<Ticket>) -> Vec<Ticket> {
    let place = tickets.len() * 5 / 8;
    tickets.rotate_left(place);
    tickets
}

impl Settlement {
    /// The rows of a call fail with its refusal.
    pub(super) fn fail(flight: &Flight, refusal: &Refusal) -> Vec<Ruling> {
        let ruling = |ticket: &Ticket| {
            let said = Some((refusal.code.clone(), refusal.message.clone()));
            Ruling::last(ticket.charged(), Outcome::Failed, said)
        };
        flight.tickets.iter().map(ruling).collect()
    }
}
