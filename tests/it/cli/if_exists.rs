//! `--if-exists`: a job that is started again with the same run directory.

use chime_bulk::model::RunState;

use crate::support::program::{APP, BEARER, CHANNEL, Output, WorkDir, ids};

fn start(work_dir: &WorkDir, flags: &[&str]) -> Output {
    work_dir.run_fast("list.csv", &[&["--channel-arn", CHANNEL], flags].concat())
}

const RESUME: [&str; 2] = ["--if-exists", "resume"];

#[test]
fn a_finished_run_is_not_repeated() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250) + "gone1\n");
    let flags = ["--missing-users", "gone", "--if-exists", "resume"];
    assert_eq!(start(&work_dir, &flags).code, Some(1));
    let first = work_dir.summary("run");
    let output = start(&work_dir, &flags);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(
        output
            .stderr
            .starts_with("this run is finished already: nothing was done\n"),
        "{output:#?}"
    );
    assert_eq!(work_dir.summary("run"), first);
    // The list may have been removed by then.
    std::fs::remove_file(work_dir.path("list.csv")).unwrap();
    assert_eq!(start(&work_dir, &flags).code, Some(1));
}

#[test]
fn an_interrupted_run_is_resumed() {
    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&RESUME);
    running.wait_for_line("bound:");
    // While it runs, a second process is refused.
    let second = start(&work_dir, &RESUME);
    assert_eq!(second.code, Some(3), "{second:#?}");
    assert!(
        second.stderr.contains("is in use by process "),
        "{second:#?}"
    );
    running.interrupt();
    assert_eq!(running.end().code, Some(130));
    let interrupted = work_dir.summary("run");
    assert_eq!(interrupted.state, RunState::Interrupted);
    let output = start(&work_dir, &RESUME);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let summary = work_dir.summary("run");
    assert_eq!((summary.state, summary.added), (RunState::Finished, 3_000));
    assert_eq!(summary.run_id, interrupted.run_id);
}

#[test]
fn a_new_run_gets_a_directory_beside_the_old_one() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    for (dirs, name) in [(1, "run"), (2, "run-2"), (3, "run-3")] {
        let output = start(&work_dir, &["--if-exists", "new"]);
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert_eq!(work_dir.summary(name).rows_read, 250);
        let found = std::fs::read_dir(work_dir.path("")).unwrap().count();
        assert_eq!(found, dirs + 1);
    }
}

#[test]
fn by_default_an_existing_run_is_an_error() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    assert_eq!(start(&work_dir, &[]).code, Some(0));
    for flags in [&[][..], &["--if-exists", "fail"]] {
        let output = start(&work_dir, flags);
        assert_eq!(output.code, Some(2), "{output:#?}");
        assert!(
            output
                .stderr
                .starts_with("error: run already contains a run\n\nhint: "),
            "{output:#?}"
        );
    }
}

#[test]
fn if_exists_needs_a_run_directory() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let output = work_dir.run(["run", "list.csv", "--sandbox", "--if-exists", "resume"]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(
        output.stderr.contains("hint: pass --run-dir DIR"),
        "{output:#?}"
    );
}

/// The job must not count as done because another one was.
#[test]
fn a_run_of_another_job_is_refused() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    assert_eq!(start(&work_dir, &RESUME).code, Some(0));
    std::fs::write(work_dir.path("other.csv"), ids("v", 250)).unwrap();
    let refused = |list: &str, flags: &[&str], what: &str| {
        let begin = ["run", list, "--run-dir", "run"];
        let output = work_dir.run(begin.iter().chain(&RESUME).chain(flags));
        assert_eq!(output.code, Some(2), "{output:#?}");
        let error =
            format!("error: run contains another run: {what}\n\nhint: pass another --run-dir");
        assert!(output.stderr.starts_with(&error), "{output:#?}");
    };
    let to = ["--channel-arn", CHANNEL, "--sandbox"];
    refused("other.csv", &to, "it has another list");
    let other = format!("{APP}/channel/d");
    let another_way = "it has other options for reading the list";
    refused(
        "list.csv",
        &["--channel-arn", &other, "--sandbox"],
        another_way,
    );
    let by = ["--bearer", BEARER];
    refused(
        "list.csv",
        &[&to[..], &by].concat(),
        "it has another bearer",
    );
    refused(
        "list.csv",
        &[&to[..2], &by].concat(),
        "it was started with --sandbox",
    );
    std::fs::write(work_dir.path("list.csv"), ids("u", 251)).unwrap();
    refused("list.csv", &to, "its list had another size");
}
