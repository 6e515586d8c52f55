//! `--shard` and `merge`.

use std::fs::{self, File};
use std::path::Path;

use chime_bulk::report::{Plan, Summary};

use crate::support::expected::{self, JOB, LIST, List, RUN, Testbed};
use crate::support::is_large;
use crate::support::program::{APP, BEARER, FAST, Output, WorkDir, ids};

fn testbed(list: List) -> Testbed {
    Testbed::new(list, expected::sandbox_config(&[]))
}

/// Runs all shards of the testbed's list.
fn run_shards(testbed: &Testbed, count: u32) -> Vec<Output> {
    let outputs = (1..=count).map(|n| Output::of(&mut testbed.shard(&format!("{n}/{count}"), &[])));
    outputs.collect()
}

fn merge(testbed: &Testbed, flags: &[&str]) -> Output {
    Output::of(&mut testbed.command(&[&["merge", JOB], flags].concat()))
}

/// Row, channel, member, type, outcome and code of each row.
fn outcomes(dir: &Path) -> Vec<Vec<String>> {
    let mut results = csv::Reader::from_path(dir.join("results.csv")).unwrap();
    let records = results.records().map(Result::unwrap);
    records
        .map(|record| record.iter().take(6).map(str::to_owned).collect())
        .collect()
}

fn summary(dir: &Path) -> Summary {
    let text = fs::read_to_string(dir.join("summary.json")).unwrap();
    let summary: Summary = serde_json::from_str(&text).unwrap();
    assert!(summary.accounts, "{text}");
    let total = summary.tally().total() + summary.elsewhere;
    assert_eq!(total, summary.rows_read, "{text}");
    summary
}

