//! Credentials from a program that a profile names: as AWS describes it, and no process is left.

use std::fs::File;
use std::io::Read;
use std::process::Command;

use chime_bulk::model::{Outcome, RunState};

use crate::support::program::{APP, Ended, Running, Sandbox, WorkDir, ids, tally};

/// A place with a list and profiles.
fn place(profiles: &str) -> WorkDir {
    let place = WorkDir::with("list.csv", ids("u", 3));
    std::fs::create_dir(place.path(".aws")).unwrap();
    std::fs::write(place.path(".aws/config"), profiles).unwrap();
    place
}

/// A run whose credentials are those of a profile, against this service.
fn run(place: &WorkDir, url: &str, profile: &[&str]) -> Command {
    let (channel, bearer) = (format!("{APP}/channel/c"), format!("{APP}/user/admin"));
    let begin = ["run", "list.csv", "--run-dir", "run", "--endpoint-url", url];
    let to = ["--channel-arn", &channel, "--bearer", &bearer];
    place.command(begin.iter().chain(&to).chain(profile))
}

const NOWHERE: &str = "http://127.0.0.1:9";
const ROLE: &str = "role_arn = arn:aws:iam::123456789012:role/adds";

#[test]
fn a_process_that_hangs_is_gone_when_the_run_is_stopped() {
    let process = "credential_process = exec 3> fifo; sleep 1000 & sleep 1001";
    for (profiles, profile) in [
        (format!("[default]\n{process}\n"), &[][..]),
        (
            format!("[profile default]\n{process}\nregion = us-east-1\n"),
            &[],
        ),
        (format!("[profile p]\n{process}\n"), &["--profile", "p"]),
        (
            format!("[profile p]\n{ROLE}\nsource_profile = q\n[profile q]\n{process}\n"),
            &["--profile", "p"],
        ),
        (
            format!("[profile p]\n{ROLE}\nsource_profile = p\n{process}\n"),
            &["--profile", "p"],
        ),
    ] {
        let place = place(&profiles);
        let made = Command::new("mkfifo").arg(place.path("fifo")).status();
        assert!(made.unwrap().success());
        let mut running = Running::start(&mut run(&place, NOWHERE, profile));
        // The process and its children hold it open; it ends with the last of them.
        let mut fifo = File::open(place.path("fifo")).unwrap();
        running.interrupt();
        running.hear("stopping: ");
        running.interrupt();
        let ended = running.end();
        assert_eq!(ended.code, Some(130), "{profiles}: {ended:#?}");
        let mut nothing = Vec::new();
        fifo.read_to_end(&mut nothing).unwrap();
        assert_eq!(place.summary("run").rows_read, 3);
    }
}

#[test]
fn the_credentials_of_a_process_are_used() {
    let process = "credential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"sandbox\", \"SecretAccessKey\": \"sandbox\"}'";
    for (profiles, profile) in [
        (format!("[default]\n{process}\n"), &[][..]),
        (format!("[profile p]\n{process}\n"), &["--profile", "p"]),
    ] {
        let place = place(&profiles);
        let sandbox = Sandbox::start(&place, &[]);
        let ended = Ended::of(&mut run(&place, &sandbox.url, profile));
        assert_eq!(ended.code, Some(0), "{profiles}: {ended:#?}");
        assert_eq!(tally(&place.summary("run")), [(Outcome::Added, 3)]);
    }
    // What is in the environment is found first, unless a profile is named.
    let place = place("[default]\ncredential_process = echo 'it is run' > run.txt; exit 1\n");
    let sandbox = Sandbox::start(&place, &[]);
    let ended = Ended::of(&mut sandbox.call(run(&place, &sandbox.url, &[])));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(!place.path("run.txt").exists());
}

#[test]
fn a_process_that_fails_is_3_and_its_words_are_tamed() {
    let words =
        "printf '\\033[2Jno \\342\\200\\256' >&2; head -c 1000000 /dev/zero | tr '\\0' x >&2";
    let place = place(&format!(
        "[default]\ncredential_process = {words}; echo pa55word; exit 1\n"
    ));
    let ended = Ended::of(run(&place, NOWHERE, &["-vv"]).arg("--log-file").arg("log"));
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    let said =
        "credential_process: the process ended with exit status: 1: \\u{1b}[2Jno \\u{202e}xxx";
    assert!(ended.stderr.contains(said), "{ended:#?}");
    let log = std::fs::read_to_string(place.path("log")).unwrap();
    for text in [&ended.stderr, &ended.stdout, &log] {
        assert!(text.len() < 5_000, "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']) && !text.contains("pa55word"));
    }
    let stopped = place.summary("run");
    assert_eq!(stopped.state, RunState::Aborted);
    assert_eq!(tally(&stopped), [(Outcome::NotAttempted, 3)]);
    assert_eq!(ended.resume(), ["resume", "run"]);
}
