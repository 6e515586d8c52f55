//! One kind of fault, at many of the calls that a run makes.

use std::sync::Mutex;

use chime_bulk::job::LEDGER;
use chime_bulk::ledger::Ledger;

use super::fault::{self, Errno, Fault, Kind};
use crate::support::expected::{self, Judgement, LIST, List, RUN, World};
use crate::support::program::Ended;

/// Faults of one kind, if nothing else is said by `CHIME_BULK_FAULTS`.
const FAULTS: u64 = 24;

fn world() -> World {
    World::new(List::mixed(700, 5, 1), expected::settings(&[]))
}

/// Plays the fault at many of a run's calls, evenly spread.
pub(super) fn sweep(kind: Kind, errno: Errno, lasts: bool) {
    let most = std::env::var("CHIME_BULK_FAULTS").map_or(FAULTS, |text| text.parse().unwrap());
    let calls = fault::calls(kind, &world());
    assert!(calls > 0, "{kind:?} never happens");
    let count = calls.min(most);
    let places: Vec<u64> = (0..count).map(|n| 1 + n * calls / count).collect();
    let places = &Mutex::new(places.into_iter());
    let next = || places.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(at) = next() {
                    let fault = Fault {
                        kind,
                        errno,
                        at,
                        lasts,
                    };
                    if let Err(why) = survives(fault) {
                        panic!("{fault:?} of {calls}: {why}");
                    }
                }
            });
        }
    });
}

/// A run, then its resumption, on the failing disk; then on one that is well.
fn survives(fault: Fault) -> Judgement {
    let world = world();
    let ended = Ended::of(&mut fault.on(&world.place, world.run(LIST)));
    stopped(&world, &ended, fault::struck(&world)).map_err(|why| format!("{why}\n{ended:#?}"))?;
    if is_begun(&world) {
        let ended = Ended::of(&mut fault.on(&world.place, world.resume()));
        stopped(&world, &ended, fault::struck(&world))
            .map_err(|why| format!("resumed: {why}\n{ended:#?}"))?;
    }
    recovers(&world)
}

/// A run that does not mind.
pub(super) fn harmless(kind: Kind, at: u64) {
    let (errno, lasts) = (Errno::Io, true);
    let fault = Fault {
        kind,
        errno,
        at,
        lasts,
    };
    let world = World::new(List::mixed(150, 2, 1), expected::settings(&[]));
    let ended = Ended::of(&mut fault.on(&world.place, world.run(LIST)));
    expected::finished(&world, &world.dir(), ended.code)
        .unwrap_or_else(|why| panic!("{fault:?}: {why}\n{ended:#?}"));
}

/// Whether there is a run to resume.
fn is_begun(world: &World) -> bool {
    let ledger = world.dir().join(LEDGER);
    ledger.is_file() && Ledger::is_blank(&ledger).is_ok_and(|blank| !blank)
}

/// On a healthy disk the run is resumed to its end, or starts if it had not.
pub(super) fn recovers(world: &World) -> Judgement {
    let mut command = if is_begun(world) {
        world.resume()
    } else {
        world.run(LIST)
    };
    let ended = Ended::of(&mut command);
    expected::finished(world, &world.dir(), ended.code)
        .map_err(|why| format!("recovering: {why}\n{ended:#?}"))
}

/// It stopped cleanly, or was none the worse for the fault.
pub(super) fn stopped(world: &World, ended: &Ended, struck: bool) -> Judgement {
    let err = |why: &str| Err(why.to_owned());
    if ended.stderr.contains("panicked") {
        return err("it panicked");
    }
    expected::whole(world, &world.dir())?;
    match ended.code {
        Some(0 | 1) => expected::verdicts(world, &world.dir()),
        Some(3) if struck => {
            let line = |begin: &str| ended.stderr.lines().find(|line| line.starts_with(begin));
            let Some(error) = line("error: ") else {
                return err("it does not say what is wrong");
            };
            if !error.contains(RUN) {
                return err("it does not say where");
            }
            if line("hint: ").is_none() {
                return err("no hint");
            }
            let last = ended.stderr.lines().last().unwrap_or_default();
            let resumes = last == format!("chime-bulk resume {RUN}");
            if resumes == is_begun(world) {
                Ok(())
            } else {
                err("the last line is not what can be done")
            }
        }
        _ => err("it did not end as it should"),
    }
}
