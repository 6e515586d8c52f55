//! Runs of the core, with a scenario for each kind of list, refusal, failure and interruption.

mod existing;
mod failures;
mod lists;
mod pace;
mod preflight;
mod reading;
mod refusals;
mod sessions;
mod undo;

use std::time::Duration;

use chime_bulk::engine::Ending;
use chime_bulk::sandbox::{Fault, FaultShare, SandboxConfig};
use chime_bulk::schedule::Stop;

use crate::support::harness::SessionResult;

const SECOND: Duration = Duration::from_secs(1);

fn fault(fault: Fault, share: f64) -> SandboxConfig {
    SandboxConfig {
        faults: vec![FaultShare { fault, share }],
        ..SandboxConfig::default()
    }
}

/// Rows of several channels, with members `u0`, `u1`, … each.
fn many_channels(channels: usize, members: usize) -> Vec<(usize, String)> {
    (0..channels)
        .flat_map(|c| (0..members).map(move |m| (c, format!("u{m}"))))
        .collect()
}

/// The same rows in a random order.
fn shuffled<T>(mut rows: Vec<T>) -> Vec<T> {
    let mut state = 1_u64;
    for last in (1..rows.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let other = usize::try_from(state >> 33).unwrap() % (last + 1);
        rows.swap(last, other);
    }
    rows
}

fn slow_calls(latency_ms: u64) -> SandboxConfig {
    SandboxConfig {
        latency: Duration::from_millis(latency_ms),
        ..SandboxConfig::default()
    }
}

fn stop(result: &SessionResult) -> &Stop {
    match &result.ending {
        Some(Ending::Stopped(stop)) => stop,
        other => panic!("not stopped: {other:?}"),
    }
}
