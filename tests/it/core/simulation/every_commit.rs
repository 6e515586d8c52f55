//! One small run, killed after each of its commits.

use std::collections::BTreeSet;
use std::time::Duration;

use chime_bulk::model::{Limits, RefusalKind};
use chime_bulk::sandbox::{Fault, FaultShare, SandboxConfig};
use chime_bulk::schedule::SchedulerConfig;

use super::case::{Case, ENOUGH};
use super::play;
use super::row::Row;
use crate::support::harness::Pace;
use crate::support::interruption::{Cut, Moment};

/// A run of some fifty turns: three channels, two ways of adding, members who are in already,
/// banned, missing, poisonous or twice in the list; some answers are lost.
fn small(pace: Pace) -> Case {
    let mut rows: Vec<Row> = (0..120)
        .map(|n| Row::escape_control(u8::try_from(n % 3).unwrap(), n / 3))
        .collect();
    rows.extend((40..46).map(|member| Row::escape_control(0, member).hidden()));
    rows.extend((0..4).map(|member| Row::escape_control(1, member)));
    rows.extend((46..62).map(|member| Row::escape_control(2, member)));
    let limits = Limits {
        members_per_call: 8,
        max_attempts: ENOUGH,
        ..Limits::of_region("us-east-1")
    };
    let faults = vec![FaultShare {
        fault: Fault::Lost,
        share: 0.2,
    }];
    Case {
        seed: 1,
        channels: 3,
        rows,
        missing_from: 37,
        world: SandboxConfig {
            latency: Duration::from_millis(700),
            missing_users: vec!["gone".into()],
            seed: 4,
            faults,
            ..SandboxConfig::default()
        },
        scheduling: SchedulerConfig::new(limits, 1),
        existing: BTreeSet::from([(0, 2), (1, 9)]),
        banned: BTreeSet::from([(2, 3)]),
        poison: BTreeSet::from([(1, 5)]),
        poisonous: RefusalKind::BadRequest,
        rubbish: 0,
        unstoppable: false,
        expired: BTreeSet::new(),
        pace,
        cuts: Vec::new(),
    }
}

/// Kills the run after each of its commits, and once more a number of commits later; returns how many
/// times it was killed.
fn kill_after_each(case: &Case, cut: Cut, once_more: Option<u32>) -> u32 {
    for turns in 1.. {
        let cuts = [Some(turns), once_more].into_iter().flatten();
        let case = Case {
            cuts: cuts.map(|turns| (Moment::Turns(turns), cut)).collect(),
            ..case.clone()
        };
        if play(&case).cut_short == 0 {
            return turns - 1;
        }
    }
    unreachable!("it ends")
}

#[test]
fn a_run_killed_after_any_commit_loses_nothing() {
    for pace in [Pace::Inline, Pace::Slow(Duration::from_secs(2))] {
        let case = small(pace);
        for cut in [
            Cut::Crash,
            Cut::Stall(Duration::from_millis(400)),
            Cut::Stall(Duration::from_millis(900)),
            Cut::PowerLoss(6_000),
        ] {
            let kills = kill_after_each(&case, cut, None);
            assert!(kills > 40, "{kills}");
        }
    }
}

#[test]
fn a_run_killed_after_any_commit_and_soon_again_loses_nothing() {
    let case = small(Pace::Inline);
    for once_more in [1, 2, 3, 5, 8] {
        let kills = kill_after_each(&case, Cut::Crash, Some(once_more));
        assert!(kills > 40, "{kills}");
    }
}
