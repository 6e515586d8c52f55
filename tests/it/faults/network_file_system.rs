//! Run directories on a network file system: no shared memory, one process at a time, and a host that
//! takes over from another. `--file-system` stands in for the file system; where bindfs can mount one, a
//! run is also on a real FUSE file system, which is recognized.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::program::{CHANNEL, FAST, Output, Running, WorkDir, ids};

/// The flags of a resumed run that is not to wait for the limits.
const AT_ONCE: [&str; 7] = [
    "--unlimited",
    "--latency",
    "0",
    "--channel-rate",
    "100000",
    "--bearer-rate",
    "100000",
];

/// Starts a run on such a file system, and waits until it has a call in its ledger.
fn start(work_dir: &WorkDir, kind: &str) -> Running {
    let mut running = work_dir.start_slow(&["--file-system", kind]);
    running.wait_for_line("bound:");
    running
}

/// Runs a command on the run directory, as on such a file system.
fn on(work_dir: &WorkDir, kind: &str, command: &[&str]) -> Output {
    work_dir.run(command.iter().chain(&["--file-system", kind]))
}

fn resume(work_dir: &WorkDir, kind: &str) -> Output {
    on(work_dir, kind, &[&["resume", "run"], &AT_ONCE[..]].concat())
}

/// Whether a file of the run is there: one of the ledger's, by its end.
fn has(work_dir: &WorkDir, name: &str) -> bool {
    work_dir.path("run").join(name).exists()
}

/// Makes the process that was killed one of another host.
fn move_to_another_host(work_dir: &WorkDir) {
    let path = work_dir.path("run/owner.lock");
    let owner = std::fs::read_to_string(&path).unwrap();
    let (process, host) = owner.split_once('\n').unwrap();
    assert!(host.starts_with("host ") && process.starts_with("process "));
    std::fs::write(&path, format!("{process}\nhost elsewhere 1-2\n")).unwrap();
}

#[track_caller]
fn assert_refused(output: &Output, parts: &[&str]) {
    assert_eq!(output.code, Some(3), "{output:#?}");
    assert!(output.stdout.is_empty(), "{output:#?}");
    for part in parts {
        assert!(output.stderr.contains(part), "{part}: {output:#?}");
    }
}

#[test]
fn a_run_shares_no_memory_and_nobody_else_reads_its_ledger() {
    let work_dir = WorkDir::new();
    let running = start(&work_dir, "network");
    assert!(has(&work_dir, "ledger.db-wal") && !has(&work_dir, "ledger.db-shm"));
    let owner = format!("in use by process {}, since ", running.id());
    let only = "on a network file system (set by --file-system) only that process can read it";
    for command in ["status", "resume", "report", "retry", "verify", "undo"] {
        let output = on(&work_dir, "network", &[command, "run"]);
        assert_refused(&output, &[&owner, ", on host "]);
        assert!(
            ["verify", "undo"].contains(&command) || output.stderr.contains(only),
            "{output:#?}"
        );
    }
    let again = ["run", "list.csv", "--sandbox", "--run-dir", "run"];
    for action in ["fail", "resume"] {
        let flags = ["--channel-arn", CHANNEL, "--if-exists", action];
        let output = on(&work_dir, "network", &[&again[..], &flags[..]].concat());
        assert!(output.code != Some(0), "{output:#?}");
        assert!(
            action == "fail" || output.stderr.contains(&owner),
            "{output:#?}"
        );
    }
    let listed = on(&work_dir, "network", &["runs", "."]);
    assert_eq!(listed.code, Some(0), "{listed:#?}");
    assert!(listed.stdout.contains(&owner), "{listed:#?}");
    assert!(!has(&work_dir, "ledger.db-shm"));

    running.signal(&["INT"]);
    assert_eq!(running.end().code, Some(130));
    assert!(!has(&work_dir, "ledger.db-wal"));
    // It has released the run: any host may continue.
    let status = on(&work_dir, "network", &["status", "run"]);
    assert!(status.stdout.contains(" interrupted"), "{status:#?}");
    assert_eq!(resume(&work_dir, "network").code, Some(0));
    assert_eq!(work_dir.summary("run").added, 3_000);
    assert!(!has(&work_dir, "ledger.db-shm"));
}

