//! The state of the simulated service, and the steps of a call: script, faults, quotas, members,
//! answer.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::address::{Address, last_segment};
use super::config::SandboxConfig;
use super::exception::Exception;
use super::fault::{Fault, FaultRng};
use super::member_result::MemberResult;
use super::operation::Operation;
use super::script::Scripted;
use super::service_answer::ServiceAnswer;
use super::stats::{CallEnding, CallTally, Stats};
use super::world::World;
use crate::model::Membership;

/// The state of the simulated service, shared by all calls.
pub(super) struct State {
    config: Arc<SandboxConfig>,
    world: World,
    rng: FaultRng,
    script: VecDeque<Vec<Scripted>>,
    tally: CallTally,
}

/// How long a call is on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoundTrip {
    /// To the service.
    pub(super) out: Duration,
    /// Back from it.
    pub(super) back: Duration,
}

impl State {
    /// The state at the service's start.
    pub(super) fn new(config: &Arc<SandboxConfig>) -> Self {
        Self {
            config: Arc::clone(config),
            world: World::new(Arc::clone(config)),
            rng: FaultRng::new(config.seed, &config.faults),
            script: VecDeque::new(),
            tally: CallTally::new(),
        }
    }

    /// The channels and their members.
    pub(super) fn world(&self) -> &World {
        &self.world
    }

    /// The channels and their members, to change beside all calls.
    pub(super) fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// What it has seen so far.
    pub(super) fn stats(&self) -> Stats {
        self.tally.stats(self.world.populations())
    }

    /// Adds entries to the script.
    pub(super) fn script(&mut self, calls: impl IntoIterator<Item = Vec<Scripted>>) {
        self.script.extend(calls);
    }

    /// How long the next call travels.
    pub(super) fn round_trip(&mut self) -> RoundTrip {
        let half = self.config.latency / 2;
        let out = self.rng.jitter(half, self.config.jitter);
        let back = self.rng.jitter(half, self.config.jitter);
        let slow = if self.rng.happens(Fault::Slow) {
            self.config.slow_by
        } else {
            Duration::ZERO
        };
        RoundTrip {
            out,
            back: back + slow,
        }
    }

    /// Adds members; a verdict for each in their order.
    pub(super) fn batch_create(
        &mut self,
        at: Address<'_>,
        membership: &Membership,
        members: &[&str],
        now: Duration,
    ) -> ServiceAnswer<Vec<MemberResult>> {
        let script = self.script.pop_front().unwrap_or_default();
        let config = Arc::clone(&self.config);
        let act = |world: &mut World, rng: &mut FaultRng, script: &[Scripted]| {
            let overrule = |arn: &str, id: &str| {
                scripted_result(script, arn)
                    .or_else(|| ruled_result(&config, id))
                    .or_else(|| chance_result(rng))
            };
            world.batch_create(at, membership, members, overrule, now)
        };
        self.call(Operation::BatchCreate, at, now, script, act)
    }

    /// Adds one member. The result is [`MemberResult::Added`] or [`MemberResult::LeftOut`].
    pub(super) fn create(
        &mut self,
        at: Address<'_>,
        membership: &Membership,
        member: &str,
        now: Duration,
    ) -> ServiceAnswer<MemberResult> {
        let script = self.script.pop_front().unwrap_or_default();
        let config = Arc::clone(&self.config);
        let act = |world: &mut World, _: &mut FaultRng, script: &[Scripted]| {
            let overrule = scripted_result(script, member)
                .or_else(|| ruled_result(&config, last_segment(member)));
            world.create(at, membership, member, overrule, now)
        };
        self.call(Operation::Create, at, now, script, act)
    }

    /// Performs any other operation.
    pub(super) fn perform<T>(
        &mut self,
        operation: Operation,
        at: Address<'_>,
        now: Duration,
        act: impl FnOnce(&mut World, Duration) -> Result<T, Exception>,
    ) -> ServiceAnswer<T> {
        let script = self.script.pop_front().unwrap_or_default();
        self.call(operation, at, now, script, |world, _, _| act(world, now))
    }

