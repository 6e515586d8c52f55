//! The pace of any run: it stays within the limits as the service counts them, leaves no channel
//! behind, and takes little more than the lower bound.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chime_bulk::model::{Outcome, RefusalKind, quota};
use chime_bulk::sandbox::{Fault, FaultShare, SandboxConfig};
use chime_bulk::schedule::LowerBound;
use proptest::prelude::*;

use crate::core::properties::{cases, run_paused};
use crate::support::harness::{Harness, SessionResult, channel, list};
use crate::support::recorder::RecordedCall;

const SECOND: Duration = Duration::from_secs(1);
/// Throttled calls that a run may have: a share of its calls, and a number in addition.
const THROTTLED: (f64, f64) = (0.03, 3.0);
/// Throttled calls that one channel may have. It may have few calls in all.
const THROTTLED_ON_CHANNEL: (f64, f64) = (0.05, 3.0);
/// Calls of one bearer that may come at once.
const AT_ONCE: usize = 10;
/// The least share of the bearers' rate that is used while a channel is due.
const USED: f64 = 0.9;
/// How late a due channel may be called while bearers are free. This allows for jitter and for a
/// refused call.
const LATE: Duration = Duration::from_secs(3);
/// The same if the service has faults: it may count as down for a while.
const LATE_WITH_FAULTS: Duration = Duration::from_secs(12);
/// The makespan over its lower bound, without jitter.
const RATIO: f64 = 1.02;

/// A job and the service that it calls.
#[derive(Debug, Clone)]
struct Job {
    /// Members of each channel.
    sizes: Vec<u64>,
    /// Whether the list is sorted by channel.
    is_sorted: bool,
    bearers: usize,
    latency: Duration,
    jitter: f64,
    faults: Vec<FaultShare>,
    seed: u64,
}

impl Job {
    fn rows(&self) -> String {
        let sizes = || self.sizes.iter().copied().enumerate();
        if self.is_sorted {
            let of = |(c, size)| (0..size).map(move |m| (c, format!("u{m}")));
            return list(sizes().flat_map(of));
        }
        let longest = self.sizes.iter().copied().max().unwrap_or_default();
        let of = |m| {
            sizes()
                .filter(move |(_, size)| m < *size)
                .map(move |(c, _)| (c, format!("u{m}")))
        };
        list((0..longest).flat_map(of))
    }

    async fn run(&self) -> (Harness, SessionResult) {
        let sandbox = SandboxConfig {
            latency: self.latency,
            jitter: self.jitter,
            faults: self.faults.clone(),
            seed: self.seed,
            ..SandboxConfig::default()
        };
        let mut run = Harness::with_sandbox(self.rows(), sandbox)
            .bearers(self.bearers)
            .scheduling(|settings| settings.seed = self.seed);
        let result = run.run().await;
        assert!(result.is_finished(), "{:?}", result.ending);
        let is_in = result.count(Outcome::Added) + result.count(Outcome::AlreadyMember);
        assert_eq!(is_in, self.sizes.iter().sum::<u64>());
        (run, result)
    }

    /// By how much the time of a request, or of a response, may differ from its mean.
    fn spread(&self) -> Duration {
        (self.latency / 2).mul_f64(self.jitter)
    }

    fn pool_rate(&self) -> f64 {
        quota::BEARER_RATE * f64::from(u32::try_from(self.bearers).unwrap())
    }
}

/// Few large channels, many small ones, or one large channel and many small ones.
fn sizes() -> impl Strategy<Value = Vec<u64>> {
    let hot = (1_000..4_000_u64, prop::collection::vec(1..50_u64, 20..150));
    prop_oneof![
        prop::collection::vec(200..2_000_u64, 1..12),
        prop::collection::vec(1..300_u64, 1..120),
        hot.prop_map(|(hot, mut others)| {
            others.push(hot);
            others
        }),
    ]
}

fn job(faults: impl Strategy<Value = Vec<FaultShare>>) -> impl Strategy<Value = Job> {
    let latency = (0..800_u64).prop_map(Duration::from_millis);
    let jitter = prop_oneof![Just(0.0), 0.0..0.25_f64];
    let parts = (sizes(), any::<bool>(), 1..5_usize, latency, jitter, faults);
    (parts, any::<u64>()).prop_map(
        |((sizes, is_sorted, bearers, latency, jitter, faults), seed)| Job {
            sizes,
            is_sorted,
            bearers,
            latency,
            jitter,
            faults,
            seed,
        },
    )
}

