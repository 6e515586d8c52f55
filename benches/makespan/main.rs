//! How close a job comes to the least time that the limits allow, on virtual time: the scenarios of
//! `scenarios/`, each judged by its bands. Some of them, with another seed:
//! `cargo bench --bench makespan -- one_channel outage seed=11`.
//!
//! `cargo bench --bench makespan -- http` plays those of `over_http/` in real time: over HTTP on
//! loopback, by the messaging client. Takes about 25 s.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod trial;

use std::path::Path;
use std::process::ExitCode;

use trial::Scenario;

fn main() -> Result<ExitCode, String> {
    let words = std::env::args().skip(1);
    let (seeds, mut asked): (Vec<String>, Vec<String>) = words
        .filter(|word| !word.starts_with('-'))
        .partition(|word| word.starts_with("seed="));
    let is_http = asked.iter().any(|word| word == "http");
    asked.retain(|word| word != "http");
    let folder = if is_http { "over_http" } else { "scenarios" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/makespan")
        .join(folder);
    let mut scenarios = Scenario::all(&folder)?;
    scenarios.retain(|scenario| asked.is_empty() || asked.contains(&scenario.name));
    if let Some(seed) = seeds
        .iter()
        .find_map(|word| word["seed=".len()..].parse().ok())
    {
        for scenario in &mut scenarios {
            scenario.seeds = vec![seed];
        }
    }
    // In real time, one at a time: they are timed.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if is_http { 1 } else { threads };
    let report = trial::hold(&scenarios, threads);
    println!("{}", report.table);
    Ok(if report.broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
