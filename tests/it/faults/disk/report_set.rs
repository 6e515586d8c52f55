//! Wherever a process that writes reports is killed, the four reports are of one state of the run,
//! or `status` and the missing `summary.json` show that they are not.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use chime_bulk::model::Outcome;
use chime_bulk::report::Summary;
use serde_json::Value;

use super::fault::{self, Errno, Fault, Kind};
use crate::support::expected::{RUN, copy, names};
use crate::support::program::{CHANNEL, FAST, Output, WorkDir, ids};

const LIST: &str = "list.csv";
pub(super) const REPORTS: [&str; 4] = ["results.csv", "failed.csv", "report.html", "summary.json"];
/// Rows of the list. The users of the last two are missing at first.
const ROWS: usize = 150;

/// The session that is killed while it writes reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    /// `run`, which writes the first reports.
    Run,
    /// `retry`, which adds two more members and replaces the reports.
    Retry,
}

impl Session {
    /// A directory in which this session can begin.
    pub(super) fn prepare(self) -> WorkDir {
        let work_dir = WorkDir::with(LIST, ids("u", ROWS - 2) + "gone1\ngone2\n");
        if self == Self::Retry {
            let output = Output::of(&mut run(&work_dir));
            assert_eq!(output.code, Some(1), "{output:#?}");
        }
        work_dir
    }

    pub(super) fn command(self, work_dir: &WorkDir) -> Command {
        match self {
            Self::Run => run(work_dir),
            Self::Retry => follow_up(work_dir, "retry"),
        }
    }
}

fn run(work_dir: &WorkDir) -> Command {
    let begin = ["run", LIST, "--run-dir", RUN, "--channel-arn", CHANNEL];
    let missing = ["--missing-users", "gone"];
    work_dir.command(begin.iter().chain(&FAST).chain(&missing))
}

/// `resume` or `retry`, in a sandbox where no user is missing; or `report`.
fn follow_up(work_dir: &WorkDir, command: &str) -> Command {
    let flags: &[&str] = if command == "report" { &[] } else { &FAST[1..] };
    work_dir.command([command, RUN].iter().chain(flags))
}

/// Runs a command, which must be killed before its n-th call of this kind.
#[track_caller]
fn kill(kind: Kind, at: u64, work_dir: &WorkDir, command: Command) {
    let output = kill_if_reached(kind, at, work_dir, command);
    assert_eq!(output.code, None, "not killed: {output:#?}");
}

/// Runs a command, which is killed before its n-th call of this kind if it makes that many.
fn kill_if_reached(kind: Kind, at: u64, work_dir: &WorkDir, command: Command) -> Output {
    let (errno, lasts) = (Errno::Killed, false);
    let fault = Fault {
        kind,
        errno,
        at,
        lasts,
    };
    Output::of(&mut fault.on(work_dir, command))
}

/// A directory with a copy of the list and the run.
fn copy_of(work_dir: &WorkDir) -> WorkDir {
    let other = WorkDir::new();
    std::fs::copy(work_dir.path(LIST), other.path(LIST)).unwrap();
    copy(&work_dir.path(RUN), &other.path(RUN));
    other
}

fn reports(dir: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    let read = |name| Some((name, std::fs::read(dir.join(name)).ok()?));
    REPORTS.into_iter().filter_map(read).collect()
}

