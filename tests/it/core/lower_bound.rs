//! The lower bound that a run prints: once the list is read, and beside the time that the run took.

use chime_bulk::schedule::Binding;

use crate::cli::plan::{assert_close, list};
use crate::support::program::{APP, WorkDir};

#[test]
fn run_and_resume_print_the_lower_bound_once_the_list_is_read() {
    let work_dir = WorkDir::with("list.csv", list(APP, &[("a", 250), ("b", 1)]));
    // 14 calls by one bearer: 10 at once, then 10 a second.
    let limits = [
        "--channel-rate",
        "1000",
        "--members-per-call",
        "20",
        "--json",
    ];
    let begin = [
        "run",
        "list.csv",
        "--run-dir",
        "run",
        "--sandbox",
        "--unlimited",
    ];
    let run = work_dir.run(begin.iter().chain(&limits));
    assert_eq!(run.code, Some(0), "{run:#?}");
    let line = "bound: at least 14 calls, 0.4 s at the limits; the bearers' rate binds\n";
    assert_eq!(run.stderr.matches(line).count(), 1, "{run:#?}");
    let resumed = work_dir.run(["resume", "run"]);
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    assert_eq!(resumed.stderr.matches(line).count(), 1, "{resumed:#?}");

    let summary = work_dir.summary("run");
    assert_eq!(summary.binding_limit, Some(Binding::Bearers));
    assert_close(summary.lower_bound_seconds, 0.4);
    let ratio = summary.lower_bound_ratio.unwrap();
    assert_close(ratio, summary.elapsed_seconds / 0.4);
    let line = format!("(at least 0.4 s), {ratio:.2} times that\n");
    assert!(resumed.stdout.contains(&line), "{resumed:#?}");
}

#[test]
fn a_run_whose_lower_bound_is_zero_has_no_ratio() {
    let work_dir = WorkDir::with("list.csv", list(APP, &[("a", 2)]));
    let run = work_dir.run_fast("list.csv", &[]);
    assert_eq!(run.code, Some(0), "{run:#?}");
    let line = "bound: at least 1 call, 0.0 s at the limits; no limit binds\n";
    assert!(run.stderr.contains(line), "{run:#?}");
    let summary = work_dir.summary("run");
    assert_eq!(
        (summary.lower_bound_ratio, summary.binding_limit),
        (None, None)
    );
    assert!(!run.stdout.contains("times that"), "{run:#?}");
}
