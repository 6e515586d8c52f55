//! Shards that are killed again and again, each started again under the same number.

use std::time::Duration;

use chime_bulk::sandbox::SandboxConfig;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::expected::{self, JOB, List, Testbed};
use crate::support::number;
use crate::support::program::{Output, Running};

/// Kills, by default.
const KILLS: u32 = 200;
/// Kills of one job, at most.
const MOST_KILLS: u32 = 12;
/// Lines of progress before a kill, at most.
const MOST_LINES: u32 = 12;

/// Runs a job whose shards are killed, merges them, and checks. Returns the kills.
fn check(seed: u64) -> u32 {
    let mut rng = StdRng::seed_from_u64(seed);
    let list = List::mixed(rng.random_range(200..2_000), rng.random_range(3..25), seed);
    let sandbox = SandboxConfig {
        latency: Duration::from_millis(3),
        jitter: 1.0,
        seed,
        ..expected::sandbox_config(&["reset=0.01", "lost=0.002"])
    };
    let testbed = Testbed::new(list, sandbox);
    let count = rng.random_range(2..=5);
    let kills = rng.random_range(1..=MOST_KILLS);
    let skip_existing = ["never", "always"][rng.random_range(0..2)];
    let flags = ["--if-exists", "resume", "--progress", "json"];
    let flags = [&flags[..], &["--skip-existing", skip_existing]].concat();
    let shard = |number: &str| testbed.shard(number, &flags);
    for _ in 0..kills {
        let number = rng.random_range(1..=count);
        let mut running = Running::start(&mut shard(&format!("{number}/{count}")));
        for _ in 0..rng.random_range(0..=MOST_LINES) {
            if !running.is_alive() {
                break;
            }
            running.wait_for_any_line();
        }
        // Kills it with SIGKILL.
        drop(running);
        expected::check_no_extra_members(&testbed).unwrap();
    }
    // The others work at the same time.
    let shards = (1..=count).map(|number| format!("{number}/{count}"));
    let shards: Vec<Running> = shards
        .map(|number| Running::start(&mut shard(&number)))
        .collect();
    for running in shards {
        let output = running.end();
        assert!(
            matches!(output.code, Some(0 | 1)),
            "seed {seed}: {output:#?}"
        );
    }
    let output = Output::of(&mut testbed.command(&["merge", JOB]));
    expected::check_outcomes(&testbed, &testbed.work_dir.path(JOB), output.code)
        .unwrap_or_else(|why| panic!("seed {seed}: {why}\n{output:#?}"));
    kills
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "shows how to repeat a test that failed"
)]
fn a_killed_shard_is_finished_under_its_number() {
    let seed: u32 = number("CHIME_BULK_KILLS_SEED").unwrap_or_else(rand::random);
    println!("CHIME_BULK_KILLS_SEED={seed}");
    let mut left = number("CHIME_BULK_KILLS").unwrap_or(KILLS);
    for more in 0.. {
        if left == 0 {
            break;
        }
        left = left.saturating_sub(check(u64::from(seed) + more));
    }
}
