//! The service behind both of its faces: state, faults and script, on tokio's clock.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::exception::Exception;
use super::fault::{Dice, Fault};
use super::operation::Operation;
use super::script::Scripted;
use super::settings::Settings;
use super::stats::{Ending, Stats, Tally};
use super::world::{Address, Verdict, World};
use crate::model::{ChannelArn, MemberArn, Membership};

/// A simulated Amazon Chime SDK messaging. Shared by its faces: [`super::Simulated`] and
/// [`super::serve`].
pub struct Service {
    settings: Arc<Settings>,
    started: Instant,
    /// The wall clock at the start, for timestamps on the wire.
    started_at: SystemTime,
    state: Mutex<State>,
}

/// What one call after another works on.
struct State {
    world: World,
    dice: Dice,
    script: VecDeque<Vec<Scripted>>,
    tally: Tally,
}

/// What comes of a call.
#[derive(Debug)]
pub(super) enum Answer<T> {
    /// A success.
    Given(T),
    /// An error.
    Refused(Exception),
    /// A success with this body.
    Body(String),
    /// The connection is closed, applied or not.
    Cut,
    /// Applied; the answer is lost on its way.
    Lost,
    /// Applied; nothing comes, and the connection stays open.
    Silence,
}

impl<T> Answer<T> {
    /// The same answer, with what a success gives put into another form.
    pub(super) fn map<U>(self, form: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Given(given) => Answer::Given(form(given)),
            Self::Refused(exception) => Answer::Refused(exception),
            Self::Body(body) => Answer::Body(body),
            Self::Cut => Answer::Cut,
            Self::Lost => Answer::Lost,
            Self::Silence => Answer::Silence,
        }
    }
}

/// How long a call is on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Travel {
    /// To the service.
    pub(super) out: Duration,
    /// Back from it.
    pub(super) back: Duration,
}

