//! How close jobs come to the least time that the limits allow: the scenarios of the bench
//! `makespan`, checked against their bands.

#[path = "../../../benches/makespan/peers/mod.rs"]
mod peers;
#[path = "../../../benches/makespan/trial/mod.rs"]
mod trial;

use std::path::Path;

use peers::PEERS;
use trial::{ChimeBulk, Figures, Scenario, Spread};

/// The random mixes that are played; the bench plays more.
const MIXES: u64 = 40;

fn threads() -> usize {
    std::thread::available_parallelism().unwrap().get()
}

fn scenarios(name: &str) -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/makespan");
    Scenario::all(&folder.join(name)).unwrap()
}

fn check_bands(name: &str, at_least: usize) {
    let scenarios = scenarios(name);
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
    let ratio = Spread::of(figures.iter().map(Figures::ratio));
    let refused = Spread::of(figures.iter().map(Figures::throttled_share));
    let is_near = ratio.median <= 1.03 && ratio.worst <= 1.05;
    let are_few = refused.median <= 0.02 && refused.worst <= 0.05;
    assert!(is_near && are_few, "{ratio:?}, refused {refused:?}");
}

#[test]
fn the_peers_of_the_bench_add_every_member() {
    let mut mixes = scenarios("mixes");
    mixes.retain(|mix| ["one_of_30", "ten_of_25"].contains(&&*mix.name));
    // One channel, with seeds 1, 2 and 3, then ten.
    let [script, buckets, adaptive] = PEERS.map(|peer| {
        let figures = trial::play_all(peer, &mixes, threads());
        let figures = figures.into_iter().map(Result::unwrap);
        let of_trial = |figures: Figures| (figures.ratio(), figures.throttled_share());
        figures.map(of_trial).collect::<Vec<_>>()
    });
    // 1.05 s apart: late enough for any variation of the network.
    for (ratio, refused) in script {
        assert!(
            (1.048..1.055).contains(&ratio) && refused == 0.0,
            "{ratio}, {refused}"
        );
    }
    // Exactly 1 s apart: the variation makes about every second call too early.
    for (ratio, refused) in &buckets[..3] {
        assert!(
            *ratio > 1.2 && (0.2..0.5).contains(refused),
            "{ratio}, {refused}"
        );
    }
    // Without a pace every call is refused, as soon as its channel was called within a second.
    for (ratio, refused) in adaptive {
        assert!(ratio > 1.5 && refused > 0.2, "{ratio}, {refused}");
    }
}
