//! The channels of a sync beside its list: the difference, and whether it may be made.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::stage::remove_own;
use super::{EARLIER, LISTING, Settle, SyncConclusion, Synchronization, spend};
use crate::engine::{Command, Ending, Observer};
use crate::job::inquiry::{Inquired, Inquiry};
use crate::job::session::{EndedSession, Started};
use crate::job::sync_end::SyncEnd;
use crate::job::{JobError, LEDGER};
use crate::ledger::{Ledger, LedgerReader, Settled, fact};
use crate::model::{MembershipType, Outcome, Question, QuestionRow, RunState, codes, quota};
use crate::report::{
    AppliedDiff, Comparison, DIFF, Diff, MaxRemovals, QuestionList, ReportError, Subject,
    SyncRules, SyncSummary, diff_digest, each_channel_of,
};

impl Synchronization {
    /// Compares the channels with the list, and judges the difference. Returns nothing if that is all
    /// that is done; then the conclusion says why.
    pub(super) async fn look(
        &self,
        mut staged: EndedSession,
        conclusion: &mut SyncConclusion,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<(Diff, EndedSession, Ledger)>, JobError> {
        let rows = staged.ledger.staged();
        if self.applies.is_none() && rows.rows_read == rows.invalid {
            return Err(JobError::NothingToSync);
        }
        if staged.ledger.has_sub_channels()? {
            return Err(JobError::SyncOfSubChannels);
        }
        // Answers of before a cut are not relied on: whom to remove is decided by the channels of now.
        remove_own(&self.dir.join(LISTING))?;
        let asked = Box::pin(self.ask(&staged, &observer, commands)).await?;
        let inquired = asked.ok_or(JobError::NothingToSync)?;
        spend(&inquired.ledger, &mut conclusion.summary)?;
        if !matches!(inquired.ending, Ending::Finished) {
            conclusion.address = inquired.address.or(conclusion.address.take());
            conclusion.stop(inquired.ending);
            return Ok(None);
        }
        let (diff, settle) = self.compare(&staged, &inquired.ledger)?;
        conclusion.is_compared = true;
        let spent = &conclusion.summary;
        let mut summary = SyncSummary {
            calls: spent.calls,
            throttled_calls: spent.throttled_calls,
            elapsed_seconds: spent.elapsed_seconds,
            ..SyncSummary::of(&diff, spent.run_id.clone(), self.dry_run)
        };
        let excess = self.max_removals.excess(&diff);
        let is_over = excess.is_some() && !self.dry_run && self.applies.is_none();
        let is_left = self.dry_run || is_over || (diff.to_remove > 0 && !(self.confirm)(&diff));
        if is_left {
            summary.not_attempted = diff.to_add + diff.to_remove;
            conclusion.summary = summary;
            conclusion.excess = excess
                .filter(|_| is_over)
                .map(|excess| (excess, MaxRemovals::needed(&diff)));
            staged.ledger.set_fact(fact::SYNC, &SyncEnd::Looked)?;
            staged.ledger.set_fact(fact::STATE, &RunState::Finished)?;
            staged.ledger.commit()?;
            return Ok(None);
        }
        let digest = diff_digest(&self.dir.join(DIFF), staged.ledger.key()?)?;
        staged.ledger.set_fact(fact::DIFF_DIGEST, &digest)?;
        let now = jiff::Timestamp::now().as_millisecond();
        staged.ledger.set_fact(fact::COMPARED_AT, &now)?;
        staged.ledger.settle_listed(settle)?;
        staged.ledger.set_fact(fact::DIFF, &diff)?;
        staged.ledger.commit()?;
        Ok(Some((diff, staged, inquired.ledger)))
    }

    /// Lists the channels, of both types, and their moderators if anybody is to be removed.
    async fn ask(
        &self,
        staged: &EndedSession,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<Inquired>, JobError> {
        let run_id: String = staged.ledger.fact(fact::RUN_ID)?.unwrap_or_default();
        let inquiry = Inquiry {
            dir: &self.dir.join(LISTING),
            part_of: &self.dir,
            run: None,
            run_id: &run_id,
            settings: &staged.settings,
            channel_rate: quota::LIST_RATE,
            target: self.target.clone(),
            earlier: &[],
        };
        let write = |list: &mut QuestionList| {
            let mut ask = |channel: &str| self.ask_channel(list, channel);
            if let Some(source) = &self.applies {
                return Ok(each_channel_of(Path::new(&source.name()), &mut ask)?);
            }
            let mut asked = Ok(());
            staged.ledger.for_each_channel(|channel| {
                if asked.is_ok() {
                    asked = ask(channel);
                }
            })?;
            Ok(asked?)
        };
        Box::pin(inquiry.perform(write, observer, commands)).await
    }

    fn ask_channel(&self, list: &mut QuestionList, channel: &str) -> Result<(), ReportError> {
        let instance = channel.rsplit_once("/channel/");
        let about = |membership_type| Subject {
            channel,
            instance: instance.map_or("", |(instance, _)| instance),
            member: None,
            membership_type,
            sub_channel: None,
        };
        for kind in [MembershipType::Default, MembershipType::Hidden] {
            list.ask(QuestionRow::new(Question::Members), about(kind))?;
        }
        if self.removes {
            let about = about(MembershipType::Default);
            list.ask(QuestionRow::new(Question::Moderators), about)?;
        }
        Ok(())
    }

    /// Writes the difference. Returns it, and how rows are settled without a call.
    fn compare(
        &self,
        staged: &EndedSession,
        inquiry: &LedgerReader,
    ) -> Result<(Diff, Settle), JobError> {
        let mut rules = SyncRules {
            remove_others: self.rules.remove_others,
            protected: self.rules.protected.clone(),
            add_left: self.rules.add_left,
        };
        for bearer in staged.settings.bearers.as_slice() {
            rules.protected.insert(bearer.to_string(), "a bearer");
        }
        if let Some(source) = &self.applies {
            let path = PathBuf::from(source.name());
            let applied = AppliedDiff::of(&path, inquiry, &rules)?;
            let diff = applied.write(&path, &self.dir)?;
            let changed = applied.into_changed();
            let settle: Settle = Box::new(move |entry| {
                changed.contains(entry.channel_arn()).then_some(Settled {
                    outcome: Outcome::Failed,
                    code: codes::CHANNEL_CHANGED,
                    message: "the members of the channel have changed since the difference was written",
                })
            });
            return Ok((diff, settle));
        }
        let earlier = self.dir.join(EARLIER).join(LEDGER);
        let earlier = if earlier.exists() {
            vec![LedgerReader::open(&earlier)?]
        } else {
            Vec::new()
        };
        let comparison = Comparison::of(inquiry, &earlier, rules)?;
        let diff = comparison.write(&staged.ledger, inquiry, &self.dir)?;
        Ok((diff, Box::new(move |entry| comparison.settled(entry))))
    }
}
