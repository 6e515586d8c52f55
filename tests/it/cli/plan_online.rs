//! `plan --online`, against the sandbox over HTTP and in the process.

use chime_bulk::report::{Plan, ProblemKind};

use crate::cli::plan::list;
use crate::support::program::{APP, BEARER, CHANNEL, Output, Sandbox, WorkDir, ids};

/// A directory with a list, and an empty one for temporary files.
fn work_dir(text: impl AsRef<[u8]>) -> WorkDir {
    let work_dir = WorkDir::with("list.csv", text);
    std::fs::create_dir(work_dir.path("tmp")).unwrap();
    work_dir
}

fn plan(work_dir: &WorkDir, sandbox: &Sandbox, flags: &[&str]) -> Output {
    let begin = ["plan", "list.csv", "--online"];
    let mut command = work_dir.command(begin.iter().chain(flags));
    command.env("TMPDIR", work_dir.path("tmp"));
    let output = Output::of(&mut sandbox.call(command));
    assert_nothing_left(work_dir);
    output
}

fn assert_nothing_left(work_dir: &WorkDir) {
    let count = |dir: &str| std::fs::read_dir(work_dir.path(dir)).unwrap().count();
    assert_eq!(count("tmp"), 0);
    assert_eq!(count("."), 2);
}

#[test]
fn problems_are_listed_and_exit_with_1() {
    let channels = [("general", 3), ("genral", 1), ("el", 2), ("staff", 1)];
    let work_dir = work_dir(list(APP, &channels));
    let flags = ["--missing-channels", "genral", "--elastic-channels", "el"];
    let more = [
        "--restricted-channels",
        "staff",
        "--expiring-channels",
        "el",
    ];
    let sandbox = Sandbox::start(&work_dir, &[flags, more].concat());
    let output = plan(&work_dir, &sandbox, &["--bearer", BEARER]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    for shown in [
        "plan for list.csv: channels were read, nobody was added\n",
        "  described                  3   of 4\n",
        "  elastic                    1   0 members, room for 100000 more\n",
        "  restricted                 1   only admins and moderators add members\n",
        "  expiring                   1   the service deletes them some day\n",
        "          1  genral: ForbiddenException: the channel does not exist",
        "(similar: general)",
        "hint: correct the channel's id",
    ] {
        assert!(output.stdout.contains(shown), "{shown}: {}", output.stdout);
    }
    assert!(output.stdout.lines().all(|line| line.chars().count() <= 80));
    assert!(
        output.stderr.contains("bound: at least 4 calls, "),
        "{output:#?}"
    );

    let output = plan(&work_dir, &sandbox, &["--bearer", BEARER, "--json"]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let plan: Plan = serde_json::from_str(&output.stdout).unwrap();
    let now = plan.channels_now.unwrap();
    assert_eq!((now.described, now.refused, now.unanswered), (3, 1, 0));
    assert_eq!(now.problems[0].kind, ProblemKind::NotDescribed);
    let staff = now
        .channels
        .iter()
        .find(|one| one.channel_arn.ends_with("/staff"));
    assert_eq!(staff.unwrap().mode.as_deref(), Some("RESTRICTED"));
}

#[test]
fn channels_without_a_problem_exit_with_0_and_without_the_flag_nothing_is_asked() {
    let work_dir = work_dir(list(APP, &[("a", 3), ("b", 1)]));
    let sandbox = [
        "plan",
        "list.csv",
        "--json",
        "--sandbox",
        "--missing-channels",
        "b",
    ];
    let output = work_dir.run(sandbox);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let plan: Plan = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(plan.channels_now, None);
    for (flags, code, refused) in [(&sandbox[..4], 0, 0), (&sandbox[..], 1, 1)] {
        let output = work_dir.run(flags.iter().chain(&["--online"]));
        assert_eq!(output.code, Some(code), "{output:#?}");
        let plan: Plan = serde_json::from_str(&output.stdout).unwrap();
        let now = plan.channels_now.unwrap();
        assert_eq!((now.described, now.refused), (2 - refused, refused));
    }
}

#[test]
fn a_wrong_request_is_refused_before_a_call() {
    let work_dir = work_dir(list(APP, &[("a", 3)]));
    let denied = Sandbox::start(&work_dir, &["--storm", "ExpiredToken=0.."]);
    let output = plan(&work_dir, &denied, &[]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(output.stderr.contains("no bearer given"), "{output:#?}");
    assert!(output.stderr.contains("hint: pass --bearer"), "{output:#?}");

    let output = plan(&work_dir, &denied, &["--bearer", BEARER, "--api", "legacy"]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(output.stderr.contains("the legacy API"), "{output:#?}");
    assert!(output.stderr.contains("hint: leave --api"), "{output:#?}");

    let flags = ["--bearer", BEARER, "--log-file", "list.csv"];
    let output = plan(&work_dir, &denied, &flags);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(
        output.stderr.contains("--log-file is the list"),
        "{output:#?}"
    );

    // Every row is defective, so there is no channel to ask about.
    let stranger = BEARER.replace("app-instance/i/", "app-instance/other/");
    let output = plan(&work_dir, &denied, &["--bearer", &stranger]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(output.stdout.contains("app instance"), "{output:#?}");
    assert!(output.stdout.contains("of 0\n"), "{output:#?}");
}

#[test]
fn credentials_that_are_not_accepted_stop_it_with_3() {
    let work_dir = work_dir(list(APP, &[("a", 3)]));
    let denied = Sandbox::start(&work_dir, &["--storm", "ExpiredToken=0.."]);
    let flags = ["--bearer", BEARER, "--patience", "1"];
    let output = plan(&work_dir, &denied, &flags);
    assert_eq!(output.code, Some(3), "{output:#?}");
    assert!(output.stderr.contains("then plan again"), "{output:#?}");
    assert!(!output.stderr.contains("chime-bulk resume"), "{output:#?}");
    assert!(
        output.stdout.contains("the check was stopped"),
        "{output:#?}"
    );
}

#[test]
fn a_check_that_is_denied_everything_prints_the_policy() {
    let boss = format!("{APP}/user/boss");
    let work_dir = work_dir(ids("u", 3));
    let denied = Sandbox::start(&work_dir, &["--admin", &boss]);
    let flags = ["--bearer", BEARER, "--channel-arn", CHANNEL];
    let output = plan(&work_dir, &denied, &flags);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let (_, policy) = output.stderr.split_once("the policy statement:\n").unwrap();
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
    assert_eq!(policy["Resource"], serde_json::json!([BEARER, CHANNEL]));
    assert_eq!(policy["Action"][0], "chime:DescribeChannel");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_and_shows_what_was_found() {
    use crate::support::program::Running;

    let names: Vec<String> = (0..900).map(|n| format!("c{n}")).collect();
    let channels: Vec<_> = names.iter().map(|name| (&**name, 1)).collect();
    let work_dir = work_dir(list(APP, &channels));
    let mut command = work_dir.command(["plan", "list.csv", "--online", "--sandbox"]);
    command.env("TMPDIR", work_dir.path("tmp"));
    let mut running = Running::start(&mut command);
    running.wait_for_line("bound:");
    running.interrupt();
    let output = running.end();
    assert_eq!(output.code, Some(130), "{output:#?}");
    assert!(
        output.stdout.contains("the check was stopped"),
        "{output:#?}"
    );
    assert!(output.stdout.contains("of 900\n"), "{output:#?}");
    assert_nothing_left(&work_dir);
}
