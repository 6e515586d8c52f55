//! `plan`: what it prints, and that a run agrees with it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use chime_bulk::report::Plan;
use chime_bulk::schedule::Binding;

use crate::docs::samples::{RATES, Sample, samples};
use crate::support::program::{APP, CHANNEL, Output, WorkDir, ids, repository};

const EU: &str = "arn:aws:chime:eu-central-1:123456789012:app-instance/i";

/// The plan as JSON, and the exit code.
fn json(work_dir: &WorkDir, arguments: &[&str]) -> (Plan, Option<i32>) {
    let output = work_dir.run(["plan", "--json"].iter().chain(arguments));
    let plan = serde_json::from_str(&output.stdout);
    (plan.unwrap_or_else(|_| panic!("{output:#?}")), output.code)
}

/// A list of members for each channel of an app instance.
pub(crate) fn list(app: &str, channels: &[(&str, usize)]) -> String {
    let mut text = "channel_arn,user_id\n".to_owned();
    for (channel, members) in channels {
        for n in 0..*members {
            let _ = writeln!(text, "{app}/channel/{channel},u{n}");
        }
    }
    text
}

#[track_caller]
pub(crate) fn assert_close(value: f64, expected: f64) {
    assert!(
        (value - expected).abs() < 1e-6,
        "{value} instead of {expected}"
    );
}

/// Plans a sample and runs it, with the same limits.
fn compare_plan_and_run(sample: &Sample) {
    let work_dir = WorkDir::new();
    let lists = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/");
    let list = format!("{lists}{}", sample.arguments[0]);
    let given: Vec<&str> = sample.arguments[1..]
        .iter()
        .map(String::as_str)
        .filter(|argument| *argument != "--sandbox")
        .collect();
    let (sandbox, rates) = RATES.split_at(3);
    let (plan, code) = json(&work_dir, &[&[&*list], &*given, rates].concat());

    let begin = ["run", &list, "--run-dir", "run", "--sandbox"];
    let run = work_dir.run(begin.iter().chain(&given).chain(sandbox).chain(rates));
    let summary = work_dir.summary("run");
    assert_eq!(code, run.code, "{}", sample.name);
    let planned = [
        plan.rows_read,
        plan.rows_left_out,
        plan.members,
        plan.invalid,
        plan.duplicate,
        plan.channels,
        plan.calls,
        plan.calls,
    ];
    let done = [
        summary.rows_read,
        summary.rows_left_out,
        summary.added,
        summary.invalid,
        summary.duplicate,
        summary.channels,
        summary.calls,
        summary.lower_bound_calls,
    ];
    assert_eq!(planned, done, "{}", sample.name);
    assert_close(plan.seconds, summary.lower_bound_seconds);
    assert_eq!(plan.binding, summary.binding_limit);
    let defects: u64 = plan.defects.iter().map(|kind| kind.rows).sum();
    assert_eq!(defects, summary.invalid);
}

#[test]
fn the_plan_of_each_sample_agrees_with_its_run() {
    let samples = samples();
    assert!(samples.len() > 7);
    std::thread::scope(|scope| {
        for sample in &samples {
            scope.spawn(|| compare_plan_and_run(sample));
        }
    });
}

