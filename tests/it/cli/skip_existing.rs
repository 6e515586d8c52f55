//! `--skip-existing`, against the sandbox over HTTP, and its plan.

use std::fs::File;

use chime_bulk::model::{ChannelArn, MemberArn, SkipExisting};
use chime_bulk::report::{Plan, PlannedListing};
use chime_bulk::sandbox::SandboxConfig;

use crate::cli::plan::list;
use crate::support::program::{APP, BEARER, CHANNEL, Output, WorkDir, ids};
use crate::support::server::Server;

/// A server in whose channel `u1` to `u200` are members.
async fn server(missing_channels: &[&str]) -> Server {
    let server = Server::start(SandboxConfig {
        unlimited: true,
        missing_channels: missing_channels.iter().map(ToString::to_string).collect(),
        ..SandboxConfig::default()
    })
    .await;
    let channel: ChannelArn = CHANNEL.parse().unwrap();
    for n in 1..=200 {
        let member: MemberArn = format!("{APP}/user/u{n}").parse().unwrap();
        server.service.add_existing(&channel, &member);
    }
    server
}

const TO: [&str; 4] = ["--channel-arn", CHANNEL, "--bearer", BEARER];

fn calls(server: &Server, operation: &str) -> u64 {
    let calls = server.service.stats().calls;
    calls.get(operation).copied().unwrap_or_default()
}

