//! Trials of the scheduler. A trial plays a scenario with one seed against the simulated service,
//! and checks its figures against the scenario's bands.
//!
//! The bench and the test `makespan` share this module.

mod bands;
mod bound;
mod figures;
mod play;
mod proxy;
mod roster;
mod scenario;

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

pub(crate) use scenario::Scenario;

/// The results of all trials.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// A line for each trial with its figures, and one for each figure that is out of its band.
    pub(crate) table: String,
    /// The number of trials with a figure out of its band.
    pub(crate) failed: usize,
}

/// Plays all scenarios with all their seeds on this many threads, and checks every trial.
pub(crate) fn run_all(scenarios: &[Scenario], threads: usize) -> Report {
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
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((scenario, seed)) = trials.get(index) else {
                        break;
                    };
                    let line = line(scenario, *seed);
                    lines.lock().unwrap_or_else(PoisonError::into_inner)[index] = line;
                }
            });
        }
    });
    let mut report = Report {
        table: figures::HEAD.to_owned(),
        ..Report::default()
    };
    for (line, has_failed) in lines.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let _ = write!(report.table, "\n{line}");
        report.failed += usize::from(has_failed);
    }
    report
}

/// Plays a trial. Returns its lines, and whether it failed.
fn line(scenario: &Scenario, seed: u64) -> (String, bool) {
    let name = format!("{} {seed}", scenario.name);
    let (mut line, violations) = match play::play(scenario, seed) {
        Ok(figures) => (
            format!("{name:<33}{figures}"),
            scenario.bands.violations(&figures),
        ),
        Err(error) => (format!("{name:<33}"), vec![format!("{error}")]),
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
