//! How close jobs come to the least time that the limits allow: the scenarios of the bench
//! `makespan`, checked against their bands.

#[path = "../../../benches/makespan/trial/mod.rs"]
mod trial;

use std::path::Path;

use trial::Scenario;

#[test]
fn every_scenario_is_within_its_bands() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/makespan/scenarios");
    let scenarios = Scenario::all(&folder).unwrap();
    assert!(scenarios.len() > 10);
    let threads = std::thread::available_parallelism().unwrap().get();
    let report = trial::run_all(&scenarios, threads);
    assert_eq!(report.failed, 0, "out of their bands:\n{}", report.table);
}
