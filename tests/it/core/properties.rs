//! What holds of any list, any service, any limits and any interruptions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chime_bulk::engine::{Command, Ending};
use chime_bulk::model::{Limits, MemberArn, Outcome, RefusalKind};
use chime_bulk::sandbox::{Fault, FaultShare, OverCapacity, ReAdd, SandboxConfig};
use chime_bulk::schedule::Stop;
use proptest::prelude::*;

use crate::support::harness::{Cut, Ended, Harness, Pace, channel, refusal, user};

/// One row of a random list.
#[derive(Debug, Clone)]
struct Row {
    channel: u8,
    /// Users from 90 on do not exist.
    member: u8,
    is_hidden: bool,
    is_defective: bool,
}

impl Row {
    fn member_id(&self) -> String {
        let name = if self.member >= 90 { "gone" } else { "u" };
        format!("{name}{}", self.member)
    }

    fn line(&self) -> String {
        let kind = if self.is_hidden { "HIDDEN" } else { "DEFAULT" };
        let member = if self.is_defective {
            "a+b".to_owned()
        } else {
            self.member_id()
        };
        format!("c{},{member},{kind}\n", self.channel)
    }
}

#[derive(Debug, Clone)]
struct Case {
    rows: Vec<Row>,
    world: SandboxConfig,
    limits: Limits,
    bearers: usize,
    max_waiting: usize,
    seed: u64,
    existing: Vec<(u8, u8)>,
    banned: Vec<(u8, u8)>,
    /// Members for whose sake whole calls are refused.
    poison: BTreeSet<(u8, u8)>,
    cuts: Vec<(u64, Cut)>,
    pace: Pace,
}

impl Case {
    fn rehearsal(&self) -> Harness {
        let mut text = "channel_id,user_id,membership_type\n".to_owned();
        text.extend(self.rows.iter().map(Row::line));
        let poison: BTreeSet<_> = self
            .poison
            .iter()
            .map(|(c, m)| (channel(c), user(&format!("u{m}"))))
            .collect();
        let run = Harness::in_world(text, self.world.clone())
            .intercept(move |call| {
                let is_poison =
                    |member: &MemberArn| poison.contains(&(call.channel.clone(), member.clone()));
                let is_in = call.members.members().iter().any(is_poison);
                is_in.then(|| refusal(RefusalKind::BadRequest, "BadRequestException"))
            })
            .bearers(self.bearers)
            .pace(self.pace)
            .scheduling(|settings| {
                settings.limits = self.limits;
                settings.max_waiting = self.max_waiting;
                settings.seed = self.seed;
            });
        for (c, m) in &self.existing {
            run.service
                .add_existing(&channel(c), &user(&format!("u{m}")));
        }
        for (c, m) in &self.banned {
            run.service.ban(&channel(c), &user(&format!("u{m}")));
        }
        run
    }

    /// Rows by what must become of them before anything is sent.
    fn unsent(&self) -> BTreeMap<u64, Outcome> {
        let mut seen = BTreeSet::new();
        let mut unsent = BTreeMap::new();
        for (number, row) in (1..).zip(&self.rows) {
            if row.is_defective {
                unsent.insert(number, Outcome::Invalid);
            } else if !seen.insert((row.channel, row.member)) {
                unsent.insert(number, Outcome::Duplicate);
            }
        }
        unsent
    }
}

fn row() -> impl Strategy<Value = Row> {
    let channel = prop_oneof![3 => Just(0_u8), 5 => 0_u8..6, 1 => Just(9_u8)];
    (channel, 0_u8..94, any::<bool>(), 0_u8..20).prop_map(|(channel, member, is_hidden, dice)| {
        Row {
            channel,
            member,
            is_hidden: is_hidden && dice < 10,
            is_defective: dice == 0,
        }
    })
}

