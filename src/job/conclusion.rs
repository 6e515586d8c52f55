//! How a job ended, and what follows.

use std::path::PathBuf;

use crate::engine::{Ending, ListFault};
use crate::model::MemberArn;
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
    /// The first bearer, for hints.
    pub bearer: Option<MemberArn>,
}

/// What a job's end means to whoever started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
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
    pub fn verdict(&self) -> Verdict {
        if !self.summary.accounts {
            return Verdict::Miscounted;
        }
        match &self.ending {
            Ending::Finished if self.summary.is_all_in() => Verdict::AllIn,
            Ending::Finished => Verdict::SomeNotIn,
            Ending::Interrupted => Verdict::Interrupted,
            Ending::Stopped(Stop::TooManyFailures { .. }) => Verdict::TooManyFailures,
            Ending::Stopped(_) | Ending::ListFault(_) => Verdict::Fatal,
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
            Ending::Stopped(Stop::Denied(refusal)) => Some(format!(
                "the bearer was denied before anything was accepted: {refusal}"
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
        let Ending::Stopped(Stop::Denied(_)) = &self.ending else {
            return None;
        };
        let [bearer, channels] = self
            .resources()
            .map(|arn| serde_json::Value::from(arn).to_string());
        Some(format!(
            "{{\n  \"Effect\": \"Allow\",\n  \"Action\": \"chime:BatchCreateChannelMembership\",\n  \
             \"Resource\": [\n    {bearer},\n    {channels}\n  ]\n}}"
        ))
    }

    /// On what the bearer must be allowed to act: itself, and the channels of its app instance.
    fn resources(&self) -> [String; 2] {
        self.bearer
            .as_ref()
            .map_or_else(Default::default, |bearer| {
                let channels = format!("{}/channel/*", bearer.app_instance());
                [bearer.to_string(), channels]
            })
    }

    /// How to mend it, if it was stopped.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match &self.ending {
            Ending::Finished | Ending::Interrupted => None,
            Ending::Stopped(Stop::Credentials(_)) => Some(
                "see that `aws sts get-caller-identity` works with this --profile, then resume"
                    .to_owned(),
            ),
            Ending::Stopped(Stop::Denied(_)) => {
                let [bearer, channels] = self.resources();
                Some(format!(
                    "allow the IAM action chime:BatchCreateChannelMembership on both the bearer ({bearer}) and the \
                     channels ({channels}), and make the bearer an AppInstanceAdmin or a moderator of the channels"
                ))
            }
            Ending::Stopped(Stop::Outage(_)) => {
                Some("see whether the service or the network is down, then resume".to_owned())
            }
            Ending::Stopped(Stop::TooManyFailures { .. }) => {
                Some("see failed.csv and results.csv for the reasons".to_owned())
            }
            Ending::ListFault(ListFault::Unreadable(error)) => error.hint(),
            Ending::ListFault(ListFault::Changed { .. }) => Some(
                "give back the list as it was, or start a new run with the new list".to_owned(),
            ),
        }
    }
}
