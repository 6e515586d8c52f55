//! Properties that hold for any list, service, limits and interruptions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chime_bulk::engine::{Command, Ending};
use chime_bulk::model::{Limits, MemberArn, Outcome, RefusalKind};
use chime_bulk::sandbox::{ExistingAnswer, Fault, FaultShare, OverCapacity, SandboxConfig};
use chime_bulk::schedule::Stop;
use proptest::prelude::*;

use crate::support::harness::{
    Harness, Interruption, ListPace, SessionResult, channel, refusal, user,
};

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
    sandbox: SandboxConfig,
    limits: Limits,
    bearers: usize,
    max_waiting: usize,
    seed: u64,
    existing: Vec<(u8, u8)>,
    banned: Vec<(u8, u8)>,
    /// Members that make the service refuse a whole call.
    poison: BTreeSet<(u8, u8)>,
    interruptions: Vec<(u64, Interruption)>,
    pace: ListPace,
}

impl Case {
    fn harness(&self) -> Harness {
        let mut text = "channel_id,user_id,membership_type\n".to_owned();
        text.extend(self.rows.iter().map(Row::line));
        let poison: BTreeSet<_> = self
            .poison
            .iter()
            .map(|(c, m)| (channel(c), user(&format!("u{m}"))))
            .collect();
        let run = Harness::with_sandbox(text, self.sandbox.clone())
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

    /// The outcomes of the rows that must not be sent.
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
    (channel, 0_u8..94, any::<bool>(), 0_u8..20).prop_map(|(channel, member, is_hidden, roll)| {
        Row {
            channel,
            member,
            is_hidden: is_hidden && roll < 10,
            is_defective: roll == 0,
        }
    })
}

fn sandbox() -> impl Strategy<Value = SandboxConfig> {
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
                existing_answer: if silent {
                    ExistingAnswer::Silent
                } else {
                    ExistingAnswer::Conflict
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
                single_rate: None,
                bearer_rate,
                max_rate,
                members_per_call,
                max_in_flight,
                max_attempts,
            },
        )
}

fn case() -> impl Strategy<Value = Case> {
    let interruption = prop_oneof![
        Just(Interruption::Command(Command::Drain)),
        Just(Interruption::Command(Command::Halt)),
        Just(Interruption::Crash),
    ];
    let pace = prop_oneof![
        2 => Just(ListPace::Inline),
        1 => Just(ListPace::Ahead),
        1 => (1..5_000_u64).prop_map(|ms| ListPace::Slow(Duration::from_millis(ms))),
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
            sandbox(),
            limits(),
            1..4_usize,
            prop_oneof![Just(50_000_usize), 1..300_usize],
        ),
        any::<u64>(),
        proptest::collection::vec((0_u8..6, 0_u8..90), 0..20),
        proptest::collection::vec((0_u8..6, 0_u8..90), 0..20),
        proptest::collection::btree_set((0_u8..6, 0_u8..90), 0..5),
        proptest::collection::vec((0..6_000_u64, interruption), 0..5),
        pace,
    )
        .prop_map(
            |(
                (rows, sandbox, limits, bearers, max_waiting),
                seed,
                existing,
                banned,
                poison,
                interruptions,
                pace,
            )| Case {
                rows,
                sandbox,
                limits,
                bearers,
                max_waiting,
                seed,
                existing,
                banned,
                poison,
                interruptions,
                pace,
            },
        )
}

