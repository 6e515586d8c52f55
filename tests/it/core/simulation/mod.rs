//! The simulation: one seed decides the list, the service, its faults and latencies, and when and
//! how the run is cut short; the whole core runs on virtual time, is resumed again and again to
//! its end, and then judged: nothing lost, nothing said that is not so.
//!
//! `CHIME_BULK_SEEDS` sets how many seeds are played, `CHIME_BULK_FIRST_SEED` from which on. A seed
//! that fails is named with the command that plays it alone; `CHIME_BULK_TRACE` prints its calls.

mod case;
mod dice;
mod every_commit;
mod judge;
mod play;
mod row;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use case::Case;
use chime_bulk::sandbox::Fault;
use play::Played;

use crate::core::properties::rehearse;

/// Seeds played by default; CI plays ten times as many.
const SEEDS: u64 = 1_000;

#[test]
fn whatever_happens_nothing_is_lost() {
    let first = number("CHIME_BULK_FIRST_SEED").unwrap_or(0);
    let seeds = number("CHIME_BULK_SEEDS").unwrap_or(SEEDS);
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
                    if let Err(why) = catch_unwind(AssertUnwindSafe(|| play(&Case::new(seed)))) {
                        let mut failures = failures.lock().unwrap();
                        failures.push((seed, words(&*why)));
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
        .map(|(seed, why)| format!("seed {seed}: {why}\n    {}", replay(*seed)))
        .collect();
    assert!(report.is_empty(), "\n{}", report.join("\n"));
}

/// Plays a case to its end, and judges it.
fn play(case: &Case) -> Played {
    rehearse(async {
        let played = play::play(case).await;
        if std::env::var_os("CHIME_BULK_TRACE").is_some() {
            trace(case, &played);
        }
        judge::judge(case, &played);
        played
    })
}

/// Prints the service's storms and every call.
#[expect(clippy::print_stderr, reason = "for a person who looks for a fault")]
fn trace(case: &Case, played: &Played) {
    let id = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    for storm in &case.world.storms {
        let (code, during) = (storm.code.code().text, &storm.during);
        eprintln!(
            "{code} in {during:?} for {:?} {:?}",
            storm.bearers, storm.channels
        );
    }
    for call in &played.seen {
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
fn replay(seed: u64) -> String {
    format!(
        "CHIME_BULK_FIRST_SEED={seed} CHIME_BULK_SEEDS=1 cargo test --test it simulation::whatever"
    )
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is `{text}`, not a number")),
    )
}

fn words(why: &(dyn std::any::Any + Send)) -> String {
    let text = why.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| why.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

#[test]
fn the_cases_hold_what_they_are_meant_to() {
    let cases: Vec<Case> = (0..1_000).map(Case::new).collect();
    let share = |what: &dyn Fn(&Case) -> bool| cases.iter().filter(|case| what(case)).count();
    assert!(share(&|case| case.is_certain()) > 600);
    assert!(share(&|case| case.rows.is_empty()) > 0);
    assert!(share(&|case| case.rows.len() > 2_048) > 0);
    assert!(share(&|case| case.cuts.len() > 2) > 200);
    assert!(share(&|case| case.world.capacity < 100) > 100);
    assert!(share(&|case| !case.poison.is_empty() && case.world.faults.len() > 1) > 100);
    assert!(share(&|case| case.world.storms.len() > 1) > 100);
    assert!(share(&|case| (0..case.channels).any(|channel| case.is_denied(channel))) > 100);
    for fault in Fault::ALL {
        let has = |case: &Case| case.world.faults.iter().any(|share| share.fault == fault);
        assert!(share(&has) > 200, "{fault}");
    }
}
