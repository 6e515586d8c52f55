//! `plan --online`: asks the service about each channel of a planned list, before anybody is added.
//!
//! Promises: only reads, through the same engine as adding; its questions and answers are in a private
//! temporary directory that is removed at the end. Must not: leave a run that could be resumed.
//!
//! It asks in rounds, each an [`Inquiry`], as an answer decides what is asked next. First each channel is
//! described. Then the sub-channels of the elastic ones are listed, which tells their members; of other
//! channels the service tells no number, and counting them page by page would take longer than adding.
//! Who may add to a RESTRICTED channel is asked of one of them: a bearer who may list its moderators and
//! is not among them is an administrator, who may add to all. Only otherwise are the others asked.

use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::bearers::bearer_beside;
use super::conclusion::{NAMED_CHANNELS, SessionEnd, statement};
use super::inquiry::{Inquired, Inquiry};
use super::plan::plan_list;
use super::{JobError, PlanRequest, RunSettings, RunVerdict, Started, Target};
use crate::chime::{Api, Unsupported};
use crate::engine::{Command, Ending, Observer};
use crate::ledger::{Ledger, LedgerError};
use crate::model::{
    BearerPool, ChannelArn, ChannelId, Finding, MembershipType, Outcome, Question, QuestionRow,
    quota,
};
use crate::report::{ChannelCheck, ChannelsNow, Plan, QuestionList, Refused, Subject};
use crate::schedule::Stop;

/// The IAM actions of a preflight.
const ACTIONS: [&str; 3] = [
    "chime:DescribeChannel",
    "chime:ListSubChannels",
    "chime:ListChannelModerators",
];

/// The name of the run that its inquiries are parts of.
const RUN_ID: &str = "plan";

/// Between two rounds: the calls of the first leave the service's count of the last second.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(1);

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
        let (limits, mut bearers) = (request.limits, request.bearers.clone());
        let (plan, list) = plan_list(request, opened)?;
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
        let mut rounds = Rounds {
            list: &self.list,
            target: &self.target,
            settings: &self.settings,
            dir: dir.map_err(JobError::Temporary)?,
            begun: 0,
            ending: Ending::Finished,
            address: None,
        };
        let mut checks = checks(&self.list)?;
        let asked = Box::pin(rounds.ask_all(&mut checks, &observer, &mut commands)).await;
        let Rounds {
            dir,
            ending,
            address,
            ..
        } = rounds;
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

/// A question about a channel, by the channel's place among the checks.
type Asked = (usize, QuestionRow);

/// The answer to a question: its findings, or why there is none; `None` if it was not asked.
type Answer = Option<Result<Vec<Finding>, Refused>>;

/// The rounds of questions.
struct Rounds<'a> {
    list: &'a Ledger,
    target: &'a Target,
    settings: &'a RunSettings,
    dir: TempDir,
    begun: usize,
    ending: Ending,
    address: Option<String>,
}

