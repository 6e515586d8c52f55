//! How a session ended: the verdict, the reason and the hint.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::engine::{Ending, ListError};
use crate::model::codes::{self, Scope};
use crate::model::{BearerPool, ChannelArn, MemberArn, RefusalKind};
use crate::report::Summary;
use crate::schedule::Stop;

/// The end of a session.
#[derive(Debug)]
pub struct Conclusion {
    /// The counts.
    pub summary: Summary,
    /// Why it ended.
    pub ending: Ending,
    /// The run directory.
    pub dir: PathBuf,
    /// The address it called; `None` for a sandbox in the process, or if no call was due.
    pub address: Option<String>,
    /// The bearers it called as.
    pub bearers: BearerPool,
    /// Whether it may add single members, which is an IAM action of its own.
    pub single_adds: bool,
    /// Whether it may list members first, which is an IAM action of its own.
    pub listed_first: bool,
    /// The first channels of its list, at most one more than a policy lists one by one.
    pub channels: Vec<ChannelArn>,
    /// Whether its reports go to object storage, too.
    pub uploads: bool,
}

/// At most this many channels are listed one by one in a policy.
pub(super) const NAMED_CHANNELS: usize = 10;

/// The result of a session; the exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunVerdict {
    /// The members of all rows are in their channels.
    AllIn,
    /// Finished, but some members are not in their channels.
    SomeNotIn,
    /// Stopped because of credentials, permissions, an outage or the list.
    Fatal,
    /// Stopped because too many rows failed.
    TooManyFailures,
    /// Stopped by a command.
    Interrupted,
    /// The outcomes do not add up to the rows read: a bug in this program.
    Miscounted,
}

/// Why something ended, for everything that has a [`SessionEnd`].
macro_rules! explains_end {
    ($name:ident) => {
        impl $name {
            /// Why it stopped, if it was stopped.
            #[must_use]
            pub fn reason(&self) -> Option<String> {
                self.end().reason()
            }

            /// How to fix it, if it was stopped.
            #[must_use]
            pub fn hint(&self) -> Option<String> {
                self.end().hint()
            }

            /// The IAM policy that it needs, if it stopped because it was denied.
            #[must_use]
            pub fn policy(&self) -> Option<String> {
                self.end().policy()
            }
        }
    };
}
pub(super) use explains_end;

explains_end!(Conclusion);

impl Conclusion {
    /// The result.
    #[must_use]
    pub fn verdict(&self) -> RunVerdict {
        if !self.summary.accounts {
            return RunVerdict::Miscounted;
        }
        self.end().verdict(self.summary.is_all_in())
    }

    fn end(&self) -> SessionEnd<'_> {
        let first = usize::from(!self.listed_first);
        let end = if self.single_adds { 3 } else { 2 };
        SessionEnd {
            ending: &self.ending,
            address: self.address.as_deref(),
            bearers: &self.bearers,
            channels: &self.channels,
            actions: &ACTIONS[first..end],
            reports: "failed.csv and results.csv",
        }
    }
}

/// How a session ended: the reason and the hint follow from it.
pub(super) struct SessionEnd<'a> {
    pub(super) ending: &'a Ending,
    pub(super) address: Option<&'a str>,
    pub(super) bearers: &'a BearerPool,
    pub(super) channels: &'a [ChannelArn],
    /// The IAM actions that it needs.
    pub(super) actions: &'static [&'static str],
    /// The reports that have the reason of each failure.
    pub(super) reports: &'static str,
}