#[test]
fn defects_and_duplicates_are_shown_by_row_and_never_by_value() {
    let work_dir = WorkDir::with("list.csv", repository("samples/dirty.csv"));
    let (plan, code) = json(&work_dir, &["list.csv"]);
    assert_eq!(code, Some(1));
    let repeats: Vec<_> = plan
        .duplicate_examples
        .iter()
        .map(|repeat| (repeat.row, repeat.of_row))
        .collect();
    assert_eq!(repeats, [(8, 1), (9, 2), (10, 1)]);
    assert_eq!(plan.defects.len(), 22);
    assert_eq!(plan.defect_kinds, 22);
    let first = &plan.defects[0];
    assert_eq!(first.column, "channel_arn");
    assert_eq!(first.reason, "the channel is missing");
    assert_eq!((first.rows, &*first.examples), (2, &[12, 13][..]));

    let text = work_dir.run(["plan", "list.csv"]);
    assert_eq!(text.code, Some(1), "{text:#?}");
    assert!(text.stdout.contains("row 8 of row 1"), "{text:#?}");
    let kind = "column `channel_arn`: the channel is missing (rows 12, 13)";
    assert!(text.stdout.contains(kind), "{text:#?}");
    let json = work_dir.run(["plan", "list.csv", "--json"]);
    for output in [&text, &json] {
        let printed = format!("{}{}", output.stdout, output.stderr);
        for value in ["ada", "ben", "fay", "auth0", "work@", "two words", "helper"] {
            assert!(!printed.contains(value), "{value}: {printed}");
        }
    }
}

#[test]
fn all_kinds_of_defects_are_counted_and_the_most_frequent_are_shown() {
    let mut list = "user_id\n".to_owned();
    for letter in 0..150_u32 {
        let letter = char::from_u32(0x4E00 + letter).unwrap();
        let _ = writeln!(list, "{letter}");
    }
    list += &"a b\n".repeat(5);
    let work_dir = WorkDir::with("list.csv", list);
    let arguments = ["list.csv", "--channel-arn", CHANNEL];
    let (plan, _) = json(&work_dir, &arguments);
    assert_eq!((plan.invalid, plan.defect_kinds), (155, 151));
    assert_eq!(plan.defects.len(), 100);
    let most = &plan.defects[0];
    assert_eq!((most.rows, &*most.examples), (5, &[151, 152, 153][..]));
    let text = work_dir.run(["plan"].iter().chain(&arguments)).stdout;
    assert!(text.contains("(rows 151, 152, 153, …)"), "{text}");
    assert!(text.contains("and 141 more kinds"), "{text}");
}

#[test]
fn the_temporary_file_of_a_plan_has_no_name() {
    let work_dir = WorkDir::new();
    std::fs::create_dir(work_dir.path("tmp")).unwrap();
    let mut command = work_dir.command(["plan", "-", "--json", "--channel-arn", CHANNEL]);
    command.env("SQLITE_TMPDIR", work_dir.path("tmp"));
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than SQLite keeps in memory.
    let note = "x".repeat(300);
    let mut text = "user_id,note\n".to_owned();
    for n in 0..50_000 {
        let _ = writeln!(text, "u{n},{note}");
    }
    stdin.write_all(text.as_bytes()).unwrap();
    if cfg!(target_os = "linux") {
        let files = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
        let open = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
        let tmp = work_dir.path("tmp").canonicalize().unwrap();
        let open = open.filter(|file| file.starts_with(&tmp));
        assert!(open.count() > 0, "the list is kept in memory");
    }
    assert_eq!(std::fs::read_dir(work_dir.path("tmp")).unwrap().count(), 0);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    // More than a channel may have.
    assert_eq!(output.status.code(), Some(1));
    let plan: Plan = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((plan.members, plan.calls), (50_000, 500));
    assert_eq!(plan.list, "standard input");
    assert_eq!(std::fs::read_dir(work_dir.path("tmp")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(work_dir.path(".")).unwrap().count(), 1);
}

#[test]
fn the_binding_limit_and_the_time_saved_by_one_more_bearer_are_shown() {
    let channels: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
    let even: Vec<_> = channels.iter().map(|name| (&**name, 101)).collect();
    let work_dir = WorkDir::with("even.csv", list(APP, &even));
    std::fs::write(
        work_dir.path("odd.csv"),
        list(APP, &[("a", 1_001), ("b", 50)]),
    )
    .unwrap();
    let (admin, other) = (format!("{APP}/user/admin"), format!("{APP}/user/other"));

    // 80 calls by one bearer: 10 at once, then 10 a second.
    let (plan, code) = json(&work_dir, &["even.csv"]);
    assert_eq!(code, Some(0));
    assert_eq!((plan.calls, plan.binding), (80, Some(Binding::Bearers)));
    assert_eq!((plan.bearers, plan.bearer_assumed), (1, true));
    assert_close(plan.seconds, 7.0);
    assert_close(plan.seconds_with_one_more_bearer, 3.0);
    let two = ["even.csv", "--bearer", &admin, "--bearer", &other];
    let (plan, _) = json(&work_dir, &two);
    assert_eq!((plan.bearers, plan.bearer_assumed), (2, false));
    assert_close(plan.seconds, 3.0);
    assert_close(plan.seconds_with_one_more_bearer, 50.0 / 30.0);
    let (plan, _) = json(&work_dir, &["even.csv", "--max-rate", "4"]);
    assert_eq!(plan.binding, Some(Binding::Total));
    assert_close(plan.seconds, 19.75);
    assert_close(plan.seconds_with_one_more_bearer, 19.75);
    let text = work_dir.run(["plan", "even.csv"]).stdout;
    assert!(text.contains("7.0 s   the bearers' rate binds"), "{text}");
    assert!(
        text.contains("with 2 bearers         3.0 s   saves 4.0 s"),
        "{text}"
    );
    assert!(text.contains("none is given: one is assumed"), "{text}");

    // 11 calls on one channel, one a second.
    let (plan, _) = json(&work_dir, &["odd.csv"]);
    assert_eq!((plan.calls, plan.binding), (12, Some(Binding::Channel)));
    assert_close(plan.seconds, 10.0);
    let (plan, _) = json(&work_dir, &["odd.csv", "--members-per-call", "50"]);
    assert_eq!(plan.calls, 22);
    assert_close(plan.seconds, 20.0);
    assert_eq!(plan.limits.members_per_call, 50);
    let text = work_dir.run(["plan", "odd.csv"]).stdout;
    let line = "the largest channel binds: 11 calls on it";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("10.0 s   saves nothing"), "{text}");
}

