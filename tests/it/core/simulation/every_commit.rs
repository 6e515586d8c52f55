//! One small run, interrupted after each of its commits.

use std::collections::BTreeSet;
use std::time::Duration;

use chime_bulk::model::{Limits, RefusalKind};
use chime_bulk::sandbox::{Fault, FaultShare, SandboxConfig};
use chime_bulk::schedule::SchedulerConfig;

use super::case::{Case, ENOUGH};
use super::play;
use super::row::Row;
use crate::support::harness::ListPace;
use crate::support::interruption::{Interruption, Moment};

/// A run of some fifty commits: three channels; default and hidden members; members that exist
/// already, are banned, missing, poison or listed twice; and some lost answers.
fn small(pace: ListPace) -> Case {
    let mut rows: Vec<Row> = (0..120)
        .map(|n| Row::plain(u8::try_from(n % 3).unwrap(), n / 3))
        .collect();
    rows.extend((40..46).map(|member| Row::plain(0, member).hidden()));
    rows.extend((0..4).map(|member| Row::plain(1, member)));
    rows.extend((46..62).map(|member| Row::plain(2, member)));
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
        sandbox: SandboxConfig {
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
        poison_kind: RefusalKind::BadRequest,
        distort_one_in: 0,
        unstoppable: false,
        expired: BTreeSet::new(),
        pace,
        interruptions: Vec::new(),
    }
}

/// Plays the case many times: interrupted after its first commit, then after its second, and so on.
/// With `further`, the next session is also interrupted, after that many commits. Returns the number of runs
/// that were interrupted.
fn interrupt_after_each(case: &Case, interruption: Interruption, further: Option<u32>) -> u32 {
    for polls in 1.. {
        let moments = [Some(polls), further].into_iter().flatten();
        let case = Case {
            interruptions: moments
                .map(|polls| (Moment::Polls(polls), interruption))
                .collect(),
            ..case.clone()
        };
        if play(&case).interrupted == 0 {
            return polls - 1;
        }
    }
    unreachable!("a run has an end")
}

#[test]
fn an_interruption_after_any_commit_loses_no_row() {
    for pace in [ListPace::Inline, ListPace::Slow(Duration::from_secs(2))] {
        let case = small(pace);
        for interruption in [
            Interruption::Crash,
            Interruption::Stall(Duration::from_millis(400)),
            Interruption::Stall(Duration::from_millis(900)),
            Interruption::PowerLoss(6_000),
        ] {
            let runs = interrupt_after_each(&case, interruption, None);
            assert!(runs > 40, "{runs}");
        }
    }
}

#[test]
fn two_crashes_soon_after_each_other_lose_no_row() {
    let case = small(ListPace::Inline);
    for further in [1, 2, 3, 5, 8] {
        let runs = interrupt_after_each(&case, Interruption::Crash, Some(further));
        assert!(runs > 40, "{runs}");
    }
}
