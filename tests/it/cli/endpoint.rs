//! The address that is called: where it stands, and what happens if no Chime answers there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::Value;

use crate::support::is_large;
use crate::support::program::{BEARER, CHANNEL, Output, Sandbox, WorkDir, ids};

/// A run of ten members with these flags and, unless a flag sets it, no endpoint.
fn command(work_dir: &WorkDir, flags: &[&str]) -> Command {
    std::fs::write(work_dir.path("list.csv"), ids("user-", 10)).unwrap();
    let begin = ["run", "list.csv", "--run-dir", "run", "--bearer", BEARER];
    let to = ["--channel-arn", CHANNEL, "--channel-rate", "1000"];
    let mut command = work_dir.command(begin.iter().chain(&to).chain(flags));
    with_credentials(&mut command);
    command
}

fn with_credentials(command: &mut Command) -> &mut Command {
    command
        .env("AWS_ACCESS_KEY_ID", "sandbox")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox")
        .env("NO_PROXY", "*")
}

/// An address where nothing listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Answers each connection with these bytes once it has sent something, and closes it.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move |mut stream: TcpStream| {
        let _ = stream.read(&mut vec![0; 65_536]);
        let _ = stream.write_all(answer);
    };
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address.to_string()
}

/// The run stopped without a verdict on any row, and its error contains these texts.
#[track_caller]
fn check_stopped(work_dir: &WorkDir, output: &Output, texts: &[&str]) {
    assert_eq!(output.code, Some(3), "{output:#?}");
    let error = output.stderr.split("\nerror: ").nth(1).unwrap_or_default();
    for text in texts {
        assert!(error.contains(text), "no `{text}` in {output:#?}");
    }
    let (what, hint) = error.split_once("\n\nhint: ").unwrap();
    assert!(!what.contains('\n'), "{what}");
    for name in ["--endpoint-url", "AWS_ENDPOINT_URL"] {
        assert!(hint.contains(name), "no `{name}` in {hint}");
    }
    let summary = work_dir.summary("run");
    // Where the request may have been read, its rows are in doubt.
    let open = summary.not_attempted + summary.unconfirmed;
    assert_eq!((open, summary.failed), (10, 0), "{summary:#?}");
    output.resume();
}

/// TLS's alert `unexpected_message`, which a TLS server sends if it is called without TLS.
const TLS_ALERT: &[u8] = b"\x15\x03\x03\x00\x02\x02\x0a";

