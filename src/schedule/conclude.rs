//! When a channel ends, and when the run stops, because calls are refused.

use std::time::Duration;

use super::bearers::PROBES;
use super::examination::{ALONE, Examination};
use super::{Ruling, Scheduler, Settlement, Stop};
use crate::model::{ChannelId, Refusal, RefusalKind};

/// As many are enough for a denial where nothing was accepted anywhere: what follows is a stop, no
/// failure.
const ALONE_AT_FIRST: usize = 3;
/// Calls refused one after the other, none accepted between, by which nobody gets through: a call
/// of a hundred is bisected in eight, on several channels at a time.
pub(super) const REFUSED_IN_ROW: u32 = 4 * PROBES;
/// A channel is refused for at least this long before it ends: permissions take some seconds to
/// spread when they are changed (AWS, IAM User Guide, "Changes that I make are not always immediately
/// visible").
const ASK_AGAIN: Duration = Duration::from_secs(10);

impl Scheduler {
    /// Ends a channel that is refused for all of its members and bearers, and the examination of one
    /// where nothing is left to find out.
    pub(super) fn judge_channel(&mut self, channel: ChannelId, settlement: &mut Settlement) {
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
        let is_open = !examination.refused().is_empty() || examination.is_over_limit() || has_parts;
        if examination.held() == 0 && !(is_left && is_open) && !self.is_channel_in_flight(channel) {
            self.channels[channel.index()].examination = None;
            self.examined.remove(&channel);
            return;
        }
        let is_over = !is_left && !self.is_channel_in_flight(channel);
        let has_tried = examination.has_tried_members(state.accepted, ALONE)
            && examination.are_members_apart()
            || (!state.accepted && is_over && examination.are_held_confirmed());
        if has_tried && self.is_refused_for_all(examination) {
            let refusal = examination.refusal().clone();
            self.end_channel(channel, &refusal, settlement);
        } else if !self.is_channel_in_flight(channel) && self.may_ask_again(channel) {
            // One of them, and then it takes another accepted call elsewhere.
            let first = examination.refused().iter().map(|entry| entry.first).min();
            let state = &mut self.channels[channel.index()];
            state.next = state.next.max(first.unwrap_or_default() + ASK_AGAIN);
            if let Some(examination) = &mut state.examination {
                examination.on_asked_again();
            }
            self.resend_held(channel, 1);
        }
    }

    /// Stops the run when nobody gets through any more.
    pub(super) fn judge_run(&mut self, refusal: &Refusal) {
        if self.bearers.are_denied() || self.refused_in_row >= REFUSED_IN_ROW {
            self.stop.get_or_insert(Stop::Denied(refusal.clone()));
        }
    }

    /// Whether the channel is held back: its bearers and members were tried, and now it depends on
    /// what other channels show.
    pub(super) fn is_held_back(&self, channel: ChannelId) -> bool {
        let state = &self.channels[channel.index()];
        let Some(examination) = &state.examination else {
            return false;
        };
        let refusal = examination.refusal();
        let is_tried = examination.has_tried_members(state.accepted, self.alone(refusal))
            && !self.is_any_untested(channel);
        is_tried && !examination.refused().is_empty() && !self.may_ask_again(channel)
    }

    /// How many members refused alone hold a channel back on which nothing was ever accepted.
    pub(super) fn alone(&self, refusal: &Refusal) -> usize {
        if self.outage.has_accepted() || refusal.kind != RefusalKind::Denied {
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
        let mut entries = examination.refused().iter();
        entries.any(|entry| entry.is_confirmed) && self.bearers.numbers().all(is_refused)
    }

    /// Whether a bearer refused here was accepted elsewhere since: then it is asked once more.
    fn may_ask_again(&self, channel: ChannelId) -> bool {
        let Some(examination) = &self.channels[channel.index()].examination else {
            return false;
        };
        if examination.has_asked_enough() {
            return false;
        }
        let last_alone = examination.last_alone();
        examination.refused().iter().any(|entry| {
            let works = self.bearers.works_elsewhere(entry.bearer, channel);
            let has_worked_since = |last| works.is_some_and(|at| at >= last);
            (!entry.is_confirmed && has_worked_since(entry.last))
                || last_alone.is_some_and(has_worked_since)
        })
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
            last = Some(examination.refusal().clone());
            let (confirmed, open): (Vec<_>, Vec<_>) = examination
                .refused()
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

    /// The channel is refused as a whole: nothing more is sent to it.
    pub(super) fn end_channel(
        &mut self,
        channel: ChannelId,
        refusal: &Refusal,
        settlement: &mut Settlement,
    ) {
        let held = self.channels[channel.index()].examination.take();
        self.examined.remove(&channel);
        for held in held.into_iter().flat_map(|held| held.into_held()) {
            let rulings = Settlement::fail(&held.flight, refusal);
            settlement.others.extend(rulings);
        }
        for lane in self.channels[channel.index()].lanes.clone() {
            let state = &mut self.lanes[lane.index()];
            if !state.closed {
                settlement.unsent += state.fresh;
                let rest = state.close(Some(refusal));
                self.waiting -= rest.len();
                let abandoned = |pending| Ruling::abandoned(pending, refusal);
                settlement.others.extend(rest.into_iter().map(abandoned));
                settlement.closed.push((lane, refusal.clone()));
            }
        }
    }

    /// Members refused alone on a channel, and held.
    pub(super) fn held(&self, channel: ChannelId) -> usize {
        let examination = self.channels[channel.index()].examination.as_ref();
        examination.map_or(0, |examination| examination.held())
    }

    /// Whether the channel has rows that could be sent now or later, besides those held.
    pub(super) fn has_rows_left(&self, channel: ChannelId) -> bool {
        let mut lanes = self.channels[channel.index()].lanes.iter();
        lanes.any(|lane| self.lanes[lane.index()].members_left() > 0)
    }

    pub(super) fn is_channel_in_flight(&self, channel: ChannelId) -> bool {
        self.channels[channel.index()].in_flight > 0
    }

    /// Whether a bearer of the pool was not refused on the channel since it was last accepted there.
    pub(super) fn is_any_untested(&self, channel: ChannelId) -> bool {
        let examination = &self.channels[channel.index()].examination;
        let is_tested = |bearer| {
            examination
                .as_ref()
                .is_some_and(|examination| examination.entry(bearer).is_some())
        };
        self.bearers.numbers().any(|bearer| !is_tested(bearer))
    }
}
