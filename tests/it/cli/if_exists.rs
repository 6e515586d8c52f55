//! `--if-exists`: a job that is started again with the same run directory.

use chime_bulk::model::RunState;

use crate::support::program::{APP, BEARER, CHANNEL, Output, Running, WorkDir, ids};

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

/// Lists of one name and one size, such as those of a nightly export.
#[test]
fn a_finished_run_of_another_list_of_the_same_size_is_refused() {
    for list in [
        ids("u", 250),
        "user_id\n".to_owned(),
        ids("u", 3) + &"\n".repeat(9_000),
    ] {
        let work_dir = WorkDir::with("list.csv", &list);
        assert_eq!(start(&work_dir, &RESUME).code, Some(0));
        let again = start(&work_dir, &RESUME);
        assert!(
            again.stderr.starts_with("this run is finished already"),
            "{again:#?}"
        );
        let mut other = list.clone().into_bytes();
        let at = other.len() - 2;
        other[at] = b'9';
        std::fs::write(work_dir.path("list.csv"), other).unwrap();
        let output = start(&work_dir, &RESUME);
        assert_eq!(output.code, Some(2), "{output:#?}");
        let error =
            "error: run contains another run: its list had other content\n\nhint: pass another";
        assert!(output.stderr.starts_with(error), "{output:#?}");
        std::fs::write(work_dir.path("list.csv"), &list).unwrap();
        let again = start(&work_dir, &RESUME);
        assert!(
            again.stderr.starts_with("this run is finished already"),
            "{again:#?}"
        );
    }
}

/// The run has all rows in its ledger, so it goes on.
#[test]
fn resume_mentions_a_list_that_was_changed_after_it_was_read() {
    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&[]);
    running.wait_for_line("bound:");
    running.interrupt();
    assert_eq!(running.end().code, Some(130));
    let list = ids("u", 3_000);
    let note = |list: Option<&str>, flags: &[&str]| {
        let path = work_dir.path("list.csv");
        match list {
            Some(list) => std::fs::write(path, list).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
        // Stopped at once: the run stays unfinished.
        let resume = [
            "resume",
            "run",
            "--max-in-flight",
            "1",
            "--channel-rate",
            "0.001",
        ];
        let mut running = Running::start(&mut work_dir.command(resume.iter().chain(flags)));
        if flags.is_empty() {
            running.wait_for_line("bound:");
        } else {
            running.wait_for_line("{\"event\":\"begun\"");
        }
        running.interrupt();
        let output = running.end();
        let notes = output
            .stderr
            .lines()
            .filter(|line| line.contains("since this run read it"));
        notes.map(str::to_owned).collect::<Vec<_>>()
    };
    let dir = std::fs::canonicalize(work_dir.path("")).unwrap();
    let path = dir.join("list.csv").display().to_string();
    let grown = list.clone() + "u3001\n";
    let other = list.replace("u17\n", "v17\n");
    let keeps = "since this run read it: the run keeps the rows that it read; start a new run for the \
                 list as it is now";
    assert_eq!(note(Some(&list), &[]), [""; 0]);
    assert_eq!(
        note(Some(&grown), &[]),
        [format!("note: {path} has grown {keeps}")]
    );
    for changed in [&other, &list[..list.len() - 7], &format!("{other}u3001\n")] {
        assert_eq!(
            note(Some(changed), &[]),
            [format!("note: {path} has changed {keeps}")]
        );
    }
    let json = note(Some(&grown), &["--progress", "json"]);
    assert!(
        json[0].starts_with("{\"event\":\"note\",\"text\":\"note: "),
        "{json:?}"
    );
    assert_eq!(note(None, &[]), [""; 0]);
}
