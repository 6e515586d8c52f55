//! A damaged ledger is refused with a hint, or the damage has no effect: no outcome is wrong, no
//! member is added that is not in the list, nothing panics, and every run ends.
//!
//! `CHIME_BULK_FLIPS` sets the number of damages of each kind, `CHIME_BULK_FLIPS_SEED` their seed.

mod corruption;
mod intact_run;
mod other_files;

use std::collections::BTreeMap;
use std::sync::Mutex;

use corruption::Corruption;
use intact_run::{IntactRun, Resumed};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::number;

/// Damages of each kind, by default.
const FLIPS: usize = 10;

/// Damages a ledger in each of these ways, many times, and resumes it.
#[expect(
    clippy::print_stdout,
    reason = "shows how to repeat a test that failed"
)]
fn try_all(run: &IntactRun, kinds: &[fn(&mut StdRng, &IntactRun) -> Corruption]) {
    let seed = number("CHIME_BULK_FLIPS_SEED").unwrap_or_else(rand::random);
    println!("CHIME_BULK_FLIPS_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut corruptions = Vec::new();
    for _ in 0..number("CHIME_BULK_FLIPS").unwrap_or(FLIPS) {
        corruptions.extend(kinds.iter().map(|kind| kind(&mut rng, run)));
    }
    let corruptions = &Mutex::new(corruptions.into_iter());
    let counts = &Mutex::new(BTreeMap::<(&str, Resumed), u32>::new());
    let wrong = &Mutex::new(Vec::new());
    let next = || corruptions.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(corruption) = next() {
                    match run.resume_damaged(&corruption) {
                        Ok(resumed) => {
                            let mut counts = counts.lock().unwrap();
                            *counts.entry((corruption.kind(), resumed)).or_default() += 1;
                        }
                        Err(why) => wrong.lock().unwrap().push(format!("{corruption:?}: {why}")),
                    }
                }
            });
        }
    });
    for ((kind, resumed), count) in counts.lock().unwrap().iter() {
        println!("{kind}: {resumed:?} {count}");
    }
    let wrong = wrong.lock().unwrap();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

const LEDGER: &str = "ledger.db";
const WAL: &str = "ledger.db-wal";

#[test]
fn damage_to_the_ledger_of_a_killed_run_is_refused_or_has_no_effect() {
    let run = IntactRun::killed();
    try_all(
        &run,
        &[
            |rng, run| Corruption::flip(rng, run, WAL),
            |rng, run| Corruption::letter(rng, run, WAL),
            |rng, run| Corruption::truncate(rng, run, WAL),
            |rng, run| Corruption::zeros(rng, run, WAL),
            |rng, run| Corruption::flip(rng, run, LEDGER),
            |_, _| Corruption::Missing(WAL),
            |rng, run| Corruption::flip(rng, run, "ledger.db-shm"),
        ],
    );
}

const IN_ONE_FILE: [fn(&mut StdRng, &IntactRun) -> Corruption; 6] = [
    |rng, run| Corruption::flip(rng, run, LEDGER),
    |rng, run| Corruption::letter(rng, run, LEDGER),
    |rng, run| Corruption::letter(rng, run, LEDGER),
    |rng, run| Corruption::structure(rng, run, LEDGER),
    |rng, run| Corruption::zeros(rng, run, LEDGER),
    |rng, run| Corruption::truncate(rng, run, LEDGER),
];

#[test]
fn damage_to_a_killed_run_with_an_empty_log_is_refused_or_has_no_effect() {
    try_all(&IntactRun::killed().in_one_file(), &IN_ONE_FILE);
}

#[test]
fn damage_to_the_ledger_of_a_finished_run_is_refused_or_has_no_effect() {
    try_all(&IntactRun::finished(), &IN_ONE_FILE);
}

/// The answer to a call, and the refusal that closed a lane, are written after the row itself.
#[test]
fn damage_to_columns_that_are_written_later_is_refused() {
    let run = IntactRun::finished();
    for statement in [
        "UPDATE call SET settled_at = NULL",
        "UPDATE call SET refusal = 'throttled'",
        "UPDATE call SET code = 'Other'",
        "UPDATE call SET message = 'other'",
        "UPDATE lane SET closed_code = 'Other', closed_message = 'other'",
    ] {
        let change = |dir: &std::path::Path| {
            let connection = rusqlite::Connection::open(dir.join(LEDGER)).unwrap();
            assert!(connection.execute(statement, []).unwrap() > 0);
        };
        let (resumed, output) = run.resume_after(change).unwrap();
        assert_eq!(resumed, Resumed::Refused, "{statement}: {output:#?}");
        assert!(
            output.stderr.contains("not as it was written"),
            "{output:#?}"
        );
    }
}
