//! How close a job comes to the least time that the limits allow, on virtual time: the scenarios of
//! `scenarios/`, each judged by its bands. Named ones alone, and other dice:
//! `cargo bench --bench makespan -- a g seed=11`.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod trial;

use std::path::Path;
use std::process::ExitCode;

use trial::Scenario;

fn main() -> Result<ExitCode, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/makespan/scenarios");
    let mut scenarios = Scenario::all(&folder)?;
    let words = std::env::args().skip(1);
    let (seeds, asked): (Vec<String>, Vec<String>) = words
        .filter(|word| !word.starts_with('-'))
        .partition(|word| word.starts_with("seed="));
    scenarios.retain(|scenario| asked.is_empty() || asked.contains(&scenario.name));
    if let Some(seed) = seeds
        .iter()
        .find_map(|word| word["seed=".len()..].parse().ok())
    {
        for scenario in &mut scenarios {
            scenario.seeds = vec![seed];
        }
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let report = trial::hold(&scenarios, threads);
    println!("{}", report.table);
    Ok(if report.broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
