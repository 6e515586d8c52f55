//! Standard error or standard output that takes nothing: closed, on a full disk, a pipe that nobody
//! reads, a terminal that is gone. A run does the same as otherwise.

use std::io::Read;
use std::process::Command;
use std::time::Duration;

use chime_bulk::report::Summary;
use chime_bulk::sandbox::SandboxConfig;
use portable_pty::{PtySize, native_pty_system};

use crate::support::expected::{self, LIST, List, RUN, Testbed};
use crate::support::program::{BEARER, Output, Running, WorkDir, wrap};

/// How a stream takes nothing, as a shell does it. `N` is the stream's number.
const LOST: [&str; 3] = [
    "exec N>&-",
    "exec N>/dev/full",
    "mkfifo fifo && exec 3<>fifo && exec N>fifo 3<&- && rm fifo",
];
/// Each way to show progress.
const MODES: [&str; 4] = ["bars", "plain", "json", "none"];

/// This command, with a stream that takes nothing.
fn without(stream: u8, lost: &str, command: &Command) -> Command {
    let lost = lost.replace('N', &stream.to_string());
    wrap(
        &["sh", "-c", &format!("{lost} && exec \"$0\" \"$@\"")],
        command,
    )
}

/// Each way to lose standard error, with each way to write to it.
fn cases() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let modes = || {
        MODES
            .into_iter()
            .flat_map(|mode| [(mode, "0"), (mode, "2")])
    };
    LOST.into_iter()
        .flat_map(move |lost| modes().map(move |(mode, verbose)| (lost, mode, verbose)))
}

/// A list, and a service that answers so late.
fn testbed(latency: Duration) -> Testbed {
    let config = SandboxConfig {
        latency,
        ..expected::sandbox_config(&[])
    };
    Testbed::new(List::mixed(2_000, 5, 4), config)
}

/// A run of it that shows progress so, and logs.
fn run(testbed: &Testbed, mode: &str, verbose: &str) -> Command {
    let mut command = testbed.run(LIST);
    command
        .args(["--progress", mode])
        .args((verbose != "0").then_some("-vv"))
        .env("CHIME_BULK_MAX_IN_FLIGHT", "4");
    command
}

/// Waits until the service got more than this many calls.
fn calls(testbed: &Testbed, running: &mut Running, more_than: u64) {
    while testbed.service.stats().batch_calls <= more_than {
        assert!(running.is_alive(), "it ended by itself");
        std::thread::yield_now();
    }
}

/// Checks that the run stopped when the calls in flight were answered.
fn check_drained(testbed: &Testbed, output: &Output, case: &str) {
    assert_eq!(output.code, Some(130), "{case}: {output:#?}");
    expected::check_unfinished(testbed, &testbed.dir())
        .unwrap_or_else(|why| panic!("{case}: {why}"));
    let summary = testbed.work_dir.summary(RUN);
    assert_eq!(summary.unconfirmed, 0, "{case}: {summary:#?}");
    assert!(summary.not_attempted > 0, "{case}: {summary:#?}");
}

/// Resumes the run to its end, and checks it.
fn resume(testbed: &Testbed, case: &str) {
    let output = Output::of(&mut testbed.resume());
    expected::check_finished(testbed, &testbed.dir(), output.code)
        .unwrap_or_else(|why| panic!("{case}: {why}: {output:#?}"));
}

#[test]
fn without_standard_error_a_run_ends_as_usual() {
    for (lost, mode, verbose) in cases() {
        let testbed = testbed(Duration::ZERO);
        let output = Output::of(&mut without(2, lost, &run(&testbed, mode, verbose)));
        expected::check_finished(&testbed, &testbed.dir(), output.code)
            .unwrap_or_else(|why| panic!("{lost} {mode} {verbose}: {why}: {output:#?}"));
        assert!(!output.stdout.is_empty(), "the summary is printed");
    }
}

#[test]
fn without_standard_error_signals_still_drain() {
    for (index, (lost, mode, verbose)) in cases().enumerate() {
        let testbed = testbed(Duration::from_millis(100));
        let mut running = Running::start(&mut without(2, lost, &run(&testbed, mode, verbose)));
        calls(&testbed, &mut running, 4);
        running.signal(&[["INT", "TERM"][index % 2]]);
        let case = format!("{lost} {mode} {verbose}");
        check_drained(&testbed, &running.end(), &case);
        if mode == "plain" {
            resume(&testbed, &case);
        }
    }
}

#[test]
fn without_standard_error_a_second_signal_still_stops_at_once() {
    for lost in LOST {
        let testbed = testbed(Duration::from_secs(6));
        let mut command = without(2, lost, &run(&testbed, "plain", "0"));
        let mut running = Running::start(&mut command);
        calls(&testbed, &mut running, 3);
        running.signal(&["INT", "TERM"]);
        let output = running.end();
        assert_eq!(output.code, Some(130), "{lost}: {output:#?}");
        let summary = testbed.work_dir.summary(RUN);
        assert!(summary.unconfirmed > 0, "none was awaited: {summary:#?}");
    }
}

