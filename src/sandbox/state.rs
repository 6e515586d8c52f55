//! What one call after another works on, and what each of them meets on its way there and back.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::exception::Exception;
use super::fault::{Dice, Fault};
use super::operation::Operation;
use super::script::Scripted;
use super::settings::SandboxConfig;
use super::stats::{Ending, Tally};
use super::verdict::MemberResult;
use super::world::{Address, World};

/// What one call after another works on.
pub(super) struct State {
    pub(super) world: World,
    pub(super) dice: Dice,
    pub(super) script: VecDeque<Vec<Scripted>>,
    pub(super) tally: Tally,
}

/// What comes of a call.
#[derive(Debug)]
pub(super) enum Answer<T> {
    /// A success.
    Given(T),
    /// An error.
    Refused(Exception),
    /// An answer with this status and body, whatever the service would say.
    Page(u16, String),
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
            Self::Page(status, body) => Answer::Page(status, body),
            Self::Cut => Answer::Cut,
            Self::Lost => Answer::Lost,
            Self::Silence => Answer::Silence,
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
    ) -> Answer<T> {
        self.tally.arrived(operation, at, now);
        let before = self.world.population(at.channel);
        let answer = match self.struck(at, now, &script) {
            Some(answer) => answer,
            None => match act(&mut self.world, &mut self.dice, &script) {
                Ok(given) => self.sent(given, script),
                Err(exception) => Answer::Refused(exception),
            },
        };
        let after = self.world.population(at.channel);
        self.tally.added(after.saturating_sub(before));
        self.tally.ended(match &answer {
            Answer::Given(_) | Answer::Page(200, _) => Ending::Answered,
            Answer::Page(status, _) => Ending::Refused(*status),
            Answer::Refused(exception) => Ending::Refused(exception.status),
            Answer::Cut | Answer::Lost | Answer::Silence => Ending::Unanswered,
        });
        answer
    }

    /// What keeps a call from being applied.
    fn struck<T>(
        &mut self,
        at: Address<'_>,
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
            if let Scripted::Page { status, body } = one {
                return Some(Answer::Page(*status, body.clone()));
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
                Scripted::Garbage(body) => return Answer::Page(200, body),
                Scripted::MemberError { .. }
                | Scripted::LeaveOut { .. }
                | Scripted::Refuse { .. }
                | Scripted::Page { .. } => {}
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
pub(super) fn told(script: &[Scripted], arn: &str) -> Option<MemberResult> {
    script.iter().find_map(|one| match one {
        Scripted::MemberError { member, code } if member == arn => Some(MemberResult::Refused {
            code: Cow::Owned(code.clone()),
            message: "as told",
        }),
        Scripted::LeaveOut { member } if member == arn => Some(MemberResult::LeftOut),
        _ => None,
    })
}

/// What a rule or chance says of a member.
pub(super) fn by_rule(settings: &SandboxConfig, dice: &mut Dice, id: &str) -> Option<MemberResult> {
    let fits = |id: &str, prefix: &str| id.starts_with(prefix);
    let rule = settings.answers.iter().find(|rule| fits(id, &rule.prefix));
    if let Some(rule) = rule {
        return Some(MemberResult::Refused {
            code: Cow::Owned(rule.code.clone()),
            message: "by rule",
        });
    }
    dice.befalls(Fault::MemberThrottled)
        .then_some(MemberResult::Refused {
            code: Cow::Borrowed("Throttled"),
            message: "by chance",
        })
}
