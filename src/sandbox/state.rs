//! What one call after another works on, and what each of them meets on its way there and back.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::config::SandboxConfig;
use super::exception::Exception;
use super::fault::{Fault, FaultRng};
use super::member_result::MemberResult;
use super::operation::Operation;
use super::script::Scripted;
use super::stats::{CallEnding, CallTally};
use super::world::{Address, World};

/// What one call after another works on.
pub(super) struct State {
    pub(super) world: World,
    pub(super) rng: FaultRng,
    pub(super) script: VecDeque<Vec<Scripted>>,
    pub(super) tally: CallTally,
}

/// What comes of a call.
#[derive(Debug)]
pub(super) enum ServiceAnswer<T> {
    /// A success.
    Success(T),
    /// An error.
    Refused(Exception),
    /// An answer with this status and body, regardless of the service's.
    Page(u16, String),
    /// The connection is closed, applied or not.
    Closed,
    /// Applied; the answer is lost on its way.
    Lost,
    /// Applied; nothing comes, and the connection stays open.
    Silence,
}

impl<T> ServiceAnswer<T> {
    /// The same answer, with a success converted.
    pub(super) fn map<U>(self, form: impl FnOnce(T) -> U) -> ServiceAnswer<U> {
        match self {
            Self::Success(value) => ServiceAnswer::Success(form(value)),
            Self::Refused(exception) => ServiceAnswer::Refused(exception),
            Self::Page(status, body) => ServiceAnswer::Page(status, body),
            Self::Closed => ServiceAnswer::Closed,
            Self::Lost => ServiceAnswer::Lost,
            Self::Silence => ServiceAnswer::Silence,
        }
    }
}

impl State {
    /// Lets a call meet its script and the faults, and counts it.
    pub(super) fn call<T>(
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

    /// What keeps a call from being applied.
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
        let config = Arc::clone(&self.world.config);
        let storm = config.storms.iter().find(|storm| storm.covers(at, now));
        if let Some(storm) = storm {
            return Some(storm.code.answer());
        }
        let mut shares = config.refusals.iter();
        if let Some(refusal) = shares.find(|refusal| self.rng.hits(refusal.share)) {
            return Some(refusal.code.answer());
        }
        let outage = self.world.config.outage.as_ref();
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

    /// What arrives of an answer.
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
pub(super) fn scripted_result(script: &[Scripted], arn: &str) -> Option<MemberResult> {
    script.iter().find_map(|one| match one {
        Scripted::MemberError { member, code } if member == arn => Some(MemberResult::Refused {
            code: Cow::Owned(code.clone()),
            message: "as scripted",
        }),
        Scripted::LeaveOut { member } if member == arn => Some(MemberResult::LeftOut),
        _ => None,
    })
}

/// The result of a member by rule or by chance.
pub(super) fn configured_result(
    config: &SandboxConfig,
    rng: &mut FaultRng,
    id: &str,
) -> Option<MemberResult> {
    let fits = |id: &str, prefix: &str| id.starts_with(prefix);
    let rule = config.answers.iter().find(|rule| fits(id, &rule.prefix));
    if let Some(rule) = rule {
        return Some(MemberResult::Refused {
            code: Cow::Owned(rule.code.clone()),
            message: "by rule",
        });
    }
    rng.happens(Fault::MemberThrottled)
        .then_some(MemberResult::Refused {
            code: Cow::Borrowed("Throttled"),
            message: "by chance",
        })
}
