//! `merge`: one run of the shards of a job, with one set of reports. Makes no call.
//!
//! Promises: the reports are a projection of the shards' ledgers, each read with its lock held; nothing
//! is written unless the shards are of one job. Must not: change a shard.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::commands::is_halted;
use super::conclusion::RunVerdict;
use super::lock::RunLock;
use super::merge_error::MergeError;
use super::{JobError, LEDGER, RunSettings, UNDO_DIR, directory, report};
use crate::engine::Command;
use crate::ledger::{Durability, Ledger, LedgerReader, fact};
use crate::model::{BearerPool, LimitShare, RunState, Shard};
use crate::report::{ReportError, Reports, Status, Summary, foreign_report, shell_word};
use crate::roster::ListDigest;

/// A job whose shards were merged.
#[derive(Debug)]
pub struct Merged {
    /// The counts of all shards together.
    pub summary: Summary,
    /// How each shard ended, in the order of their numbers.
    pub shards: Vec<(PathBuf, RunVerdict)>,
    /// The numbers of the shards that are left out.
    pub missing: Vec<u32>,
    /// Whether its reports go to object storage, too.
    pub uploads: bool,
}

/// What a merged ledger records of its making.
#[derive(Debug, Serialize, Deserialize)]
struct MergeRecord {
    /// The ledger's generation: a later one was changed by a `retry`.
    generation: u64,
    /// The directories of shards that are not finished.
    unfinished: Vec<PathBuf>,
}

/// A shard that nothing works on.
struct FoundShard {
    dir: PathBuf,
    shard: Shard,
    settings: RunSettings,
    ledger: LedgerReader,
    state: RunState,
    #[expect(dead_code, reason = "held for as long as this lives")]
    lock: RunLock,
}