#[test]
fn members_of_both_types_share_the_channels_limit_but_not_a_call() {
    let mut list = "channel_arn,user_id,membership_type\n".to_owned();
    for n in 0..150 {
        let kind = if n < 75 { "DEFAULT" } else { "HIDDEN" };
        let _ = writeln!(list, "{APP}/channel/c,u{n},{kind}");
    }
    let work_dir = WorkDir::with("list.csv", list);
    let (plan, _) = json(&work_dir, &["list.csv"]);
    assert_eq!((plan.channels, plan.members, plan.calls), (1, 150, 2));
    assert_eq!(plan.largest_channels[0].calls, 2);
    assert_close(plan.seconds, 1.0);
}

#[test]
fn the_region_of_the_bearer_or_channel_sets_the_quotas() {
    let work_dir = WorkDir::with("list.csv", list(EU, &[("a", 101), ("b", 100), ("c", 200)]));
    let (plan, _) = json(&work_dir, &["list.csv"]);
    assert_eq!(plan.region, "eu-central-1");
    assert_close(plan.limits.bearer_rate, 5.0);
    assert_eq!(plan.binding, Some(Binding::Channel));
    let (plan, _) = json(&work_dir, &["list.csv", "--channel-rate", "9"]);
    assert_close(plan.seconds, 1.0 / 9.0);
    // Undo looks up and removes one member per call, two requests: 2 at once and then 2.5 a second by
    // the bearer, 10 a second on the largest channel.
    assert_eq!(plan.undo.calls, 401);
    assert_close(plan.undo.seconds, 399.0 / 2.5);
    let (plan, _) = json(&work_dir, &["list.csv", "--bearer-rate", "1000"]);
    assert_close(plan.undo.seconds, 199.0 / 10.0);
    let us = ["list.csv", "--region", "us-east-1", "--bearer-rate", "1000"];
    let (plan, _) = json(&work_dir, &us);
    assert_eq!(plan.region, "us-east-1");
    assert_close(plan.undo.seconds, 199.0 / 15.0);

    std::fs::write(work_dir.path("ids.csv"), ids("u", 3)).unwrap();
    let (bearer, channel) = (format!("{EU}/user/admin"), "c");
    let by_bearer = ["ids.csv", "--channel-arn", channel, "--bearer", &bearer];
    let (plan, _) = json(&work_dir, &by_bearer);
    assert_eq!(plan.region, "eu-central-1");
    let channel_arn = &plan.largest_channels[0].channel_arn;
    assert_eq!(*channel_arn, format!("{EU}/channel/c"));

    // Without a good row, only the bearer shows the region.
    std::fs::write(work_dir.path("bad.csv"), "channel_arn,user_id\n,u1\n").unwrap();
    let (plan, code) = json(&work_dir, &["bad.csv", "--bearer", &bearer]);
    assert_eq!((&*plan.region, code), ("eu-central-1", Some(1)));
    let (plan, _) = json(&work_dir, &["bad.csv"]);
    assert_eq!(plan.region, "us-east-1");
    let one = ["bad.csv", "--channel-arn", &format!("{EU}/channel/c")];
    let (plan, _) = json(
        &work_dir,
        &[&one[..], &["--where", "user_id=none", "--allow-empty"]].concat(),
    );
    assert_eq!((&*plan.region, plan.rows_left_out), ("eu-central-1", 1));

    let nowhere = work_dir.run(["plan", "list.csv", "--region", "eu-west-1"]);
    assert_eq!(nowhere.code, Some(2), "{nowhere:#?}");
    assert!(nowhere.stderr.contains("`eu-west-1`"), "{nowhere:#?}");
}

