//! `verify`: reads the channels of runs back, and judges every row by them.
//!
//! Promises: it adds and removes nobody. The run's ledger keeps only the counts of the last
//! verification.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::commands::is_halted;
use super::conclusion::{NAMED_CHANNELS, SessionEnd, explains_end};
use super::inquiry::{Inquired, Inquiry};
use super::lock;
use super::open_run::open_run;
use super::session::{Started, now_text};
use super::sync_end::check_acted;
use super::{JobError, LEDGER, LimitOverrides, RunSettings, RunVerdict, Target, UNDO_DIR};
use super::{directory, report};
use crate::engine::{Command, Ending, Observer};
use crate::ledger::{Ledger, LedgerReader, fact};
use crate::model::{BearerPool, ChannelArn, quota};
use crate::report::{
    Evidence, Listings, QuestionList, VERIFY, Verification, VerificationPlan, VerifiedRows,
    check_verify_report,
};

/// The directories of the two inquiries, in the run directory.
const LISTINGS: &str = "verify/listings";
const MEMBERSHIPS: &str = "verify/memberships";

/// The IAM actions of a verification.
const ACTIONS: [&str; 2] = [
    "chime:ListChannelMemberships",
    "chime:DescribeChannelMembership",
];

/// Calls per second on one channel that describe a membership: no quota of the channel is published,
/// so only the bearers' limits hold.
const DESCRIBE_RATE: f64 = 1_000.0;

/// The request to verify runs.
#[derive(Debug, Clone)]
pub struct VerifyRequest {
    /// The directories of the runs.
    pub dirs: Vec<PathBuf>,
    /// How many rows of each run to draw at random, instead of all.
    pub sample: Option<u64>,
    /// Limits; those not set are the run's.
    pub limits: LimitOverrides,
}

/// The end of a verification.
#[derive(Debug)]
pub struct VerifyConclusion {
    /// The counts of all runs; of those before, if it was stopped.
    pub verification: Verification,
    /// Why it ended.
    pub ending: Ending,
    address: Option<String>,
    bearers: BearerPool,
    channels: Vec<ChannelArn>,
}

explains_end!(VerifyConclusion);

impl VerifyConclusion {
    /// The result: [`RunVerdict::AllIn`] if every row is as the runs reported.
    #[must_use]
    pub fn verdict(&self) -> RunVerdict {
        self.end().verdict(self.verification.agrees())
    }

    fn end(&self) -> SessionEnd<'_> {
        SessionEnd {
            ending: &self.ending,
            address: self.address.as_deref(),
            bearers: &self.bearers,
            channels: &self.channels,
            actions: &ACTIONS,
            reports: "verify.csv",
        }
    }
}

/// Counts what a verification takes at least. Makes no call and writes nothing.
///
/// # Errors
/// If a directory contains no run that can be verified, or a process works on it.
pub fn plan_verify(request: &VerifyRequest) -> Result<VerificationPlan, JobError> {
    let mut plan = VerificationPlan::default();
    for dir in &request.dirs {
        if let Some(owner) = lock::owner(dir)? {
            let dir = dir.clone();
            return Err(JobError::Owned { dir, owner });
        }
        if Ledger::is_blank(&dir.join(LEDGER))? {
            return Err(directory::no_run(dir));
        }
        let run = LedgerReader::open(&dir.join(LEDGER))?;
        let settings = settings_of(&run, dir, request)?;
        let limits = settings.resolve_limits()?;
        let rows = VerifiedRows::of(&run, request.sample, draw)?;
        plan.merge(rows.plan(&limits, settings.bearers.len())?);
    }
    Ok(plan)
}

/// Verifies runs, one after the other. `target` returns the service to call, from a run's settings.
///
/// # Errors
/// If it cannot begin: as [`resume`](super::resume()), and if a run was a rehearsal in a sandbox that is
/// gone. If a ledger or a report fails.
pub async fn verify(
    request: VerifyRequest,
    target: impl Fn(&RunSettings) -> Target,
    observer: impl Fn(&Started) -> Box<dyn Observer>,
    mut commands: mpsc::Receiver<Command>,
) -> Result<VerifyConclusion, JobError> {
    let mut conclusion = VerifyConclusion {
        verification: Verification::default(),
        ending: Ending::Finished,
        address: None,
        bearers: BearerPool::default(),
        channels: Vec::new(),
    };
    // All of them first: an error in the last must not come after an hour of calls.
    let mut runs = Vec::new();
    for dir in &request.dirs {
        let (lock, run) = open_run(dir)?;
        let settings = settings_of(&run, dir, &request)?;
        let target = target(&settings);
        if settings.sandbox && !target.is_sandbox() {
            return Err(JobError::SandboxGone(dir.clone()));
        }
        check_verify_report(dir)?;
        // A verification that stops must not leave the verdicts of another beside it.
        forget_report(dir)?;
        runs.push((dir, lock, run, settings, target));
    }
    for (dir, lock, mut run, settings, target) in runs {
        let asked = Asked {
            dir,
            run: &run,
            settings: &settings,
            target,
        };
        conclusion.channels = run.first_channels(NAMED_CHANNELS + 1)?;
        conclusion.bearers = settings.bearers.clone();
        let ended = asked.verify(&request, &observer, &mut commands);
        let (verification, ending, address) = Box::pin(ended).await?;
        conclusion.address = address.or(conclusion.address);
        conclusion.ending = ending;
        let Some(verification) = verification else {
            break;
        };
        run.set_fact(fact::VERIFICATION, &Some(&verification))?;
        run.commit()?;
        report::rewrite(&mut run, dir, || !is_halted(&mut commands))?;
        drop(lock);
        conclusion.verification.merge(verification);
    }
    Ok(conclusion)
}

