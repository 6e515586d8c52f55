//! Each exit code reached, and the run resumed by the command that it ended with.

use std::net::{TcpListener, TcpStream};
use std::process::Command;

use chime_bulk::model::{Outcome, RunState};

use crate::support::program::{APP, Ended, Running, Sandbox, WorkDir, ids, tally};

fn channel() -> String {
    format!("{APP}/channel/c")
}

/// `run` as a bearer, one call at a time, kept in `run`.
fn run_as_bearer(place: &WorkDir, list: &str) -> Command {
    let (channel, bearer) = (channel(), format!("{APP}/user/admin"));
    place.command([
        "run",
        list,
        "--run-dir",
        "run",
        "--channel-arn",
        &channel,
        "--bearer",
        &bearer,
        "--max-in-flight",
        "1",
    ])
}

#[test]
fn all_in_is_0() {
    let place = WorkDir::with("list.csv", ids("u", 250));
    let ended = place.run_fast("list.csv", &["--channel-arn", &channel()]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(tally(&place.summary("run")), [(Outcome::Added, 250)]);
}

#[test]
fn who_is_in_already_counts_as_in() {
    let place = WorkDir::with("list.csv", ids("u", 250));
    let existing = format!("channel_arn,member_arn\n{},u1\n{0},u77\n", channel());
    std::fs::write(place.path("in.csv"), existing).unwrap();
    let flags = ["--channel-arn", &channel(), "--existing", "in.csv"];
    let ended = place.run_fast("list.csv", &flags);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let expected = [(Outcome::Added, 248), (Outcome::AlreadyMember, 2)];
    assert_eq!(tally(&place.summary("run")), expected);
}

#[test]
fn a_row_that_is_not_in_is_1() {
    let place = WorkDir::with("list.csv", ids("u", 150) + "gone\n");
    let flags = ["--channel-arn", &channel(), "--missing-users", "gone"];
    let ended = place.run_fast("list.csv", &flags);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let summary = place.summary("run");
    let expected = [(Outcome::Added, 150), (Outcome::Failed, 1)];
    assert_eq!(tally(&summary), expected);
    assert_eq!(summary.state, RunState::Finished);
    assert_eq!(place.results("run")[150][5], *"NotFound");
    assert!(!ended.stderr.contains("chime-bulk resume"));
}

#[test]
fn a_request_at_fault_is_2_and_nothing_is_begun() {
    let channel = channel();
    let place = WorkDir::with("list.csv", ids("u", 1));
    std::fs::write(place.path("book.xlsx"), b"PK\x03\x04 and so on").unwrap();
    std::fs::write(place.path("empty.csv"), b"").unwrap();
    let in_sandbox = ["--sandbox", "--channel-arn", &channel];
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
    for (arguments, said) in cases {
        let flags: &[&str] = if arguments.contains(&"--channel-arn") {
            &["--sandbox"]
        } else {
            &in_sandbox
        };
        let ended = place.run(["run"].iter().chain(arguments).chain(flags));
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:#?}");
        assert!(ended.stderr.contains(said), "{arguments:?}: {ended:#?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
    let unsaid = place.run(["run", "list.csv", "--channel-arn", &channel]);
    assert_eq!(unsaid.code, Some(2), "{unsaid:#?}");
    assert!(unsaid.stderr.contains("hint: pass --bearer"), "{unsaid:#?}");
    let other = ["run", "list.csv", "--bearer", "admin"];
    let other = place.run(other.into_iter().chain(["--channel-arn", &channel]));
    assert_eq!(other.code, Some(2), "{other:#?}");
    assert!(other.stderr.contains("--bearer `admin`"), "{other:#?}");
    let few = ["run", "list.csv", "--max-failures", "few"];
    let few = place.run(few.iter().chain(&in_sandbox));
    assert_eq!(few.code, Some(2), "{few:#?}");
    assert!(few.stderr.contains("`few` is neither"), "{few:#?}");
    assert!(!place.path("runs").exists());
    let nowhere = place.run(["resume", "nowhere"]);
    assert_eq!(nowhere.code, Some(2), "{nowhere:#?}");
}

#[test]
fn a_run_is_not_written_over() {
    let place = WorkDir::with("list.csv", ids("u", 3));
    let flags = ["--channel-arn", &channel()];
    assert_eq!(place.run_fast("list.csv", &flags).code, Some(0));
    let again = place.run_fast("list.csv", &flags);
    assert_eq!(again.code, Some(2), "{again:#?}");
    assert!(
        again.stderr.contains("already contains a run"),
        "{again:#?}"
    );
    assert_eq!(place.summary("run").added, 3);
}

/// Stopped with nobody failed, then resumed before a service that accepts.
fn stops_then_resumes(place: &WorkDir, ended: &Ended, rows: u64) {
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    let stopped = place.summary("run");
    assert_eq!(stopped.state, RunState::Aborted);
    assert_eq!(tally(&stopped), [(Outcome::NotAttempted, rows)]);
    let open = Sandbox::start(place, &[]);
    let resumed = Ended::of(&mut open.call(place.command(ended.resume())));
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    assert_eq!(tally(&place.summary("run")), [(Outcome::Added, rows)]);
}

#[test]
fn a_bearer_denied_is_3_and_nobody_failed() {
    let place = WorkDir::with("list.csv", ids("u", 250));
    let somebody_else = format!("{APP}/user/somebody-else");
    let closed = Sandbox::start(&place, &["--admin", &somebody_else]);
    let ended = Ended::of(&mut closed.call(run_as_bearer(&place, "list.csv")));
    let hint = ended.stderr.lines().find(|line| line.starts_with("hint:"));
    let action = "chime:BatchCreateChannelMembership";
    assert!(hint.is_some_and(|hint| hint.contains(action)), "{ended:#?}");
    let (_, policy) = ended.stderr.split_once("the policy statement:\n").unwrap();
    let (policy, _) = policy.split_once("\n}\n").unwrap();
    let policy: serde_json::Value = serde_json::from_str(&format!("{policy}}}")).unwrap();
    let resources = [format!("{APP}/user/admin"), channel()];
    assert_eq!(
        policy["Resource"],
        serde_json::json!(resources),
        "{ended:#?}"
    );
    let calls = place.summary("run").calls;
    assert!(calls <= 4, "{calls} calls, of which three with one member");
    stops_then_resumes(&place, &ended, 250);
}

#[test]
fn credentials_that_are_wrong_are_3_and_nobody_failed() {
    let place = WorkDir::with("list.csv", ids("u", 250));
    let sandbox = Sandbox::start(&place, &[]);
    let mut command = sandbox.call(run_as_bearer(&place, "list.csv"));
    command.env("AWS_SECRET_ACCESS_KEY", "not-the-secret");
    let ended = Ended::of(&mut command);
    let said = "the credentials were not accepted";
    assert!(ended.stderr.contains(said), "{ended:#?}");
    assert!(!ended.stderr.contains("not-the-secret"), "{ended:#?}");
    stops_then_resumes(&place, &ended, 250);
}

#[test]
fn too_many_failures_are_4() {
    let missing = ids("gone", 100);
    let present = ids("u", 150).replace("user_id\n", "");
    let place = WorkDir::with("list.csv", missing + &present);
    let channel = channel();
    let flags = ["--channel-arn", &channel, "--missing-users", "gone"];
    let limits = ["--max-failures", "9", "--max-in-flight", "1"];
    let ended = place.run_fast("list.csv", &[flags, limits].concat());
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    let stopped = place.summary("run");
    let expected = [(Outcome::Failed, 100), (Outcome::NotAttempted, 150)];
    assert_eq!(tally(&stopped), expected);
    assert_eq!(stopped.state, RunState::Aborted);

    // They count over all sessions: without a higher limit nothing more is called.
    let again = place.run(ended.resume());
    assert_eq!(again.code, Some(4), "{again:#?}");
    assert!(again.stderr.contains("--max-failures"), "{again:#?}");
    assert_eq!(place.summary("run").calls, stopped.calls);

    let raised = ["--max-failures", "100"].map(str::to_owned);
    let resumed = place.run(again.resume().into_iter().chain(raised));
    assert_eq!(resumed.code, Some(1), "{resumed:#?}");
    let expected = [(Outcome::Added, 150), (Outcome::Failed, 100)];
    assert_eq!(tally(&place.summary("run")), expected);

    // A retry counts anew, by the limit that the run has now or by its own.
    let retried = [
        "retry",
        "run",
        "--max-failures",
        "10%",
        "--max-in-flight",
        "1",
    ];
    let retried = place.run(retried);
    assert_eq!(retried.code, Some(0), "{retried:#?}");
    assert_eq!(tally(&place.summary("run")), [(Outcome::Added, 250)]);
}

/// A service that takes calls and never answers them, and the program calling it: when this
/// returns, its first call is in flight.
#[cfg(unix)]
fn under_way(place: &WorkDir) -> (Running, TcpListener, TcpStream) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = run_as_bearer(place, "list.csv");
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
fn resumes_after_interrupt(place: &WorkDir, ended: &Ended) {
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    let interrupted = place.summary("run");
    assert_eq!(interrupted.state, RunState::Interrupted);
    assert_eq!(interrupted.rows_read, 250);
    assert_eq!(interrupted.added, 0);
    assert_eq!(interrupted.lower_bound_ratio, None, "its time says nothing");
    let sandbox = Sandbox::start(place, &[]);
    let resumed = Ended::of(&mut sandbox.call(place.command(ended.resume())));
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    assert_eq!(tally(&place.summary("run")), [(Outcome::Added, 250)]);
}

#[test]
#[cfg(unix)]
fn an_interrupt_waits_for_calls_in_flight_and_exits_130() {
    let place = WorkDir::with("list.csv", ids("u", 250));
    let (mut running, silent, call) = under_way(&place);
    running.interrupt();
    running.hear("stopping: ");
    // The call in flight comes to its end; no other is begun.
    drop((call, silent));
    let ended = running.end();
    assert!(!ended.stderr.contains("stopping now"), "{ended:#?}");
    assert_eq!(place.summary("run").calls, 1);
    resumes_after_interrupt(&place, &ended);
}

#[test]
#[cfg(unix)]
fn a_second_interrupt_stops_at_once() {
    let place = WorkDir::with("list.csv", ids("u", 250));
    let (mut running, silent, call) = under_way(&place);
    running.interrupt();
    running.hear("stopping: ");
    running.interrupt();
    running.hear("stopping now");
    let ended = running.end();
    drop((call, silent));
    resumes_after_interrupt(&place, &ended);
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_while_standard_input_is_silent_begins_nothing() {
    let place = WorkDir::new();
    let (silent, held) = std::io::pipe().unwrap();
    let mut command = run_as_bearer(&place, "-");
    command.arg("--sandbox").stdin(silent);
    let mut running = Running::start(&mut command);
    while !running.catches_interrupts() {
        std::thread::yield_now();
    }
    // In this very moment one may yet be missed.
    while running.is_alive() {
        running.interrupt();
    }
    let ended = running.end();
    drop(held);
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert!(ended.stderr.contains("stopping: "), "{ended:#?}");
    assert!(!place.path("run").exists());
}
