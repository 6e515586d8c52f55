//! `plan`: what it prints of a list, and that a run agrees.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use chime_bulk::report::Plan;
use chime_bulk::schedule::Binding;

use crate::docs::samples::{RATES, Sample, samples};
use crate::support::program::{APP, Ended, WorkDir, ids, repository};

const EU: &str = "arn:aws:chime:eu-central-1:123456789012:app-instance/i";

/// The plan as JSON, with the code it ended with.
fn json(place: &WorkDir, arguments: &[&str]) -> (Plan, Option<i32>) {
    let ended = place.run(["plan", "--json"].iter().chain(arguments));
    let plan = serde_json::from_str(&ended.stdout);
    (plan.unwrap_or_else(|_| panic!("{ended:#?}")), ended.code)
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
pub(crate) fn same(seconds: f64, wanted: f64) {
    assert!((seconds - wanted).abs() < 1e-6, "{seconds} for {wanted}");
}

/// Plans a sample and runs it, at the same limits.
fn agrees(sample: &Sample) {
    let place = WorkDir::new();
    let lists = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/");
    let list = format!("{lists}{}", sample.arguments[0]);
    let given: Vec<&str> = sample.arguments[1..]
        .iter()
        .map(String::as_str)
        .filter(|argument| *argument != "--sandbox")
        .collect();
    let (sandbox, rates) = RATES.split_at(3);
    let (plan, code) = json(&place, &[&[&*list], &*given, rates].concat());

    let begin = ["run", &list, "--run-dir", "run", "--sandbox"];
    let run = place.run(begin.iter().chain(&given).chain(sandbox).chain(rates));
    let summary = place.summary("run");
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
    same(plan.seconds, summary.lower_bound_seconds);
    assert_eq!(plan.binding, summary.binding_limit);
    let defects: u64 = plan.defects.iter().map(|kind| kind.rows).sum();
    assert_eq!(defects, summary.invalid);
}

#[test]
fn a_run_of_each_sample_does_what_its_plan_says() {
    let samples = samples();
    assert!(samples.len() > 7);
    std::thread::scope(|scope| {
        for sample in &samples {
            scope.spawn(|| agrees(sample));
        }
    });
}

#[test]
fn defects_and_duplicates_are_named_by_row_and_never_by_value() {
    let place = WorkDir::with("list.csv", repository("samples/dirty.csv"));
    let (plan, code) = json(&place, &["list.csv"]);
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

    let text = place.run(["plan", "list.csv"]);
    assert_eq!(text.code, Some(1), "{text:#?}");
    assert!(text.stdout.contains("row 8 of row 1"), "{text:#?}");
    let kind = "column `channel_arn`: the channel is missing (rows 12, 13)";
    assert!(text.stdout.contains(kind), "{text:#?}");
    let json = place.run(["plan", "list.csv", "--json"]);
    for ended in [&text, &json] {
        let said = format!("{}{}", ended.stdout, ended.stderr);
        for value in ["ada", "ben", "fay", "auth0", "work@", "two words", "helper"] {
            assert!(!said.contains(value), "{value}: {said}");
        }
    }
}

#[test]
fn many_kinds_of_defects_are_counted_and_some_are_shown() {
    let mut list = "user_id\n".to_owned();
    for letter in 0..150_u32 {
        let letter = char::from_u32(0x4E00 + letter).unwrap();
        let _ = writeln!(list, "{letter}");
    }
    list += &"a b\n".repeat(5);
    let place = WorkDir::with("list.csv", list);
    let channel = format!("{APP}/channel/c");
    let arguments = ["list.csv", "--channel-arn", &channel];
    let (plan, _) = json(&place, &arguments);
    assert_eq!((plan.invalid, plan.defect_kinds), (155, 151));
    assert_eq!(plan.defects.len(), 100);
    let most = &plan.defects[0];
    assert_eq!((most.rows, &*most.examples), (5, &[151, 152, 153][..]));
    let text = place.run(["plan"].iter().chain(&arguments)).stdout;
    assert!(text.contains("(rows 151, 152, 153, …)"), "{text}");
    assert!(text.contains("and 141 more kinds"), "{text}");
}

#[test]
fn a_list_from_standard_input_leaves_no_file_behind_at_any_time() {
    let place = WorkDir::new();
    std::fs::create_dir(place.path("tmp")).unwrap();
    let channel = format!("{APP}/channel/c");
    let mut command = place.command(["plan", "-", "--json", "--channel-arn", &channel]);
    command.env("SQLITE_TMPDIR", place.path("tmp"));
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than SQLite keeps in memory: it has a file, of no name.
    let rest = "x".repeat(300);
    let mut text = "user_id,note\n".to_owned();
    for n in 0..50_000 {
        let _ = writeln!(text, "u{n},{rest}");
    }
    stdin.write_all(text.as_bytes()).unwrap();
    if cfg!(target_os = "linux") {
        let files = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
        let nameless = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
        let tmp = place.path("tmp").canonicalize().unwrap();
        let nameless = nameless.filter(|file| file.starts_with(&tmp));
        assert!(nameless.count() > 0, "the list is kept in memory");
    }
    assert_eq!(std::fs::read_dir(place.path("tmp")).unwrap().count(), 0);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let plan: Plan = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((plan.members, plan.calls), (50_000, 500));
    assert_eq!(plan.list, "standard input");
    assert_eq!(std::fs::read_dir(place.path("tmp")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(place.path(".")).unwrap().count(), 1);
}

#[test]
fn the_binding_limit_and_what_one_more_bearer_saves_are_shown() {
    let channels: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
    let even: Vec<_> = channels.iter().map(|name| (&**name, 101)).collect();
    let place = WorkDir::with("even.csv", list(APP, &even));
    std::fs::write(place.path("odd.csv"), list(APP, &[("a", 1_001), ("b", 50)])).unwrap();
    let (admin, other) = (format!("{APP}/user/admin"), format!("{APP}/user/other"));

    // 80 calls by one bearer, 10 a second.
    let (plan, code) = json(&place, &["even.csv"]);
    assert_eq!(code, Some(0));
    assert_eq!((plan.calls, plan.binding), (80, Some(Binding::Bearers)));
    assert_eq!((plan.bearers, plan.bearer_assumed), (1, true));
    same(plan.seconds, 7.9);
    same(plan.seconds_with_one_more_bearer, 3.95);
    let two = ["even.csv", "--bearer", &admin, "--bearer", &other];
    let (plan, _) = json(&place, &two);
    assert_eq!((plan.bearers, plan.bearer_assumed), (2, false));
    same(plan.seconds, 3.95);
    same(plan.seconds_with_one_more_bearer, 79.0 / 30.0);
    let (plan, _) = json(&place, &["even.csv", "--max-rate", "4"]);
    assert_eq!(plan.binding, Some(Binding::Total));
    same(plan.seconds, 19.75);
    same(plan.seconds_with_one_more_bearer, 19.75);
    let text = place.run(["plan", "even.csv"]).stdout;
    assert!(text.contains("7.9 s   the bearers' rate binds"), "{text}");
    assert!(
        text.contains("with 2 bearers         4.0 s   saves 4.0 s"),
        "{text}"
    );
    assert!(text.contains("none is given: one is assumed"), "{text}");

    // 11 calls on one channel, one a second.
    let (plan, _) = json(&place, &["odd.csv"]);
    assert_eq!((plan.calls, plan.binding), (12, Some(Binding::Channel)));
    same(plan.seconds, 10.0);
    let (plan, _) = json(&place, &["odd.csv", "--members-per-call", "50"]);
    assert_eq!(plan.calls, 22);
    same(plan.seconds, 20.0);
    assert_eq!(plan.limits.members_per_call, 50);
    let text = place.run(["plan", "odd.csv"]).stdout;
    let said = "the largest channel binds: 11 calls on it";
    assert!(text.contains(said), "{text}");
    assert!(text.contains("10.0 s   saves nothing"), "{text}");
}

#[test]
fn types_of_a_channel_share_its_limit_but_not_their_calls() {
    let mut list = "channel_arn,user_id,membership_type\n".to_owned();
    for n in 0..150 {
        let kind = if n < 75 { "DEFAULT" } else { "HIDDEN" };
        let _ = writeln!(list, "{APP}/channel/c,u{n},{kind}");
    }
    let place = WorkDir::with("list.csv", list);
    let (plan, _) = json(&place, &["list.csv"]);
    assert_eq!((plan.channels, plan.members, plan.calls), (1, 150, 2));
    assert_eq!(plan.largest_channels[0].calls, 2);
    same(plan.seconds, 1.0);
}

#[test]
fn the_region_is_that_of_the_bearer_or_the_channel_and_has_its_quotas() {
    let place = WorkDir::with("list.csv", list(EU, &[("a", 101), ("b", 100), ("c", 200)]));
    let (plan, _) = json(&place, &["list.csv"]);
    assert_eq!(plan.region, "eu-central-1");
    same(plan.limits.bearer_rate, 5.0);
    assert_eq!(plan.binding, Some(Binding::Channel));
    let (plan, _) = json(&place, &["list.csv", "--channel-rate", "9"]);
    same(plan.seconds, 4.0 / 5.0);
    // One member per call: by 5 a second of the bearer, and by 10 on the largest channel.
    assert_eq!(plan.undo.calls, 401);
    same(plan.undo.seconds, 400.0 / 5.0);
    let (plan, _) = json(&place, &["list.csv", "--bearer-rate", "1000"]);
    same(plan.undo.seconds, 199.0 / 10.0);
    let us = ["list.csv", "--region", "us-east-1", "--bearer-rate", "1000"];
    let (plan, _) = json(&place, &us);
    assert_eq!(plan.region, "us-east-1");
    same(plan.undo.seconds, 199.0 / 15.0);

    std::fs::write(place.path("ids.csv"), ids("u", 3)).unwrap();
    let (bearer, channel) = (format!("{EU}/user/admin"), "c");
    let by_bearer = ["ids.csv", "--channel-arn", channel, "--bearer", &bearer];
    let (plan, _) = json(&place, &by_bearer);
    assert_eq!(plan.region, "eu-central-1");
    let channel_arn = &plan.largest_channels[0].channel_arn;
    assert_eq!(*channel_arn, format!("{EU}/channel/c"));

    // Where no row is good, nothing else tells.
    std::fs::write(place.path("bad.csv"), "channel_arn,user_id\n,u1\n").unwrap();
    let (plan, code) = json(&place, &["bad.csv", "--bearer", &bearer]);
    assert_eq!((&*plan.region, code), ("eu-central-1", Some(1)));
    let (plan, _) = json(&place, &["bad.csv"]);
    assert_eq!(plan.region, "us-east-1");
    let one = ["bad.csv", "--channel-arn", &format!("{EU}/channel/c")];
    let (plan, _) = json(&place, &[&one[..], &["--where", "user_id=none"]].concat());
    assert_eq!((&*plan.region, plan.rows_left_out), ("eu-central-1", 1));

    let nowhere = place.run(["plan", "list.csv", "--region", "eu-west-1"]);
    assert_eq!(nowhere.code, Some(2), "{nowhere:#?}");
    assert!(nowhere.stderr.contains("`eu-west-1`"), "{nowhere:#?}");
}

#[test]
fn channels_that_cannot_hold_them_all_are_named() {
    // Members count, not rows.
    let text = list(APP, &[("full", 10_000), ("over", 10_001)]) + &list(APP, &[("full", 9)])[20..];
    let place = WorkDir::with("list.csv", text);
    let (plan, code) = json(&place, &["list.csv"]);
    assert_eq!((code, plan.duplicate), (Some(0), 9));
    assert_eq!(plan.over_capacity.channels, 1);
    let [over] = &plan.over_capacity.examples[..] else {
        panic!("{plan:#?}");
    };
    assert_eq!(over.channel_arn, format!("{APP}/channel/over"));
    assert_eq!((over.members, over.calls), (10_001, 101));
    let largest: Vec<_> = plan.largest_channels.iter().map(|c| c.members).collect();
    assert_eq!(largest, [10_001, 10_000]);
    let text = place.run(["plan", "list.csv"]).stdout;
    assert!(
        text.contains("1 channel would pass 10000 members"),
        "{text}"
    );
}

#[test]
fn ten_channels_are_named_and_a_hundred_in_json() {
    let names: Vec<String> = (0..2_345).map(|n| format!("c{n}")).collect();
    let mut channels: Vec<_> = names.iter().map(|name| (&**name, 1)).collect();
    channels.push(("last-and-largest", 3));
    channels[77].1 = 2;
    let place = WorkDir::with("list.csv", list(APP, &channels));
    let (plan, _) = json(&place, &["list.csv"]);
    assert_eq!((plan.channels, plan.largest_channels.len()), (2_346, 100));
    let first: Vec<_> = plan.largest_channels[..4]
        .iter()
        .map(|channel| channel.channel_arn.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(first, ["last-and-largest", "c77", "c0", "c1"]);
    let text = place.run(["plan", "list.csv"]).stdout;
    assert!(text.contains("and 2336 more channels"), "{text}");
}

#[test]
fn the_text_fits_80_columns_and_holds_no_control_character() {
    let place = WorkDir::new();
    let lists = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/");
    let mut texts = Vec::new();
    for sample in samples() {
        let list = format!("{lists}{}", sample.arguments[0]);
        let given = sample.arguments[1..].iter().map(String::as_str);
        let given = given.filter(|argument| *argument != "--sandbox");
        let mut plan = place.command(["plan", "-"].into_iter().chain(given));
        texts.push(Ended::of(plan.stdin(std::fs::File::open(list).unwrap())));
    }
    let id = "b".repeat(300);
    let hostile = "\u{1b}[2J\u{9b}1mevil\u{202e}".repeat(9);
    let list = format!("{hostile},channel_arn\na b,{APP}/channel/{id}\nab,{APP}/channel/{id}\n");
    std::fs::write(place.path("list.csv"), list).unwrap();
    let hostile = place.run(["plan", "list.csv", "--member-column", "1"]);
    assert_eq!(hostile.code, Some(1), "{hostile:#?}");
    let json = place.run(["plan", "list.csv", "--member-column", "1", "--json"]);
    assert!(!json.stdout.contains(['\u{1b}', '\u{9b}', '\u{202e}']));
    texts.push(hostile);
    let kinds: BTreeSet<_> = texts.iter().map(|text| text.code).collect();
    assert_eq!(kinds, [Some(0), Some(1)].into());
    for ended in &texts {
        for line in ended.stdout.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        let said = format!("{}{}", ended.stdout, ended.stderr);
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!said.contains(bad), "{said:?}");
    }
}

#[test]
fn a_list_that_cannot_be_read_to_its_end_is_2_and_nothing_is_said_of_it() {
    let rows = ids("u", 5_000);
    let place = WorkDir::with("list.csv", rows + "\"never closed\n");
    let channel = format!("{APP}/channel/c");
    let ended = place.run(["plan", "list.csv", "--channel-arn", &channel]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.stderr.contains("list.csv, line 500"), "{ended:#?}");
    assert!(ended.stderr.contains("hint: "), "{ended:#?}");
    assert_eq!(ended.stdout, "");
    // As with `run`.
    let bare = ["list.csv", "--channel-arn", "general"];
    let planned = place.run(["plan"].iter().chain(&bare));
    let run = place.run(["run", "--sandbox"].iter().chain(&bare));
    assert_eq!(planned.code, Some(2), "{planned:#?}");
    assert_eq!(planned.stderr, run.stderr);
    let foreign = ["plan", "list.csv", "--bearer", "admin"];
    let foreign = place.run(foreign.into_iter().chain(["--channel-arn", &channel]));
    assert_eq!(foreign.code, Some(2), "{foreign:#?}");
    assert!(foreign.stderr.contains("--bearer `admin`"), "{foreign:#?}");
}