/// Merges the shards in this directory, and writes the reports of all of them there. With `partial`,
/// shards that are missing, at work or have not read their list are left out.
///
/// # Errors
/// If the shards are not those of one job, or one is missing or at work; if a ledger cannot be read or
/// written, or a report cannot be written.
pub fn merge(
    dir: &Path,
    partial: bool,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<Merged, JobError> {
    let mut shards = find(dir, partial)?;
    check_alike(&shards)?;
    let missing = missing(dir, &shards, partial)?;
    shards.sort_by_key(|found| found.shard.number());
    let _lock = RunLock::take(dir)?;
    let before = merged_before(dir)?;
    let foreign = foreign_report(before.as_deref(), dir);
    if let Some(path) = foreign.map_err(|error| of_report(dir, error.into()))? {
        return Err(JobError::ForeignReport(path));
    }
    let state = state(&shards, &missing);
    write(dir, &shards, state, before)?;
    // Anew, with the layout and the counts that were written.
    let mut ledger = Ledger::open(&dir.join(LEDGER), Durability::Full)?;
    let settings = RunSettings::of(&ledger, dir)?;
    let limits = settings.resolve_limits()?;
    let reports = Reports {
        dir,
        state,
        limits: &limits,
    };
    let summary = report::write(&mut ledger, reports, || !is_halted(commands));
    let summary = summary.map_err(|error| of_report(dir, error))?;
    let shards = shards.into_iter().map(|found| {
        let verdict = verdict(&found, &summary)?;
        Ok((found.dir, verdict))
    });
    Ok(Merged {
        shards: shards.collect::<Result<_, JobError>>()?,
        summary,
        missing,
        uploads: settings.reports_to.is_some(),
    })
}

/// An error, with the command that writes the reports of this job again if that is what failed.
fn of_report(dir: &Path, error: JobError) -> JobError {
    match error {
        JobError::Report(error @ ReportError::Io { .. }) => {
            let dir = dir.to_owned();
            MergeError::Report { dir, error }.into()
        }
        error => error,
    }
}

/// The error of a command that would go on with a merged run whose shards are not finished.
pub(super) fn check_finished(ledger: &LedgerReader, dir: &Path) -> Result<(), JobError> {
    let record: Option<MergeRecord> = ledger.fact(fact::MERGED)?;
    match record {
        Some(record) if ledger.fact(fact::STATE)? != Some(RunState::Finished) => {
            Err(MergeError::Unfinished {
                dir: dir.to_owned(),
                shards: record.unfinished,
            }
            .into())
        }
        _ => Ok(()),
    }
}

/// The status of a run with this ledger. If it is merged of shards that are not finished, the next command
/// is that of the first of them, if one can be resumed.
pub(super) fn with_next_shard(status: Status, ledger: &LedgerReader) -> Result<Status, JobError> {
    let record: Option<MergeRecord> = ledger.fact(fact::MERGED)?;
    let record = record.filter(|_| status.state != RunState::Finished);
    let Some(record) = record else {
        return Ok(status);
    };
    let first = record.unfinished.first();
    let next = first.map(|dir| format!("chime-bulk resume {}", shell_word(dir)));
    Ok(Status { next, ..status })
}

/// The shards in this directory, each locked.
fn find(dir: &Path, partial: bool) -> Result<Vec<FoundShard>, JobError> {
    let dirs = directory::shards(dir).map_err(|source| JobError::Directory {
        dir: dir.to_owned(),
        source,
    })?;
    let mut shards = Vec::new();
    for dir in dirs {
        let lock = match RunLock::take(&dir) {
            Ok(lock) => lock,
            Err(JobError::Owned { .. } | JobError::OtherHost { .. }) if partial => continue,
            Err(JobError::Owned { dir, owner }) => {
                return Err(MergeError::Running { dir, owner }.into());
            }
            Err(error) => return Err(error),
        };
        let ledger = LedgerReader::open(&dir.join(LEDGER))?;
        let settings = RunSettings::of(&ledger, &dir)?;
        let Some(shard) = settings.shard else {
            return Err(MergeError::NotAShard(dir).into());
        };
        if directory::holds_run(&dir.join(UNDO_DIR)) {
            return Err(MergeError::Undone(dir).into());
        }
        if !ledger.staged().list_ended {
            if partial {
                continue;
            }
            return Err(MergeError::Unread(dir).into());
        }
        // The lock is free, so a process that worked on it was killed.
        let state = match ledger.fact(fact::STATE)? {
            Some(RunState::Running) | None => RunState::Interrupted,
            Some(state) => state,
        };
        shards.push(FoundShard {
            dir,
            shard,
            settings,
            ledger,
            state,
            lock,
        });
    }
    if shards.is_empty() {
        return Err(MergeError::NoShards(dir.to_owned()).into());
    }
    Ok(shards)
}

/// Checks that all are shards of one list, read in one way.
fn check_alike(shards: &[FoundShard]) -> Result<(), JobError> {
    let mut by_number: BTreeMap<u32, &FoundShard> = BTreeMap::new();
    let Some(first) = shards.first() else {
        return Ok(());
    };
    for found in shards {
        if let Some(what) = difference(first, found)? {
            return Err(MergeError::Different {
                dir: found.dir.clone(),
                other: first.dir.clone(),
                what,
            }
            .into());
        }
        if let Some(other) = by_number.insert(found.shard.number(), found) {
            return Err(MergeError::Doubled {
                number: found.shard.number(),
                dirs: [other.dir.clone(), found.dir.clone()],
            }
            .into());
        }
    }
    Ok(())
}

/// The first difference between two shards of one job that should not be, in words. Limits may differ: a
/// resume may have changed them.
fn difference(a: &FoundShard, b: &FoundShard) -> Result<Option<&'static str>, JobError> {
    let digest = |found: &FoundShard| found.ledger.fact::<ListDigest>(fact::LIST_DIGEST);
    let size = |found: &FoundShard| found.ledger.fact::<Option<u64>>(fact::LIST_SIZE);
    let rows = |found: &FoundShard| {
        let staged = found.ledger.staged();
        (staged.rows_read + staged.elsewhere, staged.rows_left_out)
    };
    let (one, other) = (&a.settings, &b.settings);
    // Each may have bearers of its own.
    let options = |settings: &RunSettings| settings.options.clone();
    Ok(match () {
        () if a.shard.count() != b.shard.count() => Some("it is of another number of shards"),
        () if size(a)? != size(b)? || digest(a)? != digest(b)? || rows(a) != rows(b) => {
            Some("its list has other content")
        }
        () if options(one) != options(other) || a.ledger.layout() != b.ledger.layout() => {
            Some("its list was read with other options")
        }
        () if one.sandbox != other.sandbox => Some("one is a rehearsal"),
        () if one.region != other.region => Some("it is of another region"),
        () if one.aws.endpoint_url != other.aws.endpoint_url => Some("it is of another address"),
        () if one.skip_existing != other.skip_existing => Some("it has another --skip-existing"),
        () => None,
    })
}

/// The numbers of shards that are not there.
fn missing(dir: &Path, shards: &[FoundShard], partial: bool) -> Result<Vec<u32>, JobError> {
    let count = shards.first().map_or(0, |found| found.shard.count());
    let is_there = |number: &u32| shards.iter().any(|found| found.shard.number() == *number);
    let missing: Vec<u32> = (1..=count).filter(|number| !is_there(number)).collect();
    if missing.is_empty() || partial {
        return Ok(missing);
    }
    Err(MergeError::Missing {
        dir: dir.to_owned(),
        numbers: missing,
        count,
    }
    .into())
}

