//! Credentials from the `credential_process` of a profile: they are used, and no process is left
//! behind.

use std::fs::File;
use std::io::Read;
use std::process::Command;

use chime_bulk::model::{Outcome, RunState};

use crate::support::program::{
    BEARER, CHANNEL, Output, Running, Sandbox, WorkDir, ids, make_fifo, tally,
};

/// A directory with a list, and with these profiles in the AWS configuration.
fn with_profiles(profiles: &str) -> WorkDir {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    std::fs::create_dir(work_dir.path(".aws")).unwrap();
    std::fs::write(work_dir.path(".aws/config"), profiles).unwrap();
    work_dir
}

/// A run against this service, with the credentials of a profile.
fn run(work_dir: &WorkDir, url: &str, profile: &[&str]) -> Command {
    let begin = ["run", "list.csv", "--run-dir", "run", "--endpoint-url", url];
    let to = ["--channel-arn", CHANNEL, "--bearer", BEARER];
    work_dir.command(begin.iter().chain(&to).chain(profile))
}

/// No service listens there.
const NOWHERE: &str = "http://127.0.0.1:9";
const ROLE: &str = "role_arn = arn:aws:iam::123456789012:role/adds";

#[test]
fn a_process_that_hangs_is_killed_when_the_run_is_stopped() {
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
        let work_dir = with_profiles(&profiles);
        make_fifo(&work_dir.path("fifo"));
        let mut running = Running::start(&mut run(&work_dir, NOWHERE, profile));
        // The process and its children keep the FIFO open. It ends when the last of them is killed.
        let mut fifo = File::open(work_dir.path("fifo")).unwrap();
        running.interrupt();
        running.wait_for_line("stopping: ");
        running.interrupt();
        let output = running.end();
        assert_eq!(output.code, Some(130), "{profiles}: {output:#?}");
        let mut nothing = Vec::new();
        fifo.read_to_end(&mut nothing).unwrap();
        assert_eq!(work_dir.summary("run").rows_read, 3);
    }
}

#[test]
fn the_credentials_of_a_process_are_used() {
    let process = "credential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"sandbox\", \"SecretAccessKey\": \"sandbox\"}'";
    for (profiles, profile) in [
        (format!("[default]\n{process}\n"), &[][..]),
        (format!("[profile p]\n{process}\n"), &["--profile", "p"]),
    ] {
        let work_dir = with_profiles(&profiles);
        let sandbox = Sandbox::start(&work_dir, &[]);
        let output = Output::of(&mut run(&work_dir, &sandbox.url, profile));
        assert_eq!(output.code, Some(0), "{profiles}: {output:#?}");
        assert_eq!(tally(&work_dir.summary("run")), [(Outcome::Added, 3)]);
    }
    // Credentials in the environment take precedence, unless `--profile` is given.
    let work_dir =
        with_profiles("[default]\ncredential_process = echo started > run.txt; exit 1\n");
    let sandbox = Sandbox::start(&work_dir, &[]);
    let output = Output::of(&mut sandbox.call(run(&work_dir, &sandbox.url, &[])));
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(!work_dir.path("run.txt").exists());
}

#[test]
fn a_process_that_fails_is_exit_code_3_and_its_message_is_escaped_and_truncated() {
    let print =
        "printf '\\033[2Jno \\342\\200\\256' >&2; head -c 1000000 /dev/zero | tr '\\0' x >&2";
    let work_dir = with_profiles(&format!(
        "[default]\ncredential_process = {print}; echo pa55word; exit 1\n"
    ));
    let output = Output::of(
        run(&work_dir, NOWHERE, &["-vv"])
            .arg("--log-file")
            .arg("log"),
    );
    assert_eq!(output.code, Some(3), "{output:#?}");
    let message =
        "credential_process: the process ended with exit status: 1: \\u{1b}[2Jno \\u{202e}xxx";
    assert!(output.stderr.contains(message), "{output:#?}");
    let log = std::fs::read_to_string(work_dir.path("log")).unwrap();
    for text in [&output.stderr, &output.stdout, &log] {
        assert!(text.len() < 5_000, "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']) && !text.contains("pa55word"));
    }
    let stopped = work_dir.summary("run");
    assert_eq!(stopped.state, RunState::Aborted);
    assert_eq!(tally(&stopped), [(Outcome::NotAttempted, 3)]);
    assert_eq!(output.resume(), ["resume", "run"]);
}
