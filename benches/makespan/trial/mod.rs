//! Trials of programs that add members, and of what follows. A trial plays a scenario with one seed against the simulated
//! service, and checks its figures against the scenario's bands.
//!
//! The bench and the test `makespan` share this module.

mod bands;
mod bound;
mod chime_bulk;
mod figures;
mod link;
mod network;
mod parts;
mod program;
mod proxy;
mod random_mixes;
mod roster;
mod scenario;
mod testbed;

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

pub(crate) use chime_bulk::ChimeBulk;
pub(crate) use figures::Figures;
pub(crate) use program::{Finished, Program};
pub(crate) use random_mixes::{Spread, random_mixes};
pub(crate) use roster::channel_arn;
pub(crate) use scenario::Scenario;
pub(crate) use testbed::Job;

/// The results of all trials.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// A line for each trial with its figures, and one for each figure that is out of its band.
    pub(crate) table: String,
    /// The number of trials with a figure out of its band.
    pub(crate) failed: usize,
}

/// Plays all scenarios with all their seeds on this many threads. Returns the figures in their order.
///
/// # Errors
/// Of a trial: if the program does not finish, or does not add every member.
pub(crate) fn play_all(
    program: &dyn Program,
    scenarios: &[Scenario],
    threads: usize,
) -> Vec<Result<Figures, String>> {
    let trials: Vec<(&Scenario, u64)> = scenarios.iter().flat_map(Scenario::trials).collect();
    let next = AtomicUsize::new(0);
    let played = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, trials.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((scenario, seed)) = trials.get(index) else {
                        break;
                    };
                    let played_one = program::play(program, scenario, *seed);
                    let figures = played_one.map_err(|error| {
                        let (program, name) = (program.name(), &scenario.name);
                        format!("{program}, {name} {seed}: {error}")
                    });
                    let mut played = played.lock().unwrap_or_else(PoisonError::into_inner);
                    played.push((index, figures));
                }
            });
        }
    });
    let mut played = played.into_inner().unwrap_or_else(PoisonError::into_inner);
    played.sort_by_key(|(index, _)| *index);
    played.into_iter().map(|(_, figures)| figures).collect()
}

/// Plays all scenarios with this program, and checks every trial.
pub(crate) fn run_all(scenarios: &[Scenario], threads: usize) -> Report {
    let figures = play_all(&ChimeBulk, scenarios, threads);
    let mut report = Report {
        table: figures::HEAD.to_owned(),
        ..Report::default()
    };
    let trials = scenarios.iter().flat_map(Scenario::trials);
    for ((scenario, seed), figures) in trials.zip(figures) {
        let (line, has_failed) = line(scenario, seed, figures);
        let _ = write!(report.table, "\n{line}");
        report.failed += usize::from(has_failed);
    }
    report
}

/// The lines of a trial, and whether it failed.
fn line(scenario: &Scenario, seed: u64, figures: Result<Figures, String>) -> (String, bool) {
    let name = format!("{} {seed}", scenario.name);
    let (mut line, violations) = match figures {
        Ok(figures) => (
            format!("{name:<33}{figures}"),
            scenario.bands.violations(&figures),
        ),
        Err(error) => (format!("{name:<33}"), vec![error]),
    };
    let result = if violations.is_empty() {
        "pass"
    } else {
        "FAIL"
    };
    let _ = write!(line, "  {result:<8} {}", scenario.description);
    for violation in &violations {
        let _ = write!(line, "\n        {violation}");
    }
    (line, !violations.is_empty())
}
