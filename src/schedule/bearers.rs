//! The pool of bearers: which of them are allowed to add members, as far as their calls show.
//!
//! A bearer whose call was refused is in question until another of its calls, sent after that, is
//! accepted. Denied, or refused on two channels, it makes one call at a time meanwhile; where a
//! member may be to blame, its calls carry one member from the second channel on: a user with a
//! list with many bad rows must not be stopped for them. A bearer in question whose refused call another
//! bearer gets through is set aside: it is tried again only where all others were refused.

use std::time::Duration;

use super::InFlightCall;
use crate::model::codes::Scope;
use crate::model::{ChannelId, Refusal, RefusalKind};

/// Calls of a bearer in question that are spent to find out whether it is denied everywhere, where
/// others of the pool are known to be allowed: each costs its channel a second.
const PROBES_BESIDE_OTHERS: u32 = 3;
/// Calls denied one after the other, on as many channels, after which a pool none of whose bearers is
/// accepted counts as denied. It is so only where no control call can show it: nothing was accepted
/// yet. If the pool may add to every other channel, one such stop in 65,536 is wrong.
pub(super) const PROBES: u32 = 16;

/// Control calls of a bearer that are refused before it counts as denied everywhere: others may have
/// been accepted on a channel where this one is not allowed.
const CONTROLS: u32 = 2;

#[derive(Debug)]
struct Bearer {
    in_flight: u32,
    question: Option<Question>,
    is_set_aside: bool,
    /// Its latest accepted calls on two different channels: when they were sent.
    works: [Option<(ChannelId, Duration)>; 2],
}

/// A bearer was denied, and not accepted since.
#[derive(Debug, Clone)]
struct Question {
    /// When it was first denied.
    since: Duration,
    /// When it was last denied.
    last: Duration,
    /// Where it was denied.
    channels: Vec<ChannelId>,
    /// Denied calls that were sent after the first denial, each on another channel, and none with
    /// several members one of whom may be to blame.
    probes: u32,
    /// On which channels those were.
    probed: Vec<ChannelId>,
    /// The last refusal may have been for a member's sake.
    may_be_members: bool,
    /// The last refusal was a denial.
    is_denial: bool,
    control: Control,
    /// Control calls refused.
    refused_controls: u32,
}

/// Whether a control call was made for a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    Open,
    Made,
    /// It was refused as well, or cannot be made: the bearer counts as denied everywhere.
    GivenUp,
}

impl Bearer {
    /// Whether a control call was made for its question, if it is in question.
    fn control(&self) -> Option<Control> {
        self.question.as_ref().map(|question| question.control)
    }
}

impl Question {
    fn is_on_several_channels(&self) -> bool {
        self.channels.len() > 1
    }
}

/// Which bearers may be called with.
#[derive(Debug)]
pub(super) struct Bearers {
    pool: Vec<Bearer>,
}

impl Bearers {
    pub(super) fn new(bearers: usize) -> Self {
        let bearer = || Bearer {
            in_flight: 0,
            question: None,
            is_set_aside: false,
            works: [None; 2],
        };
        Self {
            pool: std::iter::repeat_with(bearer)
                .take(bearers.max(1))
                .collect(),
        }
    }

    /// All of them, by number.
    pub(super) fn numbers(&self) -> std::ops::Range<usize> {
        0..self.pool.len()
    }

    /// Whether it takes part: it is not set aside, and not paused because enough of its calls were
    /// denied while others are allowed.
    pub(super) fn is_active(&self, bearer: usize) -> bool {
        let state = &self.pool[bearer];
        let is_probed = state
            .question
            .as_ref()
            .is_some_and(|question| question.probes >= PROBES_BESIDE_OTHERS);
        !(state.is_set_aside || is_probed && self.is_any_trusted())
    }

    /// Whether it has to wait for an answer: a bearer in question makes one call at a time.
    pub(super) fn is_busy(&self, bearer: usize) -> bool {
        let state = &self.pool[bearer];
        let asks = |question: &Question| question.is_denial || question.is_on_several_channels();
        state.question.as_ref().is_some_and(asks) && state.in_flight > 0
    }

