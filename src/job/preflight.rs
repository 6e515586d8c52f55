//! `plan --online`: asks the service about each channel of a planned list, before anybody is added.
//!
//! Promises: only reads, through the same engine as adding; its questions and answers are in a private
//! temporary directory that is removed at the end. Must not: leave a run that could be resumed.
//!
//! It asks in rounds, each an inquiry, as an answer decides what is asked next. First each channel is
//! described. Then the sub-channels of the elastic ones are listed, which tells their members; of other
//! channels the service tells no number, and counting them page by page would take longer than adding.
//! Who may add to a RESTRICTED channel is asked of one of them: a bearer who may list its moderators and
//! is not among them is an administrator, who may add to all. Only otherwise are the others asked.

use std::path::Path;

use tokio::sync::mpsc;

use super::bearers::bearer_beside;
use super::conclusion::{NAMED_CHANNELS, SessionEnd, statement};
use super::plan::plan_list;
use super::rounds::Rounds;
use super::{JobError, PlanRequest, RunSettings, RunVerdict, Started, Target};
use crate::chime::{Api, Unsupported};
use crate::engine::{Command, Ending, Observer};
use crate::ledger::{Ledger, LedgerError};
use crate::model::{BearerPool, ChannelArn, ChannelId};
use crate::report::{ChannelCheck, ChannelsNow, Plan};

/// The IAM actions of a preflight.
const ACTIONS: [&str; 3] = [
    "chime:DescribeChannel",
    "chime:ListSubChannels",
    "chime:ListChannelModerators",
];

/// A list that is planned, and whose channels can be asked about.
pub struct Preflight {
    plan: Plan,
    list: Ledger,
    target: Target,
    settings: RunSettings,
}

/// A plan, with the channels as they are now.
#[derive(Debug)]
pub struct CheckedPlan {
    /// The plan.
    pub plan: Plan,
    ending: Ending,
    address: Option<String>,
    bearers: BearerPool,
    channels: Vec<ChannelArn>,
    /// Whether every channel was denied, to every bearer.
    is_denied: bool,
}

impl CheckedPlan {
    /// The result: [`RunVerdict::AllIn`] if one run can bring in every row.
    #[must_use]
    pub fn verdict(&self) -> RunVerdict {
        self.end().verdict(self.plan.is_ready())
    }

    /// Why it stopped, if it was stopped.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.end().reason()
    }

    /// How to fix it, if it was stopped.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        // The catalogue's fixes are for runs, which are resumed; a plan is made again.
        let hint = self.end().hint()?;
        Some(hint.replace("then resume", "then plan again"))
    }

    /// The IAM policy that it needs, if every channel was denied.
    #[must_use]
    pub fn policy(&self) -> Option<String> {
        let denied = || statement(&ACTIONS, self.bearers.as_slice(), &self.channels);
        let of_stop = self.end().policy();
        of_stop.or_else(|| self.is_denied.then(denied))
    }

    fn end(&self) -> SessionEnd<'_> {
        SessionEnd {
            ending: &self.ending,
            address: self.address.as_deref(),
            bearers: &self.bearers,
            channels: &self.channels,
            actions: &ACTIONS,
            reports: "the plan",
        }
    }
}

impl Preflight {
    /// Plans the list. Makes no call yet. `opened` receives the detected format, in one line.
    ///
    /// # Errors
    /// As [`plan`](super::plan()); and if there is no bearer, or the API does not describe channels.
    pub async fn prepare(
        request: PlanRequest,
        target: Target,
        opened: impl FnOnce(&str),
    ) -> Result<Self, JobError> {
        target.check_profile().await?;
        if request.bearers.is_empty() && !target.is_sandbox() {
            return Err(JobError::NoBearer);
        }
        if target.api() == Api::Legacy {
            return Err(Unsupported::Description.into());
        }
        let mut bearers = request.bearers.clone();
        let (plan, list, limits) = Box::pin(plan_list(request, &target, opened)).await?;
        if bearers.is_empty() {
            let first = (list.channels()? > 0).then_some(ChannelId(0));
            let first = first.map(|first| list.channel_arn(first)).transpose()?;
            bearers = bearer_beside(first.as_ref())?.into();
        }
        let settings = RunSettings {
            limits,
            ..target.settings(bearers)
        };
        Ok(Self {
            plan,
            list,
            target,
            settings,
        })
    }

    /// Asks about the channels. `observer` is called for each round of questions.
    ///
    /// # Errors
    /// If it cannot begin, or its temporary files fail. A check that stops because of the service's answers
    /// is not an error: see [`CheckedPlan::verdict`].
    pub async fn check(
        self,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        mut commands: mpsc::Receiver<Command>,
    ) -> Result<CheckedPlan, JobError> {
        let mut dir = tempfile::Builder::new();
        let dir = dir.prefix("chime-bulk-plan-").tempdir();
        let dir = dir.map_err(JobError::Temporary)?;
        let name = Path::new(&self.plan.list);
        let mut rounds = Rounds::new(&self.list, &self.target, &self.settings, dir.path(), name);
        let mut checks = checks(&self.list)?;
        if let Some(quotas) = &self.plan.quotas {
            for check in &mut checks {
                check.capacity = quotas.channel_capacity();
            }
        }
        let asked = Box::pin(rounds.ask_all(&mut checks, &observer, &mut commands)).await;
        let (ending, address) = rounds.into_ending();
        // An error of the check comes before one of cleaning up.
        asked?;
        dir.close().map_err(JobError::Temporary)?;
        let denied = |check: &ChannelCheck| matches!(&check.answer, Some(Err(refused)) if refused.is_denial());
        Ok(CheckedPlan {
            is_denied: !checks.is_empty() && checks.iter().all(denied),
            channels: self.list.first_channels(NAMED_CHANNELS + 1)?,
            plan: Plan {
                channels_now: Some(ChannelsNow::of(&self.list, &checks)?),
                ..self.plan
            },
            ending,
            address,
            bearers: self.settings.bearers,
        })
    }
}

/// The channels of the list, in its order.
fn checks(list: &Ledger) -> Result<Vec<ChannelCheck>, LedgerError> {
    let mut checks = Vec::new();
    list.channel_loads(1, |load| {
        checks.push(ChannelCheck::new(load.channel, load.members));
    })?;
    for (channel, hidden) in list.hidden_members()? {
        if let Ok(at) = checks.binary_search_by_key(&channel, |check: &ChannelCheck| check.channel)
        {
            checks[at].hidden = hidden;
        }
    }
    Ok(checks)
}
