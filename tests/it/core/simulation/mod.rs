//! The simulation. A seed decides the list, the service, its faults and latencies, and the
//! interruptions of a run. The whole core runs on virtual time, and is resumed until the run is
//! finished. Then the run is checked: no row is lost, and every outcome is true. `undo` plays the undos
//! of such runs.
//!
//! `CHIME_BULK_SEEDS` sets the number of seeds, `CHIME_BULK_FIRST_SEED` the first of them. A failure
//! prints its seed and the command that plays it alone; `CHIME_BULK_TRACE` prints all calls.

mod case;
mod checks;
mod every_commit;
mod play;
mod rng;
mod row;
mod undo;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use case::Case;
use chime_bulk::sandbox::Fault;
use play::Played;

use crate::core::properties::run_paused;
use crate::support::number;

/// Seeds played by default; CI plays ten times as many.
const SEEDS: u64 = 1_000;

#[test]
fn whatever_happens_nothing_is_lost() {
    play_seeds("whatever", SEEDS, |seed| drop(play(&Case::new(seed))));
}

/// Plays seeds: as many as `CHIME_BULK_SEEDS` sets, by default `seeds`. A test whose name begins with
/// `test` plays them.
fn play_seeds(test: &str, seeds: u64, play: impl Fn(u64) + Sync) {
    let first = number("CHIME_BULK_FIRST_SEED").unwrap_or(0);
    let seeds = number("CHIME_BULK_SEEDS").unwrap_or(seeds);
    let next = AtomicU64::new(first);
    let (failures, enough) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    if let Err(why) = catch_unwind(AssertUnwindSafe(|| play(seed))) {
                        let mut failures = failures.lock().unwrap();
                        failures.push((seed, panic_message(&*why)));
                        enough.store(failures.len() >= 5, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let report: Vec<String> = failures
        .iter()
        .map(|(seed, why)| format!("seed {seed}: {why}\n    {}", replay(test, *seed)))
        .collect();
    assert!(report.is_empty(), "\n{}", report.join("\n"));
}

/// Plays a case to its end, and checks it.
fn play(case: &Case) -> Played {
    run_paused(async {
        let played = play::play(case).await;
        if std::env::var_os("CHIME_BULK_TRACE").is_some() {
            trace(case, &played);
        }
        checks::check(case, &played);
        played
    })
}

/// Prints the service's storms and every call.
#[expect(clippy::print_stderr, reason = "for debugging a failed seed")]
fn trace(case: &Case, played: &Played) {
    let id = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    for storm in &case.sandbox.storms {
        let (code, during) = (storm.code.code().text, &storm.during);
        eprintln!(
            "{code} in {during:?} for {:?} {:?}",
            storm.bearers, storm.channels
        );
    }
    for call in &played.calls {
        let (channel, bearer) = (id(call.channel.as_str()), id(call.bearer.as_str()));
        let answer = match &call.answer {
            Some((at, Ok(reply))) => {
                let (added, errors) = (reply.added.len(), reply.errors.len());
                format!("{at:?}: {added} added, {errors} errors")
            }
            Some((at, Err(refusal))) => format!("{at:?}: {refusal}"),
            None => "no answer".to_owned(),
        };
        let members = call.members.len();
        eprintln!("{:?} {channel} {bearer} {members}: {answer}", call.at);
    }
}

/// The command that plays a seed alone.
fn replay(test: &str, seed: u64) -> String {
    format!(
        "CHIME_BULK_FIRST_SEED={seed} CHIME_BULK_SEEDS=1 cargo test --test it simulation::{test}"
    )
}

fn panic_message(why: &(dyn std::any::Any + Send)) -> String {
    let text = why.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| why.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

#[test]
fn the_cases_cover_what_they_are_meant_to() {
    let cases: Vec<Case> = (0..1_000).map(Case::new).collect();
    let count = |what: &dyn Fn(&Case) -> bool| cases.iter().filter(|case| what(case)).count();
    assert!(count(&|case| case.is_certain()) > 600);
    assert!(count(&|case| case.rows.is_empty()) > 0);
    assert!(count(&|case| case.rows.len() > 2_048) > 0);
    assert!(count(&|case| case.interruptions.len() > 2) > 200);
    assert!(count(&|case| case.sandbox.capacity < 100) > 100);
    assert!(count(&|case| !case.poison.is_empty() && case.sandbox.faults.len() > 1) > 100);
    assert!(count(&|case| case.sandbox.storms.len() > 1) > 100);
    assert!(count(&|case| (0..case.channels).any(|channel| case.is_denied(channel))) > 100);
    for fault in Fault::ALL {
        let has = |case: &Case| case.sandbox.faults.iter().any(|share| share.fault == fault);
        assert!(count(&has) > 200, "{fault}");
    }
}