#[test]
fn an_address_where_no_chime_answers_stops_the_run_soon_and_fails_nobody() {
    let tls = |url: String| url.replace("http://", "https://");
    let http = |address: String| format!("http://{address}");
    let html = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>";
    let unknown = "HTTP/1.1 404 Not Found\r\nx-amzn-errortype: UnknownOperationException\r\n\
                   content-length: 2\r\n\r\n{}";
    let cases = [
        (nowhere(), "Unreachable", "Connection refused"),
        (
            "http://nothing.invalid:1".to_owned(),
            "Unreachable",
            "dns error",
        ),
        // TLS to a port without it.
        (
            tls(http(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"))),
            "Unreachable",
            "",
        ),
        // A port with TLS, called without.
        (http(answering(TLS_ALERT)), "ConnectionLost", ""),
        (http(answering(b"")), "ConnectionLost", ""),
        (http(answering(html.as_bytes())), "UnreadableReply", ""),
        (
            http(answering(unknown.as_bytes())),
            "UnknownOperationException",
            "",
        ),
    ];
    for (url, code, why) in cases {
        let work_dir = WorkDir::new();
        // One attempt is enough to fail a member, but none of these is charged.
        let flags = [
            "--endpoint-url",
            &url,
            "--patience",
            "1",
            "--max-attempts",
            "1",
        ];
        let output = Output::within_a_minute(&command(&work_dir, &flags));
        check_stopped(&work_dir, &output, &[&url, code, why]);
        // The reason is noted once, as soon as a call has failed.
        let note = format!("note: no call is accepted by {url}: {code}: ");
        assert_eq!(output.stderr.matches(&note).count(), 1, "{output:#?}");
    }
}

#[test]
fn a_port_that_accepts_and_never_answers_stops_the_run() {
    // It takes three quarters of a minute, idle.
    if !is_large() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let work_dir = WorkDir::new();
    // Three answers are waited for, each for as long as an answer may take.
    let flags = [
        "--endpoint-url",
        &url,
        "--patience",
        "1",
        "--max-attempts",
        "1",
    ];
    let output = Output::of(&mut command(&work_dir, &flags));
    check_stopped(&work_dir, &output, &[&url, "Timeout", "did not end within"]);
}

#[test]
fn a_wrong_path_stops_the_run() {
    let work_dir = WorkDir::new();
    let sandbox = Sandbox::start(&work_dir, &[]);
    let url = format!("{}/v2", sandbox.url);
    let flags = ["--endpoint-url", &url, "--patience", "1"];
    let output = Output::within_a_minute(&command(&work_dir, &flags));
    check_stopped(&work_dir, &output, &[&url, "UnknownOperationException"]);
}

#[test]
fn the_reason_is_in_each_probes_line_of_the_log_and_of_json() {
    let url = nowhere();
    let work_dir = WorkDir::new();
    let flags = ["--endpoint-url", &url, "--patience", "1"];
    let log = ["--log-file", "log", "--progress", "json"];
    let output = Output::within_a_minute(&command(&work_dir, &[&flags[..], &log].concat()));
    let calls = work_dir.summary("run").calls;
    assert!(calls >= 3, "{output:#?}");
    let text = std::fs::read_to_string(work_dir.path("log")).unwrap();
    let probes = text.lines().filter(|line| line.contains("WARN  call "));
    let probes: Vec<_> = probes.collect();
    assert_eq!(u64::try_from(probes.len()).unwrap(), calls, "{text}");
    for line in probes {
        assert!(line.contains("Connection refused"), "{line}");
    }
    let began = "one call at a time probes; Unreachable: tcp connect error: Connection refused";
    assert!(text.contains(began), "{text}");
    let events = output.stderr.lines().filter(|line| line.starts_with('{'));
    let events: Vec<Value> = events
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["address"], url.as_str());
    let settled = events
        .iter()
        .filter(|event| event["event"] == "call_settled");
    for event in settled {
        let reason = event["reason"].as_str().unwrap();
        assert!(
            reason.starts_with("tcp connect error: Connection refused"),
            "{event}"
        );
    }
}

#[test]
fn resume_keeps_patience_and_takes_another_address() {
    let work_dir = WorkDir::new();
    let url = nowhere();
    let begun = command(&work_dir, &["--endpoint-url", &url, "--patience", "1"]);
    let output = Output::within_a_minute(&begun);
    check_stopped(&work_dir, &output, &[&url]);
    let mut resume = work_dir.command(output.resume());
    let output = Output::within_a_minute(with_credentials(&mut resume));
    check_stopped(&work_dir, &output, &[&url]);
    // Half a minute would pass if the session had forgotten it.
    let elapsed = work_dir.summary("run").elapsed_seconds;
    assert!(elapsed < 30.0, "{elapsed}");

    let sandbox = Sandbox::start(&work_dir, &[]);
    let mut resume = work_dir.command(output.resume());
    let output = Output::of(with_credentials(&mut resume).args(["--endpoint-url", &sandbox.url]));
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(work_dir.summary("run").address.as_ref(), Some(&sandbox.url));
}

#[test]
fn a_service_that_answered_is_waited_for_as_long_as_patience_lasts() {
    let work_dir = WorkDir::new();
    let sandbox = Sandbox::start(&work_dir, &["--outage", "0.."]);
    let flags = ["--endpoint-url", &sandbox.url, "--patience", "1"];
    let output = Output::within_a_minute(&command(&work_dir, &flags));
    assert_eq!(output.code, Some(3), "{output:#?}");
    let error = "error: the service accepted no call for too long; the last answer: ";
    assert!(output.stderr.contains(error), "{output:#?}");
    assert_eq!(work_dir.summary("run").not_attempted, 10);
}

#[test]
fn patience_is_checked() {
    let work_dir = WorkDir::new();
    for seconds in ["0", "-1", "1.5", "604801", "long"] {
        let output = command(&work_dir, &["--patience", seconds]);
        let output = Output::within_a_minute(&output);
        assert_eq!(output.code, Some(2), "{output:#?}");
        let text = "a whole number of seconds from 1 to 604800";
        assert!(output.stderr.contains(text), "{output:#?}");
    }
}

/// The ways to set an address, each with the text that must be printed. Later ones are overridden by
/// earlier ones.
fn ways(flag: &str, own: &str, shared: &str, profile: &str) -> Vec<(Vec<String>, String)> {
    let config = format!("[default]\nendpoint_url = {profile}\n");
    let all = [
        ("--endpoint-url", flag),
        ("AWS_ENDPOINT_URL_CHIME_SDK_MESSAGING", own),
        ("AWS_ENDPOINT_URL", shared),
        ("config", &config),
    ];
    let set = |from: usize| -> Vec<String> {
        all[from..]
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    };
    let expected = [flag, own, shared, profile];
    let mut ways: Vec<_> = (0..4)
        .map(|from| (set(from), expected[from].to_owned()))
        .collect();
    let aws = "https://messaging-chime.us-east-1.amazonaws.com";
    ways.push((Vec::new(), aws.to_owned()));
    ways
}

/// Applies a way to a command.
fn set(work_dir: &WorkDir, command: &mut Command, way: &[String]) {
    command.env("AWS_CONFIG_FILE", work_dir.path("aws"));
    std::fs::write(work_dir.path("aws"), "").unwrap();
    for setting in way {
        let (name, value) = setting.split_once('=').unwrap();
        match name {
            "--endpoint-url" => drop(command.args([name, value])),
            "config" => std::fs::write(work_dir.path("aws"), value).unwrap(),
            _ => drop(command.env(name, value)),
        }
    }
}

#[test]
fn print_config_has_the_address_wherever_it_is_set() {
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    for (way, address) in ways(&url(1), &url(2), &url(3), &url(4)) {
        let work_dir = WorkDir::new();
        let mut command = command(&work_dir, &["--print-config"]);
        set(&work_dir, &mut command, &way);
        let output = Output::of(&mut command);
        let line = format!("# address called: {address}\n");
        assert!(output.stdout.ends_with(&line), "{way:?}: {output:#?}");
        assert!(!work_dir.path("run").exists());
    }
    let work_dir = WorkDir::new();
    let sandbox = work_dir.run(["run", "list.csv", "--sandbox", "--print-config"]);
    let line = "# address called: none: a sandbox in this process\n";
    assert!(sandbox.stdout.ends_with(line), "{sandbox:#?}");
    let unknown = work_dir.run(["run", "list.csv", "--print-config"]);
    let line = "# address called: not known: it depends on --bearer or --region\n";
    assert!(unknown.stdout.ends_with(line), "{unknown:#?}");
}

#[test]
fn the_address_called_stands_wherever_a_run_is_described() {
    let work_dir = WorkDir::new();
    let sandbox = Sandbox::start(&work_dir, &[]);
    let other = nowhere();
    let url = &sandbox.url;
    let ways = [
        ways(url, &other, &other, &other).swap_remove(0),
        ways(&other, url, &other, &other).swap_remove(1),
        ways(&other, &other, url, &other).swap_remove(2),
        ways(&other, &other, &other, url).swap_remove(3),
    ];
    for (way, address) in ways {
        assert_eq!(&address, url);
        let work_dir = WorkDir::new();
        let mut command = command(&work_dir, &["--patience", "1"]);
        set(&work_dir, &mut command, &way);
        let output = Output::within_a_minute(&command);
        assert_eq!(output.code, Some(0), "{way:?}: {output:#?}");
        let opening = format!("run:  run against {url} (messaging in us-east-1)\n");
        assert!(output.stderr.contains(&opening), "{output:#?}");
        let line = format!("\n  address         {url}\n");
        assert!(output.stdout.contains(&line), "{output:#?}");
        assert_eq!(work_dir.summary("run").address.as_ref(), Some(url));
        let status = work_dir.run(["status", "run"]);
        assert!(status.stdout.contains(&line), "{status:#?}");
        let status = work_dir.run(["status", "run", "--json"]);
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!(status["address"], url.as_str());
        let page = std::fs::read_to_string(work_dir.path("run/report.html")).unwrap();
        let row = format!("address called</code></dt><dd>{url}</dd>");
        assert!(page.contains(&row));
    }

    // A sandbox in the process has no address.
    let output = work_dir.run_fast("list.csv", &["--channel-arn", CHANNEL]);
    assert_eq!(output.code, Some(2), "there is no list: {output:#?}");
    std::fs::write(work_dir.path("list.csv"), ids("user-", 10)).unwrap();
    let output = work_dir.run_fast("list.csv", &["--channel-arn", CHANNEL]);
    assert!(!output.stdout.contains("address"), "{output:#?}");
    assert_eq!(work_dir.summary("run").address, None);
    let config = work_dir.run(["resume", "run", "--print-config"]);
    let line = "# address called: none: a sandbox in this process\n";
    assert!(config.stdout.ends_with(line), "{config:#?}");
}

#[test]
fn an_endpoint_of_the_environment_that_is_none_is_refused() {
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CHIME_SDK_MESSAGING"] {
        for value in ["localhost:8480", "http://ann:secret@localhost:1"] {
            let work_dir = WorkDir::new();
            let mut command = command(&work_dir, &["--patience", "1"]);
            let output = Output::within_a_minute(command.env(name, value));
            assert_eq!(output.code, Some(2), "{output:#?}");
            let error =
                "error: the endpoint URL of the environment or the profile is not of the form";
            assert!(output.stderr.contains(error), "{output:#?}");
            assert!(
                output.stderr.contains("\nhint: correct AWS_ENDPOINT_URL"),
                "{output:#?}"
            );
            assert!(!output.stderr.contains("secret"), "{output:#?}");
            assert!(!work_dir.path("run").exists());
        }
    }
}
