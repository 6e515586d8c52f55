//! The undo and the verification of a run that is over.
//!
//! The job of a part has the limits of the run; each part derives its own from them.

use std::error::Error;
use std::path::Path;

use chime_bulk::engine::Task;
use chime_bulk::ledger::{Ledger, LedgerError};
use chime_bulk::model::{Outcome, quota};
use chime_bulk::report::{
    Evidence, Listings, QuestionList, RemovalChoice, VerifiedRows, write_removals,
};

use super::chime_bulk::work;
use super::testbed::Job;

/// The list of a part, in its directory.
const LIST: &str = "list.csv";
/// Descriptions on one channel: only the bearers' limits hold.
const DESCRIBE_RATE: f64 = 1_000.0;

/// Removes the members that a run added, with guard.
///
/// # Errors
/// If somebody is not removed.
pub(super) async fn undo(run: &Ledger, job: Job) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    write_removals(run, &RemovalChoice::default(), dir.path(), LIST)?;
    let (members, guarded) = (job.roster.members(), true);
    let job = Job {
        limits: job.limits.of_removals(quota::SINGLE_RATE, guarded),
        ..job
    };
    let ledger = of_list(job, Task::Remove { guarded }, dir.path()).await?;
    let mut removed = 0;
    ledger.project(|row| {
        removed += u64::from(row.outcome == Outcome::Added);
        Ok::<_, LedgerError>(())
    })?;
    if removed == members {
        Ok(())
    } else {
        Err(format!("{removed} of {members} members were removed").into())
    }
}

/// Reads the channels of a run back.
///
/// # Errors
/// If a row is not confirmed.
pub(super) async fn verify(run: &Ledger, job: Job) -> Result<(), Box<dyn Error>> {
    let rows = VerifiedRows::of(run, None, |_| 0)?;
    let mut evidence = Evidence::new(false);
    let write = |list: &mut QuestionList| rows.ask_listings(list);
    if let Some(listed) = ask(&job, quota::LIST_RATE, write).await? {
        evidence.add_listings(Listings::read(&listed)?);
    }
    let write = |list: &mut QuestionList| rows.ask_descriptions(&evidence, list);
    if let Some(described) = ask(&job, DESCRIBE_RATE, write).await? {
        rows.add_descriptions(&described, &mut evidence)?;
    }
    let dir = tempfile::tempdir()?;
    let verification = rows.write(dir.path(), &evidence, || true)?;
    if verification.is_confirmed() && verification.checked == job.roster.members() {
        Ok(())
    } else {
        Err(format!("not every row is confirmed: {verification:?}").into())
    }
}

/// Asks the questions that `write` writes, if there are any. Returns the ledger with the answers.
async fn ask<E: Error + 'static>(
    job: &Job,
    channel_rate: f64,
    write: impl FnOnce(&mut QuestionList) -> Result<(), E>,
) -> Result<Option<Ledger>, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let mut questions = QuestionList::create(dir.path(), LIST)?;
    write(&mut questions)?;
    if questions.is_empty() {
        return Ok(None);
    }
    questions.finish()?;
    let job = Job {
        limits: job.limits.of_reading(channel_rate),
        ..job.clone()
    };
    Ok(Some(of_list(job, Task::Read, dir.path()).await?))
}

async fn of_list(job: Job, task: Task, dir: &Path) -> Result<Ledger, Box<dyn Error>> {
    let list = std::fs::read(dir.join(LIST))?;
    work(job, list, task, dir).await
}
