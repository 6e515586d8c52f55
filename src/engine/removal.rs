//! Removing one member, and the guard that decides whether this run added it.
//!
//! Promises: a guarded member is removed only if the service describes the membership as created by
//! one of the run's bearers, within the time of the call that added it. What is not described so is
//! kept. A description counts for [`FRESH`] at most, and so long only if the removal was throttled.
//! Must not: add anybody.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::reading::{changes_nothing, check_member};
use crate::chime::Chime;
use crate::model::{
    ChannelArn, Described, MemberArn, MemberCall, MemberError, MembershipFacts, Refusal,
    RefusalKind, Removed, Reply, codes,
};

/// How old a description may be when its member is removed.
const FRESH: Duration = Duration::from_secs(30);

/// The members whose guards had no objection, and whose removals were throttled. Clones share them.
///
/// A description and a removal follow each other at once. Where the service allows no two requests at
/// once, each removal would be throttled again if it had to be described again.
#[derive(Clone, Default)]
pub(super) struct Approvals(Arc<Mutex<HashMap<(ChannelArn, MemberArn), Instant>>>);

impl Approvals {
    /// Takes the time of a member's description, if it is fresh.
    fn take(&self, call: &MemberCall) -> Option<Instant> {
        let mut approved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = approved.remove(&(call.channel.clone(), call.member.clone()));
        at.filter(|at| at.elapsed() < FRESH)
    }

    fn put(&self, call: MemberCall, at: Instant) {
        let mut approved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        approved.insert((call.channel, call.member), at);
    }
}

/// The removal of one member.
pub(super) struct Removal {
    pub(super) call: MemberCall,
    /// `None`: the member is removed whoever added it.
    pub(super) guard: Option<Guard>,
    /// Whether an earlier removal of this member was lost, and may have been applied.
    pub(super) was_lost: bool,
}

/// The condition on which a member is removed.
pub(super) struct Guard {
    /// Who may have added it.
    pub(super) bearers: Vec<MemberArn>,
    /// When it may have been added.
    pub(super) created: RangeInclusive<i64>,
}

impl Guard {
    /// Why a membership is kept: the code and the message. `None` if it is to be removed.
    fn objection(&self, facts: &MembershipFacts) -> Option<(&'static str, String)> {
        let (Some(inviter), Some(created)) = (&facts.invited_by, facts.created) else {
            let message = "the service did not describe who added the member, or when";
            return Some((codes::NOT_DESCRIBED, message.to_owned()));
        };
        if !self.bearers.iter().any(|bearer| bearer.as_str() == inviter) {
            let message = "another than the run's bearers added the member";
            return Some((codes::INVITED_BY_OTHER, message.to_owned()));
        }
        let (from, until) = (*self.created.start(), *self.created.end());
        if created < from {
            let message = format!("added {} s before the run's call", from.abs_diff(created));
            return Some((codes::CREATED_EARLIER, message));
        }
        if created > until {
            let message = format!("added {} s after the run's call", created.abs_diff(until));
            return Some((codes::CREATED_LATER, message));
        }
        None
    }
}

impl Removal {
    /// Removes the member, if its guard has no objection. Each request is waited for as long as
    /// `timeout`. In the reply a removed member is listed as added.
    pub(super) async fn perform(
        self,
        service: Arc<dyn Chime>,
        approvals: Approvals,
        timeout: Duration,
    ) -> Result<Reply, Refusal> {
        let mut approved = approvals.take(&self.call);
        if let Some(guard) = self.guard.as_ref().filter(|_| approved.is_none()) {
            let asked = Instant::now();
            let described = service.describe_member(self.call.clone(), timeout).await;
            match described.map_err(changes_nothing)? {
                Described::NotFound(refusal) => return Ok(self.gone(&refusal)),
                Described::Member(facts) => {
                    check_member(&facts, &self.call)?;
                    if let Some((code, message)) = guard.objection(&facts) {
                        return Ok(self.error(code, message));
                    }
                    approved = Some(asked);
                }
            }
        }
        match service.remove_member(self.call.clone(), timeout).await {
            Ok(Removed::Removed) => Ok(self.removed()),
            Ok(Removed::NotFound(refusal)) => Ok(self.gone(&refusal)),
            Err(refusal) => {
                if let Some(at) = approved.filter(|_| refusal.kind == RefusalKind::Throttled) {
                    approvals.put(self.call, at);
                }
                Err(refusal)
            }
        }
    }

    fn removed(&self) -> Reply {
        Reply {
            channel: Some(self.call.channel.to_string()),
            added: vec![self.call.member.to_string()],
            ..Reply::default()
        }
    }

    /// The member is not in the channel. If an earlier removal was lost, it was that removal.
    fn gone(&self, refusal: &Refusal) -> Reply {
        if self.was_lost {
            return self.removed();
        }
        self.error(codes::ALREADY_GONE, refusal.message.clone())
    }

    fn error(&self, code: &str, message: String) -> Reply {
        Reply {
            channel: Some(self.call.channel.to_string()),
            errors: vec![MemberError {
                member: self.call.member.to_string(),
                code: code.to_owned(),
                message,
            }],
            ..Reply::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> MemberArn {
        let instance = "arn:aws:chime:us-east-1:1:app-instance/i";
        MemberArn::parse(&format!("{instance}/user/{id}")).unwrap()
    }

    #[test]
    fn a_membership_is_removed_only_if_a_bearer_of_the_run_made_it_in_the_time_of_the_call() {
        let guard = Guard {
            bearers: vec![user("admin"), user("other-admin")],
            created: 10..=20,
        };
        let objection = |invited_by: Option<&str>, created| {
            let facts = MembershipFacts {
                channel: None,
                member: user("ann").to_string(),
                membership_type: None,
                invited_by: invited_by.map(|id| user(id).to_string()),
                created,
            };
            guard.objection(&facts).map(|(code, _)| code)
        };
        for created in [10, 15, 20] {
            assert_eq!(objection(Some("admin"), Some(created)), None);
            assert_eq!(objection(Some("other-admin"), Some(created)), None);
            let by_other = objection(Some("boss"), Some(created));
            assert_eq!(by_other, Some("InvitedByOther"));
        }
        assert_eq!(objection(Some("admin"), Some(9)), Some("CreatedEarlier"));
        assert_eq!(objection(Some("admin"), Some(21)), Some("CreatedLater"));
        assert_eq!(objection(Some("admin"), None), Some("NotDescribed"));
        assert_eq!(objection(None, Some(15)), Some("NotDescribed"));
    }
}
