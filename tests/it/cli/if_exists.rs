//! A scheduled job, started again in the same directory.

use chime_bulk::model::RunState;

use crate::support::program::{APP, Ended, WorkDir, ids};

fn start(place: &WorkDir, flags: &[&str]) -> Ended {
    let channel = format!("{APP}/channel/c");
    place.run_fast("list.csv", &[&["--channel-arn", &channel], flags].concat())
}

const RESUME: [&str; 2] = ["--if-exists", "resume"];

#[test]
fn a_finished_run_is_not_repeated() {
    let place = WorkDir::with("list.csv", ids("u", 250) + "gone1\n");
    let flags = ["--missing-users", "gone", "--if-exists", "resume"];
    assert_eq!(start(&place, &flags).code, Some(1));
    let first = place.summary("run");
    let ended = start(&place, &flags);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(
        ended
            .stderr
            .starts_with("this run is finished already: nothing was done\n"),
        "{ended:#?}"
    );
    assert_eq!(place.summary("run"), first);
    // The list may be put away by then.
    std::fs::remove_file(place.path("list.csv")).unwrap();
    assert_eq!(start(&place, &flags).code, Some(1));
}

#[test]
fn an_interrupted_run_goes_on() {
    let place = WorkDir::new();
    let mut running = place.start_slow(&RESUME);
    running.hear("bound:");
    // While it runs, a second comer is refused.
    let second = start(&place, &RESUME);
    assert_eq!(second.code, Some(3), "{second:#?}");
    assert!(
        second.stderr.contains("is in use by process "),
        "{second:#?}"
    );
    running.interrupt();
    assert_eq!(running.end().code, Some(130));
    let cut = place.summary("run");
    assert_eq!(cut.state, RunState::Interrupted);
    let ended = start(&place, &RESUME);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let summary = place.summary("run");
    assert_eq!((summary.state, summary.added), (RunState::Finished, 3_000));
    assert_eq!(summary.run_id, cut.run_id);
}

#[test]
fn a_new_run_gets_a_directory_beside_the_old() {
    let place = WorkDir::with("list.csv", ids("u", 250));
    for (dirs, name) in [(1, "run"), (2, "run-2"), (3, "run-3")] {
        let ended = start(&place, &["--if-exists", "new"]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert_eq!(place.summary(name).rows_read, 250);
        let found = std::fs::read_dir(place.path("")).unwrap().count();
        assert_eq!(found, dirs + 1);
    }
}

#[test]
fn if_nothing_is_said_it_is_refused() {
    let place = WorkDir::with("list.csv", ids("u", 250));
    assert_eq!(start(&place, &[]).code, Some(0));
    for flags in [&[][..], &["--if-exists", "fail"]] {
        let ended = start(&place, flags);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        assert!(
            ended
                .stderr
                .starts_with("error: run already contains a run\n\nhint: "),
            "{ended:#?}"
        );
    }
}

#[test]
fn if_exists_needs_a_run_directory() {
    let place = WorkDir::with("list.csv", ids("u", 3));
    let ended = place.run(["run", "list.csv", "--sandbox", "--if-exists", "resume"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(
        ended.stderr.contains("hint: pass --run-dir DIR"),
        "{ended:#?}"
    );
}

/// Nobody is to believe that an import was done because another was.
#[test]
fn another_run_is_not_taken_for_this_one() {
    let place = WorkDir::with("list.csv", ids("u", 250));
    assert_eq!(start(&place, &RESUME).code, Some(0));
    std::fs::write(place.path("other.csv"), ids("v", 250)).unwrap();
    let channel = format!("{APP}/channel/c");
    let refused = |list: &str, flags: &[&str], what: &str| {
        let begin = ["run", list, "--run-dir", "run"];
        let ended = place.run(begin.iter().chain(&RESUME).chain(flags));
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        let said =
            format!("error: run contains another run: {what}\n\nhint: pass another --run-dir");
        assert!(ended.stderr.starts_with(&said), "{ended:#?}");
    };
    let to = ["--channel-arn", &channel, "--sandbox"];
    refused("other.csv", &to, "it is of another list");
    let other = format!("{APP}/channel/d");
    let another_way = "it has other options for reading the list";
    refused(
        "list.csv",
        &["--channel-arn", &other, "--sandbox"],
        another_way,
    );
    let bearer = format!("{APP}/user/admin");
    let by = ["--bearer", &bearer];
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
    std::fs::write(place.path("list.csv"), ids("u", 251)).unwrap();
    refused("list.csv", &to, "its list had another size");
}
