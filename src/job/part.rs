//! A part of a run: a run of its own over a list that is made for it, in a directory inside the run's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::list_address::{ListAddress, absolute};
use super::lock::RunLock;
use super::open_list::{OpenList, Stage};
use super::run::{NewRun, begin};
use super::session::{Session, Started};
use super::{JobError, LimitOverrides, RunSettings, Target, account_quotas, directory, supported};
use crate::chime::Chime;
use crate::engine::{Command, Feed};
use crate::ledger::{LedgerReader, fact};
use crate::model::{Limits, SkipExisting};
use crate::roster::{Options, Source};

/// The list of a part, in its directory.
pub(super) const LIST: &str = "list.csv";

/// The path of the list of the part in this directory.
fn list(dir: &Path) -> ListAddress {
    absolute(&dir.join(LIST)).into()
}

/// The settings of the part in this directory, but for what it does: those of its run, for a list of its
/// own.
pub(super) fn settings(run: &RunSettings, dir: &Path) -> RunSettings {
    RunSettings {
        list: Some(list(dir)),
        options: Options {
            bearer_app_instance: run.bearers.instance(),
            ..Options::default()
        },
        limits: LimitOverrides {
            // What the run tolerates is for adding.
            max_failures: None,
            max_record_size: None,
            ..run.limits
        },
        undo: None,
        reading_rate: None,
        sync: None,
        skip_existing: SkipExisting::Never,
        // Its list is its own: every row of it.
        shard: None,
        reports_to: None,
        ..run.clone()
    }
}

/// A part that is about to begin.
pub(super) struct NewPart {
    dir: PathBuf,
    settings: RunSettings,
    limits: Limits,
    service: Arc<dyn Chime>,
    address: Option<String>,
    /// Whether the command names the address.
    is_named: bool,
    quota_warnings: Vec<String>,
}

impl NewPart {
    /// Connects to the service of a part with these settings. Writes nothing.
    pub(super) async fn connect(
        dir: &Path,
        mut settings: RunSettings,
        mut target: Target,
    ) -> Result<Self, JobError> {
        let is_named = matches!(&target, Target::Aws(aws) if aws.endpoint_url.is_some());
        settings.retarget(&mut target);
        target.check_profile().await?;
        settings.resolve_limits()?;
        let quota_warnings = account_quotas::ask(&mut settings, &target).await;
        let limits = settings.resolve_limits()?;
        supported::check_request(target.api(), &settings.options, &settings.bearers)?;
        let (service, address) = target.connect(&settings).await?;
        directory::check_length(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            settings,
            limits,
            service,
            address,
            is_named,
            quota_warnings,
        })
    }

    /// Checks that it calls the address that its run called, unless the command names another. The variable
    /// that named the address of the run may not be set any more.
    pub(super) fn check_address(&self, run: &LedgerReader, dir: &Path) -> Result<(), JobError> {
        let before = run.fact::<Option<String>>(fact::ADDRESS)?.flatten();
        match (before, &self.address) {
            (Some(before), Some(now)) if before != *now && !self.is_named => {
                Err(JobError::OtherAddress {
                    dir: dir.to_owned(),
                    before,
                    now: now.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Creates its directory, unless it exists, and locks it. The caller then writes [`LIST`] there.
    pub(super) fn lock_directory(&self) -> Result<RunLock, JobError> {
        // A link would lead into another run's directory.
        if self.dir.is_symlink() || self.dir.parent().is_some_and(Path::is_symlink) {
            return Err(JobError::Directory {
                dir: self.dir.clone(),
                source: std::io::Error::other("it is reached by a symbolic link: move that away"),
            });
        }
        directory::create(&self.dir)?;
        RunLock::take(&self.dir)
    }

    /// Its ledger and its first session. `run_id` is the name of the run that it is a part of.
    pub(super) async fn begin(
        self,
        lock: RunLock,
        run_id: &str,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<(Session, Started), JobError> {
        let source = Source::File(self.dir.join(LIST));
        let mut key = [0; 16];
        rand::fill(&mut key);
        let options = self.settings.options.clone();
        let stage = Stage {
            key,
            shard: None,
            with_first: true,
        };
        let list = OpenList::begin(source.clone(), options, stage, commands).await?;
        let feed = Feed::spawn(list.first, list.stager).map_err(JobError::NoThread)?;
        let new = NewRun {
            run_id,
            list: &source.name(),
            identity: None,
            size: list.size,
            settings: &self.settings,
            layout: &list.layout,
            key,
        };
        let ledger = begin(&self.dir, &new)?;
        let session = Session {
            dir: self.dir,
            lock,
            ledger,
            settings: self.settings,
            limits: self.limits,
            service: self.service,
            address: self.address,
            feed,
            quota_warnings: self.quota_warnings,
        };
        let started = session.started(list.detected, 0)?;
        Ok((session, started))
    }
}
