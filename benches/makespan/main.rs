//! How close a job comes to the least time that the limits allow. Plays the scenarios of
//! `scenarios/` on virtual time, and checks the figures of each against its bands. To play some of
//! them, with another seed: `cargo bench --bench makespan -- one_channel outage seed=11`.
//!
//! `cargo bench --bench makespan -- http` plays those of `over_http/` in real time, over HTTP on
//! loopback, with the messaging client. It takes about 25 s.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod trial;

use std::path::Path;
use std::process::ExitCode;

use trial::Scenario;

fn main() -> Result<ExitCode, String> {
    let words = std::env::args().skip(1);
    let (seeds, mut names): (Vec<String>, Vec<String>) = words
        .filter(|word| !word.starts_with('-'))
        .partition(|word| word.starts_with("seed="));
    let is_http = names.iter().any(|word| word == "http");
    names.retain(|word| word != "http");
    let folder = if is_http { "over_http" } else { "scenarios" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/makespan")
        .join(folder);
    let mut scenarios = Scenario::all(&folder)?;
    scenarios.retain(|scenario| names.is_empty() || names.contains(&scenario.name));
    if let Some(seed) = seeds
        .iter()
        .find_map(|word| word["seed=".len()..].parse().ok())
    {
        for scenario in &mut scenarios {
            scenario.seeds = vec![seed];
        }
    }
    // In real time, one scenario at a time: others would slow it down.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if is_http { 1 } else { threads };
    let report = trial::run_all(&scenarios, threads);
    println!("{}", report.table);
    Ok(if report.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
