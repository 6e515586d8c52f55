//! The four reports are of one state of the run, or nothing claims that they are: wherever the
//! process that writes them is killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use chime_bulk::model::Outcome;
use chime_bulk::report::Summary;
use serde_json::Value;

use super::fault::{self, Errno, Fault, Kind};
use crate::support::expected::{RUN, copy, names};
use crate::support::program::{APP, Ended, FAST, WorkDir, ids};

const LIST: &str = "list.csv";
pub(super) const REPORTS: [&str; 4] = ["results.csv", "failed.csv", "report.html", "summary.json"];
/// Rows of the list, the last two of users that are missing at first.
const ROWS: usize = 150;

/// Which reports are being written when the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    /// The run's first.
    Run,
    /// Those of a retry, in the place of the run's: two more members are in.
    Retry,
}

impl Session {
    /// A place where this session is about to begin.
    pub(super) fn place(self) -> WorkDir {
        let place = WorkDir::with(LIST, ids("u", ROWS - 2) + "gone1\ngone2\n");
        if self == Self::Retry {
            let ended = Ended::of(&mut run(&place));
            assert_eq!(ended.code, Some(1), "{ended:#?}");
        }
        place
    }

    pub(super) fn command(self, place: &WorkDir) -> Command {
        match self {
            Self::Run => run(place),
            Self::Retry => again(place, "retry"),
        }
    }
}

fn run(place: &WorkDir) -> Command {
    let channel = format!("{APP}/channel/c");
    let begin = ["run", LIST, "--run-dir", RUN, "--channel-arn", &channel];
    let missing = ["--missing-users", "gone"];
    place.command(begin.iter().chain(&FAST).chain(&missing))
}

/// `resume` or `retry`, in a sandbox where nobody is missing; or `report`.
fn again(place: &WorkDir, word: &str) -> Command {
    let flags: &[&str] = if word == "report" { &[] } else { &FAST[1..] };
    place.command([word, RUN].iter().chain(flags))
}

/// Runs the program, which is killed before its call of this number.
#[track_caller]
fn kill(kind: Kind, at: u64, place: &WorkDir, command: Command) {
    let ended = kill_if_reached(kind, at, place, command);
    assert_eq!(ended.code, None, "not killed: {ended:#?}");
}

/// Runs the program, which is killed before its call of this number if it makes that many.
fn kill_if_reached(kind: Kind, at: u64, place: &WorkDir, command: Command) -> Ended {
    let (errno, lasts) = (Errno::Killed, false);
    let fault = Fault {
        kind,
        errno,
        at,
        lasts,
    };
    Ended::of(&mut fault.on(place, command))
}

/// A place with a copy of this run.
fn copied(place: &WorkDir) -> WorkDir {
    let other = WorkDir::new();
    std::fs::copy(place.path(LIST), other.path(LIST)).unwrap();
    copy(&place.path(RUN), &other.path(RUN));
    other
}

fn reports(dir: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    let read = |name| Some((name, std::fs::read(dir.join(name)).ok()?));
    REPORTS.into_iter().filter_map(read).collect()
}

