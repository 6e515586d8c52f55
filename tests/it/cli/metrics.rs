//! `--metrics-listen` and `--metrics-file`.

#![expect(clippy::float_cmp, reason = "the numbers are whole")]
#![expect(clippy::print_stderr, reason = "says what is skipped")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use chime_bulk::model::Outcome;

use crate::support::exposition::{Exposition, request};
use crate::support::program::{
    BEARER, CHANNEL, Output, Running, Sandbox, WorkDir, ids, make_fifo, repository, table,
};

/// What Prometheus sends.
const PROMETHEUS: &str = "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";
/// The outcomes of rows that are added.
const OUTCOMES: [Outcome; 6] = [
    Outcome::Added,
    Outcome::AlreadyMember,
    Outcome::Failed,
    Outcome::Invalid,
    Outcome::Duplicate,
    Outcome::Unconfirmed,
];

/// A run whose list the test writes.
struct Fed {
    work_dir: WorkDir,
    running: Running,
    /// Where the metrics are served.
    address: String,
    _sandbox: Sandbox,
}

impl Fed {
    fn start() -> Self {
        let work_dir = WorkDir::new();
        let shape = [
            "--capacity",
            "100000",
            "--missing-users",
            "gone",
            "--fault",
            "call-throttled=0.05",
        ];
        let sandbox = Sandbox::start(&work_dir, &shape);
        let begin = ["run", "-", "--channel-arn", CHANNEL, "--bearer", BEARER];
        let dir = ["--run-dir", "run"];
        let listen = ["--metrics-listen", ":0", "--metrics-file", "run.prom"];
        let command = work_dir.command(begin.iter().chain(&dir).chain(&listen));
        let mut running = Running::start(sandbox.call(command).stdin(Stdio::piped()));
        let line = running.line("metrics: ");
        let address = line.strip_prefix("metrics: http://").unwrap();
        let address = address.strip_suffix("/metrics").unwrap().to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{line}");
        Self {
            work_dir,
            running,
            address,
            _sandbox: sandbox,
        }
    }

    /// The metrics now, as each of the two parsers reads them.
    fn scrape(&self) -> [Exposition; 2] {
        let (head, body) = request(&self.address, "GET /metrics", PROMETHEUS);
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        let content_type =
            "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert!(head.contains(content_type), "{head}");
        let openmetrics = Exposition::of_openmetrics(&body);
        let (head, body) = request(&self.address, "GET /metrics", "");
        let content_type = "content-type: text/plain; version=0.0.4; charset=utf-8";
        assert!(head.contains(content_type), "{head}");
        [openmetrics, Exposition::of_prometheus(&body)]
    }
}

/// The metrics in a file.
fn file(work_dir: &WorkDir) -> Exposition {
    let text = std::fs::read_to_string(work_dir.path("run.prom")).unwrap();
    Exposition::of_prometheus(&text)
}

fn members(task: &str, outcome: &str) -> String {
    format!("chime_bulk_members_total{{outcome=\"{outcome}\",task=\"{task}\"}}")
}

