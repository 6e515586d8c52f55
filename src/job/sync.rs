//! `sync`: makes the channels of a list equal to it.
//!
//! A sync is a run whose list is read to its end first. Then its channels are listed, the whole
//! difference is written and judged, and only then members are added, by the run, and removed, by a
//! part of it.
//!
//! Promises: nothing is added or removed before the whole difference is known and within the limit;
//! nobody is removed from a channel in which an add failed; a sync that was cut off goes on where it
//! was, with the difference it had.

mod act;
mod look;
mod stage;

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use act::count_adds;

use super::conclusion::{NAMED_CHANNELS, SessionEnd, explains_end};
use super::protected::protected;
use super::run::new_directory;
use super::session::{EndedSession, Started};
use super::sync_end::SyncEnd;
use super::{JobError, LEDGER, Request, RunVerdict, Target};
use crate::engine::{Command, Ending, Observer};
use crate::ledger::{Durability, Ledger, LedgerReader, Settled, fact};
use crate::model::{BearerPool, ChannelArn};
use crate::report::{Diff, MaxRemovals, SyncRules, SyncSummary, check_applicable};
use crate::roster::{Entry, Source};

/// The directory of its listing, in the run directory.
const LISTING: &str = "listing";
/// The directory of the ledger of the sync before, in the run directory.
const EARLIER: &str = "earlier";

/// The IAM actions of a sync; the last two only to remove.
const ACTIONS: [&str; 4] = [
    "chime:BatchCreateChannelMembership",
    "chime:ListChannelMemberships",
    "chime:ListChannelModerators",
    "chime:DeleteChannelMembership",
];

/// The request to synchronize channels with a list.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command"
)]
pub struct SyncRequest {
    /// The run: its list, its bearers, its service.
    pub run: Request,
    /// Whether the list is a `diff.csv`, to be done exactly.
    pub applies: bool,
    /// Whether others than those on the list are removed.
    pub remove_others: bool,
    /// How many at most.
    pub max_removals: MaxRemovals,
    /// Files with members who are never removed: an ARN or a user id on each line.
    pub protect: Vec<PathBuf>,
    /// Whether who left since an earlier run is added again.
    pub add_left: bool,
    /// Whether it only writes the difference.
    pub dry_run: bool,
    /// Whether to go on with a difference that removes somebody.
    pub confirm: Confirm,
}

/// A question to the user.
pub type Confirm = Box<dyn Fn(&Diff) -> bool + Send + Sync>;

/// The end of a sync.
#[derive(Debug)]
pub struct SyncConclusion {
    /// The counts.
    pub summary: SyncSummary,
    /// Why it ended.
    pub ending: Ending,
    /// The run directory.
    pub dir: PathBuf,
    /// Whether the difference is known: then `diff.csv` has it.
    pub is_compared: bool,
    /// Whether its reports go to object storage, too.
    pub uploads: bool,
    /// Why nothing was done, if more would be removed than is allowed; and the number that is needed.
    pub excess: Option<(String, u64)>,
    removes: bool,
    address: Option<String>,
    bearers: BearerPool,
    channels: Vec<ChannelArn>,
}

explains_end!(SyncConclusion);

impl SyncConclusion {
    fn stop(&mut self, ending: Ending) {
        self.summary.state = ending.state();
        self.ending = ending;
    }

    fn stopped(mut self, ending: Ending) -> Self {
        self.stop(ending);
        self
    }

    /// The result: [`RunVerdict::AllIn`] if the channels are as the list says.
    #[must_use]
    pub fn verdict(&self) -> RunVerdict {
        if self.excess.is_some() {
            return RunVerdict::TooManyFailures;
        }
        self.end().verdict(self.summary.is_in_sync())
    }

    fn end(&self) -> SessionEnd<'_> {
        let actions = if self.removes {
            &ACTIONS[..]
        } else {
            &ACTIONS[..2]
        };
        SessionEnd {
            ending: &self.ending,
            address: self.address.as_deref(),
            bearers: &self.bearers,
            channels: &self.channels,
            actions,
            reports: "failed.csv",
        }
    }
}