fn status(place: &WorkDir) -> Value {
    let ended = place.run(["status", RUN, "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Whether `results.csv` and `failed.csv` are of the state that `summary.json` is of.
fn agree(dir: &Path) -> bool {
    let text = std::fs::read_to_string(dir.join("summary.json")).unwrap();
    let summary: Summary = serde_json::from_str(&text).unwrap();
    let records = |name: &str| -> Vec<csv::StringRecord> {
        let reader = csv::Reader::from_path(dir.join(name));
        reader.unwrap().records().map(Result::unwrap).collect()
    };
    let rows = records("results.csv");
    let are = |outcome: Outcome| {
        rows.iter()
            .filter(|row| &row[4] == outcome.as_str())
            .count()
    };
    let is_counted = |outcome| are(outcome) as u64 == summary.tally().of(outcome);
    Outcome::ALL.into_iter().all(is_counted)
        && rows.len() as u64 == summary.rows_read
        && records("failed.csv").len() == are(Outcome::Failed) + are(Outcome::NotAttempted)
}

/// Nothing claims that reports of different states belong together, neither `status` nor the
/// directory itself.
#[track_caller]
fn claims_nothing_false(place: &WorkDir, before: &BTreeMap<&str, Vec<u8>>) {
    let (dir, status) = (place.path(RUN), status(place));
    let now = reports(&dir);
    let shown = place.run(["status", RUN]).stdout;
    if now.contains_key("summary.json") {
        assert_eq!(now.len(), REPORTS.len(), "{:?}", now.keys());
        assert!(agree(&dir), "{shown}");
        let are_old = now
            .iter()
            .filter(|(name, text)| before.get(*name) == Some(text));
        let old: Vec<_> = are_old.map(|(name, _)| name).collect();
        assert!(
            [0, REPORTS.len()].contains(&old.len()),
            "only {old:?} are old"
        );
    }
    if status["reports"] == "complete" {
        assert!(now.contains_key("summary.json"), "{shown}");
        assert_counted(place, &status);
    } else {
        assert!(shown.contains("`chime-bulk report run`"), "{shown}");
    }
}

/// The summary counts what the ledger does.
#[track_caller]
fn assert_counted(place: &WorkDir, status: &Value) {
    let summary = serde_json::to_value(place.summary(RUN)).unwrap();
    for name in ["rows_read", "added", "failed", "calls", "finished_at"] {
        assert_eq!(summary[name], status[name], "{name}");
    }
}

/// The reports are of the state that the run is in, and all of them are.
#[track_caller]
fn are_complete(place: &WorkDir) {
    let status = status(place);
    assert_eq!(status["reports"], "complete", "{status:#}");
    assert!(agree(&place.path(RUN)));
    assert_counted(place, &status);
    let mut expected = [&REPORTS[..], &["ledger.db", "owner.lock"]].concat();
    expected.sort_unstable();
    assert_eq!(names(&place.path(RUN)), expected);
    let before = reports(&place.path(RUN));
    place.run(["report", RUN]);
    assert_eq!(reports(&place.path(RUN)), before);
}

#[test]
fn killed_at_any_rename_the_reports_are_of_one_state_or_known_not_to_be() {
    for session in [Session::Run, Session::Retry] {
        let place = session.place();
        let command = session.command(&place);
        Ended::of(&mut fault::counting(Kind::Rename, &place, command));
        let renames = fault::counted(&place);
        assert_eq!(renames, REPORTS.len() as u64);
        for at in 1..=renames {
            let place = session.place();
            let before = reports(&place.path(RUN));
            kill(Kind::Rename, at, &place, session.command(&place));
            claims_nothing_false(&place, &before);
            assert_eq!(status(&place)["reports"], "incomplete");
            for word in ["report", "resume", "retry"] {
                let place = copied(&place);
                let ended = Ended::of(&mut again(&place, word));
                let (code, added) = match (session, word) {
                    (Session::Run, "retry") => (0, ROWS),
                    (Session::Run, _) => (1, ROWS - 2),
                    // Nobody is left to be tried again.
                    (Session::Retry, "retry") => (2, ROWS),
                    (Session::Retry, _) => (0, ROWS),
                };
                assert_eq!(ended.code, Some(code), "{word}: {ended:#?}");
                are_complete(&place);
                assert_eq!(place.summary(RUN).added, added as u64, "{word}");
            }
        }
    }
}

#[test]
fn killed_at_any_call_to_the_disk_a_report_is_written_by_the_next() {
    let torn = Session::Retry.place();
    let before = reports(&torn.path(RUN));
    kill(Kind::Rename, 2, &torn, Session::Retry.command(&torn));
    for kind in [
        Kind::Open,
        Kind::Write,
        Kind::Sync,
        Kind::Rename,
        Kind::Unlink,
    ] {
        let place = copied(&torn);
        Ended::of(&mut fault::counting(kind, &place, again(&place, "report")));
        let calls = fault::counted(&place);
        assert!(calls > 0, "{kind:?} never happens");
        for at in 1..=calls {
            let place = copied(&torn);
            kill(kind, at, &place, again(&place, "report"));
            claims_nothing_false(&place, &before);
            let ended = Ended::of(&mut again(&place, "report"));
            assert_eq!(ended.code, Some(0), "{kind:?} {at}: {ended:#?}");
            are_complete(&place);
        }
    }
}

#[test]
fn killed_at_any_sync_of_a_retry_no_earlier_report_is_taken_for_its_own() {
    let place = Session::Retry.place();
    let before = reports(&place.path(RUN));
    let counted = copied(&place);
    let command = Session::Retry.command(&counted);
    Ended::of(&mut fault::counting(Kind::Sync, &counted, command));
    for at in 1..=fault::counted(&counted) {
        let place = copied(&place);
        // How many syncs a session makes depends on which answers come together.
        kill_if_reached(Kind::Sync, at, &place, Session::Retry.command(&place));
        claims_nothing_false(&place, &before);
        let ended = Ended::of(&mut again(&place, "resume"));
        if ended.code == Some(1) {
            let ended = Ended::of(&mut again(&place, "retry"));
            assert_eq!(ended.code, Some(0), "{ended:#?}");
        }
        are_complete(&place);
        assert_eq!(place.summary(RUN).added, ROWS as u64);
    }
}

#[test]
fn a_set_that_cannot_be_written_leaves_the_earlier_one() {
    for name in REPORTS {
        let place = Session::Retry.place();
        let dir = place.path(RUN);
        let before = reports(&dir);
        let in_the_way = dir.join(format!(".{name}.part"));
        std::fs::create_dir(&in_the_way).unwrap();
        let ended = Ended::of(&mut Session::Retry.command(&place));
        assert_eq!(ended.code, Some(3), "{name}: {ended:#?}");
        assert_eq!(reports(&dir), before, "{name}");
        let status = status(&place);
        // It is refused before the run is changed.
        assert_eq!(status["reports"], "complete");
        std::fs::remove_dir(in_the_way).unwrap();
        assert_eq!(Ended::of(&mut Session::Retry.command(&place)).code, Some(0));
        are_complete(&place);
    }
}

#[test]
fn a_report_that_somebody_removed_or_put_back_is_missed() {
    let place = Session::Retry.place();
    let dir = place.path(RUN);
    let earlier = reports(&dir);
    assert_eq!(Ended::of(&mut Session::Retry.command(&place)).code, Some(0));
    are_complete(&place);
    for name in REPORTS {
        std::fs::remove_file(dir.join(name)).unwrap();
        assert_eq!(status(&place)["reports"], "incomplete", "{name}");
        place.run(["report", RUN]);
        are_complete(&place);
    }
    std::fs::write(dir.join("summary.json"), &earlier["summary.json"]).unwrap();
    assert_eq!(status(&place)["reports"], "incomplete");
    // Nobody is left to be tried again; the reports are put right all the same.
    assert_eq!(Ended::of(&mut again(&place, "retry")).code, Some(2));
    are_complete(&place);
}
