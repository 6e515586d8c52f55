//! Rows with bots or sub-channels, which the legacy API does not have, are refused without a call.

use std::fmt::Write as _;

use chime_bulk::model::Outcome;

use crate::support::program::{APP, BEARER, Output, Sandbox, WorkDir, tally};

const MEMBERS: [(&str, &str); 3] = [
    ("user/ann", ""),
    ("bot/helper", ""),
    ("user/moderator", "s1"),
];

/// A list of some of `MEMBERS`, by their index.
fn list(of: &[usize]) -> String {
    let mut text = "channel_arn,member_arn,sub_channel_id\n".to_owned();
    for at in of {
        let (member, sub_channel) = MEMBERS[*at];
        let _ = writeln!(text, "{APP}/channel/c,{APP}/{member},{sub_channel}");
    }
    text
}

fn run(work_dir: &WorkDir, sandbox: &Sandbox, flags: &[&str]) -> Output {
    let usual = ["run", "list.csv", "--run-dir", "run", "--bearer", BEARER];
    Output::of(&mut sandbox.call(work_dir.command(usual.iter().chain(flags))))
}

#[test]
fn a_run_that_needs_the_messaging_api_is_not_resumed_with_the_legacy_one() {
    for (rows, what) in [(&[0, 1][..], "bots"), (&[0, 2], "sub-channels")] {
        let work_dir = WorkDir::with("list.csv", list(rows));
        let denied = Sandbox::start(&work_dir, &["--storm", "ExpiredToken=0.."]);
        let output = run(&work_dir, &denied, &[]);
        assert_eq!(output.code, Some(3), "{output:#?}");
        let before = work_dir.summary("run").calls;
        let open = Sandbox::start(&work_dir, &[]);
        let legacy = ["resume", "run", "--api", "legacy"];
        let refused = Output::of(&mut open.call(work_dir.command(legacy)));
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert!(refused.stderr.contains(what), "{refused:#?}");
        assert!(refused.stderr.contains("--api"), "{refused:#?}");
        assert_eq!(work_dir.summary("run").calls, before);
        let resumed = Output::of(&mut open.call(work_dir.command(["resume", "run"])));
        assert_eq!(resumed.code, Some(0), "{resumed:#?}");
        assert_eq!(tally(&work_dir.summary("run")), [(Outcome::Added, 2)]);
    }
}

#[cfg(feature = "legacy-chime")]
#[test]
fn rows_that_the_legacy_api_cannot_add_are_invalid_and_the_others_are_added() {
    let work_dir = WorkDir::with("list.csv", list(&[0, 1, 2]));
    let sandbox = Sandbox::start(&work_dir, &[]);
    let output = run(&work_dir, &sandbox, &["--api", "legacy"]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let summary = work_dir.summary("run");
    assert_eq!(
        tally(&summary),
        [(Outcome::Added, 1), (Outcome::Invalid, 2)]
    );
    assert_eq!(summary.calls, 1);
    let reasons: Vec<String> = work_dir
        .results("run")
        .iter()
        .filter(|row| &row[4] == "invalid")
        .map(|row| row[6].to_owned())
        .collect();
    assert!(reasons[0].contains("only --api messaging adds bots"));
    assert!(reasons[1].contains("only --api messaging has sub-channels"));
}
