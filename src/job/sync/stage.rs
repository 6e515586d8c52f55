//! The list of a sync, read to its end, and the directory of a sync that is over or was cut off.

use std::fs;
use std::path::Path;

use tokio::sync::mpsc;

use super::{EARLIER, LISTING, Synchronization};
use crate::engine::{Command, Observer};
use crate::job::if_exists::check_same;
use crate::job::inquiry::NEW_LIST;
use crate::job::lock::{OWNER, RunLock};
use crate::job::open_run::open_run;
use crate::job::part::LIST;
use crate::job::resume::restored;
use crate::job::run::begun;
use crate::job::session::{EndedSession, Started};
use crate::job::sync_end::SyncEnd;
use crate::job::{
    JobError, LEDGER, REMOVAL, Request, RunSettings, SyncSettings, UNDO_DIR, directory,
};
use crate::ledger::{Ledger, LedgerReader, fact};
use crate::report::{FAILED, PAGE, RESULTS, SUMMARY, UNDO, VERIFY, check_diff};

/// From this age on, in milliseconds, a difference is not carried out any more: the channels have changed.
const STALE: i64 = 24 * 60 * 60 * 1_000;

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
            if directory::holds_run(&self.dir.join(REMOVAL)) {
                return Err(self.cut_off_before("its directory removal/ is of another sync"));
            }
            let settings = SyncSettings {
                dry_run: self.dry_run,
                rules: self.rules_text(),
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
            // What was judged by other rules must not be carried out by these, or the reverse.
            if before.rules != self.rules_text() {
                return Err(
                    self.cut_off_before("it was begun with other flags, or another --protect")
                );
            }
            if is_stale(&ledger)? {
                return Err(self.cut_off_before("its difference is more than a day old"));
            }
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
        self.set_aside(is_kept)?;
        drop(lock);
        Ok(None)
    }

    /// What decides whom it removes.
    fn rules_text(&self) -> String {
        let mut protected: Vec<&str> = self.rules.protected.keys().map(String::as_str).collect();
        protected.sort_unstable();
        let (others, left) = (self.rules.remove_others, self.rules.add_left);
        format!(
            "applies {}, remove others {others}, at most {}, add left {left}, protect {}",
            self.applies.is_some(),
            self.max_removals,
            protected.join(" ")
        )
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

    /// Removes the ledgers and reports of the sync before, or moves those of the run to [`EARLIER`]: that
    /// directory is then one of a run.
    fn set_aside(&self, is_kept: bool) -> Result<(), JobError> {
        let reports = [RESULTS, FAILED, PAGE, SUMMARY];
        if is_kept {
            let (earlier, new) = (self.dir.join(EARLIER), self.dir.join("earlier.new"));
            remove_own(&new)?;
            directory::create(&new)?;
            let copy = || {
                fs::copy(self.dir.join(LEDGER), new.join(LEDGER))?;
                fs::File::open(new.join(LEDGER))?.sync_all()
            };
            copy().map_err(|source| self.failed(source))?;
            remove_own(&earlier)?;
            fs::rename(&new, &earlier).map_err(|source| self.failed(source))?;
            for name in reports.into_iter().chain([UNDO, VERIFY, UNDO_DIR]) {
                let (from, to) = (self.dir.join(name), earlier.join(name));
                if from.exists() && !to.exists() {
                    fs::rename(from, to).map_err(|source| self.failed(source))?;
                }
            }
        }
        for part in [LISTING, REMOVAL] {
            remove_own(&self.dir.join(part))?;
        }
        // Those of the run that is put aside: that was checked when it was opened.
        let reports = reports.map(|name| self.dir.join(name));
        let ledger = Ledger::files(&self.dir.join(LEDGER));
        for file in reports
            .into_iter()
            .chain(ledger)
            .filter(|file| file.exists())
        {
            fs::remove_file(file).map_err(|source| self.failed(source))?;
        }
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> JobError {
        JobError::Directory {
            dir: self.dir.clone(),
            source,
        }
    }
}

/// Whether the difference of a sync was found too long ago to be carried out.
fn is_stale(ledger: &LedgerReader) -> Result<bool, JobError> {
    let compared_at: Option<i64> = ledger.fact(fact::COMPARED_AT)?;
    let now = jiff::Timestamp::now().as_millisecond();
    Ok(compared_at.is_some_and(|at| now.saturating_sub(at) >= STALE))
}

/// Removes a directory of a sync, if it exists. One that the program has not made is left as it is, and
/// refused.
pub(super) fn remove_own(dir: &Path) -> Result<(), JobError> {
    let failed = |source| JobError::Directory {
        dir: dir.to_owned(),
        source,
    };
    let about = match fs::symlink_metadata(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        about => about.map_err(failed)?,
    };
    let ledger = Ledger::files(&dir.join(LEDGER));
    let lists = [LIST, NEW_LIST, OWNER].map(|name| dir.join(name));
    let is_known = |entry: &fs::DirEntry| {
        let path = entry.path();
        ledger.contains(&path) || lists.contains(&path)
    };
    // One that was begun and never had a ledger has nothing else.
    let is_own = about.is_dir()
        && (LedgerReader::open(&dir.join(LEDGER)).is_ok()
            || fs::read_dir(dir)
                .map_err(failed)?
                .flatten()
                .all(|entry| is_known(&entry)));
    if !is_own {
        let what = "it is not a directory of a sync: move it away";
        return Err(failed(std::io::Error::other(what)));
    }
    fs::remove_dir_all(dir).map_err(failed)
}
