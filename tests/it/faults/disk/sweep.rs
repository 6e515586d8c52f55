//! One kind of fault, injected at many of the calls that a run makes.

use std::sync::Mutex;

use chime_bulk::job::LEDGER;
use chime_bulk::ledger::Ledger;

use super::fault::{self, Errno, Fault, Kind};
use crate::support::expected::{self, Check, LIST, List, RUN, Testbed};
use crate::support::number;
use crate::support::program::Output;

/// Faults of one kind, unless `CHIME_BULK_FAULTS` is set.
const FAULTS: u64 = 24;

fn testbed() -> Testbed {
    Testbed::new(List::mixed(700, 5, 1), expected::sandbox_config(&[]))
}

/// Injects the fault at many of a run's calls, evenly spread.
pub(super) fn sweep(kind: Kind, errno: Errno, lasts: bool) {
    let most = number("CHIME_BULK_FAULTS").unwrap_or(FAULTS);
    let calls = fault::calls(kind, &testbed());
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
                    if let Err(why) = check_fault(fault) {
                        panic!("{fault:?} of {calls}: {why}");
                    }
                }
            });
        }
    });
}

/// Runs and resumes with the fault, then resumes without it.
fn check_fault(fault: Fault) -> Check {
    let testbed = testbed();
    let output = Output::of(&mut fault.on(&testbed.work_dir, testbed.run(LIST)));
    check_end(&testbed, &output, fault::has_failed(&testbed))
        .map_err(|why| format!("{why}\n{output:#?}"))?;
    if is_begun(&testbed) {
        let output = Output::of(&mut fault.on(&testbed.work_dir, testbed.resume()));
        check_end(&testbed, &output, fault::has_failed(&testbed))
            .map_err(|why| format!("resumed: {why}\n{output:#?}"))?;
    }
    check_recovery(&testbed)
}

/// Checks that a run finishes though a write takes at most this many bytes.
pub(super) fn finishes_with_short_writes(bytes: u64) {
    let fault = Fault {
        kind: Kind::Short,
        errno: Errno::Io,
        at: bytes,
        lasts: true,
    };
    let testbed = Testbed::new(List::mixed(150, 2, 1), expected::sandbox_config(&[]));
    let output = Output::of(&mut fault.on(&testbed.work_dir, testbed.run(LIST)));
    expected::check_finished(&testbed, &testbed.dir(), output.code)
        .unwrap_or_else(|why| panic!("{fault:?}: {why}\n{output:#?}"));
}

/// Whether there is a run to resume.
fn is_begun(testbed: &Testbed) -> bool {
    let ledger = testbed.dir().join(LEDGER);
    ledger.is_file() && Ledger::is_blank(&ledger).is_ok_and(|blank| !blank)
}

/// Checks that the run finishes without a fault: resumed, or started if there is none to resume.
pub(super) fn check_recovery(testbed: &Testbed) -> Check {
    let mut command = if is_begun(testbed) {
        testbed.resume()
    } else {
        testbed.run(LIST)
    };
    let output = Output::of(&mut command);
    expected::check_finished(testbed, &testbed.dir(), output.code)
        .map_err(|why| format!("recovering: {why}\n{output:#?}"))
}

/// Checks that a command finished or, if a call has failed, stopped with an error and a hint.
pub(super) fn check_end(testbed: &Testbed, output: &Output, has_failed: bool) -> Check {
    let err = |why: &str| Err(why.to_owned());
    if output.stderr.contains("panicked") {
        return err("it panicked");
    }
    expected::check_complete_files(testbed, &testbed.dir())?;
    match output.code {
        Some(0 | 1) => expected::check_results(testbed, &testbed.dir()),
        Some(3) if has_failed => {
            let line = |begin: &str| output.stderr.lines().find(|line| line.starts_with(begin));
            let Some(error) = line("error: ") else {
                return err("no error");
            };
            if !error.contains(RUN) {
                return err("the error names no file");
            }
            if line("hint: ").is_none() {
                return err("no hint");
            }
            let last = output.stderr.lines().last().unwrap_or_default();
            let resumes = last == format!("chime-bulk resume {RUN}");
            if resumes == is_begun(testbed) {
                Ok(())
            } else {
                err("the last line must be the resume command if, and only if, there is a run")
            }
        }
        code => Err(format!("exit code {code:?}")),
    }
}
