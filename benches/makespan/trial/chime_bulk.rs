//! This program: the whole core, from a list in memory to the ledger.

use std::error::Error;

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
    let setup = setup(job, dir.path())?;
    let mut ignore = |_: &Event| {};
    let (_, ending) = Engine::new(setup, &mut ignore).run().await?;
    if matches!(ending, Ending::Finished) {
        Ok(())
    } else {
        Err(format!("the run ended with {ending:?}").into())
    }
}

fn setup(job: Job, dir: &std::path::Path) -> Result<Setup, Box<dyn Error>> {
    let source = Source::Bytes {
        name: "list".to_owned(),
        bytes: job.roster.list(),
    };
    let list = roster::Roster::open(&source, &Options::default())?;
    let path = dir.join("ledger.db");
    let ledger = Ledger::create(&path, Durability::None, list.layout(), KEY)?;
    let scheduling = SchedulerConfig {
        seed: job.seed,
        ..SchedulerConfig::new(job.limits, job.bearers.len())
    };
    // No commands are sent.
    let (_, commands) = tokio::sync::mpsc::channel(1);
    Ok(Setup {
        task: Task::Add,
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
