//! Progress as it is asked for: lines, JSON, none; and the last line in each.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::support::program::{APP, Ended, WorkDir, ids};

/// A line of `--progress json`: its fields are a contract.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
#[expect(dead_code, reason = "that they are there is what is tested")]
enum Line {
    Begun {
        run_id: String,
        dir: String,
        list: String,
        service: String,
        bearers: usize,
        rows_read: u64,
        settled_before: u64,
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
        added: u64,
        already_member: u64,
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
#[expect(dead_code, reason = "that they are there is what is tested")]
struct Channel {
    id: String,
    members_left: u64,
    calls_left: u64,
}

/// Every line of a text, parsed; the same lines' names with their fields.
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

/// A run of rows that are refused for a while or for good.
fn troubled(place: &WorkDir, flags: &[&str]) -> Ended {
    let faults = [
        "--channel-arn",
        &format!("{APP}/channel/c"),
        "--fault",
        "call-throttled=0.2",
        "--fault",
        "member-throttled=0.02",
        "--missing-users",
        "gone",
    ];
    place.run_fast("list.csv", &[&faults, flags].concat())
}

fn list() -> String {
    ids("u", 1_500) + "gone1\ngone2\nnot valid,1\n"
}

#[test]
fn every_line_in_json_has_known_fields() {
    let place = WorkDir::with("list.csv", list());
    let ended = troubled(&place, &["--progress", "json"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let (events, mut fields) = lines(&ended.stderr);
    assert!(matches!(events[0], Line::Begun { .. }), "{:?}", events[0]);

    let summary = place.summary("run");
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

    // Two events more that a good run has not.
    let empty = WorkDir::with("list.csv", ids("u", 3));
    let failed = empty.run_fast("list.csv", &["--progress", "json", "--bearer", "x"]);
    assert_eq!(failed.code, Some(2), "{failed:#?}");
    fields.extend(lines(&failed.stderr).1);
    // And one of a run with a denied bearer.
    let pool = WorkDir::with("list.csv", ids("u", 300));
    let bearers = ["admin0", "admin1"].map(|id| format!("{APP}/user/{id}"));
    let denied = pool.run_fast(
        "list.csv",
        &[
            "--progress",
            "json",
            "--channel-arn",
            &format!("{APP}/channel/c"),
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
    // Each event that needs no signal was seen.
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
fn none_is_silent_and_plain_says_the_bound() {
    let place = WorkDir::with("list.csv", list());
    let ended = troubled(&place, &["--progress", "none"]);
    let said: Vec<_> = ended.stderr.lines().map(|l| &l[..5]).collect();
    assert_eq!(said, ["list:", "run: ", "repor", "next:"], "{ended:#?}");
    for mode in ["plain", "auto", "bars"] {
        let place = WorkDir::with("list.csv", list());
        let ended = troubled(&place, &["--progress", mode]);
        let said: Vec<_> = ended.stderr.lines().map(|l| &l[..5]).collect();
        assert_eq!(
            said,
            ["list:", "run: ", "bound", "repor", "next:"],
            "{ended:#?}"
        );
    }
}

#[test]
fn the_mode_can_be_a_variable() {
    let place = WorkDir::with("list.csv", ids("u", 3));
    let channel = format!("{APP}/channel/c");
    let flags = ["run", "list.csv", "--sandbox", "--channel-arn", &channel];
    let mut command = place.command(flags);
    let ended = Ended::of(command.env("CHIME_BULK_PROGRESS", "json"));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    lines(&ended.stderr);
}

#[test]
fn logs_name_codes_and_nobody_and_leave_the_last_line() {
    let place = WorkDir::with("list.csv", list());
    let ended = troubled(&place, &["-vv", "--max-failures", "1"]);
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    assert_eq!(ended.resume(), ["resume", "run"]);
    let logged = |text: &str, level: &str| {
        let line = |line: &&str| line.contains(level) && !line.contains("gone");
        text.lines().filter(line).count()
    };
    assert!(logged(&ended.stderr, " DEBUG call ") > 10, "{ended:#?}");
    assert!(logged(&ended.stderr, " NotFound") > 0, "{ended:#?}");

    let place = WorkDir::with("list.csv", list());
    let ended = troubled(&place, &["--log-file", "run.log"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(!ended.stderr.contains("INFO"), "{ended:#?}");
    let log = std::fs::read_to_string(place.path("run.log")).unwrap();
    assert!(logged(&log, " WARN  call ") > 0, "{log}");
    assert_eq!(logged(&log, " DEBUG "), 0, "{log}");
    assert!(log.ends_with(" INFO  ended with exit code 1\n"), "{log}");
    assert!(!log.contains("gone1") && !log.contains("u1499"), "{log}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(place.path("run.log"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    let place = WorkDir::with("list.csv", list());
    let ended = troubled(&place, &["--log-file", "nowhere/run.log"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(
        ended
            .stderr
            .contains("cannot write to the log file nowhere/run.log"),
        "{ended:#?}"
    );
    assert!(!place.path("run").exists());
}

/// The command that resumes is the last line, as it is, in every mode: after 3, 4 and
/// 130.
#[test]
#[cfg(unix)]
fn the_last_line_resumes_in_every_mode() {
    for mode in ["auto", "bars", "plain", "json", "none"] {
        let end = |flags: &[&str], code| {
            let place = WorkDir::with("list.csv", list());
            let ended = troubled(&place, &[flags, &["--progress", mode]].concat());
            assert_eq!(ended.code, Some(code), "{ended:#?}");
            assert_eq!(ended.resume(), ["resume", "run"]);
            if mode == "json" {
                let (rest, _) = ended.stderr.trim_end().rsplit_once('\n').unwrap();
                lines(rest);
            }
        };
        end(&["--max-failures", "1"], 4);
        end(&["--admin", &format!("{APP}/user/somebody")], 3);
        let place = WorkDir::new();
        let mut running = place.start_slow(&["--progress", mode]);
        // The first line of the program is the first in each mode, and the run has begun by then.
        running.hear("");
        while !place.path("run/ledger.db").exists() {}
        running.interrupt();
        let ended = running.end();
        assert_eq!(ended.code, Some(130), "{ended:#?}");
        assert_eq!(ended.resume(), ["resume", "run"]);
    }
}