impl SessionEnd<'_> {
    /// The result, if every row came to its aim or not.
    pub(super) fn verdict(&self, is_complete: bool) -> RunVerdict {
        match self.ending {
            Ending::Finished if is_complete => RunVerdict::AllIn,
            Ending::Finished => RunVerdict::SomeNotIn,
            Ending::Interrupted => RunVerdict::Interrupted,
            Ending::Stopped(Stop::TooManyFailures { .. }) => RunVerdict::TooManyFailures,
            Ending::Stopped(_) | Ending::ListError(_) => RunVerdict::Fatal,
        }
    }

    /// Why it stopped, if it was stopped.
    pub(super) fn reason(&self) -> Option<String> {
        match self.ending {
            Ending::Finished | Ending::Interrupted => None,
            Ending::Stopped(Stop::Credentials(refusal)) => {
                Some(format!("the credentials were not accepted: {refusal}"))
            }
            Ending::Stopped(Stop::Denied(refusal)) => {
                Some(format!("the service refuses every call: {refusal}"))
            }
            Ending::Stopped(Stop::NoAnswer(refusal)) => {
                Some(format!("nothing answers at {}: {refusal}", self.address()))
            }
            Ending::Stopped(Stop::WrongAddress(refusal)) => Some(format!(
                "the answers of {} do not come from the service (wrong address, or a proxy): {refusal}",
                self.address()
            )),
            Ending::Stopped(Stop::Outage(refusal)) => Some(format!(
                "the service accepted no call for too long; the last answer: {refusal}"
            )),
            Ending::Stopped(Stop::TooManyFailures { failures, settled }) => Some(format!(
                "{failures} of {settled} rows failed: more than --max-failures allows"
            )),
            Ending::ListError(error) => Some(error.to_string()),
        }
    }

    /// The address in words.
    fn address(&self) -> &str {
        self.address.unwrap_or("the sandbox")
    }

    /// The hint where the address may be wrong.
    fn check_address(&self) -> String {
        format!(
            "check the address {}, the network, DNS and proxies, then resume; --endpoint-url sets the address, \
             otherwise AWS_ENDPOINT_URL_CHIME_SDK_MESSAGING, AWS_ENDPOINT_URL or the profile",
            self.address()
        )
    }

    /// The account of the credentials, if a message about denied access names it and the bearers are
    /// of another.
    fn other_account<'a>(&self, message: &'a str) -> Option<&'a str> {
        let callers = [":iam::", ":sts::"].into_iter();
        let mut callers = callers.filter_map(|begin| message.split_once(begin));
        let account = callers.next()?.1.split(':').next()?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_of = |bearer: &MemberArn| bearer.as_str().split(':').nth(4) == Some(account);
        (is_account && !self.bearers.as_slice().iter().any(is_of)).then_some(account)
    }

    /// The IAM policy that the run needs, if it stopped because it was denied.
    pub(super) fn policy(&self) -> Option<String> {
        match self.ending {
            Ending::Stopped(Stop::Denied(refusal))
                if refusal.kind == RefusalKind::Denied
                    && self.other_account(&refusal.message).is_none() =>
            {
                let bearers = self.bearers.as_slice();
                Some(statement(self.actions, bearers, self.channels))
            }
            _ => None,
        }
    }

    /// How to fix it, if it was stopped.
    pub(super) fn hint(&self) -> Option<String> {
        match self.ending {
            Ending::Finished | Ending::Interrupted => None,
            Ending::Stopped(Stop::Denied(refusal)) if refusal.kind == RefusalKind::Denied => {
                if let Some(account) = self.other_account(&refusal.message) {
                    return Some(format!(
                        "these are credentials of account {account}, and the bearer is of another: pass the --profile \
                         of its account, or set that account's credentials"
                    ));
                }
                let s = if self.actions.len() > 1 { "s" } else { "" };
                Some(format!(
                    "allow the IAM action{s} {} on both the bearer and the channels, as below, and make the bearer an \
                     AppInstanceAdmin or a moderator of the channels",
                    self.actions.join(" and ")
                ))
            }
            Ending::Stopped(Stop::Credentials(refusal) | Stop::Denied(refusal)) => {
                Some(codes::explain(&refusal.code).map_or_else(
                    || "fix the cause in the message, then resume".to_owned(),
                    |code| code.fix.to_owned(),
                ))
            }
            Ending::Stopped(Stop::NoAnswer(refusal) | Stop::Outage(refusal))
                if [codes::PROXY_FAILED, codes::UNTRUSTED_SERVER].contains(&&*refusal.code) =>
            {
                codes::explain(&refusal.code).map(|code| code.fix.to_owned())
            }
            Ending::Stopped(Stop::NoAnswer(_) | Stop::WrongAddress(_)) => {
                Some(self.check_address())
            }
            Ending::Stopped(Stop::Outage(refusal)) => Some(if refusal.may_concern(Scope::Path) {
                self.check_address()
            } else {
                "check the service and the network, then resume".to_owned()
            }),
            Ending::Stopped(Stop::TooManyFailures { .. }) => Some(format!(
                "see {} for the reasons; to continue, resume with a higher --max-failures",
                self.reports
            )),
            Ending::ListError(ListError::Unreadable(error)) => error.hint(),
            Ending::ListError(ListError::Changed { .. }) => {
                Some("restore the list as it was, or start a new run with the new list".to_owned())
            }
        }
    }
}

/// The IAM actions of a run: that of listings, that of batches, and that of single adds.
const ACTIONS: [&str; 3] = [
    "chime:ListChannelMemberships",
    "chime:BatchCreateChannelMembership",
    "chime:CreateChannelMembership",
];

/// The IAM policy statement that allows these bearers these actions on these channels, or on all
/// channels of their app instances if there are many. ARNs contain no character that JSON escapes.
pub(super) fn statement(
    actions: &[&str],
    bearers: &[MemberArn],
    channels: &[ChannelArn],
) -> String {
    let action = match actions {
        [one] => format!("\"{one}\""),
        several => format!("[\n    \"{}\"\n  ]", several.join("\",\n    \"")),
    };
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
        "{{\n  \"Effect\": \"Allow\",\n  \"Action\": {action},\n  \
         \"Resource\": [\n    \"{}\"\n  ]\n}}",
        resources.join("\",\n    \"")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

    fn policy(actions: &[&str], bearers: &[&str], channels: u32) -> serde_json::Value {
        let bearer = |name: &&str| MemberArn::parse(&format!("{APP}/{name}")).unwrap();
        let bearers: Vec<_> = bearers.iter().map(bearer).collect();
        let channel = |n| ChannelArn::parse(&format!("{APP}/channel/c{n}")).unwrap();
        let channels: Vec<_> = (0..channels).map(channel).collect();
        serde_json::from_str(&statement(actions, &bearers, &channels)).unwrap()
    }

    #[test]
    fn the_policy_lists_every_bearer_and_each_channel_unless_they_are_many() {
        let resources = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| format!("{APP}/{name}")).collect()
        };
        let one = policy(&ACTIONS[1..2], &["user/a"], 2);
        assert_eq!(one["Effect"], "Allow");
        assert_eq!(one["Action"], "chime:BatchCreateChannelMembership");
        let expected = resources(&["user/a", "channel/c0", "channel/c1"]);
        assert_eq!(one["Resource"], serde_json::json!(expected));
        let bots = policy(&ACTIONS, &["bot/a", "bot/b"], 11);
        assert_eq!(bots["Action"], serde_json::json!(ACTIONS));
        let expected = resources(&["bot/a", "bot/b", "channel/*"]);
        assert_eq!(bots["Resource"], serde_json::json!(expected));
    }
}
