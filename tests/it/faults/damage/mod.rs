//! A ledger that is damaged is refused with what to do, or the damage does not matter: no false
//! verdict, no stranger added, no panic, no run without end.
//!
//! `CHIME_BULK_FLIPS` sets how many damages of each kind are tried, `CHIME_BULK_FLIPS_SEED` with
//! which seed.

mod foreign;
mod harm;
mod victim;

use std::collections::BTreeMap;
use std::sync::Mutex;

use harm::Harm;
use rand::SeedableRng;
use rand::rngs::StdRng;
use victim::{CallResult, Victim};

/// Damages of one kind, if nothing else is said.
const FLIPS: usize = 10;

fn number<T: std::str::FromStr>(name: &str, usual: T) -> T {
    let given = std::env::var(name).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Tries damages of all kinds to a ledger; returns what came of them.
#[expect(
    clippy::print_stdout,
    reason = "shown for a test that fails: how to repeat it"
)]
fn try_all(victim: &Victim, kinds: &[fn(&mut StdRng, &Victim) -> Harm]) {
    let seed: u64 = number("CHIME_BULK_FLIPS_SEED", rand::random());
    println!("CHIME_BULK_FLIPS_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut harms = Vec::new();
    for _ in 0..number("CHIME_BULK_FLIPS", FLIPS) {
        harms.extend(kinds.iter().map(|kind| kind(&mut dice, victim)));
    }
    let harms = &Mutex::new(harms.into_iter());
    let fates = &Mutex::new(BTreeMap::<(&str, CallResult), u32>::new());
    let wrong = &Mutex::new(Vec::new());
    let next = || harms.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(harm) = next() {
                    match victim.suffers(&harm) {
                        Ok(fate) => {
                            let mut fates = fates.lock().unwrap();
                            *fates.entry((harm.kind(), fate)).or_default() += 1;
                        }
                        Err(why) => wrong.lock().unwrap().push(format!("{harm:?}: {why}")),
                    }
                }
            });
        }
    });
    for ((kind, fate), count) in fates.lock().unwrap().iter() {
        println!("{kind}: {fate:?} {count}");
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
fn of_a_run_that_was_killed() {
    let victim = Victim::killed();
    try_all(
        &victim,
        &[
            |dice, victim| Harm::flip(dice, victim, WAL),
            |dice, victim| Harm::letter(dice, victim, WAL),
            |dice, victim| Harm::cut(dice, victim, WAL),
            |dice, victim| Harm::zeros(dice, victim, WAL),
            |dice, victim| Harm::flip(dice, victim, LEDGER),
            |_, _| Harm::Missing(WAL),
            |dice, victim| Harm::flip(dice, victim, "ledger.db-shm"),
        ],
    );
}

const IN_ONE_FILE: [fn(&mut StdRng, &Victim) -> Harm; 6] = [
    |dice, victim| Harm::flip(dice, victim, LEDGER),
    |dice, victim| Harm::letter(dice, victim, LEDGER),
    |dice, victim| Harm::letter(dice, victim, LEDGER),
    |dice, victim| Harm::structure(dice, victim, LEDGER),
    |dice, victim| Harm::zeros(dice, victim, LEDGER),
    |dice, victim| Harm::cut(dice, victim, LEDGER),
];

#[test]
fn of_a_run_that_was_killed_in_one_file() {
    try_all(&Victim::killed().in_one_file(), &IN_ONE_FILE);
}

/// What became of a call, and how a lane ended, is written after the row itself.
#[test]
fn of_columns_that_are_written_later() {
    let victim = Victim::finished();
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
        let (result, ended) = victim.resumed(change).unwrap();
        assert_eq!(result, CallResult::Refused, "{statement}: {ended:#?}");
        assert!(ended.stderr.contains("not as it was written"), "{ended:#?}");
    }
}

#[test]
fn of_a_run_that_is_finished() {
    try_all(&Victim::finished(), &IN_ONE_FILE);
}
