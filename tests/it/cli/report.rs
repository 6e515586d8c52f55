//! Reports written again, and not written.

use std::collections::BTreeMap;
use std::path::Path;

use chime_bulk::job;
use chime_bulk::ledger::{Durability, Ledger};
use chime_bulk::model::{Limits, RunState};
use chime_bulk::report::{self, ReportError, Reports};

use crate::support::program::{APP, WorkDir, ids};

const REPORTS: [&str; 4] = ["results.csv", "failed.csv", "report.html", "summary.json"];

/// A finished run of 3,001 rows, one of which failed.
fn finished() -> WorkDir {
    let place = WorkDir::with("list.csv", ids("u", 3_000) + "gone\n");
    let channel = format!("{APP}/channel/c");
    let flags = ["--channel-arn", &channel, "--missing-users", "gone"];
    assert_eq!(place.run_fast("list.csv", &flags).code, Some(1));
    place
}

/// Everything in the run directory that is no part of the ledger.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    named
        .filter(|(name, _)| !name.starts_with(job::LEDGER) && name != "owner.lock")
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}

#[test]
fn reports_are_written_again_as_they_were() {
    let place = finished();
    let before = files(&place.path("run"));
    assert_eq!(before.keys().collect::<Vec<_>>(), {
        let mut names = REPORTS;
        names.sort_unstable();
        names
    });
    for name in REPORTS {
        std::fs::remove_file(place.path("run").join(name)).unwrap();
    }
    let ended = place.run(["report", "run"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stdout.contains("3000"), "{ended:#?}");
    assert_eq!(files(&place.path("run")), before);
    let again = place.run(["report", "run", "--json"]);
    assert_eq!(again.stdout.as_bytes(), before["summary.json"]);
    assert_eq!(place.run(["report", "nowhere"]).code, Some(2));
}

#[test]
fn told_to_stop_while_it_is_written_a_report_stays_as_it_was() {
    let place = finished();
    let dir = place.path("run");
    let before = files(&dir);
    let ledger = Ledger::open(&dir.join(job::LEDGER), Durability::None).unwrap();
    let reports = Reports {
        dir: &dir,
        state: RunState::Interrupted,
        limits: &Limits::of_region("us-east-1"),
    };
    let mut asked = 0;
    let written = report::write(&ledger, reports, || {
        asked += 1;
        asked < 2
    });
    assert!(matches!(written, Err(ReportError::Interrupted)));
    assert_eq!(asked, 2);
    assert_eq!(
        files(&dir),
        before,
        "nothing half-written, and nothing left"
    );
}
