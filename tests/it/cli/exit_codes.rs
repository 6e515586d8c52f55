//! Each exit code, and the resume command in the last line of the output.

use std::net::{TcpListener, TcpStream};
use std::process::Command;

use chime_bulk::model::{Outcome, RunState};

use crate::support::program::{
    APP, BEARER, CHANNEL, Output, Running, Sandbox, WorkDir, ids, tally,
};

/// A run without a sandbox, with one call at a time; the run directory is `run`.
fn run_as_bearer(work_dir: &WorkDir, list: &str) -> Command {
    work_dir.command([
        "run",
        list,
        "--run-dir",
        "run",
        "--channel-arn",
        CHANNEL,
        "--bearer",
        BEARER,
        "--max-in-flight",
        "1",
    ])
}

#[test]
fn exit_code_0_if_all_members_are_in() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    let output = work_dir.run_fast("list.csv", &["--channel-arn", CHANNEL]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(tally(&work_dir.summary("run")), [(Outcome::Added, 250)]);
}

#[test]
fn existing_members_count_as_in() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    let existing = format!("channel_arn,member_arn\n{CHANNEL},u1\n{CHANNEL},u77\n");
    std::fs::write(work_dir.path("in.csv"), existing).unwrap();
    let flags = ["--channel-arn", CHANNEL, "--existing", "in.csv"];
    let output = work_dir.run_fast("list.csv", &flags);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let expected = [(Outcome::Added, 248), (Outcome::AlreadyMember, 2)];
    assert_eq!(tally(&work_dir.summary("run")), expected);
}

#[test]
fn exit_code_1_if_a_row_is_not_in() {
    let work_dir = WorkDir::with("list.csv", ids("u", 150) + "gone\n");
    let flags = ["--channel-arn", CHANNEL, "--missing-users", "gone"];
    let output = work_dir.run_fast("list.csv", &flags);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let summary = work_dir.summary("run");
    let expected = [(Outcome::Added, 150), (Outcome::Failed, 1)];
    assert_eq!(tally(&summary), expected);
    assert_eq!(summary.state, RunState::Finished);
    assert_eq!(work_dir.results("run")[150][5], *"NotFound");
    assert!(!output.stderr.contains("chime-bulk resume"));
}

#[test]
fn exit_code_2_for_a_wrong_request_and_no_run_is_begun() {
    let work_dir = WorkDir::with("list.csv", ids("u", 1));
    std::fs::write(work_dir.path("book.xlsx"), b"PK\x03\x04 and so on").unwrap();
    std::fs::write(work_dir.path("empty.csv"), b"").unwrap();
    let in_sandbox = ["--sandbox", "--channel-arn", CHANNEL];
    let cases: [(&[&str], &str); 9] = [
        (&["list.csv", "--no-such-flag"], "--no-such-flag"),
        (&["missing.csv"], "missing.csv: cannot be read"),
        (
            &["list.csv", "--channel-arn", "arn:aws:x"],
            "--channel-arn: an ARN of",
        ),
        (&["list.csv", "--channel-rate", "0"], "--channel-rate is 0"),
        (&["list.csv", "--member-column", "uid"], "no column `uid`"),
        (&["book.xlsx"], "Save As"),
        (&["empty.csv"], "empty.csv: is empty"),
        (&["."], "is a directory"),
        (&["list.csv", "--type", "LOUD"], "--type"),
    ];
    for (arguments, expected) in cases {
        let flags: &[&str] = if arguments.contains(&"--channel-arn") {
            &["--sandbox"]
        } else {
            &in_sandbox
        };
        let output = work_dir.run(["run"].iter().chain(arguments).chain(flags));
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:#?}");
        assert!(
            output.stderr.contains(expected),
            "{arguments:?}: {output:#?}"
        );
        assert_eq!(output.stdout, "", "{arguments:?}");
    }
    let missing = work_dir.run(["run", "list.csv", "--channel-arn", CHANNEL]);
    assert_eq!(missing.code, Some(2), "{missing:#?}");
    assert!(
        missing.stderr.contains("hint: pass --bearer"),
        "{missing:#?}"
    );
    let other = ["run", "list.csv", "--bearer", "admin"];
    let other = work_dir.run(other.into_iter().chain(["--channel-arn", CHANNEL]));
    assert_eq!(other.code, Some(2), "{other:#?}");
    assert!(other.stderr.contains("--bearer `admin`"), "{other:#?}");
    let few = ["run", "list.csv", "--max-failures", "few"];
    let few = work_dir.run(few.iter().chain(&in_sandbox));
    assert_eq!(few.code, Some(2), "{few:#?}");
    assert!(few.stderr.contains("`few` is neither"), "{few:#?}");
    assert!(!work_dir.path("runs").exists());
    let nowhere = work_dir.run(["resume", "nowhere"]);
    assert_eq!(nowhere.code, Some(2), "{nowhere:#?}");
}