#[test]
fn a_run_whose_host_is_gone_is_resumed_by_another() {
    let work_dir = WorkDir::new();
    let running = start(&work_dir, "network-locks");
    running.signal(&["KILL"]);
    drop(running);
    assert!(has(&work_dir, "ledger.db-wal"), "it was killed");
    move_to_another_host(&work_dir);
    let status = on(&work_dir, "network-locks", &["status", "run"]);
    assert!(status.stdout.contains(" interrupted"), "{status:#?}");
    // As a job does that is started again.
    let again = ["run", "list.csv", "--sandbox", "--run-dir", "run"];
    let flags = ["--channel-arn", CHANNEL, "--if-exists", "resume"];
    let resumed = on(
        &work_dir,
        "network-locks",
        &[&again[..], &flags[..], &AT_ONCE[..]].concat(),
    );
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    let note = "note: taken over from process ";
    assert!(resumed.stderr.contains(note), "{resumed:#?}");
    assert!(
        resumed.stderr.contains(", on host elsewhere,"),
        "{resumed:#?}"
    );
    assert_eq!(work_dir.summary("run").rows_read, 3_000);
    assert_eq!(work_dir.results("run").len(), 3_000);
    assert!(!has(&work_dir, "ledger.db-shm"));
}

#[test]
fn where_locks_are_for_one_host_nobody_takes_over_from_another() {
    let work_dir = WorkDir::new();
    let running = start(&work_dir, "network");
    running.signal(&["KILL"]);
    drop(running);
    move_to_another_host(&work_dir);
    let before = std::fs::read(work_dir.path("run/owner.lock")).unwrap();
    let wal = std::fs::metadata(work_dir.path("run/ledger.db-wal"))
        .unwrap()
        .len();
    let parts = [
        "run may be in use by process ",
        ", on host elsewhere: ",
        "this host cannot see whether that has ended",
        "hint: wait for it to end; only if it is known to have ended, remove owner.lock",
    ];
    for command in ["status", "resume", "retry", "report"] {
        let output = on(&work_dir, "network", &[command, "run"]);
        assert_refused(&output, &parts);
    }
    assert_eq!(
        std::fs::read(work_dir.path("run/owner.lock")).unwrap(),
        before
    );
    let after = std::fs::metadata(work_dir.path("run/ledger.db-wal"))
        .unwrap()
        .len();
    assert_eq!(after, wal, "the ledger was touched");
    std::fs::remove_file(work_dir.path("run/owner.lock")).unwrap();
    assert_eq!(resume(&work_dir, "network").code, Some(0));
    assert_eq!(work_dir.summary("run").rows_read, 3_000);
}

/// A FUSE file system that shows a directory; unmounted when this is dropped.
struct Mount<'d>(&'d Path);

impl<'d> Mount<'d> {
    /// `None` where that is not possible.
    fn new(from: &Path, to: &'d Path) -> Option<Self> {
        let mut bindfs = Command::new("bindfs");
        let bindfs = bindfs.args([from, to]).stdout(Stdio::null());
        let status = bindfs.stderr(Stdio::null()).status().ok()?;
        status.success().then_some(Self(to))
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0).status());
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
fn a_file_system_of_fuse_is_recognized() {
    let (below, work_dir) = (tempfile::tempdir().unwrap(), WorkDir::new());
    let runs = work_dir.path("mounted");
    std::fs::create_dir(&runs).unwrap();
    let Some(_mount) = Mount::new(below.path(), &runs) else {
        println!("skipped: bindfs cannot mount a file system here");
        return;
    };
    std::fs::write(work_dir.path("list.csv"), ids("u", 3_000)).unwrap();
    let begin = ["run", "list.csv", "--sandbox", "--run-dir", "mounted/run"];
    let mut command = work_dir.command(begin.iter().chain(&["--channel-arn", CHANNEL]));
    let mut running = Running::start(&mut command);
    running.wait_for_line("bound:");
    assert!(!runs.join("run/ledger.db-shm").exists());
    let status = work_dir.run(["status", "mounted/run"]);
    assert_refused(
        &status,
        &["on a network file system (fuse", "only that process"],
    );
    running.signal(&["KILL"]);
    drop(running);
    let resume = ["resume", "mounted/run"].iter().chain(&AT_ONCE);
    assert_eq!(work_dir.run(resume).code, Some(0));
    assert_eq!(work_dir.summary("mounted/run").rows_read, 3_000);
}

#[test]
fn a_local_run_shares_memory_so_that_its_status_can_be_read() {
    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&[]);
    running.wait_for_line("bound:");
    assert!(has(&work_dir, "ledger.db-shm"));
    let status = work_dir.run(["status", "run"]);
    assert_eq!(status.code, Some(0), "{status:#?}");
    assert!(!status.stdout.contains("on host"), "{status:#?}");
    // Whoever takes the file system for another one is refused, too.
    let other = on(&work_dir, "network", &["status", "run"]);
    assert_refused(&other, &["only that process can read it"]);
}

#[test]
fn the_kind_of_a_file_system_is_checked() {
    let work_dir = WorkDir::with("list.csv", ids("u", 1));
    let flags = ["--channel-arn", CHANNEL, "--file-system", "nfs"];
    let output = work_dir.run(["run", "list.csv"].iter().chain(&FAST).chain(&flags));
    assert_eq!(output.code, Some(2), "{output:#?}");
    let expected = "expected local, network or network-locks";
    assert!(output.stderr.contains(expected), "{output:#?}");
}
