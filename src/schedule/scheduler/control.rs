//! Which bearer a channel is called with next, and control calls: calls that add a member who is in
//! the channel already, to learn whether a bearer may add to it.

use std::time::Duration;

use super::Scheduler;
use crate::model::ChannelId;
use crate::schedule::CallPlan;
use crate::schedule::examination::Examination;

/// How long a channel waits whose bearers all wait for answers.
const PARK: Duration = Duration::from_millis(100);

impl Scheduler {
    /// The bearer to call a channel with, and when; none if all that may wait for an answer.
    pub(super) fn bearer_for(&self, channel: ChannelId) -> Option<(usize, Duration)> {
        let active = |bearer: usize| self.bearers.is_active(bearer);
        let Some(examination) = &self.channels[channel.index()].examination else {
            return self.first_bearer(active);
        };
        if let Some(bearer) = self.control_due(channel) {
            return self.first_bearer(|one| one == bearer);
        }
        let ranks = self.bearers.numbers();
        let ranks = ranks.filter_map(|bearer| self.rank(channel, examination, bearer));
        let best = ranks.min()?;
        self.first_bearer(|bearer| self.rank(channel, examination, bearer) == Some(best))
    }

    /// Of the bearers among these, the one that may call first, and when: of several the one that
    /// has called least lately. None if all of them wait for an answer first.
    pub(super) fn first_bearer(&self, among: impl Fn(usize) -> bool) -> Option<(usize, Duration)> {
        let is_free = |bearer: &usize| among(*bearer) && !self.bearers.is_busy(*bearer);
        self.pacing.first_of(self.bearers.numbers().filter(is_free))
    }

    /// How well a bearer suits a channel under examination, the best first; none if not at all.
    /// Those known to be allowed come first, those set aside only where all others were refused.
    fn rank(&self, channel: ChannelId, examination: &Examination, bearer: usize) -> Option<u8> {
        let is_active = self.bearers.is_active(bearer);
        let mut worked = self.bearers.worked_on(bearer).into_iter().flatten();
        let is_known = examination.is_accepted(bearer) || worked.any(|known| known == channel);
        let Some(entry) = examination.entry(bearer) else {
            return Some(match (is_active, is_known) {
                (true, true) => 0,
                (true, false) => 2,
                (false, _) => 3,
            });
        };
        let works = self.bearers.works_elsewhere(bearer, channel);
        let is_since = |works: Option<Duration>, last| works.is_some_and(|at| at >= last);
        let last_alone = examination.last_alone();
        Some(match entry.may_be_members {
            true if is_known && is_active => 1,
            true if is_known => 4,
            _ if self.little_tried(examination) == Some(bearer) => 5,
            // Refused once more, it is known of this one that it is for the channel's sake.
            _ if !entry.is_settled() && is_since(works, entry.last) => 6,
            // Denied, as it seems: once more, in case that was a time in which all was refused.
            _ if self.bearers.is_denied(bearer)
                && !entry.is_after_others
                && is_since(self.bearers.any_works_elsewhere(channel), entry.last) =>
            {
                7
            }
            // Refused with a member alone, it shows that it is not one time of refusals.
            _ if last_alone.is_some_and(|last| is_since(works, last)) => 8,
            true if is_active && self.bearers.has_worked(bearer) => 9,
            true if is_active => 10,
            false if is_active => 11,
            _ => return None,
        })
    }

    /// Puts a channel off whose bearers all wait for answers.
    pub(super) fn park(&mut self, now: Duration, channel: ChannelId, until: Option<Duration>) {
        self.pacing.postpone(channel, until.unwrap_or(now + PARK));
        self.update_ready(channel);
    }

    /// The bearer whose control call the channel is due, if it is.
    pub(super) fn control_due(&self, channel: ChannelId) -> Option<usize> {
        let state = &self.channels[channel.index()];
        let examination = state.examination.as_ref().filter(|_| state.accepted)?;
        // As a rule the channel's next call shows the same, and costs nothing.
        let is_needed = examination.is_refused_again() || !self.has_rows_left(channel);
        let is_due = is_needed
            && state.in_flight == 0
            && examination.held() > 0
            && self.examined.may_control();
        is_due.then(|| self.control_bearer(channel))?
    }

    /// A bearer that was refused here perhaps for members' sake: the first of those whose member is
    /// held, else any.
    pub(super) fn control_bearer(&self, channel: ChannelId) -> Option<usize> {
        let examination = self.channels[channel.index()].examination.as_ref()?;
        let may_be_members = |bearer: &usize| {
            let entry = examination.entry(*bearer);
            entry.is_none_or(|entry| entry.may_be_members)
        };
        examination.bearers().find(may_be_members)
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
        wanting.find_map(|bearer| Some((self.control_channel(bearer, None)?, bearer)))
    }

    /// A channel for a control call by this bearer: one where it was accepted before, or any if it
    /// never was.
    pub(super) fn control_channel(
        &self,
        bearer: usize,
        except: Option<ChannelId>,
    ) -> Option<ChannelId> {
        let can_be =
            |channel: &ChannelId| Some(*channel) != except && self.can_be_control(*channel, bearer);
        match self.bearers.worked_on(bearer) {
            Some(mut own) => own.find(can_be),
            None => self.examined.control_channels().find(can_be),
        }
    }

    /// Whether a control call by this bearer can be made there: calls on the channel were accepted, and
    /// the bearer was not refused there for its own or the channel's sake.
    fn can_be_control(&self, channel: ChannelId, bearer: usize) -> bool {
        let state = &self.channels[channel.index()];
        let is_refused = |examination: &Examination| {
            let entry = examination.entry(bearer);
            entry.is_some_and(|entry| !entry.may_be_members)
        };
        let is_open = state
            .lanes
            .iter()
            .any(|lane| !self.backlog.is_closed(*lane));
        // One at a time: they may carry the same member.
        let is_free = state.in_flight == 0;
        is_open
            && is_free
            && state.accepted
            && !state.examination.as_deref().is_some_and(is_refused)
    }

    /// Nobody who is in the channel is known: it has no control call.
    pub fn no_control(&mut self, order: CallPlan) {
        let channel = order.channel;
        self.channels[channel.index()].accepted = false;
        self.cancel(order);
        self.examined.forget_control_channel(channel);
        self.update_ready(channel);
    }
}
