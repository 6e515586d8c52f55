//! The list of a sync, read to its end, and the directory of a sync that is over or was cut off.

use std::path::Path;

use tokio::sync::mpsc;

use super::{EARLIER, LISTING, Synchronization};
use crate::engine::{Command, Observer};
use crate::job::if_exists::check_same;
use crate::job::lock::RunLock;
use crate::job::open_run::open_run;
use crate::job::resume::restored;
use crate::job::run::begun;
use crate::job::session::{EndedSession, Started};
use crate::job::sync_end::SyncEnd;
use crate::job::{JobError, LEDGER, REMOVAL, Request, RunSettings, SyncSettings, directory};
use crate::ledger::{Ledger, fact};
use crate::report::{FAILED, PAGE, RESULTS, SUMMARY, check_diff};

impl Synchronization {
    /// Reads the list to its end: that of a new run, or the rest of one that was cut off.
    pub(super) async fn stage(
        &self,
        run: Request,
        observer: impl Fn(&Started) -> Box<dyn Observer>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<EndedSession, JobError> {
        check_diff(&self.dir)?;
        let Some((lock, ledger)) = self.cut_off(&run, commands).await? else {
            let settings = SyncSettings {
                dry_run: self.dry_run,
            };
            let begun = Box::pin(begun(run, Some(settings), commands));
            let (session, started) = begun.await?;
            let observer = &mut *observer(&started);
            return Box::pin(session.stage(observer, commands)).await;
        };
        let settings = RunSettings::of(&ledger, &self.dir)?;
        let is_read = ledger.staged().complete;
        let (target, limits) = (self.target.clone(), run.limits);
        let open = (self.dir.as_path(), lock, ledger);
        let restored = restored(open, |_| Ok(()), settings, |_| target, limits, commands);
        let (session, _, started) = Box::pin(restored).await?;
        if is_read {
            return Ok(session.into());
        }
        let observer = &mut *observer(&started);
        Box::pin(session.stage(observer, commands)).await
    }

    /// The sync in the directory that was cut off, if there is one. One that is over is put aside.
    async fn cut_off(
        &self,
        run: &Request,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<(RunLock, Ledger)>, JobError> {
        if !directory::holds_run(&self.dir) {
            return Ok(None);
        }
        let (lock, ledger) = open_run(&self.dir)?;
        let settings = RunSettings::of(&ledger, &self.dir)?;
        let Some(before) = settings.sync else {
            return Err(JobError::RunExists(self.dir.clone()));
        };
        let end: Option<SyncEnd> = ledger.fact(fact::SYNC)?;
        if end.is_none() && before.dry_run == self.dry_run {
            let same = check_same(&ledger, run, &self.dir, commands).await;
            return match same {
                Err(JobError::AnotherRun { what, .. }) => Err(self.cut_off_before(&what)),
                same => same.map(|()| Some((lock, ledger))),
            };
        }
        if end.is_none() && !before.dry_run {
            // A look must not put aside what is under way.
            return Err(self.cut_off_before(""));
        }
        ledger.checkpoint()?;
        drop(ledger);
        let is_kept = end == Some(SyncEnd::Done);
        let set_aside = || self.set_aside(is_kept);
        set_aside().map_err(|source| JobError::Directory {
            dir: self.dir.clone(),
            source,
        })?;
        drop(lock);
        Ok(None)
    }

    fn cut_off_before(&self, what: &str) -> JobError {
        let what = if what.is_empty() {
            String::new()
        } else {
            format!(", and {what}")
        };
        JobError::CutOffSync {
            dir: self.dir.clone(),
            what,
        }
    }

    /// Removes the ledgers of the sync before, or moves that of the run to [`EARLIER`].
    fn set_aside(&self, is_kept: bool) -> std::io::Result<()> {
        let ledger = Ledger::files(&self.dir.join(LEDGER));
        if is_kept {
            let earlier = self.dir.join(EARLIER);
            let new = self.dir.join(format!("{EARLIER}.new"));
            remove_directory(&new)?;
            std::fs::create_dir(&new)?;
            std::fs::copy(self.dir.join(LEDGER), new.join(LEDGER))?;
            std::fs::File::open(new.join(LEDGER))?.sync_all()?;
            remove_directory(&earlier)?;
            std::fs::rename(new, earlier)?;
        }
        for part in [LISTING, REMOVAL] {
            remove_directory(&self.dir.join(part))?;
        }
        // Those of the run that is put aside: that was checked when it was opened.
        let reports = [RESULTS, FAILED, PAGE, SUMMARY].map(|name| self.dir.join(name));
        for file in reports.into_iter().chain(ledger) {
            if file.exists() {
                std::fs::remove_file(file)?;
            }
        }
        Ok(())
    }
}

/// Removes a directory with what is in it, if it exists.
fn remove_directory(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