fn status(work_dir: &WorkDir) -> Value {
    let output = work_dir.run(["status", RUN, "--json"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    serde_json::from_str(&output.stdout).unwrap()
}

/// Whether `results.csv` and `failed.csv` have the counts of `summary.json`.
fn are_of_one_state(dir: &Path) -> bool {
    let text = std::fs::read_to_string(dir.join("summary.json")).unwrap();
    let summary: Summary = serde_json::from_str(&text).unwrap();
    let records = |name: &str| -> Vec<csv::StringRecord> {
        let reader = csv::Reader::from_path(dir.join(name));
        reader.unwrap().records().map(Result::unwrap).collect()
    };
    let rows = records("results.csv");
    let count = |outcome: Outcome| {
        rows.iter()
            .filter(|row| &row[4] == outcome.as_str())
            .count()
    };
    let is_counted = |outcome| count(outcome) as u64 == summary.tally().of(outcome);
    Outcome::ALL.into_iter().all(is_counted)
        && rows.len() as u64 == summary.rows_read
        && records("failed.csv").len() == count(Outcome::Failed) + count(Outcome::NotAttempted)
}

/// Checks that neither `status` nor a `summary.json` claims that reports of different states belong
/// together.
#[track_caller]
fn check_claims(work_dir: &WorkDir, before: &BTreeMap<&str, Vec<u8>>) {
    let (dir, status) = (work_dir.path(RUN), status(work_dir));
    let now = reports(&dir);
    let shown = work_dir.run(["status", RUN]).stdout;
    if now.contains_key("summary.json") {
        assert_eq!(now.len(), REPORTS.len(), "{:?}", now.keys());
        assert!(are_of_one_state(&dir), "{shown}");
        let is_old = |(name, text): &(&&str, &Vec<u8>)| before.get(**name) == Some(*text);
        let old: Vec<_> = now.iter().filter(is_old).map(|(name, _)| name).collect();
        assert!(
            [0, REPORTS.len()].contains(&old.len()),
            "only {old:?} are old"
        );
    }
    if status["reports"] == "complete" {
        assert!(now.contains_key("summary.json"), "{shown}");
        check_counts(work_dir, &status);
    } else {
        assert!(shown.contains("`chime-bulk report run`"), "{shown}");
    }
}

/// Checks that the summary has the counts of the ledger.
#[track_caller]
fn check_counts(work_dir: &WorkDir, status: &Value) {
    let summary = serde_json::to_value(work_dir.summary(RUN)).unwrap();
    for name in ["rows_read", "added", "failed", "calls", "finished_at"] {
        assert_eq!(summary[name], status[name], "{name}");
    }
}

/// Checks that all four reports exist, and are of the current state of the run.
#[track_caller]
fn check_complete(work_dir: &WorkDir) {
    let status = status(work_dir);
    assert_eq!(status["reports"], "complete", "{status:#}");
    assert!(are_of_one_state(&work_dir.path(RUN)));
    check_counts(work_dir, &status);
    let mut expected = [&REPORTS[..], &["ledger.db", "owner.lock"]].concat();
    expected.sort_unstable();
    assert_eq!(names(&work_dir.path(RUN)), expected);
    let before = reports(&work_dir.path(RUN));
    work_dir.run(["report", RUN]);
    assert_eq!(reports(&work_dir.path(RUN)), before);
}

#[test]
fn after_a_kill_at_any_rename_the_reports_are_of_one_state_or_incomplete() {
    for session in [Session::Run, Session::Retry] {
        let work_dir = session.prepare();
        let command = session.command(&work_dir);
        Output::of(&mut fault::counting(Kind::Rename, &work_dir, command));
        let renames = fault::counted(&work_dir);
        assert_eq!(renames, REPORTS.len() as u64);
        for at in 1..=renames {
            let work_dir = session.prepare();
            let before = reports(&work_dir.path(RUN));
            kill(Kind::Rename, at, &work_dir, session.command(&work_dir));
            check_claims(&work_dir, &before);
            assert_eq!(status(&work_dir)["reports"], "incomplete");
            for command in ["report", "resume", "retry"] {
                let work_dir = copy_of(&work_dir);
                let output = Output::of(&mut follow_up(&work_dir, command));
                let (code, added) = match (session, command) {
                    (Session::Run, "retry") => (0, ROWS),
                    (Session::Run, _) => (1, ROWS - 2),
                    // No row is left to retry.
                    (Session::Retry, "retry") => (2, ROWS),
                    (Session::Retry, _) => (0, ROWS),
                };
                assert_eq!(output.code, Some(code), "{command}: {output:#?}");
                check_complete(&work_dir);
                assert_eq!(work_dir.summary(RUN).added, added as u64, "{command}");
            }
        }
    }
}

#[test]
fn after_a_kill_at_any_disk_call_the_next_report_command_writes_all_reports() {
    let torn = Session::Retry.prepare();
    let before = reports(&torn.path(RUN));
    kill(Kind::Rename, 2, &torn, Session::Retry.command(&torn));
    for kind in [
        Kind::Open,
        Kind::Write,
        Kind::Sync,
        Kind::Rename,
        Kind::Unlink,
    ] {
        let work_dir = copy_of(&torn);
        Output::of(&mut fault::counting(
            kind,
            &work_dir,
            follow_up(&work_dir, "report"),
        ));
        let calls = fault::counted(&work_dir);
        assert!(calls > 0, "{kind:?} never happens");
        for at in 1..=calls {
            let work_dir = copy_of(&torn);
            kill(kind, at, &work_dir, follow_up(&work_dir, "report"));
            check_claims(&work_dir, &before);
            let output = Output::of(&mut follow_up(&work_dir, "report"));
            assert_eq!(output.code, Some(0), "{kind:?} {at}: {output:#?}");
            check_complete(&work_dir);
        }
    }
}

#[test]
fn after_a_kill_at_any_sync_of_a_retry_earlier_reports_do_not_count_as_its_own() {
    let work_dir = Session::Retry.prepare();
    let before = reports(&work_dir.path(RUN));
    let counted = copy_of(&work_dir);
    let command = Session::Retry.command(&counted);
    Output::of(&mut fault::counting(Kind::Sync, &counted, command));
    for at in 1..=fault::counted(&counted) {
        let work_dir = copy_of(&work_dir);
        // The number of syncs varies: answers that come together share one.
        kill_if_reached(Kind::Sync, at, &work_dir, Session::Retry.command(&work_dir));
        check_claims(&work_dir, &before);
        let output = Output::of(&mut follow_up(&work_dir, "resume"));
        if output.code == Some(1) {
            let output = Output::of(&mut follow_up(&work_dir, "retry"));
            assert_eq!(output.code, Some(0), "{output:#?}");
        }
        check_complete(&work_dir);
        assert_eq!(work_dir.summary(RUN).added, ROWS as u64);
    }
}

#[test]
fn reports_that_cannot_be_written_leave_the_earlier_ones() {
    for name in REPORTS {
        let work_dir = Session::Retry.prepare();
        let dir = work_dir.path(RUN);
        let before = reports(&dir);
        let obstacle = dir.join(format!(".{name}.part"));
        std::fs::create_dir(&obstacle).unwrap();
        let output = Output::of(&mut Session::Retry.command(&work_dir));
        assert_eq!(output.code, Some(3), "{name}: {output:#?}");
        assert_eq!(reports(&dir), before, "{name}");
        let status = status(&work_dir);
        // The command stops before it changes the run.
        assert_eq!(status["reports"], "complete");
        std::fs::remove_dir(obstacle).unwrap();
        assert_eq!(
            Output::of(&mut Session::Retry.command(&work_dir)).code,
            Some(0)
        );
        check_complete(&work_dir);
    }
}

#[test]
fn a_report_that_was_removed_or_replaced_by_an_earlier_one_makes_the_set_incomplete() {
    let work_dir = Session::Retry.prepare();
    let dir = work_dir.path(RUN);
    let earlier = reports(&dir);
    assert_eq!(
        Output::of(&mut Session::Retry.command(&work_dir)).code,
        Some(0)
    );
    check_complete(&work_dir);
    for name in REPORTS {
        std::fs::remove_file(dir.join(name)).unwrap();
        assert_eq!(status(&work_dir)["reports"], "incomplete", "{name}");
        work_dir.run(["report", RUN]);
        check_complete(&work_dir);
    }
    std::fs::write(dir.join("summary.json"), &earlier["summary.json"]).unwrap();
    assert_eq!(status(&work_dir)["reports"], "incomplete");
    // No row is left to retry. The reports are written all the same.
    assert_eq!(Output::of(&mut follow_up(&work_dir, "retry")).code, Some(2));
    check_complete(&work_dir);
}