fn world() -> impl Strategy<Value = SandboxConfig> {
    let share = || prop_oneof![3 => Just(0.0), 2 => 0.0..0.15_f64];
    let shares = proptest::array::uniform6(share());
    (
        shares,
        any::<u64>(),
        prop_oneof![Just(0_u64), 10..2_500_u64],
        prop_oneof![2 => Just(10_000_u64), 1 => 1..80_u64],
        any::<[bool; 4]>(),
    )
        .prop_map(
            |(shares, seed, latency, capacity, [silent, whole, missing, jitter])| SandboxConfig {
                faults: Fault::ALL
                    .into_iter()
                    .zip(shares)
                    .map(|(fault, share)| FaultShare { fault, share })
                    .collect(),
                seed,
                latency: Duration::from_millis(latency),
                jitter: if jitter { 0.9 } else { 0.0 },
                capacity,
                over_capacity: if whole {
                    OverCapacity::RefuseCall
                } else {
                    OverCapacity::RefuseMembers
                },
                re_add: if silent {
                    ReAdd::Silent
                } else {
                    ReAdd::Conflict
                },
                missing_channels: if missing {
                    vec!["c9".into()]
                } else {
                    Vec::new()
                },
                missing_users: vec!["gone".into()],
                ..SandboxConfig::default()
            },
        )
}

fn limits() -> impl Strategy<Value = Limits> {
    (
        prop_oneof![Just(1.0), 0.2..3.0_f64],
        prop_oneof![Just(10.0), 0.5..20.0_f64],
        proptest::option::of(0.5..30.0_f64),
        prop_oneof![3 => Just(100_u32), 1 => 1..100_u32],
        proptest::option::of(1..20_u32),
        1..6_u32,
    )
        .prop_map(
            |(
                channel_rate,
                bearer_rate,
                max_rate,
                members_per_call,
                max_in_flight,
                max_attempts,
            )| Limits {
                channel_rate,
                bearer_rate,
                max_rate,
                members_per_call,
                max_in_flight,
                max_attempts,
            },
        )
}

fn case() -> impl Strategy<Value = Case> {
    let cut = prop_oneof![
        Just(Cut::Command(Command::Drain)),
        Just(Cut::Command(Command::Halt)),
        Just(Cut::Crash),
    ];
    let pace = prop_oneof![
        2 => Just(Pace::Inline),
        1 => Just(Pace::Ahead),
        1 => (1..5_000_u64).prop_map(|ms| Pace::Slow(Duration::from_millis(ms))),
    ];
    // Some lists are longer than a chunk (2,048 rows).
    let rows = prop_oneof![
        1 => proptest::collection::vec(row(), 0..30),
        4 => proptest::collection::vec(row(), 30..900),
        1 => proptest::collection::vec(row(), 2_000..2_500),
    ];
    (
        (
            rows,
            world(),
            limits(),
            1..4_usize,
            prop_oneof![Just(50_000_usize), 1..300_usize],
        ),
        any::<u64>(),
        proptest::collection::vec((0_u8..6, 0_u8..90), 0..20),
        proptest::collection::vec((0_u8..6, 0_u8..90), 0..20),
        proptest::collection::btree_set((0_u8..6, 0_u8..90), 0..5),
        proptest::collection::vec((0..6_000_u64, cut), 0..5),
        pace,
    )
        .prop_map(
            |(
                (rows, world, limits, bearers, max_waiting),
                seed,
                existing,
                banned,
                poison,
                cuts,
                pace,
            )| Case {
                rows,
                world,
                limits,
                bearers,
                max_waiting,
                seed,
                existing,
                banned,
                poison,
                cuts,
                pace,
            },
        )
}

/// Runs the case through all its interruptions to its end.
async fn play(case: &Case) -> (Harness, Ended) {
    let mut run = case.rehearsal();
    let mut outcomes: HashMap<u64, Outcome> = HashMap::new();
    for (after, cut) in &case.cuts {
        let ended = run.run_until(Duration::from_millis(*after), *cut).await;
        // A verdict, once given, stays.
        for (row, verdict) in &ended.rows {
            if verdict.outcome.is_in()
                || matches!(verdict.outcome, Outcome::Invalid | Outcome::Duplicate)
            {
                outcomes.insert(*row, verdict.outcome);
            }
        }
    }
    let mut ended = run.run().await;
    // An outage stops a run; it is resumed after it.
    for _ in 0..20 {
        if !matches!(ended.ending, Some(Ending::Stopped(Stop::Outage(_)))) {
            break;
        }
        ended = run.run().await;
    }
    for (row, outcome) in outcomes {
        assert_eq!(
            ended.rows[&row].outcome, outcome,
            "row {row} has another verdict now"
        );
    }
    (run, ended)
}

