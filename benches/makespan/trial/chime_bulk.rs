//! This program: the whole core, from a list in memory to the ledger.
//!
//! A run, its undo and its verification go through the same engine.

use std::error::Error;
use std::path::Path;

use chime_bulk::engine::{Ending, Engine, Event, Feed, Setup, Task};
use chime_bulk::ledger::{Durability, Ledger, Stager};
use chime_bulk::limits::CallLimits;
use chime_bulk::roster::{self, Options, Source};
use chime_bulk::schedule::{Scheduler, SchedulerConfig};

use super::program::{Finished, Program};
use super::testbed::Job;

const KEY: [u8; 16] = [0; 16];

/// This program.
pub(crate) struct ChimeBulk;

impl Program for ChimeBulk {
    fn name(&self) -> &'static str {
        "chime-bulk"
    }

    fn run(&self, job: Job) -> Finished {
        Box::pin(run(job))
    }
}

async fn run(job: Job) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    add(job, dir.path()).await?;
    Ok(())
}

/// Adds the members of the job. Returns the ledger, which is in this directory.
pub(super) async fn add(job: Job, dir: &Path) -> Result<Ledger, Box<dyn Error>> {
    let list = job.roster.list();
    work(job, list, Task::Add, dir).await
}

/// Does this with the rows of a list. Returns the ledger, which is in this directory.
pub(super) async fn work(
    job: Job,
    list: Vec<u8>,
    task: Task,
    dir: &Path,
) -> Result<Ledger, Box<dyn Error>> {
    let setup = setup(job, list, task, dir)?;
    let mut ignore = |_: &Event| {};
    let (ledger, ending) = Engine::new(setup, &mut ignore).run().await?;
    if matches!(ending, Ending::Finished) {
        Ok(ledger)
    } else {
        Err(format!("the run ended with {ending:?}").into())
    }
}

fn setup(job: Job, list: Vec<u8>, task: Task, dir: &Path) -> Result<Setup, Box<dyn Error>> {
    let source = Source::Bytes {
        name: "list".to_owned(),
        bytes: list,
    };
    let list = roster::Roster::open(&source, &Options::default())?;
    let path = dir.join("ledger.db");
    let ledger = Ledger::create(&path, Durability::None, list.layout(), KEY)?;
    let scheduling = SchedulerConfig {
        seed: job.seed,
        operation: task.operation(),
        ..SchedulerConfig::new(job.limits, job.bearers.len())
    };
    // No commands are sent.
    let (_, commands) = tokio::sync::mpsc::channel(1);
    Ok(Setup {
        task,
        ledger,
        scheduler: Scheduler::new(scheduling),
        call_limits: CallLimits::new(&job.limits),
        service: job.service,
        bearers: job.bearers,
        feed: Feed::Inline(Box::new(Stager::new(list, KEY))),
        commands,
        epoch_millis: 0,
    })
}