/// Synchronizes channels with a list, or continues to.
///
/// # Errors
/// As [`run`](super::run()); if the list has no valid row; if a file of protected members cannot be
/// read.
pub async fn sync(
    mut request: SyncRequest,
    observer: impl Fn(&Started) -> Box<dyn Observer>,
    mut commands: mpsc::Receiver<Command>,
) -> Result<SyncConclusion, JobError> {
    let dir = request.run.run_dir.clone();
    let dir = dir.unwrap_or_else(|| new_directory(&request.run.source));
    request.run.run_dir = Some(dir.clone());
    if request.applies {
        // Before the run begins, which reads it as a list.
        check_applicable(Path::new(&request.run.source.name()))?;
    }
    let protected = protected(&request.protect, &request.run)?;
    let rules = SyncRules {
        remove_others: request.remove_others || request.applies,
        protected,
        add_left: request.add_left,
    };
    let target = request.run.target.clone();
    let sync = Synchronization {
        applies: request.applies.then(|| request.run.source.clone()),
        removes: rules.remove_others,
        rules,
        max_removals: request.max_removals,
        dry_run: request.dry_run,
        confirm: request.confirm,
        dir,
        target,
    };
    let staged = Box::pin(sync.stage(request.run, &observer, &mut commands)).await?;
    Box::pin(sync.go_on(staged, &observer, &mut commands)).await
}

/// A sync in progress.
struct Synchronization {
    /// The difference to do exactly, if it is one.
    applies: Option<Source>,
    removes: bool,
    rules: SyncRules,
    max_removals: MaxRemovals,
    dry_run: bool,
    confirm: Confirm,
    dir: PathBuf,
    target: Target,
}

/// How a row is settled without a call.
type Settle = Box<dyn FnMut(&Entry) -> Option<Settled>>;

impl Synchronization {
    /// The rest of a sync whose list is read, or whose reading was stopped.
    async fn go_on(
        &self,
        staged: EndedSession,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<SyncConclusion, JobError> {
        let ledger = &staged.ledger;
        let run_id: String = ledger.fact(fact::RUN_ID)?.unwrap_or_default();
        let mut conclusion = SyncConclusion {
            summary: SyncSummary::of(&Diff::default(), run_id.clone(), self.dry_run),
            ending: Ending::Finished,
            dir: self.dir.clone(),
            is_compared: ledger.is_listed()?,
            uploads: staged.settings.reports_to.is_some(),
            excess: None,
            removes: self.removes,
            address: staged.address.clone(),
            bearers: staged.settings.bearers.clone(),
            channels: ledger.first_channels(NAMED_CHANNELS + 1)?,
        };
        if !matches!(staged.ending, Ending::Finished) {
            return Ok(conclusion.stopped(staged.ending));
        }
        let (diff, staged, listing) = if ledger.is_listed()? {
            let diff: Option<Diff> = ledger.fact(fact::DIFF)?;
            let diff = diff.ok_or_else(|| ledger.damaged("the difference is missing"))?;
            (diff, staged, None)
        } else {
            let looked = self.look(staged, &mut conclusion, &observer, commands);
            match Box::pin(looked).await? {
                Some((diff, staged, listing)) => (diff, staged, Some(listing)),
                None => return Ok(conclusion),
            }
        };
        conclusion.summary = SyncSummary::of(&diff, run_id, false);
        let listing = match listing {
            Some(listing) => listing,
            None => Ledger::open(&self.dir.join(LISTING).join(LEDGER), Durability::Full)?,
        };
        spend(&listing, &mut conclusion.summary)?;
        let added = Box::pin(self.add(staged, &listing, &observer, commands)).await?;
        let summary = &mut conclusion.summary;
        spend(&added.ledger, summary)?;
        count_adds(&added.ledger, summary)?;
        if !matches!(added.ending, Ending::Finished) {
            return Ok(conclusion.stopped(added.ending));
        }
        let removed = self.remove(&added, summary, &observer, commands);
        let ending = Box::pin(removed).await?;
        if !matches!(ending, Ending::Finished) {
            return Ok(conclusion.stopped(ending));
        }
        let mut ledger = added.ledger;
        ledger.set_fact(fact::SYNC, &SyncEnd::Done)?;
        ledger.commit()?;
        Ok(conclusion)
    }
}

/// Adds the calls in a ledger.
fn spend(ledger: &LedgerReader, summary: &mut SyncSummary) -> Result<(), JobError> {
    let calls = ledger.call_counts()?;
    summary.calls += calls.calls;
    summary.throttled_calls += calls.throttled;
    summary.elapsed_seconds += ledger.elapsed_seconds()?;
    Ok(())
}
