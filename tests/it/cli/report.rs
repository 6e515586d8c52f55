//! `report`: reports that are written again, and reports that are not written.

use std::collections::BTreeMap;
use std::path::Path;

use chime_bulk::job;
use chime_bulk::ledger::{Durability, Ledger};
use chime_bulk::model::{Limits, RunState};
use chime_bulk::report::{self, ReportError, Reports};

use crate::support::program::{CHANNEL, WorkDir, ids};

const REPORTS: [&str; 4] = ["results.csv", "failed.csv", "report.html", "summary.json"];

/// A finished run of 3,001 rows, one of which failed.
fn finished() -> WorkDir {
    let work_dir = WorkDir::with("list.csv", ids("u", 3_000) + "gone\n");
    let flags = ["--channel-arn", CHANNEL, "--missing-users", "gone"];
    assert_eq!(work_dir.run_fast("list.csv", &flags).code, Some(1));
    work_dir
}

/// The files of the run directory, without the ledger and the lock.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    named
        .filter(|(name, _)| !name.starts_with(job::LEDGER) && name != "owner.lock")
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}

#[test]
fn report_writes_the_same_reports_again() {
    let work_dir = finished();
    let before = files(&work_dir.path("run"));
    assert_eq!(before.keys().collect::<Vec<_>>(), {
        let mut names = REPORTS;
        names.sort_unstable();
        names
    });
    for name in REPORTS {
        std::fs::remove_file(work_dir.path("run").join(name)).unwrap();
    }
    let output = work_dir.run(["report", "run"]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(output.stdout.contains("3000"), "{output:#?}");
    assert_eq!(files(&work_dir.path("run")), before);
    let again = work_dir.run(["report", "run", "--json"]);
    assert_eq!(again.stdout.as_bytes(), before["summary.json"]);
    assert_eq!(work_dir.run(["report", "nowhere"]).code, Some(2));
}

#[test]
fn an_interrupted_report_command_leaves_the_reports_as_they_were() {
    let work_dir = finished();
    let dir = work_dir.path("run");
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
        "a report was changed, or a temporary file left"
    );
}
