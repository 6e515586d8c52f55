//! Tables that compare this program with its peers.

use std::fmt::Write;
use std::path::Path;

use super::peers::{CarefulScript, PEERS};
use super::trial::{self, ChimeBulk, Figures, Program, Scenario, Spread};

/// The random mixes of a run of the bench.
const MIXES: u64 = 100;

/// The six mixes.
pub(crate) fn six_mixes() -> Result<Vec<Scenario>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/makespan/mixes");
    Scenario::all(&folder)
}

/// This program and its peers.
fn programs() -> Vec<&'static dyn Program> {
    let mut programs: Vec<&dyn Program> = vec![&ChimeBulk];
    programs.extend(PEERS);
    programs
}

/// This program with random mixes.
pub(crate) fn random_mixes(seed: u64, threads: usize) -> Result<String, String> {
    let mixes = trial::random_mixes(MIXES, seed);
    random_table(&[&ChimeBulk], &mixes, threads)
}

/// This program and all peers, with the six mixes and with random ones.
pub(crate) fn with_peers(seed: u64, threads: usize) -> Result<String, String> {
    let programs = programs();
    let six = table(&programs, &six_mixes()?, threads)?;
    let mixes = trial::random_mixes(MIXES, seed);
    let random = random_table(&programs, &mixes, threads)?;
    Ok(format!("{six}\n{random}"))
}

/// This program and the careful script with the six mixes, over HTTP in real time, one after the
/// other: others would slow them down.
pub(crate) fn over_http(seed: u64) -> Result<String, String> {
    let mut mixes = six_mixes()?;
    for mix in &mut mixes {
        mix.is_over_http = true;
        mix.seeds = vec![seed];
    }
    table(&[&ChimeBulk, &CarefulScript], &mixes, 1)
}

/// The worst ratio and refused share of each program over the seeds of each mix.
fn table(programs: &[&dyn Program], mixes: &[Scenario], threads: usize) -> Result<String, String> {
    let mut table = format!("{:<78}", "time over the lower bound, calls refused");
    for program in programs {
        let _ = write!(table, "{:>20}", program.name());
    }
    for mix in mixes {
        let _ = write!(table, "\n{:<78}", mix.description);
        for program in programs {
            let figures = figures(*program, std::slice::from_ref(mix), threads)?;
            let ratio = Spread::of(figures.iter().map(Figures::ratio)).worst;
            let refused = Spread::of(figures.iter().map(Figures::throttled_share)).worst;
            let cell = format!("{ratio:.3}  {:>5.1} %", refused * 100.0);
            let _ = write!(table, "{cell:>20}");
        }
    }
    Ok(table + "\n")
}

/// The median and the worst of each program over all mixes.
fn random_table(
    programs: &[&dyn Program],
    mixes: &[Scenario],
    threads: usize,
) -> Result<String, String> {
    let mut table = format!(
        "{:<20}{:>24}{:>24}\n{:<20}{:>12}{:>12}{:>12}{:>12}",
        format!("{} random mixes", mixes.len()),
        "time over the bound",
        "calls refused",
        "",
        "median",
        "worst",
        "median",
        "worst"
    );
    for program in programs {
        let figures = figures(*program, mixes, threads)?;
        let ratio = Spread::of(figures.iter().map(Figures::ratio));
        let refused = Spread::of(figures.iter().map(Figures::throttled_share));
        let _ = write!(
            table,
            "\n{:<20}{:>12.3}{:>12.3}{:>10.1} %{:>10.1} %",
            program.name(),
            ratio.median,
            ratio.worst,
            refused.median * 100.0,
            refused.worst * 100.0,
        );
    }
    Ok(table + "\n")
}

fn figures(
    program: &dyn Program,
    mixes: &[Scenario],
    threads: usize,
) -> Result<Vec<Figures>, String> {
    trial::play_all(program, mixes, threads)
        .into_iter()
        .collect()
}
