//! When a channel ends, and when the run stops, because calls are refused.

use super::Scheduler;
use crate::model::{ChannelId, Refusal, RefusalKind};
use crate::schedule::examination::{ALONE, Examination, RefusedBearer};
use crate::schedule::{Ruling, Settlement, Stop};

/// As many are enough for a denial where nothing was accepted anywhere: what follows is a stop, no
/// failure.
const ALONE_AT_FIRST: usize = 3;
/// Members refused alone by each bearer: it may be the only one that is allowed on the channel.
const ALONE_EACH: usize = 3;
/// The same where nothing was accepted anywhere, over all channels.
const EACH_AT_FIRST: usize = 2;

impl Scheduler {
    /// Ends a channel that is refused for all of its members and bearers, and the examination of one
    /// where nothing is left to find out.
    pub(super) fn judge_channel(&mut self, channel: ChannelId, settlement: &mut Settlement) {
        let state = &self.channels[channel.index()];
        let Some(examination) = &state.examination else {
            self.examined.remove(channel);
            return;
        };
        let is_left = self.has_rows_left(channel);
        let has_parts = state
            .lanes
            .iter()
            .any(|lane| self.backlog.lane(*lane).has_parts());
        let is_open = !examination.refused().is_empty() || examination.is_over_limit() || has_parts;
        if examination.held() == 0 && !(is_left && is_open) && !self.is_channel_in_flight(channel) {
            self.channels[channel.index()].examination = None;
            self.examined.remove(channel);
            return;
        }
        let is_over = !is_left && !self.is_channel_in_flight(channel);
        let little_tried = self.little_tried(examination);
        let are_members_tried =
            !state.accepted && examination.are_members_tried(is_over) && little_tried.is_none();
        let is_refused = self.is_refused_for_all(examination, RefusedBearer::is_certain)
            || (are_members_tried
                && self.is_refused_for_all(examination, RefusedBearer::is_confirmed));
        if is_refused {
            let refusal = examination.refusal().clone();
            self.end_channel(channel, &refusal, settlement);
        } else if is_over
            && !state.accepted
            && !examination.has_asked_enough()
            && (self.is_any_untested(channel)
                || little_tried.is_some_and(|bearer| examination.is_any_untried_by(bearer)))
        {
            // Another bearer may be allowed.
            self.resend_one(channel, little_tried);
        } else if !self.is_channel_in_flight(channel)
            && (!is_left || self.is_tried(channel))
            && self.may_ask_again(channel)
            && self.control_due(channel).is_none()
        {
            // One of them, and then it takes another accepted call elsewhere.
            let asked_at = examination.asked_at();
            self.pacing.postpone(channel, asked_at);
            if !has_parts {
                self.resend_one(channel, None);
            }
        }
    }

    /// Stops the run when nobody gets through any more.
    pub(super) fn judge_run(&mut self, refusal: &Refusal) {
        let refused_in_row = self.examined.refused_in_row();
        if self.bearers.are_denied(refused_in_row) || self.examined.is_nobody_accepted() {
            self.stop.get_or_insert(Stop::Denied(refusal.clone()));
        }
    }

    /// Whether the channel is held back: its bearers and members were tried, and now it depends on
    /// what other channels show.
    pub(super) fn is_held_back(&self, channel: ChannelId) -> bool {
        self.is_tried(channel) && !self.may_ask_again(channel)
    }

    /// Whether the channel's bearers were tried, and as many of its members as it takes.
    pub(super) fn is_tried(&self, channel: ChannelId) -> bool {
        let state = &self.channels[channel.index()];
        let Some(examination) = &state.examination else {
            return false;
        };
        let is_accepting = state.accepted;
        examination.has_tried_members(is_accepting, self.alone(examination.refusal()))
            && !self.is_any_untested(channel)
            && !examination.refused().is_empty()
            && self.little_tried(examination).is_none()
    }

    /// A bearer that was refused perhaps for members' sake, with too few of them alone to judge.
    pub(super) fn little_tried(&self, examination: &Examination) -> Option<usize> {
        // Where nothing was accepted yet, it is as likely all channels'.
        let all = self.examined.channels();
        let all = all.filter_map(|channel| self.channels[channel.index()].examination.as_deref());
        let (among, most): (Vec<&Examination>, _) = if self.outage.has_accepted() {
            (vec![examination], ALONE_EACH)
        } else {
            (all.collect(), EACH_AT_FIRST)
        };
        let rows: usize = among.iter().map(|one| one.alone_rows()).sum();
        let alone_by = |bearer| -> usize { among.iter().map(|one| one.alone_by(bearer)).sum() };
        let entries = examination.refused().iter();
        entries
            .filter(|entry| entry.may_be_members)
            .map(|entry| (alone_by(entry.bearer), entry.bearer))
            .min()
            .filter(|(alone, _)| *alone < rows.min(most))
            .map(|(_, bearer)| bearer)
    }