/// Calls that ended, whatever became of them.
fn calls(exposition: &Exposition) -> f64 {
    let names = exposition.names();
    let calls = names.filter(|name| name.starts_with("chime_bulk_calls_total{"));
    calls.map(|name| exposition.get(name)).sum()
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn a_run_is_scraped_at_the_beginning_midway_and_at_the_end() {
    let mut fed = Fed::start();
    for scraped in fed.scrape() {
        assert_eq!(scraped.state(), "starting");
        assert_eq!(calls(&scraped), 0.0);
        assert_eq!(scraped.get("chime_bulk_build_info{version=\"0.1.0\"}"), 1.0);
        assert!(scraped.get("chime_bulk_start_time_seconds") > 1.7e9);
    }

    let mut list = fed.running.stdin();
    let rows = ids("u", 30_000) + "u1\nu2\ngone1\nnot valid\n";
    list.write_all(rows.as_bytes()).unwrap();
    let mut before = 0.0;
    let added = members("add", "added");
    loop {
        let [scraped, plain] = fed.scrape();
        let now = scraped.find(&added).unwrap_or_default();
        assert!(now >= before && now <= 30_000.0, "{now}");
        before = now;
        if calls(&scraped) < 20.0 || plain.get(&added) < 1_000.0 {
            continue;
        }
        assert!(["reading", "cool_down"].contains(&plain.state()));
        assert!(plain.get("chime_bulk_limit_calls_per_second") > 1_000.0);
        assert!(plain.find("chime_bulk_members_left").is_some());
        assert_eq!(plain.find("chime_bulk_exit_code"), None);
        let durations = "chime_bulk_call_duration_seconds_count{task=\"add\"}";
        assert_eq!(plain.get(durations), calls(&plain));
        assert_eq!(scraped.types["chime_bulk_members"], "counter");
        assert_eq!(plain.types["chime_bulk_members_total"], "counter");
        assert_eq!(plain.types["chime_bulk_call_duration_seconds"], "histogram");
        break;
    }

    drop(list);
    let Fed {
        work_dir,
        running,
        address,
        ..
    } = fed;
    let output = running.end();
    assert_eq!(output.code, Some(1), "{output:#?}");
    TcpStream::connect(address).unwrap_err();
    let (end, summary) = (file(&work_dir), work_dir.summary("run"));
    assert_eq!(
        (end.state(), end.get("chime_bulk_exit_code")),
        ("ended", 1.0)
    );
    for outcome in OUTCOMES {
        let members = end.get(&members("add", outcome.as_str()));
        assert_eq!(members, summary.tally().of(outcome) as f64, "{outcome}");
    }
    assert_eq!(calls(&end), summary.calls as f64);
    let throttled = "chime_bulk_calls_total{result=\"throttled\",task=\"add\"}";
    assert_eq!(end.get(throttled), summary.throttled_calls as f64);
    assert_eq!(end.get("chime_bulk_members_left"), 0.0);
    assert_eq!(end.get("chime_bulk_calls_in_flight"), 0.0);
    assert_eq!(summary.tally().of(Outcome::Duplicate), 2);
    assert_eq!(summary.tally().of(Outcome::Invalid), 1);
    let mode = std::fs::metadata(work_dir.path("run.prom"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
    let names = std::fs::read_dir(work_dir.path("")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.contains(".tmp")).count(), 0);
}

#[test]
fn only_the_metrics_are_served_and_only_to_read() {
    let fed = Fed::start();
    let (head, body) = request(&fed.address, "GET /", "");
    assert!(head.starts_with("http/1.1 404 "), "{head}");
    assert_eq!(body, "the metrics are at /metrics\n");
    for method in ["POST", "DELETE", "OPTIONS"] {
        let (head, _) = request(
            &fed.address,
            &format!("{method} /metrics"),
            "Content-Length: 0\r\n",
        );
        assert!(head.starts_with("http/1.1 405 "), "{head}");
        assert!(head.contains("allow: get, head"), "{head}");
    }
    let (head, body) = request(&fed.address, "HEAD /metrics", "");
    assert!(
        head.starts_with("http/1.1 200 ") && head.contains("content-length: "),
        "{head}"
    );
    assert_eq!(body, "");
    let (head, _) = request(&fed.address, "GET /metrics?x=1", "");
    assert!(head.starts_with("http/1.1 200 "), "{head}");
}

#[test]
fn clients_that_misbehave_do_not_hold_up_the_run() {
    let mut fed = Fed::start();
    let connect = || TcpStream::connect(&fed.address).unwrap();
    // Far more headers than are accepted: the client may find its connection reset before the answer.
    let mut endless = connect();
    drop(endless.write_all(b"GET /metrics HTTP/1.1\r\nX: "));
    drop(endless.write_all(&vec![b'x'; 1 << 20]));
    let mut answer = Vec::new();
    drop(endless.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    let mut silent: Vec<_> = (0..4).map(|_| connect()).collect();
    for stream in &mut silent {
        stream
            .write_all(b"POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\nX: ")
            .unwrap();
    }
    // A client more than are served is closed.
    let mut refused = connect();
    drop(refused.write_all(b"GET /metrics HTTP/1.1\r\n\r\n"));
    let mut answer = Vec::new();
    drop(refused.read_to_end(&mut answer));
    assert_eq!(answer, b"");

    fed.running
        .stdin()
        .write_all(ids("u", 300).as_bytes())
        .unwrap();
    let output = fed.running.end();
    assert_eq!(output.code, Some(0), "{output:#?}");
    // The connections end with the run.
    for mut stream in silent {
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
        assert_eq!(rest, b"");
    }
}

#[test]
fn a_file_that_cannot_be_written_any_more_is_one_warning() {
    let mut fed = Fed::start();
    let path = fed.work_dir.path("run.prom");
    assert!(path.exists());
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    fed.running
        .stdin()
        .write_all(ids("u", 300).as_bytes())
        .unwrap();
    let output = fed.running.end();
    assert_eq!(output.code, Some(0), "{output:#?}");
    let warning = "warning: cannot write the metrics file run.prom: ";
    assert_eq!(output.stderr.matches(warning).count(), 1, "{output:#?}");
    assert!(
        output
            .stderr
            .contains("is a directory, not a regular file; the run goes on")
    );
}

#[test]
fn what_cannot_be_served_or_written_is_refused_before_the_run() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    std::fs::write(work_dir.path("list.prom"), ids("u", 3)).unwrap();
    std::fs::create_dir(work_dir.path("dir.prom")).unwrap();
    make_fifo(&work_dir.path("fifo.prom"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let refused = |list: &str, flags: [&str; 2], what: &str, hint: &str| {
        let to = ["--channel-arn", CHANNEL];
        let output = work_dir.run_fast(list, &[&to[..], &flags].concat());
        assert_eq!(output.code, Some(2), "{output:#?}");
        assert!(output.stderr.contains(what), "{output:#?}");
        assert!(output.stderr.contains(hint), "{output:#?}");
        assert!(!work_dir.path("run").exists());
    };
    let listen = "--metrics-listen";
    let other = "hint: choose another address with --metrics-listen, such as :0";
    refused(
        "list.csv",
        [listen, &taken],
        &format!("cannot serve metrics on {taken}: "),
        other,
    );
    refused(
        "list.csv",
        [listen, "9100"],
        "`9100` is not an address and a port",
        "such as :9100",
    );
    let file = "--metrics-file";
    let another = "name another with --metrics-file";
    refused(
        "list.csv",
        [file, "none/m.prom"],
        "cannot write the metrics file none/m.prom: ",
        another,
    );
    refused(
        "list.csv",
        [file, "dir.prom"],
        "dir.prom is a directory",
        another,
    );
    refused(
        "list.csv",
        [file, "fifo.prom"],
        "fifo.prom is a FIFO",
        another,
    );
    refused(
        "list.prom",
        [file, "list.prom"],
        "--metrics-file is the list",
        another,
    );
    refused(
        "list.csv",
        [file, "m.txt"],
        "its name does not end in .prom",
        "hint: the textfile collector",
    );
    refused(
        "list.csv",
        ["--emf", "Import"],
        "--emf needs --progress json",
        "hint: pass --progress json",
    );
    refused(
        "list.csv",
        ["--emf", "AWS/X"],
        "begins with neither AWS/ nor a colon",
        "",
    );
    let list = std::fs::read_to_string(work_dir.path("list.prom")).unwrap();
    assert_eq!(list, ids("u", 3));
}

#[test]
fn every_command_that_makes_calls_counts_them_from_zero() {
    let work_dir = WorkDir::with("list.csv", ids("u", 120) + "gone1\n");
    let sandbox = Sandbox::start(&work_dir, &["--missing-users", "gone"]);
    let perform = |command: &str, code: i32| {
        let words = command.split(' ').chain(["--metrics-file", "run.prom"]);
        let output = Output::of(&mut sandbox.call(work_dir.command(words)));
        assert_eq!(output.code, Some(code), "{output:#?}");
        let exposition = file(&work_dir);
        assert_eq!(exposition.state(), "ended");
        assert_eq!(exposition.get("chime_bulk_exit_code"), f64::from(code));
        exposition
    };
    let run = perform(
        &format!("run list.csv --channel-arn {CHANNEL} --bearer {BEARER} --run-dir run"),
        1,
    );
    assert_eq!(run.get(&members("add", "added")), 120.0);
    assert_eq!(run.get(&members("add", "failed")), 1.0);
    let retry = perform("retry run", 1);
    assert_eq!(retry.get(&members("add", "added")), 0.0);
    assert_eq!(retry.get(&members("add", "failed")), 1.0);
    assert_eq!(retry.get(&members("add", "invalid")), 0.0);
    let verify = perform("verify run", 0);
    assert!(verify.get(&members("read", "answered")) > 0.0);
    assert_eq!(verify.find(&members("add", "added")), None);
    let sync = perform(
        &format!("sync list.csv --channel-arn {CHANNEL} --bearer {BEARER} --run-dir sync"),
        1,
    );
    assert!(sync.get(&members("read", "answered")) > 0.0);
    assert_eq!(sync.get(&members("add", "failed")), 1.0);
    let undo = perform("undo run --yes", 0);
    assert_eq!(undo.get(&members("remove", "removed")), 120.0);
    assert_eq!(
        calls(&undo),
        undo.get("chime_bulk_call_duration_seconds_count{task=\"remove\"}")
    );
}

#[test]
fn a_resumed_run_counts_what_is_left() {
    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&["--progress", "json", "--metrics-file", "run.prom"]);
    running.wait_for_line(r#"{"event":"call_settled""#);
    running.interrupt();
    let output = running.end();
    assert_eq!(output.code, Some(130), "{output:#?}");
    let first = file(&work_dir);
    let added = members("add", "added");
    assert!(first.get(&added) >= 100.0);
    assert_eq!(first.get("chime_bulk_exit_code"), 130.0);
    // The second part of the list takes no time: the limits are raised.
    let flags = [
        "--channel-rate",
        "100000",
        "--bearer-rate",
        "100000",
        "--unlimited",
        "--latency",
        "0",
    ];
    let resume = ["resume", "run", "--metrics-file", "run.prom"];
    let output = work_dir.run(resume.iter().chain(&flags));
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(first.get(&added) + file(&work_dir).get(&added), 3_000.0);
}

/// Runs a parser of others on the file, if it is there. `CHIME_BULK_PARSERS=required` fails if it is not.
fn parsed_by(program: &str, arguments: &[&str], probe: &[&str], path: &Path) {
    let found = Command::new(program)
        .args(probe)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        let required =
            std::env::var_os("CHIME_BULK_PARSERS").is_some_and(|value| value == "required");
        assert!(!required, "{program} is missing");
        eprintln!("skipped: {program} is missing");
        return;
    }
    let file = std::fs::File::open(path).unwrap();
    let output = Command::new(program)
        .args(arguments)
        .stdin(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{program}: {output:#?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{program}");
}

#[test]
fn parsers_of_others_accept_both_formats() {
    let mut fed = Fed::start();
    let mut list = fed.running.stdin();
    list.write_all(ids("u", 30_000).as_bytes()).unwrap();
    let openmetrics = loop {
        let (_, body) = request(&fed.address, "GET /metrics", PROMETHEUS);
        if body.contains("\nchime_bulk_call_duration_seconds_count{") {
            break body;
        }
    };
    assert!(openmetrics.ends_with("\n# EOF\n"), "{openmetrics}");
    drop(list);
    let output = fed.running.end();
    assert_eq!(output.code, Some(0), "{output:#?}");
    let file = fed.work_dir.path("run.prom");
    let openmetrics_file = fed.work_dir.path("openmetrics.txt");
    std::fs::write(&openmetrics_file, openmetrics).unwrap();
    let script = |module: &str| {
        format!(
            "import sys; from prometheus_client.{module} import text_string_to_metric_families as parse
families = list(parse(sys.stdin.read())); types = {{family.type for family in families}}
assert len(families) > 4 and 'unknown' not in types, families"
        )
    };
    let probe = ["-c", "import prometheus_client"];
    parsed_by("python3", &["-c", &script("parser")], &probe, &file);
    parsed_by(
        "python3",
        &["-c", &script("openmetrics.parser")],
        &probe,
        &openmetrics_file,
    );
    // Not required: its package is large.
    if Command::new("promtool").arg("--version").output().is_ok() {
        parsed_by("promtool", &["check", "metrics"], &["--version"], &file);
    }
}

#[test]
fn the_table_in_the_samples_has_every_metric() {
    let mut fed = Fed::start();
    let list = ids("u", 300);
    fed.running.stdin().write_all(list.as_bytes()).unwrap();
    let output = fed.running.end();
    assert_eq!(output.code, Some(0), "{output:#?}");
    let mut found: BTreeSet<_> = file(&fed.work_dir).types.into_keys().collect();
    // The only one that the end does not have.
    found.insert("chime_bulk_time_left_seconds".to_owned());
    let readme = repository("samples/README.md");
    let rows = table(&readme, "metric");
    let named = rows.iter().skip(2).map(|row| row[0].trim_matches('`'));
    assert_eq!(named.map(str::to_owned).collect::<BTreeSet<_>>(), found);
}