/// Removes the report of an earlier verification.
fn forget_report(dir: &Path) -> Result<(), JobError> {
    match std::fs::remove_file(dir.join(VERIFY)) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(JobError::Directory {
            dir: dir.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// A run about which questions are asked.
struct Asked<'a> {
    dir: &'a Path,
    run: &'a Ledger,
    settings: &'a RunSettings,
    target: Target,
}

impl Asked<'_> {
    /// Verifies it. Without counts it was stopped before the end.
    async fn verify(
        &self,
        request: &VerifyRequest,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<(Option<Verification>, Ending, Option<String>), JobError> {
        let rows = VerifiedRows::of(self.run, request.sample, draw)?;
        let mut evidence = Evidence::new(directory::holds_run(&self.dir.join(UNDO_DIR)));
        let mut spent = Verification::default();
        let mut address = None;
        let write = |list: &mut QuestionList| Ok(rows.ask_listings(list)?);
        let mut earlier = Vec::new();
        let listed = self.ask(
            (LISTINGS, quota::LIST_RATE),
            &[],
            write,
            &observer,
            commands,
        );
        if let Some(inquired) = listed.await? {
            spend(&inquired, &mut spent)?;
            address = inquired.address;
            if !matches!(inquired.ending, Ending::Finished) {
                return Ok((None, inquired.ending, address));
            }
            evidence.add_listings(Listings::read(&inquired.ledger)?);
            earlier.push(inquired.ledger);
        }
        let write = |list: &mut QuestionList| Ok(rows.ask_descriptions(&evidence, list)?);
        let rate = (MEMBERSHIPS, DESCRIBE_RATE);
        let described = self.ask(rate, &earlier, write, &observer, commands);
        if let Some(inquired) = described.await? {
            spend(&inquired, &mut spent)?;
            address = inquired.address.or(address);
            if !matches!(inquired.ending, Ending::Finished) {
                return Ok((None, inquired.ending, address));
            }
            rows.add_descriptions(&inquired.ledger, &mut evidence)?;
        }
        let mut verification = rows.write(self.dir, &evidence, || !is_halted(commands))?;
        verification.merge(Verification {
            verified_at: now_text(),
            ..spent
        });
        Ok((Some(verification), Ending::Finished, address))
    }

    /// Asks questions at a rate on one channel, in a directory of this name.
    async fn ask(
        &self,
        (name, channel_rate): (&str, f64),
        earlier: &[Ledger],
        write: impl FnOnce(&mut QuestionList) -> Result<(), JobError>,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<Inquired>, JobError> {
        let run_id: String = self.run.fact(fact::RUN_ID)?.unwrap_or_default();
        let inquiry = Inquiry {
            dir: &self.dir.join(name),
            part_of: self.dir,
            run: Some(self.run),
            run_id: &run_id,
            settings: self.settings,
            channel_rate,
            target: self.target.clone(),
            earlier,
        };
        Box::pin(inquiry.perform(write, observer, commands)).await
    }
}

/// The settings of a run that can be verified, with the limits of the request.
fn settings_of(
    run: &LedgerReader,
    dir: &Path,
    request: &VerifyRequest,
) -> Result<RunSettings, JobError> {
    let mut settings = RunSettings::of(run, dir)?;
    if settings.is_part() {
        return Err(JobError::IsPart(dir.to_owned()));
    }
    check_acted(run, dir)?;
    settings.limits = request.limits.or_else(settings.limits);
    Ok(settings)
}

/// Adds the calls of an inquiry.
fn spend(inquired: &Inquired, spent: &mut Verification) -> Result<(), JobError> {
    let calls = inquired.ledger.call_counts()?;
    spent.calls += calls.calls;
    spent.throttled_calls += calls.throttled;
    spent.elapsed_seconds += inquired.ledger.elapsed_seconds()?;
    Ok(())
}

/// A number below this one, at random.
fn draw(below: u64) -> u64 {
    rand::random_range(0..below.max(1))
}