    fn is_any_trusted(&self) -> bool {
        let is_trusted = |state: &Bearer| state.question.is_none() && state.works[0].is_some();
        self.pool.iter().any(is_trusted)
    }

    /// Whether it was set aside.
    pub(super) fn is_set_aside(&self, bearer: usize) -> bool {
        self.pool[bearer].is_set_aside
    }

    /// Whether all that take part are in question, each for refusals on several channels.
    pub(super) fn are_all_in_question(&self) -> bool {
        let in_question = |state: &Bearer| {
            let question = state.question.as_ref();
            state.is_set_aside || question.is_some_and(Question::is_on_several_channels)
        };
        self.pool.iter().all(in_question)
    }

    /// Whether a denial on this channel counts already for a bearer in question.
    pub(super) fn is_probed_on(&self, channel: ChannelId) -> bool {
        let mut questions = self.pool.iter().filter_map(|state| state.question.as_ref());
        questions.any(|question| question.probed.contains(&channel))
    }

    /// Whether a control call may show that this bearer, in question, is allowed.
    pub(super) fn wants_control(&self, bearer: usize) -> bool {
        let state = &self.pool[bearer];
        !state.is_set_aside && state.in_flight == 0 && state.control() == Some(Control::Open)
    }

    /// Whether a control call was made for its question.
    pub(super) fn has_control(&self, bearer: usize) -> bool {
        self.pool[bearer].control() == Some(Control::Made)
    }

    /// A control call is made for a bearer in question.
    pub(super) fn note_control(&mut self, bearer: usize) {
        if let Some(question) = &mut self.pool[bearer].question {
            question.control = Control::Made;
        }
    }

    /// A control call made for its question was refused.
    pub(super) fn control_refused(&mut self, bearer: usize) {
        let Some(question) = &mut self.pool[bearer].question else {
            return;
        };
        question.refused_controls += 1;
        question.control = Control::Open;
        if question.refused_controls >= CONTROLS {
            self.give_up(bearer);
        }
    }

    /// Channels on which a control call by this bearer shows something: where it was accepted. None
    /// if it never was.
    pub(super) fn worked_on(&self, bearer: usize) -> Option<impl Iterator<Item = ChannelId>> {
        let works = &self.pool[bearer].works;
        works[0]?;
        Some(works.iter().flatten().map(|(channel, _)| *channel))
    }

    /// Whether all are denied, judged by the number of calls refused in a row.
    pub(super) fn are_denied(&self, refused_in_row: u32) -> bool {
        let given_up = |state: &Bearer| match &state.question {
            Some(question) => state.is_set_aside || question.control == Control::GivenUp,
            None => false,
        };
        if self.pool.iter().all(given_up) {
            return true;
        }
        let in_question = |state: &Bearer| match &state.question {
            Some(question) => state.is_set_aside || question.probes > 0,
            None => false,
        };
        let probes = self.pool.iter().filter_map(|state| state.question.as_ref());
        self.pool.iter().all(in_question)
            && probes.map(|question| question.probes).sum::<u32>() >= PROBES
            && refused_in_row >= PROBES
    }

    /// A call is made.
    pub(super) fn on_sent(&mut self, bearer: usize) {
        self.pool[bearer].in_flight += 1;
    }

    /// A call came back, or is not made after all.
    pub(super) fn landed(&mut self, bearer: usize) {
        let in_flight = &mut self.pool[bearer].in_flight;
        *in_flight = in_flight.saturating_sub(1);
    }

    /// A call of this bearer, sent then, was accepted.
    pub(super) fn accepted(&mut self, bearer: usize, channel: ChannelId, sent_at: Duration) {
        let state = &mut self.pool[bearer];
        if state
            .question
            .as_ref()
            .is_some_and(|question| question.last <= sent_at)
        {
            state.question = None;
            state.is_set_aside = false;
        }
        let [latest, other] = &mut state.works;
        match latest {
            Some((known, at)) if *known == channel => *at = (*at).max(sent_at),
            _ => {
                *other = *latest;
                *latest = Some((channel, sent_at));
            }
        }
    }