/// Faults other than throttled calls.
fn faults() -> impl Strategy<Value = Vec<FaultShare>> {
    let share = || prop_oneof![Just(0.0), 0.0..0.03_f64];
    (share(), share(), share()).prop_map(|(throttled, unavailable, lost)| {
        [
            (Fault::MemberThrottled, throttled),
            (Fault::CallUnavailable, unavailable),
            (Fault::Lost, lost),
        ]
        .map(|(fault, share)| FaultShare { fault, share })
        .to_vec()
    })
}

fn is_throttled(call: &RecordedCall) -> bool {
    let refusal = call
        .answer
        .as_ref()
        .and_then(|(_, answer)| answer.as_ref().err());
    refusal.is_some_and(|refusal| refusal.kind == RefusalKind::Throttled)
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// Checks the calls that the service throttled, and the calls in a bearer's busiest second. (Accepted
/// calls are within the limits, because the service enforces them.)
fn check_limits(run: &Harness) {
    let calls = run.calls();
    let most = |(share, more): (f64, f64), calls: usize| float(calls) * share + more;
    let throttled = calls.iter().filter(|call| is_throttled(call)).count();
    assert!(
        float(throttled) <= most(THROTTLED, calls.len()),
        "{throttled} of {} calls are throttled",
        calls.len()
    );
    let mut by_channel: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for call in &calls {
        let (made, throttled) = by_channel.entry(&call.channel).or_default();
        *made += 1;
        *throttled += usize::from(is_throttled(call));
    }
    for (channel, (made, throttled)) in by_channel {
        assert!(
            float(throttled) <= most(THROTTLED_ON_CHANNEL, made),
            "{throttled} of {made} calls on {channel} are throttled"
        );
    }
    // No second of a bearer has more calls than its limit; those that were throttled do not count.
    let mut by_bearer: BTreeMap<_, Vec<Duration>> = BTreeMap::new();
    for call in calls.iter().filter(|call| !is_throttled(call)) {
        by_bearer.entry(&call.bearer).or_default().push(call.at);
    }
    for (bearer, mut sent) in by_bearer {
        sent.sort_unstable();
        for calls in sent.windows(AT_ONCE + 1) {
            let within = calls[AT_ONCE].saturating_sub(calls[0]);
            assert!(
                within >= SECOND,
                "{bearer}: {} calls in {within:?}",
                calls.len()
            );
        }
    }
}

/// Checks that a due channel with unsent rows is called as soon as a bearer is free: while it waits,
/// the bearers call other channels.
fn check_gaps(job: &Job, calls: &[RecordedCall]) {
    let late = if job.faults.iter().any(|fault| fault.share > 0.0) {
        LATE_WITH_FAULTS
    } else {
        LATE
    };
    for (number, size) in job.sizes.iter().enumerate() {
        let channel = channel(number);
        let mut sent = BTreeSet::new();
        let mut due = Duration::ZERO;
        for call in calls.iter().filter(|call| call.channel == channel) {
            if (sent.len() as u64) < *size {
                let between = |other: &&RecordedCall| (due..call.at).contains(&other.at);
                let others = float(calls.iter().filter(between).count());
                let busy = Duration::from_secs_f64(others / (job.pool_rate() * USED));
                let gap = call.at.saturating_sub(due);
                assert!(
                    gap <= late + busy,
                    "{channel}: due at {due:?}, called at {:?}, {others} other calls between",
                    call.at
                );
            }
            sent.extend(&call.members);
            due = call.at + SECOND;
        }
        assert_eq!(sent.len() as u64, *size, "{channel}");
    }
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn a_run_stays_within_the_limits_as_the_service_counts_them(job in job(faults())) {
        run_paused(async {
            let (run, _) = job.run().await;
            check_limits(&run);
        });
    }

    #[test]
    fn no_channel_is_left_behind(job in job(prop_oneof![Just(Vec::new()).boxed(), faults().boxed()])) {
        run_paused(async {
            let (run, _) = job.run().await;
            check_gaps(&job, &run.calls());
        });
    }

    #[test]
    fn without_faults_the_makespan_is_near_its_lower_bound(job in job(Just(Vec::new()))) {
        run_paused(async {
            let (run, result) = job.run().await;
            let mut bound = LowerBound::default();
            job.sizes.iter().for_each(|members| bound.add_channel(*members));
            let (least, _) = bound.time(&run.scheduling.limits, job.bearers);
            // Jitter may force two calls on a channel further apart than its limit does. The run
            // ends with the answer to the last call.
            let apart = (job.spread() * 2).as_secs_f64() * quota::CHANNEL_RATE;
            let allowed = least.mul_f64(RATIO + apart) + job.latency + LATE;
            assert!(result.took <= allowed, "{:?} of {least:?}, at most {allowed:?}", result.took);
        });
    }
}
