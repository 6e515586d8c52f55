//! `verify`, against the sandbox over HTTP.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use chime_bulk::model::{ChannelArn, MemberArn};
use chime_bulk::report::Verification;
use chime_bulk::sandbox::SandboxConfig;

use crate::support::program::{APP, BEARER, CHANNEL, FAST, Output, WorkDir, ids};
use crate::support::server::Server;

async fn server() -> Server {
    Server::start(SandboxConfig {
        unlimited: true,
        missing_users: vec!["gone".to_owned()],
        missing_channels: vec!["typo".to_owned()],
        ..SandboxConfig::default()
    })
    .await
}

fn user(id: &str) -> MemberArn {
    format!("{APP}/user/{id}").parse().unwrap()
}

fn channel() -> ChannelArn {
    CHANNEL.parse().unwrap()
}

fn run(work_dir: &WorkDir, server: &Server, list: &str, dir: &str, flags: &[&str]) -> Output {
    let arguments = ["run", list, "--run-dir", dir, "--bearer", BEARER];
    server.call(work_dir, arguments.iter().chain(flags))
}

fn verify(work_dir: &WorkDir, server: &Server, arguments: &[&str]) -> (Option<i32>, Verification) {
    let output = server.call(work_dir, ["verify", "--json"].iter().chain(arguments));
    let parsed = serde_json::from_str(&output.stdout);
    (
        output.code,
        parsed.unwrap_or_else(|_| panic!("{}", output.stderr)),
    )
}

/// The counts: checked, confirmed, missing, unexpected, other type, unreadable.
fn counts(of: &Verification) -> [u64; 6] {
    [
        of.checked,
        of.confirmed,
        of.missing,
        of.unexpected,
        of.other_type,
        of.unreadable,
    ]
}

