//! Something else than a file under a name of ours: it is refused at once, and left as it is.

use std::fs::FileType;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::support::expected::through;
use crate::support::program::{APP, Ended, FAST, Running, WorkDir, ids};

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

/// A finished run of which one row failed, in `run`.
fn finished() -> WorkDir {
    let place = WorkDir::with("list.csv", ids("u", 3) + "gone1\n");
    let ended = place.run_fast("list.csv", &flags());
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    place
}

fn flags() -> Vec<&'static str> {
    let channel = "arn:aws:chime:us-east-1:123456789012:app-instance/i/channel/c";
    assert!(channel.starts_with(APP));
    vec!["--channel-arn", channel, "--missing-users", "gone"]
}

/// The commands that use a run directory, each with its arguments.
fn command(place: &WorkDir, name: &str) -> Command {
    match name {
        "run" => place.command(
            ["run", "list.csv", "--run-dir", "run"]
                .into_iter()
                .chain(FAST)
                .chain(flags()),
        ),
        "runs" => place.command(["runs", "."]),
        name => place.command([name, "run"]),
    }
}

/// Runs it to its end; if it does not end, it is killed.
fn bounded(command: &Command) -> Ended {
    Ended::of(&mut through(&["timeout", "-s", "KILL", "60"], command))
}

fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// What can have a name, how it is made, and how it is recognised.
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

/// The command refuses what has this name in the run directory, and leaves it as it is.
#[track_caller]
fn refuses(place: &WorkDir, command_name: &str, name: &str, (kind, make, is_still): Kind) {
    let path = place.path("run").join(name);
    let aside = place.path("aside");
    let is_there = std::fs::rename(&path, &aside).is_ok();
    make(&path);
    let precious = place.path("precious");
    std::fs::write(&precious, "precious").unwrap();
    let ended = bounded(&command(place, command_name));
    let case = format!("{command_name}, {name}, {kind}: {ended:#?}");
    let what = format!("run/{name} is {kind}, not a regular file");
    if command_name == "runs" {
        assert_eq!(ended.code, Some(0), "{case}");
        assert!(ended.stdout.contains("unreadable  ./run: "), "{case}");
        assert!(ended.stdout.contains(&what), "{case}");
    } else {
        assert_eq!(ended.code, Some(3), "{case}");
        assert!(ended.stderr.contains(&format!("error: {what}\n")), "{case}");
        assert!(ended.stderr.contains("\nhint: "), "{case}");
    }
    let about = std::fs::symlink_metadata(&path).unwrap();
    assert!(is_still(about.file_type()), "{case}");
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
fn a_fifo_is_refused_by_every_command_that_uses_the_name() {
    let place = finished();
    let fifo = KINDS[0];
    for name in OPENED {
        for command in ["resume", "retry", "report", "status", "runs"] {
            refuses(&place, command, name, fifo);
        }
    }
    for name in REPLACED {
        for command in ["resume", "retry", "report"] {
            refuses(&place, command, name, fifo);
        }
    }
    let ended = bounded(&command(&place, "retry"));
    assert_eq!(ended.code, Some(0), "nothing was lost: {ended:#?}");
}

#[test]
fn a_run_is_not_begun_where_something_else_has_a_name() {
    let place = WorkDir::with("list.csv", ids("u", 3));
    std::fs::create_dir(place.path("run")).unwrap();
    for kind in KINDS {
        for name in OPENED.into_iter().chain(REPLACED) {
            refuses(&place, "run", name, kind);
            assert!(!place.path("run/summary.json").exists(), "{name}");
        }
    }
    let ended = bounded(&command(&place, "run"));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

#[test]
fn whatever_it_is_it_is_refused() {
    let place = finished();
    for kind in &KINDS[1..] {
        for name in OPENED.into_iter().chain(REPLACED) {
            refuses(&place, "report", name, *kind);
        }
        refuses(&place, "status", "owner.lock", *kind);
        refuses(&place, "status", "ledger.db", *kind);
    }
}

#[test]
fn a_file_with_another_name_is_not_written_to() {
    let place = finished();
    for name in ["owner.lock", "ledger.db"] {
        let other = place.path("other");
        std::fs::hard_link(place.path("run").join(name), &other).unwrap();
        std::fs::write(place.path("precious"), "").unwrap();
        let before = std::fs::read(&other).unwrap();
        for command_name in ["resume", "retry", "report", "status"] {
            let ended = bounded(&command(&place, command_name));
            assert_eq!(ended.code, Some(3), "{name}: {ended:#?}");
            let what = format!("error: run/{name} is a file with 2 names (hard links)\n\nhint: ");
            assert!(ended.stderr.contains(&what), "{name}: {ended:#?}");
        }
        assert_eq!(std::fs::read(&other).unwrap(), before, "{name}");
        std::fs::remove_file(&other).unwrap();
    }
    // A report is not written to but replaced: what has another name stays as it was.
    std::fs::hard_link(place.path("run/summary.json"), place.path("other")).unwrap();
    let before = std::fs::read(place.path("other")).unwrap();
    assert_eq!(bounded(&command(&place, "retry")).code, Some(0));
    assert_eq!(std::fs::read(place.path("other")).unwrap(), before);
    assert_eq!(place.summary("run").added, 4);
}

#[test]
fn a_log_file_is_a_file_or_a_device_and_links_to_it_are_followed() {
    let place = WorkDir::with("list.csv", ids("u", 3));
    let log_to = |name: &str, dir: &str| {
        let begin = ["run", "list.csv", "--run-dir", dir, "--log-file", name];
        bounded(&place.command(begin.into_iter().chain(FAST).chain(flags())))
    };
    for (kind, make, is_still) in &KINDS[..3] {
        let path = place.path("log");
        make(&path);
        let ended = log_to("log", "run");
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        let what = format!("log is {kind}, not a regular file\n\nhint: ");
        assert!(ended.stderr.contains(&what), "{ended:#?}");
        assert!(!place.path("run").exists());
        let about = std::fs::symlink_metadata(&path).unwrap();
        assert!(is_still(about.file_type()), "{kind}");
        if about.is_dir() {
            std::fs::remove_dir(&path).unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
    }
    symlink("target", place.path("log")).unwrap();
    assert_eq!(log_to("log", "one").code, Some(0));
    let log = std::fs::read_to_string(place.path("target")).unwrap();
    assert!(log.contains("ended with exit code 0"), "{log}");
    assert_eq!(log_to("/dev/null", "two").code, Some(0));
}

/// Whatever comes to have a report's name while calls are made, no call is lost.
#[test]
fn a_fifo_that_comes_during_the_run_is_refused_at_its_end() {
    let place = WorkDir::new();
    let mut running: Running = place.start_slow(&[]);
    running.hear("bound:");
    make_fifo(&place.path("run/results.csv"));
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    let what = "run/results.csv is a FIFO, not a regular file\n\nhint: ";
    assert!(ended.stderr.contains(what), "{ended:#?}");
    assert_eq!(ended.resume(), ["resume", "run"]);
    std::fs::remove_file(place.path("run/results.csv")).unwrap();
    let ended = bounded(&place.command(["report", "run"]));
    assert_eq!(ended.code, Some(1), "{ended:#?}");
}
