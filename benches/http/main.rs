//! The same as the bench `makespan`, in real time: over HTTP on loopback, by the messaging client.
//! Takes about 25 s.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

#[path = "../makespan/trial/mod.rs"]
mod trial;

use std::path::Path;
use std::process::ExitCode;

use trial::Scenario;

fn main() -> Result<ExitCode, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/http/scenarios");
    let scenarios = Scenario::all(&folder)?;
    // One at a time: they are timed.
    let report = trial::hold(&scenarios, 1);
    println!("{}", report.table);
    Ok(if report.broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