#[test]
fn an_existing_run_is_not_overwritten() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let flags = ["--channel-arn", CHANNEL];
    assert_eq!(work_dir.run_fast("list.csv", &flags).code, Some(0));
    let again = work_dir.run_fast("list.csv", &flags);
    assert_eq!(again.code, Some(2), "{again:#?}");
    assert!(
        again.stderr.contains("already contains a run"),
        "{again:#?}"
    );
    assert_eq!(work_dir.summary("run").added, 3);
}

/// Checks that a run stopped and no row failed, then resumes it with a service that accepts calls.
fn check_stopped_then_resume(work_dir: &WorkDir, output: &Output, rows: u64) {
    assert_eq!(output.code, Some(3), "{output:#?}");
    let stopped = work_dir.summary("run");
    assert_eq!(stopped.state, RunState::Aborted);
    assert_eq!(tally(&stopped), [(Outcome::NotAttempted, rows)]);
    let open = Sandbox::start(work_dir, &[]);
    let resumed = Output::of(&mut open.call(work_dir.command(output.resume())));
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    assert_eq!(tally(&work_dir.summary("run")), [(Outcome::Added, rows)]);
}

#[test]
fn exit_code_3_for_a_denied_bearer_and_no_row_fails() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    let somebody_else = format!("{APP}/user/somebody-else");
    let closed = Sandbox::start(&work_dir, &["--admin", &somebody_else]);
    let output = Output::of(&mut closed.call(run_as_bearer(&work_dir, "list.csv")));
    let hint = output.stderr.lines().find(|line| line.starts_with("hint:"));
    let action = "chime:BatchCreateChannelMembership";
    assert!(
        hint.is_some_and(|hint| hint.contains(action)),
        "{output:#?}"
    );
    let (_, policy) = output.stderr.split_once("the policy statement:\n").unwrap();
    let (policy, _) = policy.split_once("\n}\n").unwrap();
    let policy: serde_json::Value = serde_json::from_str(&format!("{policy}}}")).unwrap();
    let resources = [BEARER, CHANNEL];
    assert_eq!(
        policy["Resource"],
        serde_json::json!(resources),
        "{output:#?}"
    );
    let calls = work_dir.summary("run").calls;
    assert!(calls <= 4, "{calls} calls, of which three with one member");
    check_stopped_then_resume(&work_dir, &output, 250);
}

#[test]
fn a_denied_run_with_single_adds_needs_both_actions_also_when_resumed() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    let somebody_else = format!("{APP}/user/somebody-else");
    let closed = Sandbox::start(&work_dir, &["--admin", &somebody_else]);
    let mut command = run_as_bearer(&work_dir, "list.csv");
    command.arg("--single-adds");
    let output = Output::of(&mut closed.call(command));
    // The flag is in the run's settings: `resume` needs no flags.
    let resumed = Output::of(&mut closed.call(work_dir.command(output.resume())));
    let actions = [
        "chime:BatchCreateChannelMembership",
        "chime:CreateChannelMembership",
    ];
    for output in [&output, &resumed] {
        let hint = format!("IAM actions {}", actions.join(" and "));
        assert!(output.stderr.contains(&hint), "{output:#?}");
        let (_, policy) = output.stderr.split_once("the policy statement:\n").unwrap();
        let (policy, _) = policy.split_once("\n}\n").unwrap();
        let policy: serde_json::Value = serde_json::from_str(&format!("{policy}}}")).unwrap();
        assert_eq!(policy["Action"], serde_json::json!(actions));
    }
}

#[test]
fn exit_code_3_for_wrong_credentials_and_no_row_fails() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    let sandbox = Sandbox::start(&work_dir, &[]);
    let mut command = sandbox.call(run_as_bearer(&work_dir, "list.csv"));
    command.env("AWS_SECRET_ACCESS_KEY", "not-the-secret");
    let output = Output::of(&mut command);
    let expected = "the credentials were not accepted";
    assert!(output.stderr.contains(expected), "{output:#?}");
    assert!(!output.stderr.contains("not-the-secret"), "{output:#?}");
    check_stopped_then_resume(&work_dir, &output, 250);
}

