//! How close a job comes to the least time that the limits allow, on virtual time.
//!
//! `cargo bench --bench makespan` plays the scenarios of `scenarios/` and `mixes/`, and checks the
//! figures of each against its bands. Names choose some of them, with another seed:
//! `-- one_channel outage seed=11`.
//!
//! | mode | what it does |
//! |---|---|
//! | `-- mixes` | plays a hundred random mixes of channels |
//! | `-- peers` | compares with the peers of `peers/`, with the six mixes and the random ones |
//! | `-- http` | compares with one peer over HTTP on loopback, in real time: about 6 minutes |
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod compare;
#[expect(
    dead_code,
    reason = "what only unit tests use; `cargo test --test it makespan` runs them"
)]
mod peers;
#[expect(
    dead_code,
    reason = "what only unit tests use; `cargo test --test it makespan` runs them"
)]
mod trial;

use std::path::Path;
use std::process::ExitCode;

use trial::Scenario;

fn main() -> Result<ExitCode, String> {
    let words = std::env::args().skip(1);
    let (seeds, names): (Vec<String>, Vec<String>) = words
        .filter(|word| !word.starts_with('-'))
        .partition(|word| word.starts_with("seed="));
    let given_seed = seeds
        .iter()
        .find_map(|word| word["seed=".len()..].parse().ok());
    let seed = given_seed.unwrap_or(1);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let table = match names.first().map(String::as_str) {
        Some("mixes") => compare::random_mixes(seed, threads)?,
        Some("peers") => compare::with_peers(seed, threads)?,
        Some("http") => compare::over_http(seed)?,
        _ => return check_bands(&names, given_seed, threads),
    };
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}

/// Plays the scenarios with these names, or all.
fn check_bands(names: &[String], seed: Option<u64>, threads: usize) -> Result<ExitCode, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/makespan/scenarios");
    let mut scenarios = Scenario::all(&folder)?;
    scenarios.extend(compare::six_mixes()?);
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