    /// Applies the script and the faults to a call, and counts it.
    fn call<T>(
        &mut self,
        operation: Operation,
        at: Address<'_>,
        now: Duration,
        script: Vec<Scripted>,
        act: impl FnOnce(&mut World, &mut FaultRng, &[Scripted]) -> Result<T, Exception>,
    ) -> ServiceAnswer<T> {
        self.tally.arrived(operation, at, now);
        let before = self.world.population(at.channel);
        let answer = match self.injected_failure(at, now, &script) {
            Some(answer) => answer,
            None => match act(&mut self.world, &mut self.rng, &script) {
                Ok(value) => self.deliver(value, script),
                Err(exception) => ServiceAnswer::Refused(exception),
            },
        };
        let after = self.world.population(at.channel);
        self.tally.added(after.saturating_sub(before));
        self.tally.ended(match &answer {
            ServiceAnswer::Success(_) | ServiceAnswer::Page(200, _) => CallEnding::Answered,
            ServiceAnswer::Page(status, _) => CallEnding::Refused(*status),
            ServiceAnswer::Refused(exception) => CallEnding::Refused(exception.status),
            ServiceAnswer::Closed | ServiceAnswer::Lost | ServiceAnswer::Silence => {
                CallEnding::Unanswered
            }
        });
        answer
    }

    /// The error that prevents a call from being applied.
    fn injected_failure<T>(
        &mut self,
        at: Address<'_>,
        now: Duration,
        script: &[Scripted],
    ) -> Option<ServiceAnswer<T>> {
        for one in script {
            if let Scripted::Refuse {
                status,
                exception,
                message,
            } = one
            {
                return Some(ServiceAnswer::Refused(Exception {
                    status: *status,
                    name: Cow::Owned(exception.clone()),
                    message: Cow::Owned(message.clone()),
                }));
            }
            if let Scripted::Page { status, body } = one {
                return Some(ServiceAnswer::Page(*status, body.clone()));
            }
        }
        let config = &self.config;
        let storm = config.storms.iter().find(|storm| storm.covers(at, now));
        if let Some(storm) = storm {
            return Some(storm.code.answer());
        }
        let mut shares = config.refusals.iter();
        if let Some(refusal) = shares.find(|refusal| self.rng.hits(refusal.share)) {
            return Some(refusal.code.answer());
        }
        let outage = config.outage.as_ref();
        if outage.is_some_and(|outage| outage.contains(&now)) {
            Some(ServiceAnswer::Refused(Exception::unavailable("outage")))
        } else if self.rng.happens(Fault::Reset) {
            Some(ServiceAnswer::Closed)
        } else if self.rng.happens(Fault::CallThrottled) {
            Some(ServiceAnswer::Refused(Exception::throttled("by chance")))
        } else if self.rng.happens(Fault::CallUnavailable) {
            Some(ServiceAnswer::Refused(Exception::unavailable("by chance")))
        } else {
            None
        }
    }

    /// The answer as it arrives at the client.
    fn deliver<T>(&mut self, value: T, script: Vec<Scripted>) -> ServiceAnswer<T> {
        for one in script {
            match one {
                Scripted::Silence => return ServiceAnswer::Silence,
                Scripted::Reset => return ServiceAnswer::Closed,
                Scripted::Garbage(body) => return ServiceAnswer::Page(200, body),
                Scripted::MemberError { .. }
                | Scripted::LeaveOut { .. }
                | Scripted::Refuse { .. }
                | Scripted::Page { .. } => {}
            }
        }
        if self.rng.happens(Fault::Lost) {
            ServiceAnswer::Lost
        } else {
            ServiceAnswer::Success(value)
        }
    }
}

/// The scripted result of a member.
fn scripted_result(script: &[Scripted], arn: &str) -> Option<MemberResult> {
    script.iter().find_map(|one| match one {
        Scripted::MemberError { member, code } if member == arn => Some(MemberResult::Refused {
            code: Cow::Owned(code.clone()),
            message: "as scripted",
        }),
        Scripted::LeaveOut { member } if member == arn => Some(MemberResult::LeftOut),
        _ => None,
    })
}

/// The result of a member by rule.
fn ruled_result(config: &SandboxConfig, id: &str) -> Option<MemberResult> {
    let rule = config
        .answers
        .iter()
        .find(|rule| id.starts_with(&rule.prefix))?;
    Some(MemberResult::Refused {
        code: Cow::Owned(rule.code.clone()),
        message: "by rule",
    })
}

/// The result of a member of a batch call by chance.
fn chance_result(rng: &mut FaultRng) -> Option<MemberResult> {
    rng.happens(Fault::MemberThrottled)
        .then_some(MemberResult::Refused {
            code: Cow::Borrowed("Throttled"),
            message: "by chance",
        })
}
