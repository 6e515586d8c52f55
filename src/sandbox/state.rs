//! What one call after another works on, and what each of them meets on its way there and back.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::exception::Exception;
use super::fault::{Dice, Fault};
use super::member_result::MemberResult;
use super::operation::Operation;
use super::script::Scripted;
use super::settings::SandboxConfig;
use super::stats::{CallEnding, CallTally};
use super::world::{Address, World};

/// What one call after another works on.
pub(super) struct State {
    pub(super) world: World,
    pub(super) dice: Dice,
    pub(super) script: VecDeque<Vec<Scripted>>,
    pub(super) tally: CallTally,
}

/// What comes of a call.
#[derive(Debug)]
pub(super) enum ServiceAnswer<T> {
    /// A success.
    Given(T),
    /// An error.
    Refused(Exception),
    /// An answer with this status and body, regardless of the service's.
    Page(u16, String),
    /// The connection is closed, applied or not.
    Cut,
    /// Applied; the answer is lost on its way.
    Lost,
    /// Applied; nothing comes, and the connection stays open.
    Silence,
}

impl<T> ServiceAnswer<T> {
    /// The same answer, with a success converted.
    pub(super) fn map<U>(self, form: impl FnOnce(T) -> U) -> ServiceAnswer<U> {
        match self {
            Self::Given(given) => ServiceAnswer::Given(form(given)),
            Self::Refused(exception) => ServiceAnswer::Refused(exception),
            Self::Page(status, body) => ServiceAnswer::Page(status, body),
            Self::Cut => ServiceAnswer::Cut,
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
        act: impl FnOnce(&mut World, &mut Dice, &[Scripted]) -> Result<T, Exception>,
    ) -> ServiceAnswer<T> {
        self.tally.arrived(operation, at, now);
        let before = self.world.population(at.channel);
        let answer = match self.injected_failure(at, now, &script) {
            Some(answer) => answer,
            None => match act(&mut self.world, &mut self.dice, &script) {
                Ok(given) => self.sent(given, script),
                Err(exception) => ServiceAnswer::Refused(exception),
            },
        };
        let after = self.world.population(at.channel);
        self.tally.added(after.saturating_sub(before));
        self.tally.ended(match &answer {
            ServiceAnswer::Given(_) | ServiceAnswer::Page(200, _) => CallEnding::Answered,
            ServiceAnswer::Page(status, _) => CallEnding::Refused(*status),
            ServiceAnswer::Refused(exception) => CallEnding::Refused(exception.status),
            ServiceAnswer::Cut | ServiceAnswer::Lost | ServiceAnswer::Silence => {
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
        let settings = Arc::clone(&self.world.settings);
        let storm = settings.storms.iter().find(|storm| storm.covers(at, now));
        if let Some(storm) = storm {
            return Some(storm.code.answer());
        }
        let mut shares = settings.refusals.iter();
        if let Some(refusal) = shares.find(|refusal| self.dice.hits(refusal.share)) {
            return Some(refusal.code.answer());
        }
        let outage = self.world.settings.outage.as_ref();
        if outage.is_some_and(|outage| outage.contains(&now)) {
            Some(ServiceAnswer::Refused(Exception::unavailable("outage")))
        } else if self.dice.happens(Fault::Reset) {
            Some(ServiceAnswer::Cut)
        } else if self.dice.happens(Fault::CallThrottled) {
            Some(ServiceAnswer::Refused(Exception::throttled("by chance")))
        } else if self.dice.happens(Fault::CallUnavailable) {
            Some(ServiceAnswer::Refused(Exception::unavailable("by chance")))
        } else {
            None
        }
    }

    /// What arrives of an answer.
    fn sent<T>(&mut self, given: T, script: Vec<Scripted>) -> ServiceAnswer<T> {
        for one in script {
            match one {
                Scripted::Silence => return ServiceAnswer::Silence,
                Scripted::Reset => return ServiceAnswer::Cut,
                Scripted::Garbage(body) => return ServiceAnswer::Page(200, body),
                Scripted::MemberError { .. }
                | Scripted::LeaveOut { .. }
                | Scripted::Refuse { .. }
                | Scripted::Page { .. } => {}
            }
        }
        if self.dice.happens(Fault::Lost) {
            ServiceAnswer::Lost
        } else {
            ServiceAnswer::Given(given)
        }
    }
}

/// The scripted result of a member.
pub(super) fn scripted(script: &[Scripted], arn: &str) -> Option<MemberResult> {
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
pub(super) fn by_rule(settings: &SandboxConfig, dice: &mut Dice, id: &str) -> Option<MemberResult> {
    let fits = |id: &str, prefix: &str| id.starts_with(prefix);
    let rule = settings.answers.iter().find(|rule| fits(id, &rule.prefix));
    if let Some(rule) = rule {
        return Some(MemberResult::Refused {
            code: Cow::Owned(rule.code.clone()),
            message: "by rule",
        });
    }
    dice.happens(Fault::MemberThrottled)
        .then_some(MemberResult::Refused {
            code: Cow::Borrowed("Throttled"),
            message: "by chance",
        })
}