#[test]
fn exit_code_4_for_too_many_failures() {
    let missing = ids("gone", 100);
    let present = ids("u", 150).replace("user_id\n", "");
    let work_dir = WorkDir::with("list.csv", missing + &present);
    let flags = ["--channel-arn", CHANNEL, "--missing-users", "gone"];
    let limits = ["--max-failures", "9", "--max-in-flight", "1"];
    let output = work_dir.run_fast("list.csv", &[flags, limits].concat());
    assert_eq!(output.code, Some(4), "{output:#?}");
    let stopped = work_dir.summary("run");
    let expected = [(Outcome::Failed, 100), (Outcome::NotAttempted, 150)];
    assert_eq!(tally(&stopped), expected);
    assert_eq!(stopped.state, RunState::Aborted);

    // Failures count over all sessions: without a higher limit, no more calls are made.
    let again = work_dir.run(output.resume());
    assert_eq!(again.code, Some(4), "{again:#?}");
    assert!(again.stderr.contains("--max-failures"), "{again:#?}");
    assert_eq!(work_dir.summary("run").calls, stopped.calls);

    let raised = ["--max-failures", "100"].map(str::to_owned);
    let resumed = work_dir.run(again.resume().into_iter().chain(raised));
    assert_eq!(resumed.code, Some(1), "{resumed:#?}");
    let expected = [(Outcome::Added, 150), (Outcome::Failed, 100)];
    assert_eq!(tally(&work_dir.summary("run")), expected);

    // A retry counts from zero, with the limit that the run has now or with its own.
    let retried = [
        "retry",
        "run",
        "--max-failures",
        "10%",
        "--max-in-flight",
        "1",
    ];
    let retried = work_dir.run(retried);
    assert_eq!(retried.code, Some(0), "{retried:#?}");
    assert_eq!(tally(&work_dir.summary("run")), [(Outcome::Added, 250)]);
}

/// Starts a run against a service that never answers, and returns once its first call is in flight.
#[cfg(unix)]
fn start_with_call_in_flight(work_dir: &WorkDir) -> (Running, TcpListener, TcpStream) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = run_as_bearer(work_dir, "list.csv");
    command
        .env("AWS_ACCESS_KEY_ID", "sandbox")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox")
        .env(
            "CHIME_BULK_ENDPOINT_URL",
            format!("http://{}", silent.local_addr().unwrap()),
        );
    let running = Running::start(&mut command);
    let (call, _) = silent.accept().unwrap();
    (running, silent, call)
}

#[cfg(unix)]
fn check_interrupted_then_resume(work_dir: &WorkDir, output: &Output) {
    assert_eq!(output.code, Some(130), "{output:#?}");
    let interrupted = work_dir.summary("run");
    assert_eq!(interrupted.state, RunState::Interrupted);
    assert_eq!(interrupted.rows_read, 250);
    assert_eq!(interrupted.added, 0);
    assert_eq!(interrupted.lower_bound_ratio, None, "it is not finished");
    let sandbox = Sandbox::start(work_dir, &[]);
    let resumed = Output::of(&mut sandbox.call(work_dir.command(output.resume())));
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    assert_eq!(tally(&work_dir.summary("run")), [(Outcome::Added, 250)]);
}

#[test]
#[cfg(unix)]
fn an_interrupt_waits_for_calls_in_flight_and_exits_130() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    let (mut running, silent, call) = start_with_call_in_flight(&work_dir);
    running.interrupt();
    running.wait_for_line("stopping: ");
    // The call in flight ends. No other call is made.
    drop((call, silent));
    let output = running.end();
    assert!(!output.stderr.contains("stopping now"), "{output:#?}");
    assert_eq!(work_dir.summary("run").calls, 1);
    check_interrupted_then_resume(&work_dir, &output);
}

#[test]
#[cfg(unix)]
fn a_second_interrupt_stops_at_once() {
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    let (mut running, silent, call) = start_with_call_in_flight(&work_dir);
    running.interrupt();
    running.wait_for_line("stopping: ");
    running.interrupt();
    running.wait_for_line("stopping now");
    let output = running.end();
    drop((call, silent));
    check_interrupted_then_resume(&work_dir, &output);
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_while_waiting_for_standard_input_begins_no_run() {
    let work_dir = WorkDir::new();
    let (silent, held) = std::io::pipe().unwrap();
    let mut command = run_as_bearer(&work_dir, "-");
    command.arg("--sandbox").stdin(silent);
    let mut running = Running::start(&mut command);
    while !running.catches_interrupts() {
        std::thread::yield_now();
    }
    // The handler is installed, but an interrupt may still come before the program waits for it.
    while running.is_alive() {
        running.interrupt();
    }
    let output = running.end();
    drop(held);
    assert_eq!(output.code, Some(130), "{output:#?}");
    assert!(output.stderr.contains("stopping: "), "{output:#?}");
    assert!(!work_dir.path("run").exists());
}
