//! The least a list takes, as a run prints it: once the list is read, and against the time it took.

use chime_bulk::schedule::Binding;

use crate::cli::plan::{list, same};
use crate::support::program::{APP, WorkDir};

#[test]
fn a_run_tells_its_bound_once_the_list_is_read_and_so_does_resume() {
    let place = WorkDir::with("list.csv", list(APP, &[("a", 250), ("b", 1)]));
    let rates = ["--channel-rate", "1000", "--bearer-rate", "10", "--json"];
    let begin = [
        "run",
        "list.csv",
        "--run-dir",
        "run",
        "--sandbox",
        "--unlimited",
    ];
    let run = place.run(begin.iter().chain(&rates));
    assert_eq!(run.code, Some(0), "{run:#?}");
    let said = "bound: at least 4 calls, 0.3 s at the limits; the bearers' rate binds\n";
    assert_eq!(run.stderr.matches(said).count(), 1, "{run:#?}");
    let resumed = place.run(["resume", "run"]);
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    assert_eq!(resumed.stderr.matches(said).count(), 1, "{resumed:#?}");

    let summary = place.summary("run");
    assert_eq!(summary.binding_limit, Some(Binding::Bearers));
    same(summary.lower_bound_seconds, 0.3);
    let ratio = summary.lower_bound_ratio.unwrap();
    same(ratio, summary.elapsed_seconds / 0.3);
    let line = format!("(at least 0.3 s), {ratio:.2} times that\n");
    assert!(resumed.stdout.contains(&line), "{resumed:#?}");
}

#[test]
fn a_run_without_a_bound_is_held_against_none() {
    let place = WorkDir::with("list.csv", list(APP, &[("a", 2)]));
    let run = place.run_fast("list.csv", &[]);
    assert_eq!(run.code, Some(0), "{run:#?}");
    let said = "bound: at least 1 call, 0.0 s at the limits; no limit binds\n";
    assert!(run.stderr.contains(said), "{run:#?}");
    let summary = place.summary("run");
    assert_eq!(
        (summary.lower_bound_ratio, summary.binding_limit),
        (None, None)
    );
    assert!(!run.stdout.contains("times that"), "{run:#?}");
}
