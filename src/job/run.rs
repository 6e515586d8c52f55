//! `run`: a new run from a list.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::bearers::sandbox_bearer;
use super::conclusion::Conclusion;
use super::list_address::ListAddress;
use super::lock::{RunLock, check_readable};
use super::open_list::{OpenList, Stage};
use super::session::{Session, Started, now_text};
use super::{
    JobError, LEDGER, LimitOverrides, RunSettings, SyncSettings, Target, account_quotas, directory,
    existing, supported,
};
use crate::chime::Api;
use crate::engine::{Command, Feed, Observer};
use crate::ledger::{Durability, Ledger, LedgerError, fact};
use crate::model::{BearerPool, LimitShare, RunState, Shard, SkipExisting};
use crate::private_file;
use crate::report;
use crate::roster::{Layout, Options, RemoteIdentity, Source};
use crate::store::PrefixUrl;

/// The directory of runs without `--run-dir`.
const RUNS: &str = "runs";

/// The request for a new run.
pub struct Request {
    /// The list.
    pub source: Source,
    /// How to read it.
    pub options: Options,
    /// The run directory; by default a new one below `runs/`.
    pub run_dir: Option<PathBuf>,
    /// The service.
    pub target: Target,
    /// The bearers; with a sandbox there may be none.
    pub bearers: BearerPool,
    /// Limits.
    pub limits: LimitOverrides,
    /// Which channels to list first, to skip those who are members already.
    pub skip_existing: SkipExisting,
    /// The shard of the list to add; without one, all of it.
    pub shard: Option<Shard>,
    /// Where the reports are to be uploaded.
    pub reports_to: Option<PrefixUrl>,
}

/// Creates a run and runs it to its end.
///
/// `observer` is called when the run starts; the observer it returns receives all later events.
///
/// # Errors
/// If it cannot start, or its ledger or reports fail. A run that stops because of the service's
/// answers or the list is not an error: see [`Conclusion::verdict`].
pub async fn run(
    request: Request,
    observer: impl FnOnce(&Started) -> Box<dyn Observer>,
    mut commands: mpsc::Receiver<Command>,
) -> Result<Conclusion, JobError> {
    let target = request.target.clone();
    let (session, started) = Box::pin(begun(request, None, &mut commands)).await?;
    let scheduler = session.scheduler();
    let observer = &mut *observer(&started);
    Box::pin(existing::run(
        (session, scheduler),
        target,
        observer,
        commands,
    ))
    .await
}

/// The directory of a new run without `--run-dir`.
pub(super) fn new_directory(source: &Source) -> PathBuf {
    let run_id = directory::run_id(&source.name(), jiff::Timestamp::now());
    directory::unused(Path::new(RUNS).join(&run_id))
}