    /// How many members refused alone hold a channel back on which nothing was ever accepted.
    fn alone(&self, refusal: &Refusal) -> usize {
        if self.outage.has_accepted() || refusal.kind != RefusalKind::Denied {
            ALONE
        } else {
            ALONE_AT_FIRST
        }
    }

    /// Whether a channel is refused to every bearer, and of one of them at least this is known.
    fn is_refused_for_all(
        &self,
        examination: &Examination,
        is_known: impl Fn(&RefusedBearer) -> bool,
    ) -> bool {
        let is_refused = |bearer| {
            let entry = examination.entry(bearer);
            entry.is_some_and(|entry| {
                is_known(entry) || (entry.is_after_others && self.bearers.is_denied(bearer))
            })
        };
        let mut entries = examination.refused().iter();
        entries.any(&is_known) && self.bearers.numbers().all(is_refused)
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
        let any_works = self.bearers.any_works_elsewhere(channel);
        examination.refused().iter().any(|entry| {
            if self.bearers.is_denied(entry.bearer) && !entry.is_after_others {
                return any_works.is_some_and(|at| at >= entry.last);
            }
            let works = self.bearers.works_elsewhere(entry.bearer, channel);
            let has_worked_since = |last| works.is_some_and(|at| at >= last);
            (!entry.is_settled() && has_worked_since(entry.last))
                || last_alone.is_some_and(has_worked_since)
        })
    }

    /// With nothing else to do: what is still to be found out takes a control call on another
    /// channel, or one more call on its own, or the run stops.
    pub(super) fn settle_examinations(&mut self) -> Option<(ChannelId, usize)> {
        let has_asked_enough = !self.examined.may_control();
        let mut last = None;
        let mut examined = std::mem::take(&mut self.examined);
        examined.retain(|channel| self.has_rows_left(channel) || self.held(channel) > 0);
        self.examined = examined;
        for channel in self.examined.channels() {
            let Some(examination) = &self.channels[channel.index()].examination else {
                continue;
            };
            last = Some(examination.refusal().clone());
            let (confirmed, open): (Vec<_>, Vec<_>) = examination
                .refused()
                .iter()
                .partition(|entry| entry.is_settled());
            // Those confirmed only bring about the end of a channel that is refused to all.
            let can_end = self.is_refused_for_all(examination, RefusedBearer::is_settled);
            let confirmed = confirmed.into_iter().filter(|_| can_end);
            for entry in open.into_iter().chain(confirmed) {
                if has_asked_enough || examination.has_asked_enough() {
                    self.bearers.give_up(entry.bearer);
                    continue;
                }
                let bearer = entry.bearer;
                let control = |by| Some((self.control_channel(by, Some(channel))?, by));
                let control = if self.bearers.is_denied(bearer) {
                    // That others get through shows as much of it as can be shown.
                    let mut others = self.bearers.numbers().filter(|other| *other != bearer);
                    let is_open = !entry.is_after_others;
                    is_open.then(|| others.find_map(control)).flatten()
                } else if self.bearers.is_given_up(bearer) {
                    None
                } else {
                    control(bearer)
                };
                if control.is_some() {
                    return control;
                }
                self.bearers.give_up(bearer);
            }
        }
        // What is known of the bearers now may ask for one call more.
        let examined: Vec<ChannelId> = self.examined.channels().collect();
        for channel in examined {
            if self.may_ask_again(channel) {
                self.resend_one(channel, None);
                self.update_ready(channel);
            }
        }
        if let Some(refusal) = last.filter(|_| self.ready.is_empty()) {
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
        self.examined.remove(channel);
        for held in held.into_iter().flat_map(|held| held.into_held()) {
            let rulings = Settlement::fail(&held, refusal);
            settlement.others.extend(rulings);
        }
        for lane in self.channels[channel.index()].lanes.clone() {
            if !self.backlog.is_closed(lane) {
                let (fresh, rest) = self.backlog.close(lane, Some(refusal));
                settlement.unsent += fresh;
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
        lanes.any(|lane| self.backlog.lane(*lane).members_left() > 0)
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
