//! A system that allows few open files or threads: the program ends with an error and a hint, and
//! never panics.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use chime_bulk::model::Outcome;

use crate::support::program::{BEARER, CHANNEL, Output, Sandbox, WorkDir, ids, tally, with_limit};

/// The same command with at most `files` open files.
fn limited(command: &Command, files: u32) -> Command {
    with_limit(&format!("-n {files}"), command)
}

fn run(work_dir: &WorkDir, dir: &str) -> Command {
    let flags = ["--sandbox", "--unlimited", "--latency", "0"];
    let begin = [
        "run",
        "list.csv",
        "--run-dir",
        dir,
        "--channel-arn",
        CHANNEL,
    ];
    work_dir.command(begin.iter().chain(&flags))
}

/// Checks that a command succeeded, or stopped with an error and a hint.
fn check_end(output: &Output, files: u32) {
    let is_stopped = output.code == Some(3) && output.stderr.contains("\nhint: ");
    assert!(
        output.code == Some(0) || is_stopped,
        "{files} files: {output:#?}"
    );
}

#[test]
fn too_few_open_files_are_exit_code_3_with_a_hint() {
    let work_dir = WorkDir::with("list.csv", ids("u", 50));
    assert_eq!(Output::of(&mut run(&work_dir, "before")).code, Some(0));
    for files in 5..40 {
        let dir = format!("run{files}");
        let plan = work_dir.command(["plan", "list.csv", "--channel-arn", CHANNEL]);
        let status = work_dir.command(["status", "before"]);
        for command in [run(&work_dir, &dir), plan, status] {
            let output = Output::of(&mut limited(&command, files));
            check_end(&output, files);
            if files < 30 {
                let hint = "hint: raise the limit on open files, for example: ulimit -n 1024";
                assert!(output.stderr.contains(hint), "{files} files: {output:#?}");
            }
        }
        // If a run was begun, it can be resumed.
        if work_dir.path(&dir).exists() {
            let resumed = work_dir.run(["resume", &dir, "--unlimited"]);
            assert_eq!(resumed.code, Some(0), "{files} files: {resumed:#?}");
        }
    }
    for files in [6, 20] {
        let sandbox = work_dir.command(["sandbox", "--listen", "127.0.0.1:0"]);
        let output = Output::of(&mut limited(&sandbox, files));
        assert_eq!(output.code, Some(3), "{files} files: {output:#?}");
    }
}

#[test]
fn connections_beyond_the_limit_leave_a_run_that_can_be_resumed() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3_000));
    // The latency keeps many calls in flight at once.
    let sandbox = Sandbox::start(&work_dir, &["--latency", "100"]);
    for files in [36, 48] {
        let dir = format!("run{files}");
        let flags = ["--members-per-call", "10", "--max-in-flight", "200"];
        let begin = ["run", "list.csv", "--run-dir", &dir, "--bearer", BEARER];
        let to = ["--channel-arn", CHANNEL];
        let command = work_dir.command(begin.iter().chain(&to).chain(&flags));
        let output = Output::of(&mut limited(&sandbox.call(command), files));
        check_end(&output, files);
        let resumed = Output::of(&mut sandbox.call(work_dir.command(["resume", &dir])));
        assert_eq!(resumed.code, Some(0), "{files} files: {resumed:#?}");
        let summary = work_dir.summary(&dir);
        assert_eq!(summary.rows_read, 3_000);
        let is_in = |outcome: &Outcome| matches!(outcome, Outcome::Added | Outcome::AlreadyMember);
        assert!(tally(&summary).iter().all(|(outcome, _)| is_in(outcome)));
    }
}

/// No system has memory for a stack of this size, so no thread can be started.
#[test]
fn a_system_without_threads_is_exit_code_3_with_a_hint() {
    let work_dir = WorkDir::with("list.csv", ids("u", 50));
    for mut command in [run(&work_dir, "run"), work_dir.command(["status", "run"])] {
        let output = Output::of(command.env("RUST_MIN_STACK", (1_u64 << 60).to_string()));
        assert_eq!(output.code, Some(3), "{output:#?}");
        let error = "error: too few threads can be started: ";
        assert!(output.stderr.starts_with(error), "{output:#?}");
        assert!(
            output
                .stderr
                .contains("\nhint: raise the limit on processes")
        );
    }
    assert!(!work_dir.path("run").exists());
}

/// A client beyond the limit is refused at once. When another disconnects, a client is served again.
#[test]
fn a_sandbox_out_of_file_descriptors_refuses_clients() {
    let work_dir = WorkDir::new();
    let sandbox = work_dir.command(["sandbox", "--listen", "127.0.0.1:0"]);
    let sandbox = Sandbox::start_with(&mut limited(&sandbox, 40));
    let address = sandbox.url.strip_prefix("http://").unwrap();
    let connect = || {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = "GET /_sandbox/stats HTTP/1.1\r\nhost: sandbox\r\n\r\n";
        let mut answer = [0; 12];
        let sent = stream.write_all(request.as_bytes());
        let answered = sent.and_then(|()| stream.read_exact(&mut answer));
        answered.ok().map(|()| stream)
    };
    let served: Vec<_> = (0..60).map_while(|_| connect()).collect();
    assert!((10..40).contains(&served.len()), "{}", served.len());
    assert!(connect().is_none());
    drop(served);
    // The sandbox needs a moment to notice that they are gone.
    while connect().is_none() {}
}

#[test]
fn a_limit_of_the_size_of_files_is_an_ordinary_error() {
    let work_dir = WorkDir::with("list.csv", ids("u", 20_000));
    // In blocks of 512 or 1,024 bytes: the ledger of the list takes more.
    let output = Output::of(&mut with_limit("-f 600", &run(&work_dir, "run")));
    assert_eq!(output.code, Some(3), "{output:#?}");
    assert!(output.stderr.contains("\nhint: "), "{output:#?}");
    assert_eq!(output.resume(), ["resume", "run"]);
}
