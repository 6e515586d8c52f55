//! What the legacy API lacks is refused before anything is sent: bots, sub-channels.

use std::fmt::Write as _;

use chime_bulk::model::Outcome;

use crate::support::program::{APP, Ended, Sandbox, WorkDir, tally};

const MEMBERS: [(&str, &str); 3] = [
    ("user/ann", ""),
    ("bot/helper", ""),
    ("user/moderator", "s1"),
];

/// A list of these members, by their place in it.
fn list(of: &[usize]) -> String {
    let mut text = "channel_arn,member_arn,sub_channel_id\n".to_owned();
    for at in of {
        let (member, sub_channel) = MEMBERS[*at];
        let _ = writeln!(text, "{APP}/channel/c,{APP}/{member},{sub_channel}");
    }
    text
}

fn run(place: &WorkDir, sandbox: &Sandbox, flags: &[&str]) -> Ended {
    let bearer = format!("{APP}/user/admin");
    let usual = ["run", "list.csv", "--run-dir", "run", "--bearer", &bearer];
    Ended::of(&mut sandbox.call(place.command(usual.iter().chain(flags))))
}

#[test]
fn a_run_that_needs_the_messaging_api_is_not_resumed_by_the_legacy_one() {
    for (rows, what) in [(&[0, 1][..], "bots"), (&[0, 2], "sub-channels")] {
        let place = WorkDir::with("list.csv", list(rows));
        let denied = Sandbox::start(&place, &["--storm", "ExpiredToken=0.."]);
        let ended = run(&place, &denied, &[]);
        assert_eq!(ended.code, Some(3), "{ended:#?}");
        let before = place.summary("run").calls;
        let open = Sandbox::start(&place, &[]);
        let legacy = ["resume", "run", "--api", "legacy"];
        let refused = Ended::of(&mut open.call(place.command(legacy)));
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert!(refused.stderr.contains(what), "{refused:#?}");
        assert!(refused.stderr.contains("--api"), "{refused:#?}");
        assert_eq!(place.summary("run").calls, before);
        let resumed = Ended::of(&mut open.call(place.command(["resume", "run"])));
        assert_eq!(resumed.code, Some(0), "{resumed:#?}");
        assert_eq!(tally(&place.summary("run")), [(Outcome::Added, 2)]);
    }
}

#[cfg(feature = "legacy-chime")]
#[test]
fn rows_that_the_legacy_api_cannot_add_are_defects_and_the_others_get_in() {
    let place = WorkDir::with("list.csv", list(&[0, 1, 2]));
    let sandbox = Sandbox::start(&place, &[]);
    let ended = run(&place, &sandbox, &["--api", "legacy"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let summary = place.summary("run");
    assert_eq!(
        tally(&summary),
        [(Outcome::Added, 1), (Outcome::Invalid, 2)]
    );
    assert_eq!(summary.calls, 1);
    let reasons: Vec<String> = place
        .results("run")
        .iter()
        .filter(|row| &row[4] == "invalid")
        .map(|row| row[6].to_owned())
        .collect();
    assert!(reasons[0].contains("only --api messaging adds bots"));
    assert!(reasons[1].contains("only --api messaging has sub-channels"));
}
