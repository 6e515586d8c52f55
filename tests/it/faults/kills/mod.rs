//! Kills at any moment lose no row and cause no wrong outcome.
//!
//! The program imports lists into a sandbox over HTTP, is killed again and again, and resumed each
//! time. `CHIME_BULK_KILLS` sets the number of kills, `CHIME_BULK_KILLS_SEED` the seed of the lists
//! and of the moments. The moments are in real time, so a seed repeats them only roughly.

mod counts;
mod killed_run;
mod shard;
mod sync;
mod undo;

use std::sync::atomic::{AtomicU32, Ordering};

use counts::KillCounts;
use killed_run::{KilledRun, Kind};

use crate::support::number;

/// Kills, by default.
const KILLS: u32 = 160;

/// Kills runs of one kind, one after another, until no kills are left.
fn kill_runs(kind: Kind, seed: u64, left: &AtomicU32) -> KillCounts {
    let durations = killed_run::durations(kind);
    let mut counts = KillCounts::default();
    for number in 0.. {
        if left.load(Ordering::Relaxed) == 0 {
            break;
        }
        let seed = seed + 1000 * number;
        let mut run = KilledRun::new(kind, &durations, seed);
        if let Err(why) = run.check(&mut counts) {
            panic!("{run}: {why}");
        }
        let kills = run.kills();
        let _ = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            Some(left.saturating_sub(kills))
        });
    }
    counts
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "shows how to repeat a test that failed"
)]
fn a_kill_at_any_moment_loses_no_row() {
    let seed: u32 = number("CHIME_BULK_KILLS_SEED").unwrap_or_else(rand::random);
    println!("CHIME_BULK_KILLS_SEED={seed}");
    let left = &AtomicU32::new(number("CHIME_BULK_KILLS").unwrap_or(KILLS));
    let counts = std::thread::scope(|scope| {
        // Four threads on two cores: faulty runs wait most of the time.
        let kinds = [Kind::Quiet, Kind::Quiet, Kind::Faulty, Kind::Faulty];
        let threads: Vec<_> = (0u64..)
            .zip(kinds)
            .map(|(number, kind)| {
                scope.spawn(move || kill_runs(kind, u64::from(seed) + number, left))
            })
            .collect();
        let counts = threads.into_iter().map(|thread| thread.join().unwrap());
        counts.fold(KillCounts::default(), KillCounts::with)
    });
    println!("{counts}");
    assert!(counts.kills() > 0);
}
