//! A system with few descriptors or threads: an error with its fix, and never a panic.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use chime_bulk::model::Outcome;

use crate::support::program::{APP, Ended, Sandbox, WorkDir, ids, tally};

/// The same command, where at most `files` files can be open.
fn limited(command: &Command, files: u32) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("ulimit -n {files}; exec \"$@\"");
    let environment = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    shell
        .args(["-c", &script, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap())
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null());
    shell
}

fn run(place: &WorkDir, dir: &str) -> Command {
    let channel = format!("{APP}/channel/c");
    let flags = ["--sandbox", "--unlimited", "--latency", "0"];
    let begin = [
        "run",
        "list.csv",
        "--run-dir",
        dir,
        "--channel-arn",
        &channel,
    ];
    place.command(begin.iter().chain(&flags))
}

/// Ended in order: as without a limit, or with an error that has a fix.
fn in_order(ended: &Ended, files: u32) {
    let is_stopped = ended.code == Some(3) && ended.stderr.contains("\nhint: ");
    assert!(
        ended.code == Some(0) || is_stopped,
        "{files} files: {ended:#?}"
    );
}

#[test]
fn too_few_files_are_3_with_a_hint() {
    let place = WorkDir::with("list.csv", ids("u", 50));
    assert_eq!(Ended::of(&mut run(&place, "before")).code, Some(0));
    let channel = format!("{APP}/channel/c");
    for files in 5..40 {
        let dir = format!("run{files}");
        let plan = place.command(["plan", "list.csv", "--channel-arn", &channel]);
        let status = place.command(["status", "before"]);
        for command in [run(&place, &dir), plan, status] {
            let ended = Ended::of(&mut limited(&command, files));
            in_order(&ended, files);
            if files < 30 {
                let hint = "hint: raise the limit on open files, for example: ulimit -n 1024";
                assert!(ended.stderr.contains(hint), "{files} files: {ended:#?}");
            }
        }
        // Nothing is left that cannot be resumed.
        if place.path(&dir).exists() {
            let resumed = place.run(["resume", &dir, "--unlimited"]);
            assert_eq!(resumed.code, Some(0), "{files} files: {resumed:#?}");
        }
    }
    for files in [6, 20] {
        let sandbox = place.command(["sandbox", "--listen", "127.0.0.1:0"]);
        let ended = Ended::of(&mut limited(&sandbox, files));
        assert_eq!(ended.code, Some(3), "{files} files: {ended:#?}");
    }
}

#[test]
fn connections_beyond_the_limit_leave_a_run_that_can_be_resumed() {
    let place = WorkDir::with("list.csv", ids("u", 3_000));
    // Many calls are in flight at once.
    let sandbox = Sandbox::start(&place, &["--latency", "100"]);
    let (channel, bearer) = (format!("{APP}/channel/c"), format!("{APP}/user/admin"));
    for files in [36, 48] {
        let dir = format!("run{files}");
        let flags = ["--members-per-call", "10", "--max-in-flight", "200"];
        let begin = ["run", "list.csv", "--run-dir", &dir, "--bearer", &bearer];
        let to = ["--channel-arn", &channel];
        let command = place.command(begin.iter().chain(&to).chain(&flags));
        let ended = Ended::of(&mut limited(&sandbox.call(command), files));
        in_order(&ended, files);
        let resumed = Ended::of(&mut sandbox.call(place.command(["resume", &dir])));
        assert_eq!(resumed.code, Some(0), "{files} files: {resumed:#?}");
        let summary = place.summary(&dir);
        assert_eq!(summary.rows_read, 3_000);
        let is_in = |outcome: &Outcome| matches!(outcome, Outcome::Added | Outcome::AlreadyMember);
        assert!(tally(&summary).iter().all(|(outcome, _)| is_in(outcome)));
    }
}

/// A stack that no system has the memory for: no thread can be started.
#[test]
fn a_system_without_threads_is_3_with_a_hint() {
    let place = WorkDir::with("list.csv", ids("u", 50));
    for mut command in [run(&place, "run"), place.command(["status", "run"])] {
        let ended = Ended::of(command.env("RUST_MIN_STACK", (1_u64 << 60).to_string()));
        assert_eq!(ended.code, Some(3), "{ended:#?}");
        let said = "error: too few threads can be started: ";
        assert!(ended.stderr.starts_with(said), "{ended:#?}");
        assert!(
            ended
                .stderr
                .contains("\nhint: raise the limit on processes")
        );
    }
    assert!(!place.path("run").exists());
}

/// A client beyond the limit is turned away at once, and a place that is given up is free again.
#[test]
fn a_sandbox_out_of_descriptors_turns_clients_away() {
    let place = WorkDir::new();
    let sandbox = place.command(["sandbox", "--listen", "127.0.0.1:0"]);
    let sandbox = Sandbox::begin(&mut limited(&sandbox, 40));
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
    // Until it has seen that they are gone.
    while connect().is_none() {}
}
