//! FIFOs, sockets, directories and links with the name of a file of a run: they are refused, and left
//! as they are.

use std::fs::FileType;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::support::program::{CHANNEL, FAST, Output, Running, WorkDir, ids, make_fifo};

/// Flags of a run of which one row fails.
const FLAGS: [&str; 4] = ["--channel-arn", CHANNEL, "--missing-users", "gone"];
/// Files that every command opens.
const OPENED: [&str; 5] = [
    "owner.lock",
    "ledger.db",
    "ledger.db-wal",
    "ledger.db-shm",
    "ledger.db-journal",
];
/// Files that are replaced as a whole.
const REPLACED: [&str; 8] = [
    "results.csv",
    "failed.csv",
    "summary.json",
    "report.html",
    ".results.csv.part",
    ".failed.csv.part",
    ".summary.json.part",
    ".report.html.part",
];

/// A finished run of which one row failed; the run directory is `run`.
fn finished() -> WorkDir {
    let work_dir = WorkDir::with("list.csv", ids("u", 3) + "gone1\n");
    let output = work_dir.run_fast("list.csv", &FLAGS);
    assert_eq!(output.code, Some(1), "{output:#?}");
    work_dir
}

/// A command that uses the run directory.
fn command(work_dir: &WorkDir, name: &str) -> Command {
    match name {
        "run" => work_dir.command(
            ["run", "list.csv", "--run-dir", "run"]
                .into_iter()
                .chain(FAST)
                .chain(FLAGS),
        ),
        "runs" => work_dir.command(["runs", "."]),
        name => work_dir.command([name, "run"]),
    }
}

/// A kind of file: its name in errors, how it is created, and how it is recognized.
type Kind = (&'static str, fn(&Path), fn(FileType) -> bool);

const KINDS: [Kind; 4] = [
    ("a FIFO", make_fifo, |kind| kind.is_fifo()),
    (
        "a socket",
        |path| drop(UnixListener::bind(path).unwrap()),
        |kind| kind.is_socket(),
    ),
    (
        "a directory",
        |path| std::fs::create_dir(path).unwrap(),
        |kind| kind.is_dir(),
    ),
    (
        "a symbolic link",
        |path| symlink("../precious", path).unwrap(),
        |kind| kind.is_symlink(),
    ),
];

/// Creates a file of this kind in the run directory, and checks that the command refuses it and leaves
/// it as it is.
#[track_caller]
fn check_refused(work_dir: &WorkDir, command_name: &str, name: &str, (kind, make, is_kind): Kind) {
    let path = work_dir.path("run").join(name);
    let aside = work_dir.path("aside");
    let is_there = std::fs::rename(&path, &aside).is_ok();
    make(&path);
    let precious = work_dir.path("precious");
    std::fs::write(&precious, "precious").unwrap();
    let output = Output::within_a_minute(&command(work_dir, command_name));
    let case = format!("{command_name}, {name}, {kind}: {output:#?}");
    let what = format!("run/{name} is {kind}, not a regular file");
    if command_name == "runs" {
        assert_eq!(output.code, Some(0), "{case}");
        assert!(output.stdout.contains("unreadable  ./run: "), "{case}");
        assert!(output.stdout.contains(&what), "{case}");
    } else {
        assert_eq!(output.code, Some(3), "{case}");
        assert!(
            output.stderr.contains(&format!("error: {what}\n")),
            "{case}"
        );
        assert!(output.stderr.contains("\nhint: "), "{case}");
    }
    let about = std::fs::symlink_metadata(&path).unwrap();
    assert!(is_kind(about.file_type()), "{case}");
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious", "{case}");
    if about.is_dir() {
        std::fs::remove_dir(&path).unwrap();
    } else {
        std::fs::remove_file(&path).unwrap();
    }
    if is_there {
        std::fs::rename(&aside, &path).unwrap();
    }
}

#[test]
fn a_fifo_is_refused_by_every_command_that_uses_its_name() {
    let work_dir = finished();
    let fifo = KINDS[0];
    for name in OPENED {
        for command in ["resume", "retry", "report", "status", "runs"] {
            check_refused(&work_dir, command, name, fifo);
        }
    }
    for name in REPLACED {
        for command in ["resume", "retry", "report"] {
            check_refused(&work_dir, command, name, fifo);
        }
    }
    let output = Output::within_a_minute(&command(&work_dir, "retry"));
    assert_eq!(output.code, Some(0), "the run was changed: {output:#?}");
}

#[test]
fn a_run_is_not_begun_if_another_kind_of_file_has_one_of_its_names() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    std::fs::create_dir(work_dir.path("run")).unwrap();
    for kind in KINDS {
        for name in OPENED.into_iter().chain(REPLACED) {
            check_refused(&work_dir, "run", name, kind);
            assert!(!work_dir.path("run/summary.json").exists(), "{name}");
        }
    }
    let output = Output::within_a_minute(&command(&work_dir, "run"));
    assert_eq!(output.code, Some(0), "{output:#?}");
}

