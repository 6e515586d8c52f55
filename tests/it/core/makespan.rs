//! How close jobs come to the least time that the limits allow: the scenarios of the bench
//! `makespan`, checked against their bands.

#[path = "../../../benches/makespan/trial/mod.rs"]
mod trial;

use std::path::Path;

use trial::{ChimeBulk, Figures, Scenario, Spread};

/// The random mixes that are played; the bench plays more.
const MIXES: u64 = 40;

fn threads() -> usize {
    std::thread::available_parallelism().unwrap().get()
}

fn check_bands(name: &str, at_least: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/makespan");
    let scenarios = Scenario::all(&folder.join(name)).unwrap();
    assert!(scenarios.len() >= at_least);
    let report = trial::run_all(&scenarios, threads());
    assert_eq!(report.failed, 0, "out of their bands:\n{}", report.table);
}

#[test]
fn every_scenario_is_within_its_bands() {
    check_bands("scenarios", 19);
}

#[test]
fn every_mix_of_channels_is_within_its_bands() {
    check_bands("mixes", 6);
}

#[test]
fn random_mixes_take_little_more_than_the_lower_bound() {
    let mixes = trial::random_mixes(MIXES, 1);
    let figures = trial::play_all(&ChimeBulk, &mixes, threads());
    let figures: Vec<Figures> = figures.into_iter().map(Result::unwrap).collect();
    let ratio = Spread::of(&figures, Figures::ratio);
    let refused = Spread::of(&figures, Figures::throttled_share);
    let is_near = ratio.median <= 1.03 && ratio.worst <= 1.06;
    let are_few = refused.median <= 0.02 && refused.worst <= 0.05;
    assert!(is_near && are_few, "{ratio:?}, refused {refused:?}");
}