/// Plays the case through all its interruptions to its end.
async fn play(case: &Case) -> (Harness, SessionResult) {
    let mut run = case.harness();
    let mut outcomes: HashMap<u64, Outcome> = HashMap::new();
    for (after, interruption) in &case.interruptions {
        let result = run
            .run_until(Duration::from_millis(*after), *interruption)
            .await;
        for (row, record) in &result.rows {
            if record.outcome.is_in()
                || matches!(record.outcome, Outcome::Invalid | Outcome::Duplicate)
            {
                outcomes.insert(*row, record.outcome);
            }
        }
    }
    let mut result = run.run().await;
    // An outage stops a run. It is resumed until the outage is over.
    for _ in 0..20 {
        if !matches!(result.ending, Some(Ending::Stopped(Stop::Outage(_)))) {
            break;
        }
        result = run.run().await;
    }
    // A final outcome never changes.
    for (row, outcome) in outcomes {
        assert_eq!(
            result.rows[&row].outcome, outcome,
            "the outcome of row {row} has changed"
        );
    }
    (run, result)
}

fn check(case: &Case, run: &Harness, result: &SessionResult) {
    assert!(result.is_finished(), "{:?}", result.ending);
    assert_eq!(result.rows.len(), case.rows.len());
    let unsent = case.unsent();
    let sent: BTreeSet<_> = run
        .calls()
        .into_iter()
        .flat_map(|call| {
            call.members
                .into_iter()
                .map(move |member| (call.channel.clone(), member))
        })
        .collect();
    for (number, row) in (1..).zip(&case.rows) {
        let record = &result.rows[&number];
        if let Some(outcome) = unsent.get(&number) {
            assert_eq!(record.outcome, *outcome, "row {number}");
            assert_eq!(record.attempts, 0);
            continue;
        }
        let (channel, member) = (channel(row.channel), user(&row.member_id()));
        let is_in = run.service.is_member(&channel, &member);
        let was_before = case.existing.contains(&(row.channel, row.member));
        match record.outcome {
            Outcome::Added | Outcome::AlreadyMember => {
                assert!(is_in, "row {number} is not a member: {record:?}");
                assert!(sent.contains(&(channel, member)));
            }
            // If an answer may have been lost, a failed row may be a member.
            Outcome::Failed if !loses_answers(case) => {
                assert!(!is_in || was_before, "row {number} is a member: {record:?}");
                assert!(!record.code.is_empty());
            }
            Outcome::Failed => {}
            Outcome::Unconfirmed => assert!(loses_answers(case), "row {number}"),
            other => panic!("row {number} is {other}"),
        }
        if row.member >= 90 || case.poison.contains(&(row.channel, row.member)) {
            assert!(matches!(
                record.outcome,
                Outcome::Failed | Outcome::Unconfirmed
            ));
        }
    }
}

/// Whether answers may be lost in this case.
fn loses_answers(case: &Case) -> bool {
    let lossy = |share: &FaultShare| {
        share.share > 0.0 && matches!(share.fault, Fault::Lost | Fault::Reset | Fault::Slow)
    };
    case.sandbox.faults.iter().any(lossy)
        || case
            .interruptions
            .iter()
            .any(|(_, interruption)| *interruption != Interruption::Command(Command::Drain))
}

/// Runs a future on a paused clock.
pub(crate) fn run_paused<T>(play: impl Future<Output = T>) -> T {
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
        // A fixed seed, so that a change is tested with the same cases everywhere.
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
    fn every_run_ends_with_a_true_outcome_for_every_row(case in case()) {
        run_paused(async {
            let (run, result) = play(&case).await;
            check(&case, &run, &result);
        });
    }

    #[test]
    fn without_faults_a_run_adds_all_members_in_the_fewest_calls(
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
        run_paused(async {
            let sandbox = SandboxConfig { latency: Duration::from_millis(latency), ..SandboxConfig::default() };
            let mut run = Harness::with_sandbox(crate::support::harness::list(rows), sandbox);
            let result = run.run().await;
            assert!(result.is_finished());
            assert_eq!(result.count(Outcome::Added), sizes.iter().sum::<u64>());
            let calls: u64 = sizes.iter().map(|size| size.div_ceil(100)).sum();
            let stats = run.service.stats();
            assert_eq!((stats.batch_calls, stats.throttled_calls), (calls, 0));
        });
    }
}
