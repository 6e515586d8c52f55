//! An inquiry: a part of a run that asks the service questions and changes nothing.
//!
//! Promises: an inquiry that was cut off is continued if it is asked the same again; one that ended is
//! asked anew, as its answers are of another time.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use tokio::sync::mpsc;

use super::part::{self, LIST, NewPart};
use super::resume::restored;
use super::session::{EndedSession, Started};
use super::{JobError, LEDGER, RunSettings, Target, directory};
use crate::engine::{Command, Ending, Observer, replay_parts};
use crate::ledger::{Durability, Ledger, LedgerError, LedgerReader, fact};
use crate::model::RunState;
use crate::private_file;
use crate::report::QuestionList;

/// The list of questions, until it is known whether they were asked before.
pub(super) const NEW_LIST: &str = "new-list.csv";

/// Questions to be asked.
pub(super) struct Inquiry<'a> {
    /// The directory of the inquiry.
    pub(super) dir: &'a Path,
    /// The directory of the run that it is a part of.
    pub(super) part_of: &'a Path,
    /// The ledger of that run, if its address must be the one that is called.
    pub(super) run: Option<&'a LedgerReader>,
    /// The name of the run that it is a part of.
    pub(super) run_id: &'a str,
    /// The settings of that run: its bearers, its service, its limits.
    pub(super) settings: &'a RunSettings,
    /// Calls per second on one channel.
    pub(super) channel_rate: f64,
    /// The service.
    pub(super) target: Target,
    /// The ledgers of the inquiries that ended just before it, whose calls count against the rates of the
    /// bearers.
    pub(super) earlier: &'a [Ledger],
}

/// The answers.
pub(super) struct Inquired {
    /// They are in this ledger: see [`LedgerReader::findings`](crate::ledger::LedgerReader::findings).
    pub(super) ledger: Ledger,
    /// Why it ended. Only if it is finished, every question is answered or refused.
    pub(super) ending: Ending,
    /// The address that was called.
    pub(super) address: Option<String>,
}

impl Inquiry<'_> {
    /// Asks the questions that `write` writes. Returns nothing if there is none.
    ///
    /// # Errors
    /// If it cannot begin, or its ledger fails.
    pub(super) async fn perform<'o>(
        self,
        write: impl FnOnce(&mut QuestionList) -> Result<(), JobError>,
        observer: impl FnOnce(&Started) -> Box<dyn Observer + 'o>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<Inquired>, JobError> {
        let new = NewPart::connect(self.dir, self.part_settings(), self.target.clone()).await?;
        if let Some(run) = self.run {
            new.check_address(run, self.part_of)?;
        }
        let lock = new.lock_directory()?;
        let part_of = self.part_of.to_owned();
        let mut list = QuestionList::create(self.dir, NEW_LIST)?;
        write(&mut list)?;
        if list.is_empty() {
            return Ok(None);
        }
        list.finish()?;
        let (session, scheduler, started) = if let Some(ledger) = self.cut_off() {
            let settings = RunSettings::of(&ledger, self.dir)?;
            let open = (self.dir, lock, ledger);
            let (limits, target) = (self.part_settings().limits, self.target);
            restored(open, |_| Ok(()), settings, |_| target, limits, commands).await?
        } else {
            self.clear()?;
            let (session, started) = new.begin(lock, self.run_id, commands).await?;
            let mut scheduler = session.scheduler();
            let bearers = session.settings.bearers.as_slice();
            replay_parts(self.earlier, &mut scheduler, bearers)?;
            (session, scheduler, started)
        };
        let started = Started {
            part_of: Some(part_of),
            ..started
        };
        let observer = &mut *observer(&started);
        let ended = Box::pin(session.work(scheduler, observer, commands)).await?;
        let EndedSession {
            ledger,
            ending,
            address,
            ..
        } = ended;
        Ok(Some(Inquired {
            ledger,
            ending,
            address,
        }))
    }

    fn part_settings(&self) -> RunSettings {
        RunSettings {
            reading_rate: Some(self.channel_rate),
            ..part::settings(self.settings, self.dir)
        }
    }

    /// The ledger of an inquiry that asked the same and was cut off, if there is one.
    fn cut_off(&self) -> Option<Ledger> {
        let lists = [LIST, NEW_LIST].map(|name| self.dir.join(name));
        if !is_same(&lists[0], &lists[1]).unwrap_or(false) || !directory::holds_run(self.dir) {
            return None;
        }
        // If it cannot be read, the questions are asked anew.
        let ledger = Ledger::open(&self.dir.join(LEDGER), Durability::Full).ok()?;
        let state: Option<RunState> = ledger.fact(fact::STATE).ok()?;
        let run_id: Option<String> = ledger.fact(fact::RUN_ID).ok()?;
        let is_same_run = run_id.as_deref() == Some(self.run_id);
        (is_same_run && state != Some(RunState::Finished)).then_some(ledger)
    }

    /// Removes an earlier inquiry, and puts the new list in the place of its list.
    fn clear(&self) -> Result<(), JobError> {
        let ledger = self.dir.join(LEDGER);
        // One that was killed before its first commit is none.
        if !Ledger::is_blank(&ledger)?
            && let Err(error @ LedgerError::Foreign { .. }) = LedgerReader::open(&ledger)
        {
            return Err(error.into());
        }
        let clear = || {
            for file in Ledger::files(&self.dir.join(LEDGER)) {
                if private_file::check(&file).is_ok() && file.exists() {
                    fs::remove_file(file)?;
                }
            }
            fs::rename(self.dir.join(NEW_LIST), self.dir.join(LIST))
        };
        clear().map_err(|source| JobError::Directory {
            dir: self.dir.to_owned(),
            source,
        })
    }
}

/// Whether two files have the same content.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (one, other) = (BufReader::new(one), BufReader::new(other));
    for (a, b) in one.bytes().zip(other.bytes()) {
        if a? != b? {
            return Ok(false);
        }
    }
    Ok(true)
}