#[test]
fn without_standard_error_each_error_has_its_exit_code() {
    let work_dir = WorkDir::with(LIST, "user_id\nann\n");
    for lost in LOST {
        for (arguments, code) in [
            (&["run", LIST, "--no-such-flag"][..], 2),
            (&["run", LIST, "--channel-arn", "c", "--sandbox"], 2),
            (&["run", LIST, "--config", "missing.toml"], 2),
            (&["run", LIST, "--progress", "json", "--sandbox"], 2),
            (&["resume", "nowhere"], 2),
            (&["explain", "Nope"], 2),
            (&["man", "list.csv"], 3),
            (&["sandbox", "--listen", "192.0.2.1:1"], 3),
        ] {
            let output = Output::of(&mut without(2, lost, &work_dir.command(arguments)));
            assert_eq!(output.code, Some(code), "{lost} {arguments:?}: {output:#?}");
        }
    }
}

/// A run with bars on a terminal that is gone once they are drawn. It is not the terminal of its
/// session: no signal comes with that.
fn on_a_terminal_that_is_gone(testbed: &Testbed, verbose: &str) -> Running {
    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let terminal = pair.master.tty_name().unwrap();
    let mut reader = pair.master.try_clone_reader().unwrap();
    let lost = format!("exec N>{}", terminal.display());
    let mut running = Running::start(&mut without(2, &lost, &run(testbed, "bars", verbose)));
    calls(testbed, &mut running, 0);
    let mut drawn = Vec::new();
    while !drawn.ends_with("░".as_bytes()) {
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        drawn.extend(byte);
    }
    running
}

#[test]
fn a_terminal_that_is_gone_ends_no_run() {
    for verbose in ["0", "2"] {
        let testbed = testbed(Duration::from_millis(100));
        let output = on_a_terminal_that_is_gone(&testbed, verbose).end();
        expected::check_finished(&testbed, &testbed.dir(), output.code)
            .unwrap_or_else(|why| panic!("{verbose}: {why}: {output:#?}"));
    }
}

#[test]
fn without_its_terminal_a_run_still_drains() {
    for (name, verbose) in [("INT", "0"), ("TERM", "2")] {
        let testbed = testbed(Duration::from_millis(300));
        let running = on_a_terminal_that_is_gone(&testbed, verbose);
        running.signal(&[name]);
        check_drained(&testbed, &running.end(), name);
        resume(&testbed, name);
    }
}

#[test]
fn a_summary_that_cannot_be_written_is_an_error_only_as_json() {
    for lost in &LOST[1..] {
        let testbed = testbed(Duration::ZERO);
        let output = Output::of(&mut without(1, lost, &testbed.run(LIST)));
        expected::check_finished(&testbed, &testbed.dir(), output.code)
            .unwrap_or_else(|why| panic!("{lost}: {why}: {output:#?}"));

        let testbed = self::testbed(Duration::ZERO);
        let mut command = testbed.run(LIST);
        let output = Output::of(&mut without(1, lost, command.arg("--json")));
        assert_eq!(output.code, Some(3), "{lost}: {output:#?}");
        let said = "error: cannot write to standard output: ";
        assert!(output.stderr.contains(said), "{lost}: {output:#?}");
        expected::check_finished(&testbed, &testbed.dir(), Some(1))
            .unwrap_or_else(|why| panic!("{lost}: {why}: {output:#?}"));
        // The command in the last line prints what was lost, and calls nobody.
        let calls = testbed.service.stats().batch_calls;
        let mut resume = testbed.resume();
        let output = Output::of(resume.args(&output.resume()[2..]).arg("--json"));
        let summary: Summary = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!((output.code, summary.rows_read), (Some(1), 2_000));
        assert_eq!(testbed.service.stats().batch_calls, calls);
    }
}

#[test]
fn other_data_that_cannot_be_written_is_an_error_only_for_programs() {
    let work_dir = WorkDir::with(LIST, "channel,member\nc,ann\n");
    let plan = ["plan", LIST, "--bearer", BEARER];
    for lost in &LOST[1..] {
        for (arguments, code) in [
            (&plan[..], 0),
            (&[&plan[..], &["--json"]].concat(), 3),
            (&["runs", ".", "--json"], 3),
            (&["schema", "summary"], 3),
            (&["completions", "bash"], 3),
            (&["runs", "."], 0),
            (&["explain"], 0),
            (&["explain", "NotFound"], 0),
            (&["--help"], 0),
            (&["--version"], 0),
            (&["run", "--help"], 0),
        ] {
            let output = Output::of(&mut without(1, lost, &work_dir.command(arguments)));
            assert_eq!(output.code, Some(code), "{lost} {arguments:?}: {output:#?}");
        }
    }
}

#[test]
fn without_any_output_a_run_ends_as_usual() {
    for lost in LOST {
        let testbed = testbed(Duration::ZERO);
        let command = without(2, lost, &without(1, lost, &run(&testbed, "plain", "2")));
        let output = Output::of(&mut { command });
        expected::check_finished(&testbed, &testbed.dir(), output.code)
            .unwrap_or_else(|why| panic!("{lost}: {why}: {output:#?}"));
    }
}