fn judge(case: &Case, run: &Harness, ended: &Ended) {
    assert!(ended.is_finished(), "{:?}", ended.ending);
    assert_eq!(ended.rows.len(), case.rows.len());
    let unsent = case.unsent();
    let sent: BTreeSet<_> = run
        .seen()
        .into_iter()
        .flat_map(|call| {
            call.members
                .into_iter()
                .map(move |member| (call.channel.clone(), member))
        })
        .collect();
    for (number, row) in (1..).zip(&case.rows) {
        let verdict = &ended.rows[&number];
        if let Some(outcome) = unsent.get(&number) {
            assert_eq!(verdict.outcome, *outcome, "row {number}");
            assert_eq!(verdict.attempts, 0);
            continue;
        }
        let (channel, member) = (channel(row.channel), user(&row.member_id()));
        let is_in = run.service.is_member(&channel, &member);
        let was_before = case.existing.contains(&(row.channel, row.member));
        match verdict.outcome {
            Outcome::Added | Outcome::AlreadyMember => {
                assert!(is_in, "row {number} is said to be in");
                assert!(sent.contains(&(channel, member)));
            }
            // An answer may have been lost before: then nothing can be said.
            Outcome::Failed if !loses_answers(case) => {
                assert!(
                    !is_in || was_before,
                    "row {number} is in, and said to have failed: {verdict:?}"
                );
                assert!(!verdict.code.is_empty());
            }
            Outcome::Failed => {}
            Outcome::Unconfirmed => assert!(loses_answers(case), "row {number}"),
            other => panic!("row {number} ended as {other}"),
        }
        if row.member >= 90 || case.poison.contains(&(row.channel, row.member)) {
            assert!(matches!(
                verdict.outcome,
                Outcome::Failed | Outcome::Unconfirmed
            ));
        }
    }
}

/// Whether some answer may never come.
fn loses_answers(case: &Case) -> bool {
    let lossy = |share: &FaultShare| {
        share.share > 0.0 && matches!(share.fault, Fault::Lost | Fault::Reset | Fault::Slow)
    };
    case.world.faults.iter().any(lossy)
        || case
            .cuts
            .iter()
            .any(|(_, cut)| *cut != Cut::Command(Command::Drain))
}

/// Plays on a paused clock.
pub(crate) fn rehearse<T>(play: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(play)
}

/// This many cases, unless `PROPTEST_CASES` is set.
pub(crate) fn cases(count: u32) -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        // The same every time, so that what lands is what was tried; more, and others, by the
        // variable.
        config.cases = count;
        config.rng_seed = proptest::test_runner::RngSeed::Fixed(7);
    }
    config.failure_persistence = None;
    config.max_shrink_iters = 300;
    config
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn every_run_ends_with_a_true_verdict_for_every_row(case in case()) {
        rehearse(async {
            let (run, ended) = play(&case).await;
            judge(&case, &run, &ended);
        });
    }

    #[test]
    fn without_faults_a_run_gets_everybody_in_with_no_call_too_many(
        sizes in proptest::collection::vec(1..450_u64, 1..12),
        latency in 0..1_500_u64,
        is_sorted in any::<bool>(),
    ) {
        let longest = *sizes.iter().max().unwrap_or(&0);
        let mut rows = Vec::new();
        if is_sorted {
            for (c, size) in sizes.iter().enumerate() {
                rows.extend((0..*size).map(|m| (c, format!("u{m}"))));
            }
        } else {
            for m in 0..longest {
                let has = |(_, size): &(usize, &u64)| m < **size;
                rows.extend(sizes.iter().enumerate().filter(has).map(|(c, _)| (c, format!("u{m}"))));
            }
        }
        rehearse(async {
            let world = SandboxConfig { latency: Duration::from_millis(latency), ..SandboxConfig::default() };
            let mut run = Harness::in_world(crate::support::harness::list(rows), world);
            let ended = run.run().await;
            assert!(ended.is_finished());
            assert_eq!(ended.of(Outcome::Added), sizes.iter().sum::<u64>());
            let calls: u64 = sizes.iter().map(|size| size.div_ceil(100)).sum();
            let stats = run.service.stats();
            assert_eq!((stats.batch_calls, stats.throttled_calls), (calls, 0));
        });
    }
}
