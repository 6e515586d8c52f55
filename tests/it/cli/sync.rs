//! `sync`, against the sandbox over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use chime_bulk::model::{ChannelArn, MemberArn};
use chime_bulk::report::SyncSummary;
use chime_bulk::sandbox::SandboxConfig;

use crate::support::program::{APP, BEARER, CHANNEL, Output, Running, WorkDir, ids};
use crate::support::server::Server;

/// Calls that change something.
const CHANGES: [&str; 3] = [
    "BatchCreateChannelMembership",
    "CreateChannelMembership",
    "DeleteChannelMembership",
];

async fn server() -> Server {
    Server::start(SandboxConfig {
        unlimited: true,
        moderators: vec![user("boss")],
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

/// Puts users into the channel.
fn put(server: &Server, names: &[&str]) {
    for name in names {
        server.service.add_existing(&channel(), &user(name));
    }
}

/// The ids of the channel's members.
fn members(server: &Server) -> BTreeSet<String> {
    let members = server.service.members(&channel());
    let id = |arn: String| arn.rsplit('/').next().unwrap().to_owned();
    members.into_iter().map(id).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

fn list(names: &[&str]) -> String {
    let rows: Vec<String> = names.iter().map(|id| format!("{CHANNEL},{id}\n")).collect();
    format!("channel_id,user_id\n{}", rows.concat())
}

/// How many calls changed something so far.
fn changes(server: &Server) -> u64 {
    let calls = server.service.stats().calls;
    CHANGES
        .iter()
        .map(|call| calls.get(*call).copied().unwrap_or_default())
        .sum()
}

fn sync(work_dir: &WorkDir, server: &Server, arguments: &[&str]) -> Output {
    let begin = ["sync", "--bearer", BEARER, "--json"];
    server.call(work_dir, begin.iter().chain(arguments))
}

fn summary(output: &Output) -> SyncSummary {
    let parsed = serde_json::from_str(&output.stdout);
    parsed.unwrap_or_else(|_| panic!("{}", output.stderr))
}

/// The sign and the reason of each member in `diff.csv`.
fn diff(work_dir: &WorkDir, dir: &str) -> BTreeMap<String, (String, String)> {
    let mut report = csv::Reader::from_path(work_dir.path(dir).join("diff.csv")).unwrap();
    let header: Vec<&str> = report.headers().unwrap().iter().collect();
    assert_eq!(
        header,
        ["sign", "channel_arn", "member_arn", "type", "reason"]
    );
    let records = report.records().map(Result::unwrap);
    let row = |record: csv::StringRecord| {
        let id = record[2].rsplit('/').next().unwrap().to_owned();
        (id, (record[0].to_owned(), record[4].to_owned()))
    };
    records.map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_become_equal_to_the_list_and_stay_so() {
    let server = server().await;
    put(&server, &["ann", "bob", "old1", "old2"]);
    let work_dir = WorkDir::with("team.csv", list(&["ann", "bob", "cat", "dan", "ann"]));
    let remove = ["--remove-others", "--max-removals", "2", "--yes"];
    let arguments = [&["team.csv", "--run-dir", "team"], &remove[..]].concat();

    let looked = sync(
        &work_dir,
        &server,
        &[&arguments[..], &["--dry-run"]].concat(),
    );
    assert_eq!(looked.code, Some(1), "{}", looked.stderr);
    let counts = summary(&looked);
    assert_eq!((counts.to_add, counts.to_remove, counts.equal), (2, 2, 2));
    assert_eq!((counts.added, counts.removed), (0, 0));
    let signs = diff(&work_dir, "team");
    let sign = |id: &str| signs[id].0.as_str();
    assert_eq!(["ann", "cat", "old1"].map(sign), ["=", "+", "-"]);
    assert_eq!(changes(&server), 0, "a look changes nothing");
    for command in ["verify", "undo", "report"] {
        let refused = server.call(&work_dir, [command, "team"]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        let what = "is a sync that only compared";
        assert!(refused.stderr.contains(what), "{}", refused.stderr);
    }

    let done = sync(&work_dir, &server, &arguments);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let counts = summary(&done);
    assert_eq!((counts.added, counts.removed, counts.failed), (2, 2, 0));
    assert_eq!(members(&server), set(&["ann", "bob", "cat", "dan"]));
    assert_eq!(work_dir.summary("team").already_member, 2);

    let before = changes(&server);
    for dir in ["team", "other"] {
        let arguments = [&["team.csv", "--run-dir", dir], &remove[..]].concat();
        let again = sync(&work_dir, &server, &arguments);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        let looked = sync(
            &work_dir,
            &server,
            &[&arguments[..], &["--dry-run"]].concat(),
        );
        assert_eq!(looked.code, Some(0), "{}", looked.stderr);
    }
    assert_eq!(changes(&server), before, "a second sync changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn others_go_only_if_told_to_and_only_so_many() {
    let server = server().await;
    let others: Vec<String> = (0..20).map(|n| format!("old{n}")).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    put(&server, &others);
    let work_dir = WorkDir::with("team.csv", list(&["ann"]));
    let done = sync(&work_dir, &server, &["team.csv", "--run-dir", "a"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!((summary(&done).added, summary(&done).kept), (1, 20));
    assert_eq!(diff(&work_dir, "a")["old1"].0, "kept");

    let before = changes(&server);
    for limit in [
        &[][..],
        &["--max-removals", "19"],
        &["--max-removals", "95%"],
    ] {
        let arguments = [
            &["team.csv", "--run-dir", "b", "--remove-others", "--yes"],
            limit,
        ]
        .concat();
        let over = sync(&work_dir, &server, &arguments);
        assert_eq!(over.code, Some(4), "{}", over.stderr);
        let needed = "--max-removals 20";
        assert!(over.stderr.contains(needed), "{}", over.stderr);
        assert_eq!((summary(&over).to_remove, summary(&over).removed), (20, 0));
        let looked = sync(
            &work_dir,
            &server,
            &[&arguments[..], &["--dry-run"]].concat(),
        );
        assert_eq!((looked.code, summary(&looked).to_remove), (Some(1), 20));
    }
    assert_eq!(changes(&server), before);
    let allowed = [
        "team.csv",
        "--run-dir",
        "b",
        "--remove-others",
        "--max-removals",
        "96%",
    ];
    let refused = sync(&work_dir, &server, &allowed);
    assert_eq!(refused.code, Some(2), "without a terminal it needs --yes");
    let done = sync(&work_dir, &server, &[&allowed[..], &["--yes"]].concat());
    assert_eq!((done.code, summary(&done).removed), (Some(0), 20));
    assert_eq!(members(&server), set(&["ann"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protected_are_never_removed() {
    let server = server().await;
    put(&server, &["admin", "boss", "keep1", "keep2", "old"]);
    let bot: MemberArn = format!("{APP}/bot/helper").parse().unwrap();
    server.service.add_existing(&channel(), &bot);
    let work_dir = WorkDir::with("team.csv", list(&["ann"]));
    let protect = format!("# people of the office\n\nkeep1\n{APP}/user/keep2\n");
    fs::write(work_dir.path("protect.txt"), protect).unwrap();
    let arguments = ["team.csv", "--run-dir", "a", "--remove-others", "--yes"];
    let limits = ["--max-removals", "9", "--protect", "protect.txt"];
    let done = sync(&work_dir, &server, &[&arguments[..], &limits].concat());
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!((summary(&done).removed, summary(&done).kept), (1, 5));
    let left = ["admin", "ann", "boss", "helper", "keep1", "keep2"];
    assert_eq!(members(&server), set(&left));
    let rows = diff(&work_dir, "a");
    let reason = |id: &str| rows[id].1.as_str();
    let reasons = ["admin", "boss", "helper", "keep1"].map(reason);
    assert_eq!(
        reasons,
        ["a bearer", "a moderator", "a bot", "protected by --protect"]
    );
    fs::write(work_dir.path("protect.txt"), "keep1\nnot an id\n").unwrap();
    let wrong = sync(&work_dir, &server, &[&arguments[..], &limits].concat());
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("protect.txt, line 2: "),
        "{}",
        wrong.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_removed_on_half_knowledge() {
    let server = server().await;
    let remove = ["--remove-others", "--max-removals", "100%", "--yes"];
    let other = format!("{APP}/channel/other");
    let elsewhere: ChannelArn = format!("{APP}/channel/elsewhere").parse().unwrap();
    server.service.add_existing(&elsewhere, &user("old"));
    let work_dir = WorkDir::new();
    for (name, rows, reason) in [
        (
            "invalid",
            format!("{CHANNEL},not an id\n"),
            "an invalid row",
        ),
        (
            "unknown",
            "not a channel,ann\n".to_owned(),
            "an invalid row",
        ),
        (
            "failed",
            format!("{CHANNEL},gone1\n"),
            "not everybody could be added",
        ),
    ] {
        put(&server, &["ann", "old"]);
        server
            .service
            .add_existing(&other.parse().unwrap(), &user("old"));
        let rows = format!("channel_id,user_id\n{CHANNEL},ann\n{other},ann\n{rows}");
        fs::write(work_dir.path(name), rows).unwrap();
        let done = sync(
            &work_dir,
            &server,
            &[&[name, "--run-dir", &format!("{name}.run")], &remove[..]].concat(),
        );
        assert_eq!(done.code, Some(1), "{name}: {}", done.stderr);
        let counts = summary(&done);
        assert!(
            counts.withheld_channels[CHANNEL].contains(reason),
            "{name}: {counts:?}"
        );
        assert_eq!(members(&server), set(&["ann", "old"]), "{name}");
        let is_other_left = name != "unknown";
        let other = server.service.members(&other.parse().unwrap());
        assert_eq!(other.len(), if is_other_left { 1 } else { 2 }, "{name}");
        assert_eq!(server.service.members(&elsewhere).len(), 1, "{name}");
    }
    let typo = format!("channel_id,user_id\n{CHANNEL},ann\n{APP}/channel/typo,ann\n");
    fs::write(work_dir.path("typo"), typo).unwrap();
    let done = sync(
        &work_dir,
        &server,
        &[&["typo", "--run-dir", "typo.run"], &remove[..]].concat(),
    );
    assert_eq!(
        (done.code, summary(&done).removed),
        (Some(1), 1),
        "{}",
        done.stderr
    );
    let withheld = &summary(&done).withheld_channels;
    assert_eq!(withheld.len(), 1, "{withheld:?}");

    put(&server, &["old"]);
    let before = changes(&server);
    fs::write(work_dir.path("empty"), "channel_id,user_id\n").unwrap();
    fs::write(
        work_dir.path("bad"),
        format!("channel_id,user_id\n{CHANNEL},not an id\n"),
    )
    .unwrap();
    fs::write(work_dir.path("one"), list(&["ann"])).unwrap();
    for arguments in [
        &["empty"][..],
        &["bad"],
        &["one", "--where", "user_id=nobody"],
        &["one", "--limit", "1"],
    ] {
        let refused = sync(&work_dir, &server, &[arguments, &remove].concat());
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    }
    assert_eq!(changes(&server), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_by_themselves_is_not_added_again() {
    let server = server().await;
    let work_dir = WorkDir::with("team.csv", list(&["ann", "bob", "cat"]));
    let arguments = ["team.csv", "--run-dir", "team"];
    assert_eq!(sync(&work_dir, &server, &arguments).code, Some(0));
    server.service.leave(&channel(), &user("bob"));
    for _ in 0..2 {
        let done = sync(&work_dir, &server, &arguments);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!((summary(&done).left_since, summary(&done).added), (1, 0));
        assert_eq!(diff(&work_dir, "team")["bob"].0, "!");
        let results = work_dir.results("team");
        assert_eq!(&results[1][5], "LeftSince");
        assert_eq!(members(&server), set(&["ann", "cat"]));
    }
    let done = sync(
        &work_dir,
        &server,
        &[&arguments[..], &["--add-left"]].concat(),
    );
    assert_eq!((done.code, summary(&done).added), (Some(0), 1));
    assert_eq!(members(&server), set(&["ann", "bob", "cat"]));
    for command in ["resume", "retry"] {
        let refused = server.call(&work_dir, [command, "team"]);
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains("is a sync"), "{}", refused.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_applied_as_it_is_or_not_at_all() {
    let server = server().await;
    put(&server, &["ann", "old1", "old2"]);
    let other: ChannelArn = format!("{APP}/channel/other").parse().unwrap();
    server.service.add_existing(&other, &user("old"));
    let rows = format!("{}{other},ann\n", list(&["ann", "bob"]));
    let work_dir = WorkDir::with("team.csv", rows);
    let look = [
        "team.csv",
        "--run-dir",
        "look",
        "--remove-others",
        "--dry-run",
    ];
    assert_eq!(sync(&work_dir, &server, &look).code, Some(1));
    // Without removing one of those who are to go.
    let path = work_dir.path("look/diff.csv");
    let text = fs::read_to_string(&path).unwrap();
    let edited: String = text
        .lines()
        .map(|line| {
            let line = if line.contains("old2") {
                line.replacen('-', "kept", 1)
            } else {
                line.to_owned()
            };
            line + "\n"
        })
        .collect();
    fs::write(&path, edited).unwrap();
    // The other channel changes meanwhile.
    server.service.add_existing(&other, &user("new"));
    let apply = ["--apply", "look/diff.csv", "--run-dir", "applied", "--yes"];
    let done = sync(&work_dir, &server, &apply);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    let counts = summary(&done);
    assert_eq!((counts.added, counts.removed), (1, 1));
    let reason = &counts.withheld_channels[other.as_str()];
    assert!(reason.contains("have changed"), "{reason}");
    assert_eq!(members(&server), set(&["ann", "bob", "old2"]));
    assert_eq!(server.service.members(&other).len(), 2);
    let wrong = text.replacen("\n+", "\n*", 1);
    fs::write(work_dir.path("wrong.csv"), wrong).unwrap();
    for (file, what) in [
        ("team.csv", "its header is not sign,"),
        ("wrong.csv", "sign `*`: it is +, -, =, ! or kept"),
    ] {
        let apply = ["--apply", file, "--run-dir", "x", "--yes"];
        let refused = sync(&work_dir, &server, &apply);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(what), "{}", refused.stderr);
        assert!(!work_dir.path("x").exists(), "nothing is begun");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_not_a_sync() {
    let server = server().await;
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
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
    assert_eq!(server.call(&work_dir, run).code, Some(0));
    let to = ["list.csv", "--run-dir", "run", "--channel-arn", CHANNEL];
    let refused = sync(&work_dir, &server, &to);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("already contains a run"),
        "{}",
        refused.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_judged_is_what_is_done_after_a_cut() {
    // Slow enough to be killed once the difference is known, before the adds are answered.
    let server = Server::start(SandboxConfig {
        unlimited: true,
        moderators: vec![user("boss")],
        latency: std::time::Duration::from_millis(400),
        ..SandboxConfig::default()
    })
    .await;
    put(&server, &["ann", "boss", "old1", "old2"]);
    let work_dir = WorkDir::with("team.csv", list(&["ann", "new"]));
    let flags = ["--remove-others", "--max-removals", "2", "--yes"];
    let begin = ["team.csv", "--run-dir", "team", "--bearer", BEARER];
    let mut command = server.command(&work_dir, ["sync"].iter().chain(&begin).chain(&flags));
    command.args(["--progress", "json"]);
    let mut running = Running::start(&mut command);
    running.wait_for_line("{\"event\":\"begun\"");
    while !work_dir.path("team/diff.csv").exists() {
        running.wait_for_line("{\"event\":");
    }
    drop(running);
    let path = work_dir.path("team/diff.csv");
    let written = fs::read_to_string(&path).unwrap();
    let other = ["--remove-others", "--max-removals", "9", "--yes"];
    for flags in [&[][..], &other] {
        let refused = sync(&work_dir, &server, &[&begin[..3], flags].concat());
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        let what = "it was begun with other flags";
        assert!(refused.stderr.contains(what), "{}", refused.stderr);
    }
    let edited = written.replacen("kept", "-", 1);
    assert_ne!(edited, written);
    fs::write(&path, edited).unwrap();
    let refused = sync(&work_dir, &server, &[&begin[..3], &flags].concat());
    // Either the difference was not committed yet, and is found anew, or the file is refused.
    if refused.code == Some(0) {
        assert_eq!(members(&server), set(&["ann", "boss", "new"]));
        return;
    }
    assert!(
        refused.stderr.contains("was changed since"),
        "{}",
        refused.stderr
    );
    assert!(members(&server).is_superset(&set(&["boss", "old1", "old2"])));
    fs::write(&path, written).unwrap();
    let done = sync(&work_dir, &server, &[&begin[..3], &flags].concat());
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(members(&server), set(&["ann", "boss", "new"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_that_contradicts_itself_is_refused() {
    let server = server().await;
    put(&server, &["ann", "bob"]);
    let work_dir = WorkDir::new();
    let header = "sign,channel_arn,member_arn,type,reason\n";
    let row =
        |sign: &str, id: &str, kind: &str| format!("{sign},{CHANNEL},{APP}/user/{id},{kind},\n");
    let same = row("=", "ann", "DEFAULT");
    for (rows, what) in [
        (
            row("-", "bob", "DEFAULT") + &row("+", "bob", "DEFAULT"),
            "is about the same member",
        ),
        (
            row("-", "bob", "DEFAULT") + &row("+", "cat", "HIDEN"),
            "DEFAULT or HIDDEN",
        ),
        (format!("+,c,{APP}/user/cat,DEFAULT,\n"), "row 3: "),
        (row("+", "a user", "DEFAULT"), "row 3: "),
    ] {
        fs::write(work_dir.path("d.csv"), format!("{header}{same}{rows}")).unwrap();
        let refused = sync(
            &work_dir,
            &server,
            &["--apply", "d.csv", "--run-dir", "x", "--yes"],
        );
        assert_eq!(refused.code, Some(2), "{rows}: {}", refused.stderr);
        assert!(refused.stderr.contains(what), "{rows}: {}", refused.stderr);
    }
    let flags = [
        "--apply",
        "d.csv",
        "--run-dir",
        "x",
        "--yes",
        "--limit",
        "1",
    ];
    let refused = sync(&work_dir, &server, &flags);
    assert!(
        refused.stderr.contains("--apply does a diff.csv as it is"),
        "{}",
        refused.stderr
    );
    assert_eq!(changes(&server), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_of_others_are_left_alone() {
    let server = server().await;
    put(&server, &["ann"]);
    let work_dir = WorkDir::with("team.csv", list(&["ann"]));
    let arguments = ["team.csv", "--run-dir", "team"];
    assert_eq!(sync(&work_dir, &server, &arguments).code, Some(0));
    fs::create_dir(work_dir.path("team/earlier.new")).unwrap();
    fs::write(work_dir.path("team/earlier.new/precious.txt"), "mine").unwrap();
    let refused = sync(&work_dir, &server, &arguments);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("is not a directory of a sync"),
        "{}",
        refused.stderr
    );
    assert!(work_dir.path("team/earlier.new/precious.txt").exists());
    fs::remove_dir_all(work_dir.path("team/earlier.new")).unwrap();
    assert_eq!(sync(&work_dir, &server, &arguments).code, Some(0));
    // The run before is whole in its directory.
    let status = server.call(&work_dir, ["status", "team/earlier"]);
    assert!(status.stdout.contains("finished"), "{}", status.stdout);
    assert!(work_dir.path("team/earlier/results.csv").exists());

    #[cfg(unix)]
    {
        fs::create_dir(work_dir.path("linked")).unwrap();
        std::os::unix::fs::symlink("../team", work_dir.path("linked/listing")).unwrap();
        let refused = sync(&work_dir, &server, &["team.csv", "--run-dir", "linked"]);
        assert!(
            refused.stderr.contains("move it away"),
            "{}",
            refused.stderr
        );
        let status = server.call(&work_dir, ["status", "team"]);
        assert!(status.stdout.contains("finished"), "{}", status.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_row_in_another_spelling_withholds_and_a_leftover_removal_is_not_carried_out() {
    let server = server().await;
    put(&server, &["ann", "old"]);
    let rows = format!("{}\u{200b}{CHANNEL},bob\n", list(&["ann"]));
    let work_dir = WorkDir::with("spelled.csv", rows);
    fs::write(work_dir.path("team.csv"), list(&["ann"])).unwrap();
    let remove = ["--remove-others", "--max-removals", "9", "--yes"];
    let arguments = [&["spelled.csv", "--run-dir", "a"], &remove[..]].concat();
    let done = sync(&work_dir, &server, &arguments);
    assert_eq!(
        (done.code, summary(&done).withheld),
        (Some(1), 1),
        "{}",
        done.stderr
    );
    assert_eq!(members(&server), set(&["ann", "old"]));

    let arguments = [&["team.csv", "--run-dir", "b"], &remove[..]].concat();
    assert_eq!(sync(&work_dir, &server, &arguments).code, Some(0));
    put(&server, &["old"]);
    for file in fs::read_dir(work_dir.path("b"))
        .unwrap()
        .map(Result::unwrap)
    {
        if file.file_type().unwrap().is_file() {
            fs::remove_file(file.path()).unwrap();
        }
    }
    fs::write(work_dir.path("all.csv"), list(&["ann", "old"])).unwrap();
    let refused = sync(&work_dir, &server, &["all.csv", "--run-dir", "b"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("removal/ is of another sync"),
        "{}",
        refused.stderr
    );
    assert_eq!(members(&server), set(&["ann", "old"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_cannot_be_listed_is_left_alone_and_nobody_counts_as_having_left() {
    let server = Server::start(SandboxConfig {
        unlimited: true,
        admins: Some(vec![BEARER.parse().unwrap()]),
        ..SandboxConfig::default()
    })
    .await;
    let work_dir = WorkDir::with("team.csv", list(&["ann", "bob"]));
    let arguments = ["team.csv", "--run-dir", "team"];
    assert_eq!(sync(&work_dir, &server, &arguments).code, Some(0));
    let before = changes(&server);
    let plain = format!("{APP}/user/plain");
    let begin = ["sync", "--json", "--bearer", &plain];
    let done = server.call(&work_dir, begin.iter().chain(&arguments));
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    let counts = summary(&done);
    assert_eq!((counts.left_since, counts.failed), (0, 2));
    assert_eq!(counts.errors_by_code["Unread"], 2);
    assert_eq!(changes(&server), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sync_has_an_undo_of_its_own() {
    let server = server().await;
    let work_dir = WorkDir::with("team.csv", list(&["ann"]));
    let arguments = ["team.csv", "--run-dir", "team", "--add-left"];
    for _ in 0..2 {
        assert_eq!(sync(&work_dir, &server, &arguments).code, Some(0));
        assert_eq!(members(&server), set(&["ann"]));
        let undone = server.call(&work_dir, ["undo", "team", "--yes"]);
        assert_eq!(undone.code, Some(0), "{}", undone.stderr);
        assert_eq!(members(&server), set(&[]));
    }
}