/// Creates a run: its directory, its ledger, and its first session. `sync` are its settings if it is a
/// sync.
pub(super) async fn begun(
    request: Request,
    sync: Option<SyncSettings>,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<(Session, Started), JobError> {
    let Request {
        source,
        mut options,
        run_dir,
        target,
        mut bearers,
        limits: overrides,
        skip_existing,
        shard,
        reports_to,
    } = request;
    target.check_profile().await?;
    if bearers.is_empty() && !target.is_sandbox() {
        return Err(JobError::NoBearer);
    }
    options.bearer_app_instance = bearers.instance();
    options.legacy_api = target.api() == Api::Legacy;
    supported::check_request(target.api(), &options, &bearers)?;
    let mut ledger_key = [0; 16];
    rand::fill(&mut ledger_key);
    let OpenList {
        layout,
        detected,
        size,
        identity,
        stager,
        first,
    } = OpenList::begin(
        source.clone(),
        overrides.options(&options),
        Stage {
            key: ledger_key,
            shard,
            with_first: true,
        },
        commands,
    )
    .await?;
    if bearers.is_empty() {
        bearers = sandbox_bearer(first.as_ref())?.into();
    }
    let share = match shard {
        Some(shard) => {
            let (own, limits) = shard.bearers(&bearers);
            bearers = own;
            limits
        }
        None => LimitShare::default(),
    };
    let mut settings = RunSettings {
        list: ListAddress::of(&source),
        options,
        limits: overrides,
        sync,
        skip_existing,
        shard,
        share,
        reports_to,
        ..target.settings(bearers)
    };
    // Report an invalid limit before asking.
    overrides.resolve(&settings.region)?;
    let quota_warnings = account_quotas::ask(&mut settings, &target).await;
    let limits = settings.resolve_limits()?;
    let (service, address) = target.connect(&settings).await?;
    // Before the directory is created: if no thread can start, nothing is left behind.
    let feed = Feed::spawn(first, stager).map_err(JobError::NoThread)?;

    let run_id = directory::run_id(&source.name(), jiff::Timestamp::now());
    let dir = run_dir.unwrap_or_else(|| new_directory(&source));
    check_free(&dir, &source)?;
    directory::create(&dir)?;
    let lock = RunLock::take(&dir)?;
    report::check_destinations(&dir)?;
    directory::check_vacant(&dir)?;
    let new = NewRun {
        run_id: &run_id,
        list: &source.name(),
        size,
        identity: identity.as_ref(),
        settings: &settings,
        layout: &layout,
        key: ledger_key,
    };
    let ledger = begin(&dir, &new)?;
    let session = Session {
        dir,
        lock,
        ledger,
        settings,
        limits,
        service,
        address,
        feed,
        quota_warnings,
    };
    let started = session.started(detected, 0)?;
    Ok((session, started))
}

/// Checks that a new run in this directory replaces no file of somebody else, and not its own list.
/// The directory may not exist.
fn check_free(dir: &Path, source: &Source) -> Result<(), JobError> {
    if let Source::File(list) = source
        && directory::is_of_run(dir, list)
    {
        return Err(JobError::ListInTheWay(list.clone()));
    }
    directory::check_length(dir)?;
    check_readable(dir)?;
    if !Ledger::is_blank(&dir.join(LEDGER))? {
        return Err(JobError::RunExists(dir.to_owned()));
    }
    report::check_destinations(dir)?;
    match report::foreign_report(None, dir)? {
        Some(path) => Err(JobError::ForeignReport(path)),
        None => Ok(()),
    }
}

/// What the ledger of a new run begins with.
pub(super) struct NewRun<'a> {
    pub(super) run_id: &'a str,
    /// The list's name.
    pub(super) list: &'a str,
    /// The list's size in bytes, if known.
    pub(super) size: Option<u64>,
    /// What the list is, if it is remote.
    pub(super) identity: Option<&'a RemoteIdentity>,
    pub(super) settings: &'a RunSettings,
    pub(super) layout: &'a Layout,
    pub(super) key: [u8; 16],
}

/// Creates the ledger of a new run in this directory. On failure removes the partial ledger, so that no
/// directory looks resumable.
pub(super) fn begin(dir: &Path, new: &NewRun<'_>) -> Result<Ledger, LedgerError> {
    let path = dir.join(LEDGER);
    create(&path, new).inspect_err(|_| {
        for file in Ledger::files(&path) {
            // An error is ignored: a ledger that stays is blank, and does not count as a run.
            let _ = private_file::check(&file).is_ok_and(|()| std::fs::remove_file(file).is_ok());
        }
    })
}

fn create(path: &Path, new: &NewRun<'_>) -> Result<Ledger, LedgerError> {
    let mut ledger = Ledger::create(path, Durability::Full, new.layout, new.key)?;
    ledger.set_fact(fact::RUN_ID, &new.run_id)?;
    ledger.set_fact(fact::LIST, &new.list)?;
    ledger.set_fact(fact::LIST_SIZE, &new.size)?;
    if let Some(identity) = new.identity {
        ledger.set_fact(fact::LIST_IDENTITY, identity)?;
    }
    ledger.set_fact(fact::STARTED_AT, &now_text())?;
    ledger.set_fact(fact::SETTINGS, new.settings)?;
    ledger.set_fact(fact::BEARERS, &new.settings.bearers.len())?;
    // In the first commit: a run killed right after it can be resumed.
    ledger.set_fact(fact::STATE, &RunState::Running)?;
    ledger.commit()?;
    ledger.checkpoint()?;
    Ok(ledger)
}
