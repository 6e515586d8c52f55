//! Questions about the channels of a list, in rounds: an answer decides what is asked next.
//!
//! Promises: each round is an [`Inquiry`] in a directory of its own, and no round follows one that was
//! stopped. Must not: ask what is known already.

use std::path::Path;

use tokio::sync::mpsc;

use super::inquiry::{Inquired, Inquiry};
use super::{JobError, RunSettings, Started, Target};
use crate::engine::{Command, Ending, Observer};
use crate::ledger::{Ledger, LedgerError};
use crate::model::{Finding, MembershipType, Outcome, Question, QuestionRow, quota};
use crate::report::{ChannelCheck, QuestionList, Refused, Subject};
use crate::schedule::Stop;

/// The name of the run that the inquiries are parts of.
const RUN_ID: &str = "plan";

/// A question about a channel, by the channel's place among the checks.
type Asked = (usize, QuestionRow);

/// The answer to a question: its findings, or why there is none; `None` if it was not asked.
type Answer = Option<Result<Vec<Finding>, Refused>>;

/// The rounds of questions.
pub(super) struct Rounds<'a> {
    list: &'a Ledger,
    target: &'a Target,
    settings: &'a RunSettings,
    dir: &'a Path,
    part_of: &'a Path,
    begun: usize,
    /// The ledgers of the rounds so far.
    asked: Vec<Ledger>,
    ending: Ending,
    address: Option<String>,
}

impl<'a> Rounds<'a> {
    /// Rounds of questions about the channels of this list, in this directory. `part_of` is how the list is
    /// named.
    pub(super) fn new(
        list: &'a Ledger,
        target: &'a Target,
        settings: &'a RunSettings,
        dir: &'a Path,
        part_of: &'a Path,
    ) -> Self {
        Self {
            list,
            target,
            settings,
            dir,
            part_of,
            begun: 0,
            asked: Vec::new(),
            ending: Ending::Finished,
            address: None,
        }
    }

    /// Why they ended, and the address that was called.
    pub(super) fn into_ending(self) -> (Ending, Option<String>) {
        (self.ending, self.address)
    }

    /// Asks all that is to be known of these channels, and notes the answers there.
    ///
    /// # Errors
    /// If an inquiry cannot begin, or its files fail.
    pub(super) async fn ask_all(
        &mut self,
        checks: &mut [ChannelCheck],
        observer: &impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<(), JobError> {
        let questions = spread(checks.len()).map(|at| (at, QuestionRow::new(Question::Channel)));
        let questions: Vec<Asked> = questions.collect();
        let answers = Box::pin(self.ask(checks, &questions, observer, commands)).await?;
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
        let answers = Box::pin(self.ask(checks, &questions, observer, commands)).await?;
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
        let answers = Box::pin(self.ask(checks, &questions, observer, commands)).await?;
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
        self.begun += 1;
        let channel_rate = match questions.first() {
            Some((_, row)) if row.question == Question::Channel => quota::DESCRIBE_RATE,
            // Moderators share the rate of single adds, the lowest of those that read.
            _ => quota::single_rate(&self.settings.region),
        };
        let inquiry = Inquiry {
            dir: &self.dir.join(self.begun.to_string()),
            part_of: self.part_of,
            run: None,
            run_id: RUN_ID,
            settings: self.settings,
            channel_rate,
            target: self.target.clone(),
            earlier: &self.asked,
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
        self.asked.push(ledger);
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
    let step = (golden.max(1)..=count).find(|step| gcd(*step, count) == 1);
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
