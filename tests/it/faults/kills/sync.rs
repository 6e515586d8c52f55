//! A sync that is killed again and again, and continued each time by the same command.

use std::collections::BTreeSet;
use std::time::Duration;

use chime_bulk::model::ChannelArn;
use chime_bulk::report::SyncSummary;
use chime_bulk::sandbox::SandboxConfig;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::expected::{self, LIST, Line, List, Testbed};
use crate::support::number;
use crate::support::program::{APP, BEARER, Output, Running};

/// Members of the list, and of its channels who are not on it.
const MEMBERS: usize = 300;
const OTHERS: usize = 120;
/// Answers seen before a kill, at most. With the kills they are fewer than the calls.
const MOST_SEEN: u32 = 12;
const KILLS: u32 = 8;

fn sandbox(seed: u64) -> SandboxConfig {
    SandboxConfig {
        latency: Duration::from_millis(5),
        jitter: 1.0,
        seed,
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

fn check(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let list = List::good(MEMBERS, rng.random_range(1..6));
    let testbed = Testbed::new(list, sandbox(seed));
    let wanted: BTreeSet<_> = testbed
        .list
        .0
        .iter()
        .map(|line| (line.channel_arn(), line.member_arn()))
        .collect();
    for (at, (channel, member)) in wanted.iter().enumerate() {
        let channel = channel.parse().unwrap();
        if at % 3 == 0 {
            testbed
                .service
                .add_existing(&channel, &member.parse().unwrap());
        }
        if at < OTHERS {
            let other = format!("{APP}/user/old{at}").parse().unwrap();
            testbed.service.add_existing(&channel, &other);
        }
    }
    let sync = [
        "sync",
        LIST,
        "--run-dir",
        "team",
        "--bearer",
        BEARER,
        "--remove-others",
        "--max-removals",
        "120",
        "--yes",
        "--json",
        "--progress",
        "json",
    ];
    for _ in 0..KILLS {
        let mut running = Running::start(&mut testbed.command(&sync));
        match rng.random_range(0..=MOST_SEEN) {
            0 => running.wait_for_line("{\"event\":\"begun\""),
            calls => (0..calls).for_each(|_| running.wait_for_line("{\"event\":\"call_settled\"")),
        }
        // Kills it with SIGKILL.
        drop(running);
        let on_list = members(&testbed).intersection(&wanted).count();
        assert!(on_list >= wanted.len() / 3, "seed {seed}");
    }
    let output = Output::of(&mut testbed.command(&sync));
    assert_eq!(output.code, Some(0), "seed {seed}: {output:#?}");
    assert_eq!(members(&testbed), wanted, "seed {seed}: {output:#?}");
    let summary: SyncSummary = serde_json::from_str(&output.stdout).unwrap();
    let done = summary.removed + summary.gone_already;
    assert_eq!(
        (done, summary.to_remove),
        (OTHERS as u64, OTHERS as u64),
        "seed {seed}"
    );

    let calls = testbed.service.stats().calls;
    let again = Output::of(&mut testbed.command(&sync));
    assert_eq!(again.code, Some(0), "seed {seed}: {again:#?}");
    for operation in ["BatchCreateChannelMembership", "DeleteChannelMembership"] {
        let now = testbed.service.stats().calls[operation];
        assert_eq!(now, calls[operation], "seed {seed}: {operation}");
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "shows how to repeat a test that failed"
)]
fn a_killed_sync_ends_as_if_it_had_not_been_killed() {
    let seed: u32 = number("CHIME_BULK_KILLS_SEED").unwrap_or_else(rand::random);
    println!("CHIME_BULK_KILLS_SEED={seed}");
    (0..2).for_each(|more| check(u64::from(seed) + more));
}