#[test]
fn channels_over_capacity_are_shown() {
    // Members count, not rows: duplicates do not.
    let text = list(APP, &[("full", 10_000), ("over", 10_001)]) + &list(APP, &[("full", 9)])[20..];
    let work_dir = WorkDir::with("list.csv", text);
    let (plan, code) = json(&work_dir, &["list.csv"]);
    assert_eq!((code, plan.duplicate), (Some(1), 9));
    assert_eq!(plan.over_capacity.channels, 1);
    let [over] = &plan.over_capacity.examples[..] else {
        panic!("{plan:#?}");
    };
    assert_eq!(over.channel_arn, format!("{APP}/channel/over"));
    assert_eq!((over.members, over.calls), (10_001, 101));
    let largest: Vec<_> = plan.largest_channels.iter().map(|c| c.members).collect();
    assert_eq!(largest, [10_001, 10_000]);
    let text = work_dir.run(["plan", "list.csv"]).stdout;
    assert!(
        text.contains("1 channel would pass 10000 members"),
        "{text}"
    );
}

#[test]
fn the_text_has_ten_channels_and_the_json_a_hundred() {
    let names: Vec<String> = (0..2_345).map(|n| format!("c{n}")).collect();
    let mut channels: Vec<_> = names.iter().map(|name| (&**name, 1)).collect();
    channels.push(("last-and-largest", 3));
    channels[77].1 = 2;
    let work_dir = WorkDir::with("list.csv", list(APP, &channels));
    let (plan, _) = json(&work_dir, &["list.csv"]);
    assert_eq!((plan.channels, plan.largest_channels.len()), (2_346, 100));
    let first: Vec<_> = plan.largest_channels[..4]
        .iter()
        .map(|channel| channel.channel_arn.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(first, ["last-and-largest", "c77", "c0", "c1"]);
    let text = work_dir.run(["plan", "list.csv"]).stdout;
    assert!(text.contains("and 2336 more channels"), "{text}");
}

#[test]
fn the_text_fits_80_columns_and_has_no_control_characters() {
    let work_dir = WorkDir::new();
    let lists = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/");
    let mut texts = Vec::new();
    for sample in samples() {
        let list = format!("{lists}{}", sample.arguments[0]);
        let given = sample.arguments[1..].iter().map(String::as_str);
        let given = given.filter(|argument| *argument != "--sandbox");
        let mut plan = work_dir.command(["plan", "-"].into_iter().chain(given));
        texts.push(Output::of(plan.stdin(std::fs::File::open(list).unwrap())));
    }
    let id = "b".repeat(300);
    let header = "\u{1b}[2J\u{9b}1mevil\u{202e}".repeat(9);
    let list = format!("{header},channel_arn\na b,{APP}/channel/{id}\nab,{APP}/channel/{id}\n");
    std::fs::write(work_dir.path("list.csv"), list).unwrap();
    let text = work_dir.run(["plan", "list.csv", "--member-column", "1"]);
    assert_eq!(text.code, Some(1), "{text:#?}");
    let json = work_dir.run(["plan", "list.csv", "--member-column", "1", "--json"]);
    assert!(!json.stdout.contains(['\u{1b}', '\u{9b}', '\u{202e}']));
    texts.push(text);
    let codes: BTreeSet<_> = texts.iter().map(|text| text.code).collect();
    assert_eq!(codes, [Some(0), Some(1)].into());
    for output in &texts {
        for line in output.stdout.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        let printed = format!("{}{}", output.stdout, output.stderr);
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!printed.contains(bad), "{printed:?}");
    }
}

