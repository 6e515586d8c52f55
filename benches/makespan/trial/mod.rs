//! A trial of the scheduler: a scenario from a file, played against the simulated service, and its
//! figures judged by the scenario's bands.
//!
//! Shared by the bench and the test `makespan`.

mod bands;
mod bound;
mod door;
mod figures;
mod play;
mod roster;
mod scenario;

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

pub(crate) use scenario::Scenario;

/// What became of the trials.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// A line for each trial, with its figures and its broken bands.
    pub(crate) table: String,
    /// How many trials are out of their bands.
    pub(crate) broken: usize,
}

/// Plays all scenarios with all their seeds, spread over `threads`, and judges every trial.
pub(crate) fn hold(scenarios: &[Scenario], threads: usize) -> Report {
    let mut trials: Vec<(&Scenario, u64)> = Vec::new();
    for scenario in scenarios {
        trials.extend(scenario.seeds.iter().map(|seed| (scenario, *seed)));
    }
    let next = AtomicUsize::new(0);
    let lines = Mutex::new(vec![(String::new(), false); trials.len()]);
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, trials.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((scenario, seed)) = trials.get(place) else {
                        break;
                    };
                    let line = line(scenario, *seed);
                    lines.lock().unwrap_or_else(PoisonError::into_inner)[place] = line;
                }
            });
        }
    });
    let mut report = Report {
        table: figures::HEAD.to_owned(),
        ..Report::default()
    };
    for (line, is_broken) in lines.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let _ = write!(report.table, "\n{line}");
        report.broken += usize::from(is_broken);
    }
    report
}

/// A trial's line, and whether it is out of its bands.
fn line(scenario: &Scenario, seed: u64) -> (String, bool) {
    let name = format!("{} {seed}", scenario.name);
    let (mut line, broken) = match play::play(scenario, seed) {
        Ok(figures) => (
            format!("{name:<6}{figures}"),
            scenario.bands.broken(&figures),
        ),
        Err(error) => (
            format!("{name:<6}"),
            vec![format!("it could not be played: {error}")],
        ),
    };
    let verdict = if broken.is_empty() { "pass" } else { "BROKEN" };
    let _ = write!(line, "  {verdict:<8} {}", scenario.sentence);
    for band in &broken {
        let _ = write!(line, "\n        {band}");
    }
    (line, !broken.is_empty())
}