/// The merged run that is in this directory, if one is.
fn merged_before(dir: &Path) -> Result<Option<Ledger>, JobError> {
    let path = dir.join(LEDGER);
    if Ledger::is_blank(&path)? {
        // Of a merge that was killed, if there is one.
        directory::check_vacant(dir)?;
        return Ok(None);
    }
    let ledger = Ledger::open(&path, Durability::Full)?;
    let record: Option<MergeRecord> = ledger.fact(fact::MERGED)?;
    let Some(record) = record else {
        return Err(JobError::RunExists(dir.to_owned()));
    };
    if directory::holds_run(&dir.join(UNDO_DIR)) {
        return Err(MergeError::Undone(dir.to_owned()).into());
    }
    if ledger.generation()? != record.generation {
        return Err(MergeError::Retried(dir.to_owned()).into());
    }
    Ok(Some(ledger))
}

/// The state of all together.
fn state(shards: &[FoundShard], missing: &[u32]) -> RunState {
    let has = |state| shards.iter().any(|found| found.state == state);
    if has(RunState::Aborted) {
        RunState::Aborted
    } else if has(RunState::Interrupted) || !missing.is_empty() {
        RunState::Interrupted
    } else {
        RunState::Finished
    }
}

/// Writes the ledger of all shards, or replaces what is in the one before it.
fn write(
    dir: &Path,
    shards: &[FoundShard],
    state: RunState,
    before: Option<Ledger>,
) -> Result<(), JobError> {
    let Some(first) = shards.first() else {
        return Ok(());
    };
    let text = |found: &FoundShard, name| {
        let text = found.ledger.fact::<String>(name);
        text.map(Option::unwrap_or_default)
    };
    let texts = |name| {
        let texts = shards.iter().map(|found| text(found, name));
        texts.collect::<Result<Vec<String>, _>>()
    };
    let bearers = shards
        .iter()
        .flat_map(|found| found.settings.bearers.as_slice());
    let settings = RunSettings {
        shard: None,
        share: LimitShare::default(),
        bearers: BearerPool::new(bearers.cloned())?,
        ..first.settings.clone()
    };
    let (run_id, generation, reports) = match &before {
        Some(before) => (
            before.fact::<String>(fact::RUN_ID)?.unwrap_or_default(),
            before.generation()? + 1,
            before.report_record()?,
        ),
        None => (format!("{}-merged", text(first, fact::RUN_ID)?), 1, None),
    };
    let unfinished = shards
        .iter()
        .filter(|found| found.state != RunState::Finished);
    let record = MergeRecord {
        generation,
        unfinished: unfinished.map(|found| found.dir.clone()).collect(),
    };
    let mut is_listed = false;
    for found in shards {
        is_listed |= found.ledger.fact(fact::LISTED)?.unwrap_or(false);
    }
    let readers = shards.iter().map(|found| &found.ledger);
    let mut ledger = if let Some(before) = before {
        before
    } else {
        let (layout, key) = (first.ledger.layout(), first.ledger.key()?);
        Ledger::create(&dir.join(LEDGER), Durability::Full, layout, key)?
    };
    ledger.merge(&readers.collect::<Vec<_>>())?;
    ledger.set_fact(fact::RUN_ID, &run_id)?;
    ledger.set_fact(fact::GENERATION, &generation)?;
    ledger.set_fact(fact::MERGED, &record)?;
    if let Some(reports) = reports {
        ledger.set_fact(fact::REPORTS, &reports)?;
    }
    ledger.set_fact(fact::STATE, &state)?;
    ledger.set_fact(fact::BEARERS, &settings.bearers.len())?;
    ledger.set_fact(fact::SETTINGS, &settings)?;
    ledger.set_fact(fact::LISTED, &is_listed)?;
    for name in [
        fact::LIST,
        fact::LIST_SIZE,
        fact::LIST_IDENTITY,
        fact::LIST_DIGEST,
        fact::ADDRESS,
    ] {
        if let Some(value) = first.ledger.fact::<serde_json::Value>(name)? {
            ledger.set_fact(name, &value)?;
        }
    }
    let (started, finished) = (texts(fact::STARTED_AT)?, texts(fact::FINISHED_AT)?);
    ledger.set_fact(fact::STARTED_AT, &started.iter().min())?;
    ledger.set_fact(fact::FINISHED_AT, &finished.iter().max())?;
    Ok(ledger.commit()?)
}

/// How a shard ended.
fn verdict(found: &FoundShard, summary: &Summary) -> Result<RunVerdict, JobError> {
    Ok(match found.state {
        _ if !summary.accounts => RunVerdict::Miscounted,
        RunState::Finished if summary.is_all_in() => RunVerdict::AllIn,
        RunState::Finished => RunVerdict::SomeNotIn,
        RunState::Aborted if found.ledger.fact(fact::TOO_MANY_FAILURES)?.unwrap_or(false) => {
            RunVerdict::TooManyFailures
        }
        RunState::Aborted => RunVerdict::Fatal,
        RunState::Interrupted | RunState::Running => RunVerdict::Interrupted,
    })
}
