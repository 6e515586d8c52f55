//! Signals at every stage of a run: the first drains it, the second stops it at once, further ones
//! have no effect. Afterwards the run can be resumed.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use chime_bulk::model::Outcome;
use chime_bulk::sandbox::{SandboxConfig, Scripted};

use crate::support::expected::{self, LIST, List, RUN, Testbed};
#[cfg(target_os = "linux")]
use crate::support::program::wrap;
use crate::support::program::{Output, Running};

/// Waits until this happens, which must be before the run ends.
fn until(running: &mut Running, happens: impl Fn() -> bool) {
    while !happens() {
        assert!(running.is_alive(), "it ended by itself");
        std::thread::yield_now();
    }
}

/// Checks that the run was interrupted, that its reports are true, and that the last line resumes it.
fn check_interrupted(testbed: &Testbed, output: &Output) {
    assert_eq!(output.code, Some(130), "{output:#?}");
    assert_eq!(output.resume(), ["resume", RUN]);
    expected::check_unfinished(testbed, &testbed.dir())
        .unwrap_or_else(|why| panic!("{why}: {output:#?}"));
}

/// Resumes the run to its end, and checks it.
fn resume(testbed: &Testbed) {
    let mut command = testbed.resume();
    command.stdin(std::fs::File::open(testbed.work_dir.path(LIST)).unwrap());
    let output = Output::of(&mut command);
    expected::check_finished(testbed, &testbed.dir(), output.code)
        .unwrap_or_else(|why| panic!("{why}: {output:#?}"));
}

#[test]
fn a_signal_while_the_list_is_read_from_a_pipe() {
    // Started under nohup, the tests and the program ignore it.
    let hang_up = (!is_hang_up_ignored()).then_some("HUP");
    for name in ["INT", "TERM"].into_iter().chain(hang_up) {
        let testbed = Testbed::new(List::mixed(5_000, 5, 3), expected::sandbox_config(&[]));
        let mut command = testbed.run("-");
        command.stdin(Stdio::piped());
        let mut running = Running::start(&mut command);
        // The pipe stays open, as if the rest of the list was still to come.
        let mut pipe = running.stdin();
        let text = testbed.list.text();
        pipe.write_all(&text.as_bytes()[..text.len() / 2]).unwrap();
        until(&mut running, || testbed.service.stats().batch_calls > 0);
        running.signal(&[name]);
        check_interrupted(&testbed, &running.end());
        drop(pipe);
        resume(&testbed);
    }
}

/// Whether this process was started with SIGHUP, signal 1, ignored.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 1 != 0)
}

/// A run with calls in flight, whose answers take this long.
fn calling(latency: Duration) -> (Testbed, Running) {
    let settings = SandboxConfig {
        latency,
        ..expected::sandbox_config(&[])
    };
    let testbed = Testbed::new(List::mixed(2_000, 5, 4), settings);
    let mut command = testbed.run(LIST);
    let mut running = Running::start(command.env("CHIME_BULK_MAX_IN_FLIGHT", "4"));
    until(&mut running, || testbed.service.stats().batch_calls > 4);
    (testbed, running)
}

#[test]
fn a_signal_while_calls_are_in_flight() {
    for name in ["INT", "TERM"] {
        let (testbed, running) = calling(Duration::from_millis(100));
        running.signal(&[name]);
        check_interrupted(&testbed, &running.end());
        let summary = testbed.work_dir.summary(RUN);
        assert_eq!(summary.unconfirmed, 0, "it did not wait: {summary:#?}");
        assert!(summary.not_attempted > 0, "it went on: {summary:#?}");
        resume(&testbed);
    }
}

#[test]
fn several_signals_while_calls_are_in_flight() {
    for names in [["INT", "TERM", "INT"], ["TERM", "INT", "HUP"]] {
        let (testbed, running) = calling(Duration::from_millis(300));
        // While the process is stopped, so that all signals are there when it continues.
        running.signal(&["STOP", names[0], names[1], names[2], "CONT"]);
        let output = running.end();
        assert!(output.stderr.contains("stopping now"), "{output:#?}");
        check_interrupted(&testbed, &output);
        let summary = testbed.work_dir.summary(RUN);
        assert!(summary.unconfirmed > 0, "it waited: {summary:#?}");
        resume(&testbed);
    }
}

#[test]
fn a_signal_during_an_outage() {
    let testbed = Testbed::new(List::mixed(2_000, 5, 5), expected::sandbox_config(&[]));
    let down = || Scripted::Refuse {
        status: 503,
        exception: "ServiceUnavailableException".into(),
        message: "down".into(),
    };
    testbed.service.script((0..4).map(|_| vec![down()]));
    let mut command = testbed.run(LIST);
    let mut running = Running::start(command.env("CHIME_BULK_MAX_IN_FLIGHT", "4"));
    until(&mut running, || testbed.service.stats().refused_calls == 4);
    running.signal(&["TERM"]);
    check_interrupted(&testbed, &running.end());
    // The service may be back before the program handles the signal. The outage fails no row.
    let results = testbed.work_dir.results(RUN);
    let mut failed = results.iter().filter(|row| &row[4] == "failed");
    let by_outage = failed.find(|row| !row[5].starts_with("NotFound"));
    assert_eq!(by_outage, None);
    resume(&testbed);
}

/// A run that is stopped by SIGSTOP while it writes its reports; `None` if it was too fast.
fn reporting(list: &List) -> Option<(Testbed, Running)> {
    let testbed = Testbed::new(list.clone(), expected::sandbox_config(&[]));
    let mut running = Running::start(&mut testbed.run(LIST));
    let part = testbed.dir().join(".results.csv.part");
    while !part.exists() {
        if !running.is_alive() {
            return None;
        }
    }
    running.signal(&["STOP"]);
    part.exists().then_some((testbed, running))
}

#[test]
fn a_signal_while_reports_are_written() {
    let list = List::good(12_000, 3);
    for (names, code) in [(&["INT"][..], 0), (&["INT", "TERM", "HUP"], 130)] {
        let mut attempts = (0..100).map(|_| reporting(&list));
        let (testbed, running) = attempts.find_map(|run| run).unwrap();
        running.signal(&[names, &["CONT"]].concat());
        let output = running.end();
        assert_eq!(output.code, Some(code), "{output:#?}");
        if code == 130 {
            assert_eq!(output.resume(), ["resume", RUN]);
            let files = expected::names(&testbed.dir());
            assert_eq!(files, ["ledger.db", "owner.lock"], "a partial report");
        }
        let calls = testbed.service.stats().batch_calls;
        resume(&testbed);
        assert_eq!(testbed.service.stats().batch_calls, calls);
        assert_eq!(
            testbed.work_dir.summary(RUN).tally().of(Outcome::Added),
            12_000
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_hang_up_that_the_parent_ignores_is_ignored() {
    let testbed = Testbed::new(List::good(2_000, 2), expected::sandbox_config(&[]));
    let mut command = testbed.run(LIST);
    command.env("CHIME_BULK_MAX_IN_FLIGHT", "1");
    let script = "trap '' HUP; exec \"$0\" \"$@\"";
    let mut running = Running::start(&mut wrap(&["sh", "-c", script], &command));
    until(&mut running, || testbed.service.stats().batch_calls > 0);
    running.signal(&["HUP"]);
    let output = running.end();
    assert_eq!(output.code, Some(0), "{output:#?}");
}