#[test]
fn merged_shards_have_the_outcomes_of_one_run() {
    let list = List::mixed(900, 14, 5);
    let one = testbed(list.clone());
    Output::of(&mut one.run(LIST));
    let testbed = testbed(list);
    run_shards(&testbed, 3);
    let job = testbed.work_dir.path(JOB);
    let mut own = 0;
    for number in 1..=3 {
        let summary = summary(&job.join(format!("shard-{number}")));
        assert_eq!(summary.rows_read, 900);
        assert_eq!(summary.shard.unwrap().to_string(), format!("{number}/3"));
        own += summary.own_rows();
    }
    assert_eq!(own, 900);

    let output = merge(&testbed, &[]);
    expected::check_outcomes(&testbed, &job, output.code).unwrap();
    assert_eq!(outcomes(&job), outcomes(&one.dir()));
    let summary = summary(&job);
    assert_eq!((summary.elsewhere, summary.shard), (0, None));
    assert!(
        output.stdout.contains("rows read                900"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_merged_run_can_be_retried_verified_and_undone_and_its_failures_run_again() {
    let testbed = testbed(List::mixed(300, 9, 2));
    run_shards(&testbed, 2);
    assert_eq!(merge(&testbed, &[]).code, Some(1));
    let job = testbed.work_dir.path(JOB);
    let added = summary(&job).added;
    let call = |arguments: &[&str]| Output::of(&mut testbed.command(arguments));

    let status = call(&["status", JOB]);
    assert!(
        status.stdout.contains("rows read                300"),
        "{}",
        status.stdout
    );
    let verified = call(&["verify", JOB, "--json"]);
    assert_eq!(verified.code, Some(0), "{verified:#?}");
    let failed = format!("{JOB}/failed.csv");
    let again = call(&["run", &failed, "--bearer", BEARER, "--run-dir", "again"]);
    let failures = summary(&testbed.work_dir.path("again"));
    assert_eq!(
        failures.rows_read,
        summary(&job).tally().not_in(),
        "{again:#?}"
    );

    let retried = call(&["retry", JOB]);
    expected::check_outcomes(&testbed, &job, retried.code)
        .unwrap_or_else(|why| panic!("{why}: {retried:#?}"));
    // The shards do not know of the retry.
    let merged = merge(&testbed, &[]);
    assert_eq!(merged.code, Some(2));
    assert!(
        merged.stderr.contains("was merged, and retried since"),
        "{}",
        merged.stderr
    );

    let undone = call(&["undo", JOB, "--yes", "--json"]);
    assert_eq!(undone.code, Some(0), "{undone:#?}");
    let undone: serde_json::Value = serde_json::from_str(&undone.stdout).unwrap();
    assert_eq!(undone["removed"], added);
}

#[test]
fn shards_are_merged_again_after_one_was_resumed() {
    let testbed = testbed(List::good(400, 8));
    // A user that does not exist fails, and one failure stops a shard.
    let list = testbed.work_dir.path(LIST);
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.clone() + &missing_rows(&text)).unwrap();
    let limit = ["--max-failures", "1"];
    let first = Output::of(&mut testbed.shard("1/2", &limit));
    let second = Output::of(&mut testbed.shard("2/2", &limit));
    let codes = [first.code, second.code];
    assert!(codes.contains(&Some(4)), "{first:#?} {second:#?}");

    let merged = merge(&testbed, &[]);
    assert_eq!(merged.code, Some(4), "{merged:#?}");
    let resume = merged.resume();
    assert!(resume[1].starts_with("job/shard-"), "{resume:?}");
    let status = Output::of(&mut testbed.command(&["status", JOB]));
    assert!(
        status.stdout.contains("next: chime-bulk resume job/shard-"),
        "{status:#?}"
    );
    for command in ["resume", "retry"] {
        let refused = Output::of(&mut testbed.command(&[command, JOB]));
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        let names = refused.stderr.contains("chime-bulk resume job/shard-")
            || refused.stderr.contains("is not finished");
        assert!(names, "{}", refused.stderr);
    }
    for number in [1, 2] {
        let dir = format!("{JOB}/shard-{number}");
        Output::of(&mut testbed.command(&["resume", &dir, "--max-failures", "1000"]));
    }
    let merged = merge(&testbed, &[]);
    assert_eq!(merged.code, Some(1), "{merged:#?}");
    let summary = summary(&testbed.work_dir.path(JOB));
    assert_eq!((summary.added, summary.not_attempted), (400, 0));
    assert_eq!(summary.generation, 2);
}

/// Rows for users that do not exist, in every channel of a list.
fn missing_rows(list: &str) -> String {
    let channels = list.lines().skip(1).take(8);
    let row = |line: &str| line.replacen('u', "gone-u", 1);
    channels
        .map(row)
        .fold(String::new(), |rows, row| rows + &row + "\n")
}

#[test]
fn merge_names_what_is_wrong_with_the_shards() {
    let testbed = testbed(List::good(120, 6));
    let job = testbed.work_dir.path(JOB);
    fs::create_dir(&job).unwrap();
    let refused = |what: &str| {
        let output = merge(&testbed, &[]);
        assert_eq!(output.code, Some(2), "{output:#?}");
        assert!(output.stderr.contains(what), "{}", output.stderr);
        assert!(output.stderr.contains("hint:"), "{}", output.stderr);
        assert!(!job.join("summary.json").exists());
    };
    refused("no shard found in job");
    Output::of(&mut testbed.shard("1/3", &[]));
    refused("2 of 3 shards are missing in job: 2, 3");
    for command in ["status", "verify", "undo", "resume"] {
        let output = Output::of(&mut testbed.command(&[command, JOB]));
        assert_eq!(output.code, Some(2), "{output:#?}");
        let what = "job is a job of shards that are not merged";
        assert!(output.stderr.contains(what), "{}", output.stderr);
        assert!(
            output.stderr.contains("chime-bulk merge job"),
            "{}",
            output.stderr
        );
    }
    Output::of(&mut testbed.shard("2/3", &[]));
    refused("1 of 3 shards are missing in job: 3");

    expected::copy(&job.join("shard-2"), &job.join("shard-2b"));
    refused("shard 2 is there twice: job/shard-2 and job/shard-2b");
    fs::remove_dir_all(job.join("shard-2b")).unwrap();

    let other = |flags: &[&str], what: &str| {
        Output::of(&mut testbed.shard(flags[0], &flags[1..]));
        refused(what);
        fs::remove_dir_all(job.join("shard-3")).unwrap();
    };
    other(
        &["3/4"],
        "job/shard-3 is not of the same job as job/shard-1: it is of another number of",
    );
    other(&["3/3", "--limit", "50"], "its list has other content");
    other(
        &["3/3", "--type", "hidden"],
        "its list was read with other options",
    );
    let rows = fs::read_to_string(testbed.work_dir.path(LIST)).unwrap();
    fs::write(testbed.work_dir.path(LIST), rows.replace("u7", "v7")).unwrap();
    other(&["3/3"], "its list has other content");
    fs::write(testbed.work_dir.path(LIST), &rows).unwrap();

    let whole = testbed.command(&["run", LIST, "--bearer", BEARER, "--run-dir", "job/shard-x"]);
    Output::of(&mut { whole });
    refused("job/shard-x contains a run that is no shard");
    fs::remove_dir_all(job.join("shard-x")).unwrap();

    Output::of(&mut testbed.shard("3/3", &[]));
    let lock = File::open(job.join("shard-3/owner.lock")).unwrap();
    lock.lock().unwrap();
    let running = merge(&testbed, &[]);
    assert_eq!(running.code, Some(3), "{running:#?}");
    assert!(
        running.stderr.contains("job/shard-3 is in use by"),
        "{}",
        running.stderr
    );
    drop(lock);
    assert_eq!(merge(&testbed, &[]).code, Some(0));
}

#[test]
fn a_partial_merge_counts_the_rows_of_missing_shards_elsewhere() {
    let testbed = testbed(List::good(200, 10));
    for number in ["1/3", "3/3"] {
        Output::of(&mut testbed.shard(number, &[]));
    }
    let job = testbed.work_dir.path(JOB);
    let there = |number| summary(&job.join(format!("shard-{number}"))).own_rows();
    let output = merge(&testbed, &["--partial"]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(
        output.stderr.contains("left out: the rows of shard 2"),
        "{}",
        output.stderr
    );
    let partial = summary(&job);
    assert_eq!(partial.rows_read, 200);
    assert_eq!(partial.elsewhere, 200 - there(1) - there(3));
    assert_eq!(outcomes(&job).len() as u64, there(1) + there(3));

    // Shard 1, whose name the merged run has, was there from the beginning; now all are.
    Output::of(&mut testbed.shard("2/3", &[]));
    // Somebody reads the merged ledger all the while.
    let reader = rusqlite::Connection::open(job.join("ledger.db")).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let count = || -> u64 {
        let query = "SELECT count(*) FROM member";
        reader.query_row(query, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(), there(1) + there(3));
    let output = merge(&testbed, &[]);
    assert_eq!(count(), there(1) + there(3));
    drop(reader);
    expected::check_outcomes(&testbed, &job, output.code).unwrap();
    let status = Output::of(&mut testbed.command(&["status", JOB]));
    assert_eq!(status.code, Some(0), "{status:#?}");
}

#[test]
fn merge_replaces_nothing_but_a_merged_run() {
    let testbed = testbed(List::good(40, 4));
    run_shards(&testbed, 2);
    let job = testbed.work_dir.path(JOB);
    fs::write(job.join("results.csv"), "somebody's").unwrap();
    let output = merge(&testbed, &[]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert_eq!(
        fs::read_to_string(job.join("results.csv")).unwrap(),
        "somebody's"
    );
    fs::remove_file(job.join("results.csv")).unwrap();
    fs::create_dir(job.join("report.html")).unwrap();
    let output = merge(&testbed, &[]);
    assert_eq!(output.code, Some(3), "{output:#?}");
    assert!(
        output.stderr.contains("then: chime-bulk merge job"),
        "{}",
        output.stderr
    );
    fs::remove_dir(job.join("report.html")).unwrap();
    // A merge that was killed before its first commit has left this.
    fs::write(job.join("ledger.db"), "").unwrap();
    assert_eq!(merge(&testbed, &[]).code, Some(0));
    for number in [1, 2] {
        let name = format!("shard-{number}");
        expected::copy(&job.join(&name), &testbed.work_dir.path(&name));
    }
    let run = Output::of(&mut testbed.run(LIST));
    assert_eq!(run.code, Some(0));
    for number in [1, 2] {
        let name = format!("shard-{number}");
        expected::copy(&job.join(&name), &testbed.dir().join(&name));
    }
    let output = Output::of(&mut testbed.command(&["merge", RUN]));
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(
        output.stderr.contains("run already contains a run"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_shard_is_resumed_by_the_same_command_and_not_by_that_of_another() {
    let testbed = testbed(List::good(60, 5));
    let resume = ["--if-exists", "resume"];
    let first = Output::of(&mut testbed.shard("2/3", &resume));
    assert_eq!(first.code, Some(0), "{first:#?}");
    let again = Output::of(&mut testbed.shard("2/3", &resume));
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert!(
        again.stderr.contains("finished already"),
        "{}",
        again.stderr
    );
    let other = Output::of(&mut testbed.shard("2/4", &resume));
    assert_eq!(other.code, Some(2), "{other:#?}");
    assert!(
        other.stderr.contains("it is another shard"),
        "{}",
        other.stderr
    );
}

#[test]
fn flags_that_contradict_shards_are_refused() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let channel = format!("{APP}/channel/c");
    let cases: [(&[&str], &str); 6] = [
        (&["run", "--shard", "1/2"], "--shard needs --run-dir"),
        (
            &[
                "run",
                "--shard",
                "1/2",
                "--run-dir",
                "j",
                "--if-exists",
                "new",
            ],
            "--if-exists new has no meaning for a shard",
        ),
        (&["run", "--shard", "3/2"], "shard 3 of 2"),
        (&["run", "--shard", "one"], "does not have the form I/N"),
        (
            &["sync", "--shard", "1/2", "--run-dir", "j"],
            "--shard has no meaning for sync",
        ),
        (&["plan", "--shards", "0"], "there may be 1 to 10000"),
    ];
    for (arguments, what) in cases {
        let list = ["list.csv", "--channel-arn", &channel];
        let sandbox: &[&str] = if arguments[0] == "plan" { &[] } else { &FAST };
        let output = work_dir.run([arguments, &list, sandbox].concat());
        assert_eq!(output.code, Some(2), "{output:#?}");
        assert!(output.stderr.contains(what), "{}", output.stderr);
        assert!(
            output.stderr.contains("hint:") || what.contains("1 to"),
            "{}",
            output.stderr
        );
    }
}

/// A value of `--shard`, the variables of the engine, and the shard, or what the error says.
type EngineCase = (
    &'static str,
    &'static [(&'static str, &'static str)],
    Result<&'static str, &'static str>,
);

#[test]
fn an_engine_numbers_the_shard() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let cases: [EngineCase; 11] = [
        (
            "batch",
            &[
                ("AWS_BATCH_JOB_ARRAY_INDEX", "0"),
                ("AWS_BATCH_JOB_ARRAY_SIZE", "4"),
            ],
            Ok("1/4"),
        ),
        (
            "batch",
            &[
                ("AWS_BATCH_JOB_ARRAY_INDEX", "3"),
                ("AWS_BATCH_JOB_ARRAY_SIZE", "4"),
            ],
            Ok("4/4"),
        ),
        ("batch", &[], Err("AWS_BATCH_JOB_ARRAY_INDEX is not set")),
        (
            "batch",
            &[("AWS_BATCH_JOB_ARRAY_INDEX", "x")],
            Err("is no number"),
        ),
        ("slurm/4", &[("SLURM_ARRAY_TASK_ID", "4")], Ok("4/4")),
        // Part of the array was submitted again: what Slurm counts is not N.
        (
            "slurm/4",
            &[
                ("SLURM_ARRAY_TASK_ID", "2"),
                ("SLURM_ARRAY_TASK_COUNT", "1"),
            ],
            Ok("2/4"),
        ),
        (
            "slurm/4",
            &[("SLURM_ARRAY_TASK_ID", "0")],
            Err("array from 1 to N"),
        ),
        (
            "slurm",
            &[("SLURM_ARRAY_TASK_ID", "2")],
            Err("number of shards is missing"),
        ),
        ("kubernetes/4", &[("JOB_COMPLETION_INDEX", "0")], Ok("1/4")),
        (
            "kubernetes/4",
            &[("JOB_COMPLETION_INDEX", "4")],
            Err("completionMode: Indexed"),
        ),
        (
            "kubernetes",
            &[("JOB_COMPLETION_INDEX", "1")],
            Err("number of shards is missing"),
        ),
    ];
    for (value, variables, expected) in cases {
        let channel = format!("{APP}/channel/c");
        let plan = ["plan", "list.csv", "--channel-arn", &channel, "--json"];
        let mut command = work_dir.command(plan);
        // As a job definition sets it: in the environment.
        command.env("CHIME_BULK_SHARD", value);
        command.envs(variables.iter().copied());
        let output = Output::of(&mut command);
        match expected {
            Ok(shard) => {
                let plan: Plan = serde_json::from_str(&output.stdout).unwrap();
                assert_eq!(plan.shard.unwrap().to_string(), shard, "{value}");
            }
            Err(what) => {
                assert_eq!(output.code, Some(2), "{output:#?}");
                assert!(output.stderr.contains(what), "{}", output.stderr);
            }
        }
    }
}

#[test]
fn a_plan_compares_shards_and_says_where_they_save_nothing() {
    let work_dir = WorkDir::with("list.csv", testbed(List::good(3_000, 40)).list.text());
    let bearers = format!("{BEARER},{APP}/user/second,{APP}/user/third,{APP}/user/fourth");
    let plan = |flags: &[&str]| {
        let output = work_dir.run([&["plan", "list.csv"], flags].concat());
        assert_eq!(output.code, Some(0), "{output:#?}");
        output.stdout
    };
    let text = plan(&["--shards", "3", "--bearer", BEARER]);
    assert!(text.contains("3 shards save no time"), "{text}");
    assert!(text.contains("1/3 of its"), "{text}");
    let json = plan(&["--shards", "2", "--bearer", &bearers, "--json"]);
    let all: Plan = serde_json::from_str(&json).unwrap();
    let shards = all.shards.unwrap();
    assert_eq!(shards.shards_per_bearer, 1);
    let sums = shards.shards.iter().fold((0, 0, 0, 0), |sums, shard| {
        let (rows, channels, calls, bearers) = sums;
        (
            rows + shard.rows,
            channels + shard.channels,
            calls + shard.calls,
            bearers + shard.bearers,
        )
    });
    assert_eq!(sums, (3_000, 40, 40, 4));
    // The plan of a shard agrees.
    for (number, planned) in (1..).zip(&shards.shards) {
        let shard = format!("{number}/2");
        let json = plan(&["--shard", &shard, "--bearer", &bearers, "--json"]);
        let one: Plan = serde_json::from_str(&json).unwrap();
        let counts = (one.members, one.channels, one.calls, one.bearers);
        let expected = (
            planned.rows,
            planned.channels,
            planned.calls,
            planned.bearers,
        );
        assert_eq!(counts, expected);
        assert!((one.seconds - planned.seconds).abs() < 1e-9);
        assert_eq!(one.elsewhere, 3_000 - planned.rows);
    }
}

/// A list over 600 channels with repeated and defective rows and users that do not exist.
fn long_list(rows: usize) -> String {
    use std::fmt::Write as _;
    let mut list = "user_id,channel_id\n".to_owned();
    for row in 0..rows {
        let (user, channel) = match row {
            row if row > 600 && row % 997 == 7 => (format!("u{}", row - 600), row % 600),
            row if row % 1_009 == 9 => (format!("gone-{row}"), row % 600),
            row if row % 1_013 == 11 => (format!("not valid {row}"), row % 600),
            row => (format!("u{row}"), row % 600),
        };
        writeln!(list, "{user},c{channel}").unwrap();
    }
    list
}

/// A million rows with `CHIME_BULK_LARGE`, otherwise twenty thousand.
#[test]
fn eight_merged_shards_of_a_long_list_have_the_outcomes_of_one_run() {
    let rows = if is_large() { 1_000_000 } else { 20_000 };
    let work_dir = WorkDir::with("list.csv", long_list(rows));
    let run = |flags: &[&str]| {
        let list = ["run", "list.csv", "--app-instance-arn", APP];
        let sandbox = ["--missing-users", "gone-"];
        let output = work_dir.run([&list[..], &FAST, &sandbox, flags].concat());
        assert_eq!(output.code, Some(1), "{output:#?}");
    };
    run(&["--run-dir", "one"]);
    for number in 1..=8 {
        run(&["--run-dir", JOB, "--shard", &format!("{number}/8")]);
    }
    let merged = work_dir.run(["merge", JOB]);
    assert_eq!(merged.code, Some(1), "{merged:#?}");
    let [one, merged] = ["one", JOB].map(|dir| outcomes(&work_dir.path(dir)));
    assert_eq!(one.len(), rows);
    assert!(one == merged);
    let failed = ["one", JOB].map(|dir| {
        let text = fs::read_to_string(work_dir.path(dir).join("failed.csv")).unwrap();
        text.lines().count()
    });
    assert_eq!(failed[0], failed[1]);
}