/// Verdict and detail of each row in `verify.csv`.
fn verdicts(work_dir: &WorkDir, dir: &str) -> BTreeMap<u64, (String, String)> {
    let mut report = csv::Reader::from_path(work_dir.path(dir).join("verify.csv")).unwrap();
    let header: Vec<&str> = report.headers().unwrap().iter().collect();
    assert_eq!(
        header,
        ["row", "channel_arn", "member_arn", "verdict", "detail"]
    );
    let records = report.records().map(Result::unwrap);
    let verdict = |record: csv::StringRecord| {
        let row = record[0].parse().unwrap();
        (row, (record[3].to_owned(), record[4].to_owned()))
    };
    records.map(verdict).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_has_the_verdict_of_its_channel() {
    let server = server().await;
    let mut list = "channel_id,user_id\n".to_owned();
    for n in 1..=120 {
        writeln!(list, "{CHANNEL},u{n}").unwrap();
    }
    // Rows 121 to 124 fail, 125 is invalid, 126 repeats row 2, 127 is alone in its channel.
    for (channel, id) in [
        (CHANNEL, "gone1"),
        (CHANNEL, "gone2"),
        (CHANNEL, "not an id"),
        (CHANNEL, "u2"),
        (&format!("{APP}/channel/small"), "u1"),
    ] {
        writeln!(list, "{channel},{id}").unwrap();
    }
    for n in 1..=4 {
        writeln!(list, "{APP}/channel/typo,u{n}").unwrap();
    }
    let work_dir = WorkDir::with("list.csv", list);
    fs::write(work_dir.path("hidden.csv"), "user_id\nu7\n").unwrap();
    let hidden = ["--channel-arn", CHANNEL, "--type", "HIDDEN"];
    assert_eq!(
        run(&work_dir, &server, "hidden.csv", "hidden", &hidden).code,
        Some(0)
    );
    assert_eq!(
        run(&work_dir, &server, "list.csv", "run", &[]).code,
        Some(1)
    );
    server.service.ban(&channel(), &user("u5"));
    server.service.add_existing(&channel(), &user("gone2"));

    let (code, verification) = verify(&work_dir, &server, &["run"]);
    assert_eq!(code, Some(1));
    assert_eq!(counts(&verification), [129, 120, 3, 1, 1, 4]);
    let verdicts = verdicts(&work_dir, "run");
    assert_eq!(verdicts.len(), 129);
    let verdict = |row: u64| verdicts[&row].0.as_str();
    assert_eq!(verdict(5), "missing");
    assert_eq!(verdicts[&5].1, "the run reported added");
    assert_eq!(verdict(7), "other_type");
    assert_eq!((verdict(121), verdict(122)), ("missing", "unexpected"));
    assert_eq!(verdicts[&122].1, "the run reported failed");
    assert_eq!(verdict(123), "missing");
    assert!(
        verdicts[&123].1.starts_with("the row is invalid: "),
        "{:?}",
        verdicts[&123]
    );
    assert_eq!((verdict(124), verdict(125)), ("confirmed", "confirmed"));
    for row in 126..130 {
        assert_eq!(verdict(row), "unreadable");
        assert!(
            verdicts[&row].1.starts_with("ForbiddenException: "),
            "{:?}",
            verdicts[&row]
        );
    }
    // Two pages or more of members, one hidden one, one in the channel that cannot be read, and one
    // description each of the member who left and of the channel's only row.
    let calls = &server.service.stats().calls;
    assert_eq!(
        (
            calls["ListChannelMemberships"],
            calls["DescribeChannelMembership"]
        ),
        (6, 2)
    );

    let summary = work_dir.summary("run");
    assert_eq!(summary.verification, Some(verification));
    let page = fs::read_to_string(work_dir.path("run").join("report.html")).unwrap();
    assert!(page.contains("Verification"), "the page has no section");
    let status = server.call(&work_dir, ["status", "run"]).stdout;
    let line =
        "verified        120 confirmed, 3 missing, 1 unexpected, 1 other_type, 4 unreadable, on ";
    assert!(status.contains(line), "{status}");
    // A session that changes the run makes it out of date.
    server.call(&work_dir, ["retry", "run"]);
    assert_eq!(work_dir.summary("run").verification, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_runs_answer_one_question_and_a_sample_a_smaller_one() {
    let server = server().await;
    let work_dir = WorkDir::with("a.csv", ids("a", 130));
    fs::write(work_dir.path("b.csv"), ids("b", 2)).unwrap();
    let to = ["--channel-arn", CHANNEL];
    for (list, dir) in [("a.csv", "a"), ("b.csv", "b")] {
        assert_eq!(run(&work_dir, &server, list, dir, &to).code, Some(0));
    }
    let (code, verification) = verify(&work_dir, &server, &["a", "b"]);
    assert_eq!((code, verification.runs.len()), (Some(0), 2));
    assert_eq!(counts(&verification), [132, 132, 0, 0, 0, 0]);
    // Again: nothing is left of the first time.
    let (code, again) = verify(&work_dir, &server, &["a", "b"]);
    assert_eq!((code, again.calls), (Some(0), verification.calls));

    let (code, sample) = verify(&work_dir, &server, &["a", "--sample", "20"]);
    assert_eq!((code, sample.sample, sample.calls), (Some(0), Some(20), 20));
    assert_eq!(counts(&sample), [20, 20, 0, 0, 0, 0]);
    assert_eq!(verdicts(&work_dir, "a").len(), 20);

    let output = server.call(&work_dir, ["verify", "a", "b", "--dry-run"]);
    let expected = "at least 6 calls";
    assert!(output.stdout.contains(expected), "{}", output.stdout);
    let output = server.call(&work_dir, ["verify", "a"]);
    assert!(
        output.stderr.contains("at least 4 calls"),
        "{}",
        output.stderr
    );
    assert!(
        output.stdout.contains("confirmed                130"),
        "{}",
        output.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undone_run_is_missing_and_an_empty_listing_without_reason_is_not_believed() {
    let server = server().await;
    let work_dir = WorkDir::with("list.csv", ids("u", 30));
    let to = ["--channel-arn", CHANNEL];
    assert_eq!(
        run(&work_dir, &server, "list.csv", "run", &to).code,
        Some(0)
    );
    for n in 1..=30 {
        server.service.ban(&channel(), &user(&format!("u{n}")));
    }
    let (code, verification) = verify(&work_dir, &server, &["run"]);
    assert_eq!(
        (code, counts(&verification)),
        (Some(1), [30, 0, 0, 0, 0, 30])
    );
    server.call(&work_dir, ["undo", "run", "--yes"]);
    let (code, verification) = verify(&work_dir, &server, &["run"]);
    assert_eq!(
        (code, counts(&verification)),
        (Some(1), [30, 0, 30, 0, 0, 0])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_run_reported_as_not_in_is_no_disagreement() {
    let server = server().await;
    let work_dir = WorkDir::with("list.csv", "user_id\nann\ngone1\ngone2\nbob\nnot an id\n");
    let to = ["--channel-arn", CHANNEL];
    assert_eq!(
        run(&work_dir, &server, "list.csv", "run", &to).code,
        Some(1)
    );
    let (code, verification) = verify(&work_dir, &server, &["run"]);
    assert_eq!(counts(&verification), [5, 2, 3, 0, 0, 0]);
    assert_eq!((code, verification.as_reported), (Some(0), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_than_that_of_the_run_is_not_called_by_mistake() {
    let (first, second) = (server().await, server().await);
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let at = |server: &Server, arguments: &[&str]| {
        let mut command = work_dir.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &server.url)
            .env("AWS_ACCESS_KEY_ID", "sandbox")
            .env("AWS_SECRET_ACCESS_KEY", "sandbox");
        tokio::task::block_in_place(|| Output::of(&mut command))
    };
    let run = [
        "run",
        "list.csv",
        "--run-dir",
        "run",
        "--bearer",
        BEARER,
        "--channel-arn",
        CHANNEL,
    ];
    assert_eq!(at(&first, &run).code, Some(0));
    for command in [&["verify", "run"][..], &["undo", "run", "--yes"]] {
        let output = at(&second, command);
        assert_eq!(output.code, Some(2), "{}", output.stderr);
        let what = format!(
            "run was against {}, and this would call {}",
            first.url, second.url
        );
        assert!(output.stderr.contains(&what), "{}", output.stderr);
        assert!(
            output
                .stderr
                .contains(&format!("--endpoint-url {}", first.url))
        );
    }
    assert!(second.service.stats().calls.is_empty());
    // Who names the address means it.
    let named = at(&second, &["verify", "run", "--endpoint-url", &first.url]);
    assert_eq!(named.code, Some(0), "{}", named.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn corrections_in_failed_csv_are_kept_and_an_undone_run_is_not_resumed() {
    let server = server().await;
    let work_dir = WorkDir::with("list.csv", "user_id\nann\ngone1\n");
    let to = ["--channel-arn", CHANNEL];
    assert_eq!(
        run(&work_dir, &server, "list.csv", "run", &to).code,
        Some(1)
    );
    let failed = work_dir.path("run/failed.csv");
    verify(&work_dir, &server, &["run"]);
    let kept = work_dir.path("run/failed.edited.csv");
    assert!(!kept.exists(), "nobody has changed it");
    let edited = fs::read_to_string(&failed).unwrap().replace("gone1", "bob");
    fs::write(&failed, &edited).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_mins(1);
    let file = fs::File::options().write(true).open(&failed).unwrap();
    file.set_modified(later).unwrap();
    verify(&work_dir, &server, &["run"]);
    assert_eq!(fs::read_to_string(&kept).unwrap(), edited);
    assert!(fs::read_to_string(&failed).unwrap().contains("gone1"));

    let undone = server.call(&work_dir, ["undo", "run", "--yes"]);
    assert_eq!(undone.code, Some(0), "{}", undone.stderr);
    for command in ["resume", "retry"] {
        let refused = server.call(&work_dir, [command, "run"]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("run was undone"),
            "{}",
            refused.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_verified_is_refused() {
    let server = server().await;
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let rehearsal = [
        "run",
        "list.csv",
        "--run-dir",
        "rehearsal",
        "--channel-arn",
        CHANNEL,
    ];
    assert_eq!(work_dir.run(rehearsal.iter().chain(&FAST)).code, Some(0));
    let refused = |arguments: &[&str], what: &str| {
        let output = server.call(&work_dir, ["verify"].iter().chain(arguments));
        assert_eq!(output.code, Some(2), "{}", output.stderr);
        assert!(output.stderr.contains(what), "{}", output.stderr);
        assert!(output.stderr.contains("hint: "), "{}", output.stderr);
    };
    refused(&["nowhere"], "no run found in nowhere");
    refused(&["rehearsal"], "was a rehearsal in a sandbox");
    let to = ["--channel-arn", CHANNEL];
    run(&work_dir, &server, "list.csv", "run", &to);
    server.call(&work_dir, ["undo", "run", "--yes"]);
    refused(&["run/undo"], "is a part of a run, not a run");
    refused(&["run", "nowhere"], "no run found in nowhere");
    assert!(
        !work_dir.path("run/verify").exists(),
        "a call was made too early"
    );
    fs::write(work_dir.path("run/verify.csv"), "mine").unwrap();
    let output = server.call(&work_dir, ["verify", "run"]);
    assert!(
        output.stderr.contains("verify.csv is not a report"),
        "{}",
        output.stderr
    );
    assert_eq!(fs::read(work_dir.path("run/verify.csv")).unwrap(), b"mine");
}
