//! An undo that is killed again and again, and continued each time.

use std::collections::BTreeSet;
use std::time::Duration;

use chime_bulk::model::ChannelArn;
use chime_bulk::report::UNDO;
use chime_bulk::sandbox::{AbsentAnswer, ExistingAnswer, SandboxConfig};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::expected::{self, LIST, Line, List, RUN, Testbed};
use crate::support::number;
use crate::support::program::{APP, Output, Running};

/// Members of the list.
const MEMBERS: usize = 240;
/// Removals seen before a kill, at most. With the kills they are fewer than the members.
const MOST_SEEN: u32 = 30;
/// Kills of one undo.
const KILLS: u32 = 6;

/// A sandbox that answers after some milliseconds, and whose answers are sometimes cut off.
fn sandbox(seed: u64, existing_answer: ExistingAnswer) -> SandboxConfig {
    SandboxConfig {
        latency: Duration::from_millis(5),
        jitter: 1.0,
        seed,
        existing_answer,
        absent_answer: if seed.is_multiple_of(4) {
            AbsentAnswer::Silent
        } else {
            AbsentAnswer::NotFound
        },
        ..expected::sandbox_config(&["reset=0.02", "call-throttled=0.01"])
    }
}

/// The members of every channel of the list.
fn members(testbed: &Testbed) -> BTreeSet<(String, String)> {
    let lines = testbed.list.0.iter();
    let channels: BTreeSet<String> = lines.map(Line::channel_arn).collect();
    let of = |channel: String| {
        let arn = ChannelArn::parse(&channel).unwrap();
        let members = testbed.service.members(&arn).into_iter();
        members.map(move |member| (channel.clone(), member))
    };
    channels.into_iter().flat_map(of).collect()
}

/// Runs, undoes with kills, and checks.
fn check(seed: u64, existing_answer: ExistingAnswer) {
    let mut rng = StdRng::seed_from_u64(seed);
    let list = List::good(MEMBERS, rng.random_range(1..6));
    let testbed = Testbed::new(list, sandbox(seed, existing_answer));
    let boss = format!("{APP}/user/boss");
    for (at, line) in testbed.list.0.iter().enumerate() {
        if at % 7 == 0 {
            let (channel, member) = (line.channel_arn(), line.member_arn());
            let member = member.parse().unwrap();
            testbed
                .service
                .add_existing(&channel.parse().unwrap(), &member);
        }
    }
    std::fs::write(
        testbed.work_dir.path("before.csv"),
        first_lines(&testbed.list.text()),
    )
    .unwrap();
    let arguments = [
        "run",
        "before.csv",
        "--run-dir",
        "before",
        "--bearer",
        &boss,
    ];
    let output = Output::of(&mut testbed.command(&arguments));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let before = members(&testbed);
    let output = Output::of(&mut testbed.run(LIST));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let during = members(&testbed);
    assert_eq!(during.len(), MEMBERS);

    let undo = [
        "undo",
        RUN,
        "--yes",
        "--include-in-doubt",
        "--progress",
        "json",
    ];
    for _ in 0..KILLS {
        let mut running = Running::start(&mut testbed.command(&undo));
        match rng.random_range(0..=MOST_SEEN) {
            0 => running.wait_for_line("{\"event\":\"begun\""),
            calls => (0..calls).for_each(|_| running.wait_for_line("{\"event\":\"call_settled\"")),
        }
        // Kills it with SIGKILL.
        drop(running);
        let now = members(&testbed);
        assert!(now.is_superset(&before), "seed {seed}");
    }
    let output = Output::of(&mut testbed.command(&undo));
    let is_silent = existing_answer == ExistingAnswer::Silent;
    assert!(
        matches!(output.code, Some(0 | 1)),
        "seed {seed}: {output:#?}"
    );
    assert_eq!(members(&testbed), before, "seed {seed}: {output:#?}");

    let mut report = csv::Reader::from_path(testbed.dir().join(UNDO)).unwrap();
    let mut listed = BTreeSet::new();
    for row in report.records().map(Result::unwrap) {
        let key = (row[1].to_owned(), row[2].to_owned());
        let result = if before.contains(&key) {
            "kept"
        } else {
            "removed"
        };
        assert_eq!(&row[4], result, "seed {seed}: {row:?}");
        listed.insert(key);
    }
    assert!(listed.is_superset(&(&during - &before)), "seed {seed}");
    assert!(!is_silent || listed == during, "seed {seed}");
}

/// The header of a list, and each eleventh line.
fn first_lines(list: &str) -> String {
    let lines = list.lines().enumerate();
    let some = lines.filter(|(number, _)| number % 11 == 0);
    some.fold(String::new(), |list, (_, line)| list + line + "\n")
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "shows how to repeat a test that failed"
)]
fn a_killed_undo_removes_exactly_what_the_run_added() {
    let seed: u32 = number("CHIME_BULK_KILLS_SEED").unwrap_or_else(rand::random);
    println!("CHIME_BULK_KILLS_SEED={seed}");
    for (more, answer) in [
        (0, ExistingAnswer::Conflict),
        (1, ExistingAnswer::Silent),
        (2, ExistingAnswer::Conflict),
        (3, ExistingAnswer::Silent),
    ] {
        check(u64::from(seed) + more, answer);
    }
}