#[test]
fn a_list_that_cannot_be_read_to_its_end_has_no_plan_and_exit_code_2() {
    let rows = ids("u", 5_000);
    let work_dir = WorkDir::with("list.csv", rows + "\"never closed\n");
    let output = work_dir.run(["plan", "list.csv", "--channel-arn", CHANNEL]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(output.stderr.contains("list.csv, line 500"), "{output:#?}");
    assert!(output.stderr.contains("hint: "), "{output:#?}");
    assert_eq!(output.stdout, "");
    // The errors are those of `run`.
    let bare = ["list.csv", "--channel-arn", "general"];
    let planned = work_dir.run(["plan"].iter().chain(&bare));
    let run = work_dir.run(["run", "--sandbox"].iter().chain(&bare));
    assert_eq!(planned.code, Some(2), "{planned:#?}");
    assert_eq!(planned.stderr, run.stderr);
    let foreign = ["plan", "list.csv", "--bearer", "admin"];
    let foreign = work_dir.run(foreign.into_iter().chain(["--channel-arn", CHANNEL]));
    assert_eq!(foreign.code, Some(2), "{foreign:#?}");
    assert!(foreign.stderr.contains("--bearer `admin`"), "{foreign:#?}");
}

#[test]
fn a_list_of_several_app_instances_is_not_one_job() {
    let other = APP.replace("app-instance/i", "app-instance/other");
    let text = list(APP, &[("a", 3)]) + &list(&other, &[("b", 2), ("c", 2)])[20..];
    let work_dir = WorkDir::with("list.csv", text);
    let (plan, code) = json(&work_dir, &["list.csv"]);
    assert_eq!((code, plan.app_instance_count), (Some(1), 2));
    let found = plan.app_instances.iter();
    let found: Vec<_> = found
        .map(|one| (&*one.app_instance_arn, one.channels, one.members))
        .collect();
    assert_eq!(found, [(&*other, 2, 4), (APP, 1, 3)]);
    let text = work_dir.run(["plan", "list.csv"]).stdout;
    assert!(text.contains("Each needs a bearer of its own"), "{text}");
    for line in [
        "4         2  us-east-1      other",
        "2        1  b of other",
        "3        1  a of i",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // With a bearer, the rows of the other app instance are defects.
    let (plan, code) = json(
        &work_dir,
        &["list.csv", "--bearer", &format!("{APP}/user/admin")],
    );
    assert_eq!(
        (code, plan.app_instance_count, plan.invalid),
        (Some(1), 1, 4)
    );
}

#[test]
fn filters_that_leave_nothing_are_refused() {
    let work_dir = WorkDir::with("list.csv", "user_id,status\nu1,Member\nu2,Bot\n");
    for command in [&["plan"][..], &["run", "--sandbox", "--run-dir", "run"]] {
        let with = |more: &[&str]| {
            let flags = [
                "list.csv",
                "--channel-arn",
                CHANNEL,
                "--where",
                "status=Left",
            ];
            work_dir.run(command.iter().chain(&flags).chain(more))
        };
        let output = with(&[]);
        assert_eq!(output.code, Some(2), "{output:#?}");
        for text in [
            "--where leaves out all 2",
            "`Member`, `Bot`",
            "--allow-empty",
        ] {
            assert!(output.stderr.contains(text), "{text}: {output:#?}");
        }
        assert!(!work_dir.path("run").exists());
        let output = with(&["--allow-empty"]);
        assert_eq!(output.code, Some(0), "{output:#?}");
    }
}

#[test]
fn what_may_be_a_mistake_in_a_list_is_noted() {
    let list = "user_id,status,x\nNULL,Member,\nu2,Bot\n1001.0,Member,\n";
    let work_dir = WorkDir::with("list.csv", list);
    let filter = ["--where", "status!=Deactivated,Bot"];
    let flags = [
        &["list.csv", "--channel-arn", CHANNEL, "--limit", "3"][..],
        &filter,
    ]
    .concat();
    let plan = work_dir.run(["plan"].iter().chain(&flags));
    let run = ["run", "--sandbox", "--run-dir", "run"];
    let run = work_dir.run(run.iter().chain(&flags));
    for output in [&plan.stdout, &run.stdout, &run.stderr] {
        let output = output.split_whitespace().collect::<Vec<_>>().join(" ");
        for note in [
            "note: --where status!=Deactivated,Bot: no row has this value; the column has `Member`, `Bot`",
            "note: suspicious ids, such as NULL or 1001.0: 2 (row 1, 3)",
            "note: rows with fewer or more fields than columns, read all the same: 1",
            "note: --limit is reached: the rest of the list was not read",
        ] {
            assert!(output.contains(note), "{note}: {output}");
        }
    }
    assert!(work_dir.summary("run").notes.limit_reached);
}

#[test]
fn a_plan_shows_what_single_adds_save() {
    let lists = [
        ("us.csv", list(APP, &[("c", 11_000)])),
        ("eu.csv", list(EU, &[("c", 10_500)])),
        ("small.csv", list(APP, &[("a", 100), ("b", 100)])),
    ];
    let work_dir = WorkDir::new();
    for (name, text) in lists {
        std::fs::write(work_dir.path(name), text).unwrap();
    }
    let seconds = |arguments: &[&str]| {
        let plan = json(&work_dir, arguments).0;
        (plan.seconds, plan.seconds_with_single_adds)
    };
    // 109 members a second with one bearer, 115 with two, 104 in eu-central-1.
    assert_eq!(seconds(&["us.csv"]), (109.0, 100.0));
    assert_eq!(seconds(&["eu.csv"]), (104.0, 100.0));
    let rate = ["us.csv", "--single-adds", "--single-rate", "1"];
    assert_eq!(seconds(&rate), (109.0, 108.0));
    assert_eq!(seconds(&["small.csv"]), (0.0, 0.0));
    let text = work_dir.run(["plan", "us.csv"]).stdout;
    let line = "single adds       1 min 40 s   saves 9.0 s, with --single-adds";
    assert!(text.contains(line), "{text}");
    let text = work_dir.run(["plan", "small.csv"]).stdout;
    assert!(!text.contains("single adds"), "{text}");
    let refused = work_dir.run(["plan", "us.csv", "--single-rate", "1"]);
    assert_eq!(refused.code, Some(2));
    let expected = "single-rate is 1: it must be set together with --single-adds";
    assert!(refused.stderr.contains(expected), "{refused:#?}");
}