impl Rounds<'_> {
    async fn ask_all(
        &mut self,
        checks: &mut [ChannelCheck],
        observer: &impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<(), JobError> {
        let questions = spread(checks.len()).map(|at| (at, QuestionRow::new(Question::Channel)));
        let questions: Vec<Asked> = questions.collect();
        let answers = self.ask(checks, &questions, observer, commands).await?;
        for ((at, _), answer) in questions.into_iter().zip(answers) {
            checks[at].answer = answer.and_then(|answer| match answer {
                Ok(findings) => findings.into_iter().find_map(|finding| match finding {
                    Finding::Channel(facts) => Some(Ok(facts)),
                    _ => None,
                }),
                Err(refused) => Some(Err(refused)),
            });
        }

        let restricted = (0..checks.len()).filter(|at| checks[*at].is_restricted());
        let mut restricted: Vec<Asked> = restricted
            .map(|at| (at, QuestionRow::new(Question::Moderators)))
            .collect();
        let others = restricted.split_off(restricted.len().min(1));
        let elastic = (0..checks.len())
            .filter(|at| checks[*at].facts().is_some_and(|facts| facts.is_elastic))
            .map(|at| (at, QuestionRow::new(Question::SubChannels)));
        let questions: Vec<Asked> = restricted.into_iter().chain(elastic).collect();
        let answers = self.ask(checks, &questions, observer, commands).await?;
        let mut is_admin = false;
        for ((at, row), answer) in questions.into_iter().zip(answers) {
            match (row.question, answer) {
                (Question::Moderators, Some(Ok(pages))) => is_admin = self.is_no_moderator(&pages),
                (Question::Moderators, answer) => checks[at].may_not_add = denial(answer),
                (_, Some(Ok(pages))) => checks[at].members_now = Some(members_of(&pages)),
                (_, _) => {}
            }
        }
        if is_admin {
            return Ok(());
        }

        // That there is an answer is enough: only administrators and the moderators get one.
        let first_page = QuestionRow {
            max_pages: Some(1),
            ..QuestionRow::new(Question::Moderators)
        };
        let questions: Vec<Asked> = others.into_iter().map(|(at, _)| (at, first_page)).collect();
        let answers = self.ask(checks, &questions, observer, commands).await?;
        for ((at, _), answer) in questions.into_iter().zip(answers) {
            checks[at].may_not_add = denial(answer);
        }
        Ok(())
    }

    /// Asks these questions, unless an earlier round was stopped. Returns the answers, in their order.
    async fn ask(
        &mut self,
        checks: &[ChannelCheck],
        questions: &[Asked],
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Vec<Answer>, JobError> {
        if questions.is_empty() || !matches!(self.ending, Ending::Finished) {
            return Ok(vec![None; questions.len()]);
        }
        if self.begun > 0 {
            tokio::time::sleep(BETWEEN_ROUNDS).await;
        }
        self.begun += 1;
        let channel_rate = match questions.first() {
            Some((_, row)) if row.question == Question::Channel => quota::DESCRIBE_RATE,
            // Moderators share the rate of single adds, the lowest of those that read.
            _ => quota::single_rate(&self.settings.region),
        };
        let inquiry = Inquiry {
            dir: &self.dir.path().join(self.begun.to_string()),
            run_id: RUN_ID,
            settings: self.settings,
            channel_rate,
            target: self.target.clone(),
        };
        let write = |list: &mut QuestionList| self.write(checks, questions, list);
        let inquired = inquiry.perform(write, observer, commands).await?;
        let Some(Inquired {
            ledger,
            ending,
            address,
        }) = inquired
        else {
            return Ok(vec![None; questions.len()]);
        };
        self.address = address;
        let mut answers = self.answers(checks, questions, &ledger)?;
        match ending {
            // The channels are known to exist: who is denied everything further is no administrator or
            // moderator of any.
            Ending::Stopped(Stop::Denied(refusal)) if self.begun > 1 => {
                let refused = Refused {
                    code: refusal.code,
                    message: refusal.message,
                };
                let left = answers.iter_mut().filter(|answer| answer.is_none());
                left.for_each(|answer| *answer = Some(Err(refused.clone())));
            }
            ending => self.ending = ending,
        }
        Ok(answers)
    }

    fn write(
        &self,
        checks: &[ChannelCheck],
        questions: &[Asked],
        list: &mut QuestionList,
    ) -> Result<(), JobError> {
        for (at, row) in questions {
            let channel = self.list.channel_arn(checks[*at].channel)?;
            let about = Subject {
                channel: channel.as_str(),
                instance: channel.app_instance(),
                member: None,
                membership_type: MembershipType::Default,
                sub_channel: None,
            };
            list.ask(*row, about)?;
        }
        Ok(())
    }

    fn answers(
        &self,
        checks: &[ChannelCheck],
        questions: &[Asked],
        ledger: &Ledger,
    ) -> Result<Vec<Answer>, JobError> {
        let mut answers = vec![None; questions.len()];
        ledger.project(|row| {
            let index = usize::try_from(row.row - 1).unwrap_or(usize::MAX);
            let Some((at, _)) = questions.get(index) else {
                return Ok(());
            };
            answers[index] = match row.outcome {
                Outcome::Added => {
                    let channel = self.list.channel_arn(checks[*at].channel)?;
                    Some(Ok(ledger.findings(row.row, channel.app_instance())?))
                }
                Outcome::Failed | Outcome::Invalid => Some(Err(Refused {
                    code: row.code.clone().unwrap_or_default(),
                    message: row.message.clone().unwrap_or_default(),
                })),
                _ => None,
            };
            Ok::<_, LedgerError>(())
        })?;
        Ok(answers)
    }

    /// Whether these are all moderators of a channel, and no bearer is among them.
    fn is_no_moderator(&self, pages: &[Finding]) -> bool {
        let bearers = self.settings.bearers.as_slice();
        let is_bearer = |arn: &String| bearers.iter().any(|bearer| bearer.as_str() == arn);
        let is_without = |page: &Finding| match page {
            Finding::Members { members, .. } => !members.iter().any(is_bearer),
            _ => false,
        };
        pages.iter().all(is_without)
    }
}

/// The refusal, if a question was denied.
fn denial(answer: Answer) -> Option<Refused> {
    answer?.err().filter(Refused::is_denial)
}

/// The members of the sub-channels on these pages.
fn members_of(pages: &[Finding]) -> u64 {
    let sub_channels = pages.iter().map(|page| match page {
        Finding::SubChannels { sub_channels, .. } => &sub_channels[..],
        _ => &[],
    });
    sub_channels.flatten().map(|(_, members)| members).sum()
}

/// The numbers below this one, each once, neighbours far apart. A run stops where many calls in a row are
/// denied and none is accepted: channels that do not exist stand together in a list, and must not be
/// asked about together.
fn spread(count: usize) -> impl Iterator<Item = usize> {
    let gcd = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    // Near the golden section, multiples of a step are spread most evenly.
    let golden = count / 2 + count / 8;
    let step = (golden..).find(|step| *step > 0 && gcd(*step, count) == 1);
    let step = step.unwrap_or(1) as u128;
    (0..count as u128).map(move |n| {
        let at = n * step % count as u128;
        usize::try_from(at).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_a_list_is_spread_and_nothing_is_left_out() {
        for count in [0, 1, 2, 3, 8, 100, 5_000, 5_003] {
            let order: Vec<usize> = spread(count).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..count), "{count}");
            // Of any ten asked one after the other, few are of the same tenth of the list.
            for asked in order.windows(10).filter(|_| count >= 100) {
                let in_first = asked.iter().filter(|at| **at < count / 10).count();
                assert!(in_first <= 3, "{count}: {asked:?}");
            }
        }
    }
}
