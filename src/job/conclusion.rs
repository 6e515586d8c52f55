//! How a job ended, and what follows.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::engine::{Ending, ListFault};
use crate::model::codes::{self, Scope};
use crate::model::{BearerPool, ChannelArn, MemberArn, RefusalKind};
use crate::report::Summary;
use crate::schedule::Stop;

/// A session's end.
#[derive(Debug)]
pub struct Conclusion {
    /// The counts.
    pub summary: Summary,
    /// Why it ended.
    pub ending: Ending,
    /// The run directory.
    pub dir: PathBuf,
    /// The bearers it called as.
    pub bearers: BearerPool,
    /// The first channels of its list, one more than are named one by one.
    pub channels: Vec<ChannelArn>,
}

/// Channels that a policy names one by one.
pub(super) const NAMED_CHANNELS: usize = 10;

/// What a job's end means to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunVerdict {
    /// All rows' members are in.
    AllIn,
    /// Finished, some rows' members are not.
    SomeNotIn,
    /// Stopped: credentials, denial, outage, list.
    Fatal,
    /// Stopped: too many failures.
    TooManyFailures,
    /// Interrupted.
    Interrupted,
    /// The outcomes do not add up to the rows read: a fault of this program.
    Miscounted,
}

impl Conclusion {
    /// What it means.
    #[must_use]
    pub fn verdict(&self) -> RunVerdict {
        if !self.summary.accounts {
            return RunVerdict::Miscounted;
        }
        match &self.ending {
            Ending::Finished if self.summary.is_all_in() => RunVerdict::AllIn,
            Ending::Finished => RunVerdict::SomeNotIn,
            Ending::Interrupted => RunVerdict::Interrupted,
            Ending::Stopped(Stop::TooManyFailures { .. }) => RunVerdict::TooManyFailures,
            Ending::Stopped(_) | Ending::ListFault(_) => RunVerdict::Fatal,
        }
    }

    /// Why it stopped, if it was stopped.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match &self.ending {
            Ending::Finished | Ending::Interrupted => None,
            Ending::Stopped(Stop::Credentials(refusal)) => {
                Some(format!("the credentials were not accepted: {refusal}"))
            }
            Ending::Stopped(Stop::Denied(refusal)) => {
                Some(format!("the service refuses every call: {refusal}"))
            }
            Ending::Stopped(Stop::WrongAddress(refusal)) => Some(format!(
                "the answers are not the service's: a wrong address, or a proxy: {refusal}"
            )),
            Ending::Stopped(Stop::Outage(refusal)) => Some(format!(
                "nothing was accepted for too long; the last answer: {refusal}"
            )),
            Ending::Stopped(Stop::TooManyFailures { failures, settled }) => Some(format!(
                "{failures} of {settled} rows failed: more than --max-failures allows"
            )),
            Ending::ListFault(fault) => Some(fault.to_string()),
        }
    }

    /// The IAM policy that the run needs, if it was stopped for want of one.
    #[must_use]
    pub fn policy(&self) -> Option<String> {
        match &self.ending {
            Ending::Stopped(Stop::Denied(refusal)) if refusal.kind == RefusalKind::Denied => {
                Some(statement(self.bearers.as_slice(), &self.channels))
            }
            _ => None,
        }
    }

    /// How to fix it, if it was stopped.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match &self.ending {
            Ending::Finished | Ending::Interrupted => None,
            Ending::Stopped(Stop::Denied(refusal)) if refusal.kind == RefusalKind::Denied => Some(
                "allow the IAM action chime:BatchCreateChannelMembership on both the bearer and the channels, as \
                 below, and make the bearer an AppInstanceAdmin or a moderator of the channels"
                    .to_owned(),
            ),
            Ending::Stopped(
                Stop::Credentials(refusal) | Stop::Denied(refusal) | Stop::WrongAddress(refusal),
            ) => Some(codes::explain(&refusal.code).map_or_else(
                || "see the message, fix its cause, then resume".to_owned(),
                |code| code.fix.to_owned(),
            )),
            Ending::Stopped(Stop::Outage(refusal)) => {
                let code = codes::explain(&refusal.code);
                let fix = code.filter(|code| code.scope.contains(&Scope::Path));
                Some(fix.map_or_else(
                    || "see whether the service or the network is down, then resume".to_owned(),
                    |code| code.fix.to_owned(),
                ))
            }
            Ending::Stopped(Stop::TooManyFailures { .. }) => {
                Some(
                    "see failed.csv and results.csv for the reasons; to continue, resume with a higher --max-failures"
                        .to_owned(),
                )
            }
            Ending::ListFault(ListFault::Unreadable(error)) => error.hint(),
            Ending::ListFault(ListFault::Changed { .. }) => Some(
                "restore the list as it was, or start a new run with the new list".to_owned(),
            ),
        }
    }
}

/// The IAM policy statement that lets these bearers add members to these channels: to each of
/// them, or to all of their app instance. ARNs hold no character that JSON writes otherwise.
fn statement(bearers: &[MemberArn], channels: &[ChannelArn]) -> String {
    let channels: Vec<String> = if channels.len() > NAMED_CHANNELS {
        let instances: BTreeSet<&str> = channels.iter().map(ChannelArn::app_instance).collect();
        let all = |instance| format!("{instance}/channel/*");
        instances.into_iter().map(all).collect()
    } else {
        channels.iter().map(ToString::to_string).collect()
    };
    let bearers = bearers.iter().map(ToString::to_string);
    let resources: Vec<String> = bearers.chain(channels).collect();
    format!(
        "{{\n  \"Effect\": \"Allow\",\n  \"Action\": \"chime:BatchCreateChannelMembership\",\n  \
         \"Resource\": [\n    \"{}\"\n  ]\n}}",
        resources.join("\",\n    \"")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

    fn policy(bearers: &[&str], channels: u32) -> serde_json::Value {
        let bearer = |name: &&str| MemberArn::parse(&format!("{APP}/{name}")).unwrap();
        let bearers: Vec<_> = bearers.iter().map(bearer).collect();
        let channel = |n| ChannelArn::parse(&format!("{APP}/channel/c{n}")).unwrap();
        let channels: Vec<_> = (0..channels).map(channel).collect();
        serde_json::from_str(&statement(&bearers, &channels)).unwrap()
    }

    #[test]
    fn the_policy_names_every_bearer_and_each_channel_unless_they_are_many() {
        let resources = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| format!("{APP}/{name}")).collect()
        };
        let one = policy(&["user/a"], 2);
        assert_eq!(one["Effect"], "Allow");
        assert_eq!(one["Action"], "chime:BatchCreateChannelMembership");
        let expected = resources(&["user/a", "channel/c0", "channel/c1"]);
        assert_eq!(one["Resource"], serde_json::json!(expected));
        let bots = policy(&["bot/a", "bot/b"], 11);
        let expected = resources(&["bot/a", "bot/b", "channel/*"]);
        assert_eq!(bots["Resource"], serde_json::json!(expected));
    }
}
