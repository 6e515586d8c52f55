//! How close a job comes to the least time that the limits allow, on virtual time.
//!
//! `cargo bench --bench makespan` plays the scenarios of `scenarios/` and `mixes/`, and checks the
//! figures of each against its bands. Names choose some of them, with another seed:
//! `-- one_channel outage seed=11`.
//!
//! `-- mixes` plays a hundred random mixes of channels.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

#[expect(
    dead_code,
    reason = "unit tests, and what only they use; `cargo test --test it makespan` runs them"
)]
mod trial;

use std::path::Path;
use std::process::ExitCode;

use trial::{ChimeBulk, Figures, Program, Scenario, Spread};

/// The random mixes of a run of the bench.
const MIXES: u64 = 100;

fn main() -> Result<ExitCode, String> {
    let words = std::env::args().skip(1);
    let (seeds, mut names): (Vec<String>, Vec<String>) = words
        .filter(|word| !word.starts_with('-'))
        .partition(|word| word.starts_with("seed="));
    let seed = seeds
        .iter()
        .find_map(|word| word["seed=".len()..].parse().ok());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    match names.first().map(String::as_str) {
        Some("mixes") => {
            let line = random_mixes(&ChimeBulk, seed.unwrap_or(1), threads)?;
            println!("{line}");
            Ok(ExitCode::SUCCESS)
        }
        _ => check_bands(&std::mem::take(&mut names), seed, threads),
    }
}

/// Plays the scenarios with these names, or all.
fn check_bands(names: &[String], seed: Option<u64>, threads: usize) -> Result<ExitCode, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/makespan");
    let mut scenarios = Scenario::all(&folder.join("scenarios"))?;
    scenarios.extend(Scenario::all(&folder.join("mixes"))?);
    scenarios.retain(|scenario| names.is_empty() || names.contains(&scenario.name));
    if let Some(seed) = seed {
        for scenario in &mut scenarios {
            scenario.seeds = vec![seed];
        }
    }
    let report = trial::run_all(&scenarios, threads);
    println!("{}", report.table);
    Ok(if report.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Plays random mixes. Returns a line with their figures.
fn random_mixes(program: &dyn Program, seed: u64, threads: usize) -> Result<String, String> {
    let mixes = trial::random_mixes(MIXES, seed);
    let figures: Result<Vec<Figures>, String> = trial::play_all(program, &mixes, threads)
        .into_iter()
        .collect();
    let figures = figures?;
    let ratio = Spread::of(&figures, Figures::ratio);
    let refused = Spread::of(&figures, Figures::throttled_share);
    Ok(format!(
        "{:<16} ratio {:.3} to {:.3}, refused {:.2} % to {:.2} % (median, worst)",
        program.name(),
        ratio.median,
        ratio.worst,
        refused.median * 100.0,
        refused.worst * 100.0,
    ))
}
