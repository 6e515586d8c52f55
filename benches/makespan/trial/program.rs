//! Plays a scenario with a program that adds the members of a list.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use super::figures::Figures;
use super::parts;
use super::scenario::{Measured, Scenario};
use super::testbed::{Job, Testbed};

/// Longer than any trial may take.
const FOREVER: Duration = Duration::from_hours(24);

/// The end of a program.
pub(crate) type Finished = Pin<Box<dyn Future<Output = Result<(), Box<dyn Error>>>>>;

/// A program that adds members to channels.
pub(crate) trait Program: Sync {
    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// Adds all members of the job.
    fn run(&self, job: Job) -> Finished;
}

/// Plays a scenario with one seed to its end. What follows a run is played with this program's own.
///
/// # Errors
/// If the program does not finish, or does not add every member.
pub(crate) fn play(
    program: &dyn Program,
    scenario: &Scenario,
    seed: u64,
) -> Result<Figures, Box<dyn Error>> {
    runtime(scenario.is_over_http)?.block_on(async {
        let testbed = Testbed::new(scenario, seed).await?;
        let dir = tempfile::tempdir()?;
        let run = match scenario.task {
            Measured::Add => None,
            Measured::Undo | Measured::Verify => Some(testbed.added(dir.path()).await?),
        };
        let start = Instant::now();
        let job = testbed.job.clone();
        let running: Finished = match run {
            None => program.run(job),
            Some(run) if scenario.task == Measured::Undo => {
                Box::pin(async move { parts::undo(&run, job).await })
            }
            Some(run) => Box::pin(async move { parts::verify(&run, job).await }),
        };
        let finished = tokio::time::timeout(FOREVER, running).await;
        finished.map_err(|_| "the program does not end")??;
        testbed.figures(scenario, start.elapsed())
    })
}

fn runtime(is_real_time: bool) -> std::io::Result<Runtime> {
    if is_real_time {
        return Builder::new_multi_thread().enable_all().build();
    }
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
}