impl Service {
    /// A service that starts now.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let settings = Arc::new(settings);
        Self {
            started: Instant::now(),
            started_at: SystemTime::now(),
            state: Mutex::new(State {
                world: World::new(Arc::clone(&settings)),
                dice: Dice::new(settings.seed, &settings.faults),
                script: VecDeque::new(),
                tally: Tally::new(),
            }),
            settings,
        }
    }

    /// What the service is like.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Tells what the next batch calls shall meet: each takes the front entry, whatever becomes of
    /// it; an empty one leaves its call alone.
    pub fn script(&self, calls: impl IntoIterator<Item = Vec<Scripted>>) {
        self.state().script.extend(calls);
    }

    /// Makes somebody a member (by its own doing), beside all quotas and rules.
    pub fn add_existing(&self, channel: &ChannelArn, member: &MemberArn) {
        let mut state = self.state();
        let now = self.now();
        let at = Address {
            channel,
            bearer: member,
        };
        state.world.put(at, member.as_str(), now);
    }

    /// Bans somebody from a channel; a member leaves it by that.
    pub fn ban(&self, channel: &ChannelArn, member: &MemberArn) {
        self.state().world.ban(channel, member);
    }

    /// Whether somebody is a member, of whichever type.
    #[must_use]
    pub fn is_member(&self, channel: &ChannelArn, member: &MemberArn) -> bool {
        let found = self.state().world.membership(channel, member.as_str());
        found.is_some()
    }

    /// The ARNs of a channel's members of either type, sorted.
    #[must_use]
    pub fn members(&self, channel: &ChannelArn) -> Vec<String> {
        let state = self.state();
        let arn = |name| state.world.arn(channel, name);
        let found = state.world.channels.get(channel.as_str());
        let mut members: Vec<String> = found
            .into_iter()
            .flat_map(|channel| channel.members.keys().copied())
            .map(arn)
            .collect();
        members.sort_unstable();
        members
    }

    /// What the service has seen so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = self.state();
        let members = state.world.channels.iter();
        let members = members.map(|(arn, channel)| (arn.to_owned(), channel.members.len() as u64));
        state.tally.stats(members.collect())
    }

    /// Time since the start.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The wall clock at some time since the start.
    pub(super) fn wall_clock(&self, since_start: Duration) -> SystemTime {
        self.started_at + since_start
    }

    /// How long the next call travels.
    pub(super) fn travel(&self) -> Travel {
        let settings = &self.settings;
        let dice = &mut self.state().dice;
        let latency = dice.jitter(settings.latency, settings.jitter);
        let slow = if dice.befalls(Fault::Slow) {
            settings.slow_by
        } else {
            Duration::ZERO
        };
        let out = latency / 2;
        Travel {
            out,
            back: latency - out + slow,
        }
    }

    /// Adds members; a verdict for each in their order.
    pub(super) fn batch_create(
        &self,
        at: Address<'_>,
        membership: &Membership,
        members: &[&str],
    ) -> Answer<Vec<Verdict>> {
        let mut state = self.state();
        let now = self.now();
        let script = state.script.pop_front().unwrap_or_default();
        state.call(&self.settings, Operation::BatchCreate, at, now, script, {
            |world, dice, script, tally| {
                let overrule = |arn: &str, id: &str| {
                    told(script, arn).or_else(|| by_rule(&self.settings, dice, id))
                };
                let before = world.population(at.channel);
                let verdicts = world.batch_create(at, membership, members, overrule, now)?;
                tally.added(world.population(at.channel) - before);
                Ok(verdicts)
            }
        })
    }

    /// Performs any other operation on the state.
    pub(super) fn perform<T>(
        &self,
        operation: Operation,
        at: Address<'_>,
        act: impl FnOnce(&mut World, Duration) -> Result<T, Exception>,
    ) -> Answer<T> {
        let mut state = self.state();
        let now = self.now();
        state.call(
            &self.settings,
            operation,
            at,
            now,
            Vec::new(),
            |world, _, _, tally| {
                let before = world.population(at.channel);
                let result = act(world, now)?;
                tally.added(world.population(at.channel).saturating_sub(before));
                Ok(result)
            },
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets a call meet its script and the faults, and counts it.
    fn call<T>(
        &mut self,
        settings: &Settings,
        operation: Operation,
        at: Address<'_>,
        now: Duration,
        script: Vec<Scripted>,
        act: impl FnOnce(&mut World, &mut Dice, &[Scripted], &mut Tally) -> Result<T, Exception>,
    ) -> Answer<T> {
        self.tally.arrived(operation, at, now);
        let answer = match self.struck(settings, now, &script) {
            Some(answer) => answer,
            None => match act(&mut self.world, &mut self.dice, &script, &mut self.tally) {
                Ok(given) => self.sent(given, script),
                Err(exception) => Answer::Refused(exception),
            },
        };
        self.tally.ended(match &answer {
            Answer::Given(_) | Answer::Body(_) => Ending::Answered,
            Answer::Refused(exception) => Ending::Refused(exception.status),
            Answer::Cut | Answer::Lost | Answer::Silence => Ending::Unanswered,
        });
        answer
    }

    /// What keeps a call from being applied.
    fn struck<T>(
        &mut self,
        settings: &Settings,
        now: Duration,
        script: &[Scripted],
    ) -> Option<Answer<T>> {
        for one in script {
            if let Scripted::Refuse {
                status,
                exception,
                message,
            } = one
            {
                return Some(Answer::Refused(Exception {
                    status: *status,
                    name: Cow::Owned(exception.clone()),
                    message: Cow::Owned(message.clone()),
                }));
            }
        }
        let outage = settings.outage.as_ref();
        if outage.is_some_and(|outage| outage.contains(&now)) {
            Some(Answer::Refused(Exception::unavailable("outage")))
        } else if self.dice.befalls(Fault::Reset) {
            Some(Answer::Cut)
        } else if self.dice.befalls(Fault::CallThrottled) {
            Some(Answer::Refused(Exception::throttled("by chance")))
        } else if self.dice.befalls(Fault::CallUnavailable) {
            Some(Answer::Refused(Exception::unavailable("by chance")))
        } else {
            None
        }
    }

    /// What arrives of an answer.
    fn sent<T>(&mut self, given: T, script: Vec<Scripted>) -> Answer<T> {
        for one in script {
            match one {
                Scripted::Silence => return Answer::Silence,
                Scripted::Reset => return Answer::Cut,
                Scripted::Garbage(body) => return Answer::Body(body),
                Scripted::MemberError { .. }
                | Scripted::LeaveOut { .. }
                | Scripted::Refuse { .. } => {}
            }
        }
        if self.dice.befalls(Fault::Lost) {
            Answer::Lost
        } else {
            Answer::Given(given)
        }
    }
}

/// What the script says of a member.
fn told(script: &[Scripted], arn: &str) -> Option<Verdict> {
    script.iter().find_map(|one| match one {
        Scripted::MemberError { member, code } if member == arn => Some(Verdict::Refused {
            code: Cow::Owned(code.clone()),
            message: "as told",
        }),
        Scripted::LeaveOut { member } if member == arn => Some(Verdict::LeftOut),
        _ => None,
    })
}

/// What a rule or chance says of a member.
fn by_rule(settings: &Settings, dice: &mut Dice, id: &str) -> Option<Verdict> {
    let fits = |id: &str, prefix: &str| id.starts_with(prefix);
    let rule = settings.answers.iter().find(|rule| fits(id, &rule.prefix));
    if let Some(rule) = rule {
        return Some(Verdict::Refused {
            code: Cow::Owned(rule.code.clone()),
            message: "by rule",
        });
    }
    dice.befalls(Fault::MemberThrottled)
        .then_some(Verdict::Refused {
            code: Cow::Borrowed("Throttled"),
            message: "by chance",
        })
}