#[test]
fn every_other_kind_of_file_is_refused() {
    let work_dir = finished();
    for kind in &KINDS[1..] {
        for name in OPENED.into_iter().chain(REPLACED) {
            check_refused(&work_dir, "report", name, *kind);
        }
        check_refused(&work_dir, "status", "owner.lock", *kind);
        check_refused(&work_dir, "status", "ledger.db", *kind);
    }
}

#[test]
fn a_file_with_a_second_hard_link_is_not_written_to() {
    let work_dir = finished();
    for name in ["owner.lock", "ledger.db"] {
        let other = work_dir.path("other");
        std::fs::hard_link(work_dir.path("run").join(name), &other).unwrap();
        std::fs::write(work_dir.path("precious"), "").unwrap();
        let before = std::fs::read(&other).unwrap();
        for command_name in ["resume", "retry", "report", "status"] {
            let output = Output::within_a_minute(&command(&work_dir, command_name));
            assert_eq!(output.code, Some(3), "{name}: {output:#?}");
            let what = format!("error: run/{name} is a file with 2 names (hard links)\n\nhint: ");
            assert!(output.stderr.contains(&what), "{name}: {output:#?}");
        }
        assert_eq!(std::fs::read(&other).unwrap(), before, "{name}");
        std::fs::remove_file(&other).unwrap();
    }
    // A report is replaced, not written to: the other hard link keeps the old content.
    std::fs::hard_link(work_dir.path("run/summary.json"), work_dir.path("other")).unwrap();
    let before = std::fs::read(work_dir.path("other")).unwrap();
    assert_eq!(
        Output::within_a_minute(&command(&work_dir, "retry")).code,
        Some(0)
    );
    assert_eq!(std::fs::read(work_dir.path("other")).unwrap(), before);
    assert_eq!(work_dir.summary("run").added, 4);
}

#[test]
fn a_log_file_may_be_a_file_a_device_or_a_link() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let log_to = |name: &str, dir: &str| {
        let begin = ["run", "list.csv", "--run-dir", dir, "--log-file", name];
        Output::within_a_minute(&work_dir.command(begin.into_iter().chain(FAST).chain(FLAGS)))
    };
    for (kind, make, is_kind) in &KINDS[..3] {
        let path = work_dir.path("log");
        make(&path);
        let output = log_to("log", "run");
        assert_eq!(output.code, Some(2), "{output:#?}");
        let what = format!("log is {kind}, not a regular file\n\nhint: ");
        assert!(output.stderr.contains(&what), "{output:#?}");
        assert!(!work_dir.path("run").exists());
        let about = std::fs::symlink_metadata(&path).unwrap();
        assert!(is_kind(about.file_type()), "{kind}");
        if about.is_dir() {
            std::fs::remove_dir(&path).unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
    }
    symlink("target", work_dir.path("log")).unwrap();
    assert_eq!(log_to("log", "one").code, Some(0));
    let log = std::fs::read_to_string(work_dir.path("target")).unwrap();
    assert!(log.contains("ended with exit code 0"), "{log}");
    assert_eq!(log_to("/dev/null", "two").code, Some(0));
}

/// The calls that were made are not lost.
#[test]
fn a_fifo_created_during_the_run_is_refused_at_its_end() {
    let work_dir = WorkDir::new();
    let mut running: Running = work_dir.start_slow(&[]);
    running.wait_for_line("bound:");
    make_fifo(&work_dir.path("run/results.csv"));
    running.interrupt();
    let output = running.end();
    assert_eq!(output.code, Some(3), "{output:#?}");
    let what = "run/results.csv is a FIFO, not a regular file\n\nhint: ";
    assert!(output.stderr.contains(what), "{output:#?}");
    assert_eq!(output.resume(), ["resume", "run"]);
    std::fs::remove_file(work_dir.path("run/results.csv")).unwrap();
    let output = Output::within_a_minute(&work_dir.command(["report", "run"]));
    assert_eq!(output.code, Some(1), "{output:#?}");
}
