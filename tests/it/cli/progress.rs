//! The modes of `--progress`, and the last line in each of them.

use std::collections::{BTreeMap, BTreeSet};

use chime_bulk::roster::ListNotes;
use serde::Deserialize;

use crate::support::program::{APP, CHANNEL, Output, WorkDir, ids};

/// A line of `--progress json`. Its fields are a contract.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
#[expect(dead_code, reason = "the test is that the fields exist")]
enum Line {
    Begun {
        run_id: String,
        dir: String,
        list: String,
        service: String,
        address: Option<String>,
        bearers: usize,
        rows_read: u64,
        settled_before: u64,
        task: String,
        part_of: Option<String>,
        quotas: Option<chime_bulk::model::AccountQuotas>,
    },
    Staged {
        seconds: f64,
        rows_read: u64,
        bytes_read: u64,
        invalid: u64,
    },
    ListComplete {
        seconds: f64,
        rows_read: u64,
        invalid: u64,
        duplicate: u64,
        notes: ListNotes,
    },
    Bound {
        seconds: f64,
        calls: u64,
        least_seconds: f64,
        binding: Option<String>,
    },
    CallSent {
        seconds: f64,
        call: i64,
        members: u64,
        in_flight: u32,
    },
    CallSettled {
        seconds: f64,
        call: i64,
        refusal: Option<String>,
        reason: Option<String>,
        added: u64,
        already_member: u64,
        answered: u64,
        removed: u64,
        gone_already: u64,
        kept: u64,
        failed: u64,
        unconfirmed: u64,
        failed_by_code: BTreeMap<String, u64>,
        again: u64,
        waiting: u64,
        round_trip_seconds: f64,
        in_flight: u32,
        outage: bool,
    },
    Standing {
        seconds: f64,
        open_channels: u64,
        cooling_channels: u64,
        calls_left: u64,
        largest_channels: Vec<Channel>,
    },
    BearerSetAside {
        seconds: f64,
        bearer: String,
    },
    Draining {
        seconds: f64,
        in_flight: u32,
    },
    Note {
        text: String,
    },
    Error {
        text: String,
        hint: Option<String>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the test is that the fields exist")]
struct Channel {
    id: String,
    members_left: u64,
    calls_left: u64,
}

/// The lines of a text, parsed; and the fields of each event by its name.
fn lines(text: &str) -> (Vec<Line>, BTreeMap<String, BTreeSet<String>>) {
    let mut fields = BTreeMap::<String, BTreeSet<String>>::new();
    let parse = |line: &str| {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let name = object["event"].as_str().unwrap().to_owned();
        let names = object.into_iter().map(|(name, _)| name);
        fields.entry(name).or_default().extend(names);
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    (text.lines().map(parse).collect(), fields)
}

/// A run in which some calls and members are throttled, and some members fail.
fn run_with_faults(work_dir: &WorkDir, flags: &[&str]) -> Output {
    let faults = [
        "--channel-arn",
        CHANNEL,
        "--fault",
        "call-throttled=0.2",
        "--fault",
        "member-throttled=0.02",
        "--missing-users",
        "gone",
    ];
    work_dir.run_fast("list.csv", &[&faults, flags].concat())
}

fn list() -> String {
    ids("u", 1_500) + "gone1\ngone2\nnot valid,1\n"
}

#[test]
fn every_line_in_json_has_known_fields() {
    let work_dir = WorkDir::with("list.csv", list());
    let output = run_with_faults(&work_dir, &["--progress", "json"]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let (events, mut fields) = lines(&output.stderr);
    assert!(matches!(events[0], Line::Begun { .. }), "{:?}", events[0]);

    let summary = work_dir.summary("run");
    let mut sent = 0;
    let mut done = (0, 0);
    let mut throttled = 0;
    let mut by_code = BTreeMap::new();
    for event in &events {
        match event {
            Line::CallSent { .. } => sent += 1,
            Line::CallSettled {
                added,
                failed,
                refusal,
                failed_by_code,
                ..
            } => {
                done = (done.0 + added, done.1 + failed);
                throttled += u64::from(refusal.as_deref() == Some("ThrottledClientException"));
                for (code, rows) in failed_by_code {
                    *by_code.entry(code.clone()).or_insert(0) += rows;
                }
            }
            _ => {}
        }
    }
    assert_eq!(sent, summary.calls);
    assert_eq!(done, (summary.added, summary.failed));
    assert_eq!(throttled, summary.throttled_calls);
    assert!(throttled > 0);
    assert_eq!(by_code, BTreeMap::from([("NotFound".to_owned(), 2)]));

    // Two more events, `note` and `error`, of a run that fails at once.
    let empty = WorkDir::with("list.csv", ids("u", 3));
    let failed = empty.run_fast("list.csv", &["--progress", "json", "--bearer", "x"]);
    assert_eq!(failed.code, Some(2), "{failed:#?}");
    fields.extend(lines(&failed.stderr).1);
    // One more, of a run with a denied bearer.
    let pool = WorkDir::with("list.csv", ids("u", 300));
    let bearers = ["admin0", "admin1"].map(|id| format!("{APP}/user/{id}"));
    let denied = pool.run_fast(
        "list.csv",
        &[
            "--progress",
            "json",
            "--channel-arn",
            CHANNEL,
            "--bearer",
            &bearers[0],
            "--bearer",
            &bearers[1],
            "--storm",
            "ForbiddenException=0..,bearer=admin0",
        ],
    );
    assert_eq!(denied.code, Some(0), "{denied:#?}");
    let (events, set_aside) = lines(&denied.stderr);
    let is_first = |line: &Line| match line {
        Line::BearerSetAside { bearer, .. } => *bearer == bearers[0],
        _ => false,
    };
    assert!(events.iter().any(is_first), "{denied:#?}");
    fields.extend(set_aside);
    // All events but `draining`, which needs a signal.
    let seen: Vec<&str> = fields.keys().map(String::as_str).collect();
    let known = [
        "bearer_set_aside",
        "begun",
        "bound",
        "call_sent",
        "call_settled",
        "error",
        "list_complete",
        "note",
        "staged",
        "standing",
    ];
    assert_eq!(seen, known);
}

#[test]
fn none_prints_notes_only_and_the_other_modes_print_the_lower_bound_too() {
    let work_dir = WorkDir::with("list.csv", list());
    let output = run_with_faults(&work_dir, &["--progress", "none"]);
    let labels: Vec<_> = output.stderr.lines().map(|l| &l[..5]).collect();
    let end = ["repor", "next:", "still", "next:"];
    let expected = [&["list:", "run: "], &end[..]].concat();
    assert_eq!(labels, expected, "{output:#?}");
    for mode in ["plain", "auto", "bars"] {
        let work_dir = WorkDir::with("list.csv", list());
        let output = run_with_faults(&work_dir, &["--progress", mode]);
        let labels: Vec<_> = output.stderr.lines().map(|l| &l[..5]).collect();
        let expected = [&["list:", "run: ", "bound"], &end[..]].concat();
        assert_eq!(labels, expected, "{output:#?}");
    }
}

#[test]
fn the_mode_can_be_set_by_a_variable() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let flags = ["run", "list.csv", "--sandbox", "--channel-arn", CHANNEL];
    let mut command = work_dir.command(flags);
    let output = Output::of(command.env("CHIME_BULK_PROGRESS", "json"));
    assert_eq!(output.code, Some(0), "{output:#?}");
    lines(&output.stderr);
}

#[test]
fn logs_have_codes_but_no_members_and_do_not_change_the_last_line() {
    let work_dir = WorkDir::with("list.csv", list());
    let output = run_with_faults(&work_dir, &["-vv", "--max-failures", "1"]);
    assert_eq!(output.code, Some(4), "{output:#?}");
    assert_eq!(output.resume(), ["resume", "run"]);
    let logged = |text: &str, level: &str| {
        let line = |line: &&str| line.contains(level) && !line.contains("gone");
        text.lines().filter(line).count()
    };
    assert!(logged(&output.stderr, " DEBUG call ") > 10, "{output:#?}");
    assert!(logged(&output.stderr, " NotFound") > 0, "{output:#?}");

    let work_dir = WorkDir::with("list.csv", list());
    let output = run_with_faults(&work_dir, &["--log-file", "run.log"]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(!output.stderr.contains("INFO"), "{output:#?}");
    let log = std::fs::read_to_string(work_dir.path("run.log")).unwrap();
    assert!(logged(&log, " WARN  call ") > 0, "{log}");
    assert_eq!(logged(&log, " DEBUG "), 0, "{log}");
    assert!(log.ends_with(" INFO  ended with exit code 1\n"), "{log}");
    assert!(!log.contains("gone1") && !log.contains("u1499"), "{log}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(work_dir.path("run.log"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    let work_dir = WorkDir::with("list.csv", list());
    let output = run_with_faults(&work_dir, &["--log-file", "nowhere/run.log"]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(
        output
            .stderr
            .contains("cannot write to the log file nowhere/run.log"),
        "{output:#?}"
    );
    assert!(!work_dir.path("run").exists());
}

/// After the exit codes 3, 4 and 130.
#[test]
#[cfg(unix)]
fn the_last_line_is_the_resume_command_in_every_mode() {
    for mode in ["auto", "bars", "plain", "json", "none"] {
        let end = |flags: &[&str], code| {
            let work_dir = WorkDir::with("list.csv", list());
            let output = run_with_faults(&work_dir, &[flags, &["--progress", mode]].concat());
            assert_eq!(output.code, Some(code), "{output:#?}");
            assert_eq!(output.resume(), ["resume", "run"]);
            if mode == "json" {
                let (rest, _) = output.stderr.trim_end().rsplit_once('\n').unwrap();
                lines(rest);
            }
        };
        end(&["--max-failures", "1"], 4);
        end(&["--admin", &format!("{APP}/user/somebody")], 3);
        let work_dir = WorkDir::new();
        let mut running = work_dir.start_slow(&["--progress", mode]);
        // Any line will do: the modes begin with different ones.
        running.wait_for_line("");
        while !work_dir.path("run/ledger.db").exists() {}
        running.interrupt();
        let output = running.end();
        assert_eq!(output.code, Some(130), "{output:#?}");
        assert_eq!(output.resume(), ["resume", "run"]);
    }
}