    /// Whether a call of it was ever accepted.
    pub(super) fn has_worked(&self, bearer: usize) -> bool {
        self.pool[bearer].works[0].is_some()
    }

    /// When the last of its accepted calls on another channel than this was sent.
    pub(super) fn works_elsewhere(&self, bearer: usize, channel: ChannelId) -> Option<Duration> {
        let elsewhere = self.pool[bearer].works.iter().flatten();
        let elsewhere = elsewhere.filter(|(known, _)| *known != channel);
        elsewhere.map(|(_, at)| *at).max()
    }

    /// When the last accepted call of any bearer on another channel than this was sent.
    pub(super) fn any_works_elsewhere(&self, channel: ChannelId) -> Option<Duration> {
        let all = self.numbers();
        all.filter_map(|bearer| self.works_elsewhere(bearer, channel))
            .max()
    }

    /// Whether others are allowed what it was refused, as far as known, and it was never accepted.
    pub(super) fn is_denied(&self, bearer: usize) -> bool {
        (self.is_set_aside(bearer) || self.is_given_up(bearer)) && !self.has_worked(bearer)
    }

    /// A call of a bearer was refused, perhaps for the bearer's sake.
    pub(super) fn refused(&mut self, flight: &InFlightCall, refusal: &Refusal, now: Duration) {
        let channel = flight.channel;
        let may_be_members = refusal.may_concern(Scope::Member);
        let is_denial = refusal.kind == RefusalKind::Denied;
        let question = self.pool[flight.bearer]
            .question
            .get_or_insert_with(|| Question {
                since: now,
                last: now,
                channels: vec![channel],
                probes: 0,
                probed: Vec::new(),
                may_be_members,
                is_denial,
                control: Control::Open,
                refused_controls: 0,
            });
        question.last = now;
        question.may_be_members = may_be_members;
        question.is_denial = is_denial;
        let is_probe =
            flight.sent_at >= question.since && (!may_be_members || flight.rows.len() <= 1);
        if !question.channels.contains(&channel) {
            question.channels.push(channel);
        }
        if is_probe && !question.probed.contains(&channel) {
            question.probed.push(channel);
            question.probes += 1;
        }
    }

    /// The most members that a call of a bearer may carry.
    pub(super) fn most_members(&self, bearer: usize, full: u32) -> u32 {
        match &self.pool[bearer].question {
            Some(question) if question.may_be_members && question.is_on_several_channels() => 1,
            _ => full,
        }
    }

    /// Another bearer got through a call that was refused to this one then. True if that sets it
    /// aside: it was not accepted since.
    pub(super) fn set_aside(&mut self, bearer: usize, refused_at: Duration) -> bool {
        let is_other = |(other, state): (usize, &Bearer)| other != bearer && !state.is_set_aside;
        let is_any_left = self.pool.iter().enumerate().any(is_other);
        let state = &mut self.pool[bearer];
        let question = state.question.as_ref();
        let is_denied = question.is_some_and(|question| question.since <= refused_at);
        let is_new = is_denied && !state.is_set_aside && is_any_left;
        state.is_set_aside |= is_new;
        is_new
    }

    /// Whether nothing more can be found out about it.
    pub(super) fn is_given_up(&self, bearer: usize) -> bool {
        self.pool[bearer].control() == Some(Control::GivenUp)
    }

    /// Nothing more can be found out about a bearer in question: it is set aside if others are
    /// allowed.
    pub(super) fn give_up(&mut self, bearer: usize) {
        if let Some(question) = &mut self.pool[bearer].question {
            question.control = Control::GivenUp;
        }
        if self.is_any_trusted() {
            self.set_aside(bearer, Duration::MAX);
        }
    }
}