/// The calls that add, and the pages.
fn adds_and_pages(server: &Server) -> (u64, u64) {
    let pages = calls(server, "ListChannelMemberships");
    (calls(server, "BatchCreateChannelMembership"), pages)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_says_whom_it_skips_and_undo_leaves_them_alone() {
    for (mode, pages) in [("always", 4), ("auto", 6)] {
        let server = server(&[]).await;
        let work_dir = WorkDir::with("list.csv", ids("u", 250));
        let run = ["run", "list.csv", "--run-dir", "run"];
        let skip = ["--skip-existing", mode];
        let output = server.call(&work_dir, run.iter().chain(&TO).chain(&skip));
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        for line in [
            "reading the members of 1 channel first",
            "200 rows are members already",
        ] {
            assert!(output.stderr.contains(line), "{line}: {}", output.stderr);
        }
        let first_pages = "reading the first pages of the members of 1 channel first";
        assert_eq!(output.stderr.contains(first_pages), mode == "auto");
        assert_eq!(adds_and_pages(&server), (1, pages));
        let summary = work_dir.summary("run");
        assert_eq!((summary.added, summary.already_member), (50, 200));
        let results = work_dir.results("run");
        assert_eq!(&results[0][4], "already_member");
        assert_eq!((&results[0][5], &results[0][7]), ("Listed", "0"));

        let output = server.call(&work_dir, ["undo", "run", "--yes"]);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert_eq!(server.service.members(&CHANNEL.parse().unwrap()).len(), 200);
        let status = server.call(&work_dir, ["status", "run"]);
        assert_eq!(status.code, Some(0), "{}", status.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_from_standard_input_is_read_to_its_end_first() {
    let server = server(&[]).await;
    let work_dir = WorkDir::with("list.csv", ids("u", 250));
    let run = ["run", "-", "--run-dir", "run", "--skip-existing", "always"];
    let json = ["--progress", "json"];
    let mut command = work_dir.command(run.iter().chain(&TO).chain(&json));
    command
        .env("CHIME_BULK_ENDPOINT_URL", &server.url)
        .env("AWS_ACCESS_KEY_ID", "sandbox")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox")
        .stdin(File::open(work_dir.path("list.csv")).unwrap());
    let output = tokio::task::block_in_place(|| Output::of(&mut command));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(adds_and_pages(&server), (1, 4));
    let events: Vec<serde_json::Value> = output
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let place = |name: &str| events.iter().position(|event| event["event"] == name);
    let [complete, listing, listed] =
        ["list_complete", "listing_members", "listed"].map(|name| place(name).unwrap());
    assert!(complete < listing && listing < listed, "{events:#?}");
    assert_eq!(events[listing]["channels"], 1);
    assert_eq!(events[listed]["rows"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_listing_is_one_note_that_names_the_action() {
    let server = server(&["typo"]).await;
    let work_dir = WorkDir::with("list.csv", list(APP, &[("c", 2), ("typo", 2)]));
    let run = ["run", "list.csv", "--run-dir", "run", "--bearer", BEARER];
    let skip = ["--skip-existing", "always"];
    let output = server.call(&work_dir, run.iter().chain(&skip));
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let note = "note: the members of 1 channel cannot be read, so that nobody is skipped there \
                (ForbiddenException); to skip, allow chime:ListChannelMemberships on the bearer and \
                the channels\n";
    assert!(output.stderr.contains(note), "{}", output.stderr);
}

fn planned(work_dir: &WorkDir, flags: &[&str]) -> Option<PlannedListing> {
    let output = work_dir.run(["plan", "list.csv", "--json"].iter().chain(flags));
    let plan: Plan = serde_json::from_str(&output.stdout).unwrap();
    plan.listed_first
}

#[test]
fn a_plan_names_the_channels_that_are_listed_first() {
    let work_dir = WorkDir::with("list.csv", list(APP, &[("large", 5_000), ("small", 100)]));
    assert_eq!(planned(&work_dir, &[]), None);
    let listed_first = |skip_existing, channels, pages| PlannedListing {
        skip_existing,
        channels,
        pages: channels,
        pages_if_all_are_members: pages,
    };
    let auto = planned(&work_dir, &["--skip-existing", "auto"]);
    assert_eq!(auto, Some(listed_first(SkipExisting::Auto, 1, 100)));
    let always = planned(&work_dir, &["--skip-existing", "always"]);
    assert_eq!(always, Some(listed_first(SkipExisting::Always, 2, 102)));
    // The bearer takes longer than the channel: a listing would only take its time.
    let slow = ["--skip-existing", "auto", "--bearer-rate", "1"];
    let nothing = listed_first(SkipExisting::Auto, 0, 0);
    assert_eq!(planned(&work_dir, &slow), Some(nothing));

    let text = |flags: &[&str]| {
        work_dir
            .run(["plan", "list.csv"].iter().chain(flags))
            .stdout
    };
    let auto = text(&["--skip-existing", "auto"]);
    let lines = "  listed first: 1 channel, at least 1 page (100 if all are members); the first\n    \
                 pages decide whether the others are read\n";
    assert!(auto.contains(lines), "{auto}");
    let slow = text(&slow);
    let line = "  listed first: no channel, as that would save no time\n";
    assert!(slow.contains(line), "{slow}");
    assert!(!text(&[]).contains("listed first"));
}

#[test]
fn a_bad_value_is_refused_and_the_configuration_is_printed() {
    let work_dir = WorkDir::with("job.toml", "skip-existing = \"auto\"\n");
    std::fs::write(work_dir.path("list.csv"), ids("u", 3)).unwrap();
    let output = work_dir.run(["run", "list.csv", "--skip-existing", "sometimes"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    let error = "invalid value 'sometimes' for '--skip-existing <WHEN>'";
    assert!(output.stderr.contains(error), "{}", output.stderr);
    assert!(
        output.stderr.contains("auto, always, never"),
        "{}",
        output.stderr
    );

    let print = ["run", "list.csv", "--print-config"];
    let config = ["--config", "job.toml"];
    let from_file = work_dir.run(print.iter().chain(&config)).stdout;
    let line = "skip-existing = \"auto\" # job.toml, line 1\n";
    assert!(from_file.contains(line), "{from_file}");
    let default = work_dir.run(print).stdout;
    assert!(
        default.contains("skip-existing = \"never\" # default\n"),
        "{default}"
    );
}

#[test]
fn another_value_is_another_run() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let flags = ["--channel-arn", CHANNEL, "--if-exists", "resume"];
    assert_eq!(work_dir.run_fast("list.csv", &flags).code, Some(0));
    let other = [&flags[..], &["--skip-existing", "always"]].concat();
    let output = work_dir.run_fast("list.csv", &other);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    let error = "it has another --skip-existing";
    assert!(output.stderr.contains(error), "{}", output.stderr);
}
