//! A trial of the scheduler: a scenario from a file, played against the simulated service, and its
//! figures judged by the scenario's bands.
//!
//! Shared by the benches `makespan` and `http`, and by the test `makespan`.

mod bands;
mod bound;
mod door;
mod figures;
mod play;
mod roster;
mod scenario;

use std::error::Error;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

pub(crate) use scenario::Scenario;

/// What became of the trials.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// A line for each scenario, with its figures and its broken bands.
    pub(crate) table: String,
    /// How many scenarios are out of their bands.
    pub(crate) broken: usize,
}

/// Plays all scenarios, each on one of so many threads, and judges all of them.
pub(crate) fn hold(scenarios: &[Scenario], threads: usize) -> Report {
    let next = AtomicUsize::new(0);
    let lines = Mutex::new(vec![(String::new(), false); scenarios.len()]);
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, scenarios.len().max(1)) {
            scope.spawn(|| {
                while let Some((place, scenario)) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    scenarios.get(place).map(|scenario| (place, scenario))
                } {
                    let line = line(scenario);
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

/// A scenario's line, and whether it is out of its bands.
fn line(scenario: &Scenario) -> (String, bool) {
    let played: Result<_, Box<dyn Error>> = play::play(scenario);
    let (mut line, broken) = match played {
        Ok(figures) => (
            format!("{:<4}{figures}", scenario.name),
            scenario.bands.broken(&figures),
        ),
        Err(error) => (
            format!("{:<4}", scenario.name),
            vec![format!("it could not be played: {error}")],
        ),
    };
    let verdict = if broken.is_empty() { "pass" } else { "BROKEN" };
    let _ = write!(line, "  {verdict}  {}", scenario.sentence);
    for band in &broken {
        let _ = write!(line, "\n      {band}");
    }
    (line, !broken.is_empty())
}
