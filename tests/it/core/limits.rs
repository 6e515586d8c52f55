//! What holds of the pace of any run: the limits as the service counts them, no channel left
//! behind, and the makespan near its bound.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chime_bulk::model::{Outcome, RefusalKind, quota};
use chime_bulk::sandbox::{Fault, FaultShare, SandboxConfig};
use chime_bulk::schedule::LowerBound;
use proptest::prelude::*;

use crate::core::properties::{cases, rehearse};
use crate::support::harness::{Ended, Harness, channel, list};
use crate::support::recorder::Seen;

const SECOND: Duration = Duration::from_secs(1);
/// Refused calls that are no fault: their share of all, and how many besides.
const REFUSED: (f64, f64) = (0.03, 3.0);
/// The same of the calls on any one channel, of which a run may have few.
const REFUSED_ON_ONE: (f64, f64) = (0.05, 3.0);
/// Share of the bearers' rate that is used at least while a channel is due.
const USED: f64 = 0.9;
/// How much later than due a channel may be called though bearers are free: what the way's
/// variation and a refused call cost.
const LATE: Duration = Duration::from_secs(3);
/// The same where the service fails now and then: it may count as down for a while.
const LATE_WITH_FAULTS: Duration = Duration::from_secs(12);
/// How far the makespan may be from its bound on a way that does not vary.
const RATIO: f64 = 1.02;

/// A job and the service that it meets.
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

    async fn run(&self) -> (Harness, Ended) {
        let world = SandboxConfig {
            latency: self.latency,
            jitter: self.jitter,
            faults: self.faults.clone(),
            seed: self.seed,
            ..SandboxConfig::default()
        };
        let mut run = Harness::in_world(self.rows(), world)
            .bearers(self.bearers)
            .scheduling(|settings| settings.seed = self.seed);
        let ended = run.run().await;
        assert!(ended.is_finished(), "{:?}", ended.ending);
        let is_in = ended.of(Outcome::Added) + ended.of(Outcome::AlreadyMember);
        assert_eq!(is_in, self.sizes.iter().sum::<u64>());
        (run, ended)
    }

    /// How much each way varies, up or down.
    fn spread(&self) -> Duration {
        (self.latency / 2).mul_f64(self.jitter)
    }

    fn pool_rate(&self) -> f64 {
        quota::BEARER_RATE * f64::from(u32::try_from(self.bearers).unwrap())
    }
}

/// Few large channels, many small ones, or one that is larger than all others.
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

/// Faults that the service has a right to; none of them is a throttled call.
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

fn is_throttled(call: &Seen) -> bool {
    let refusal = call
        .answer
        .as_ref()
        .and_then(|(_, answer)| answer.as_ref().err());
    refusal.is_some_and(|refusal| refusal.kind == RefusalKind::Throttled)
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// Accepted calls are within the limits by the service's own doing: what a caller gets wrong shows
/// in what it refuses, and in how many calls come in a second.
fn judge_limits(job: &Job, run: &Harness) {
    let calls = run.seen();
    let most = |(share, besides): (f64, f64), calls: usize| float(calls) * share + besides;
    let refused = calls.iter().filter(|call| is_throttled(call)).count();
    assert!(
        float(refused) <= most(REFUSED, calls.len()),
        "{refused} of {} calls are refused",
        calls.len()
    );
    let mut by_channel: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for call in &calls {
        let (made, refused) = by_channel.entry(&call.channel).or_default();
        *made += 1;
        *refused += usize::from(is_throttled(call));
    }
    for (channel, (made, refused)) in by_channel {
        assert!(
            float(refused) <= most(REFUSED_ON_ONE, made),
            "{refused} of {made} calls on {channel} are refused"
        );
    }
    // An even pace, one late call made up for, and what the way's variation pushes together.
    let pushed = (SECOND + job.spread() * 2).as_secs_f64() * quota::BEARER_RATE;
    for (bearer, busiest) in run.service.stats().busiest_seconds_of_bearers {
        let busiest = float(usize::try_from(busiest).unwrap());
        assert!(
            busiest <= pushed.ceil() + 2.0,
            "{bearer}: {busiest} in a second"
        );
    }
}

/// A channel that is due, with rows that were never sent, is called as soon as the bearers can:
/// while it waits they are busy with others.
fn judge_gaps(job: &Job, calls: &[Seen]) {
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
                let between = |other: &&Seen| (due..call.at).contains(&other.at);
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
    fn limits_hold_as_the_service_counts_them(job in job(faults())) {
        rehearse(async {
            let (run, _) = job.run().await;
            judge_limits(&job, &run);
        });
    }

    #[test]
    fn no_channel_is_left_behind(job in job(prop_oneof![Just(Vec::new()).boxed(), faults().boxed()])) {
        rehearse(async {
            let (run, _) = job.run().await;
            judge_gaps(&job, &run.seen());
        });
    }

    #[test]
    fn without_faults_the_makespan_is_near_its_bound(job in job(Just(Vec::new()))) {
        rehearse(async {
            let (run, ended) = job.run().await;
            let mut bound = LowerBound::default();
            job.sizes.iter().for_each(|members| bound.add_channel(*members));
            let (least, _) = bound.time(&run.scheduling.limits, job.bearers);
            // As much as a way varies, two calls on a channel may have to be further apart than
            // its limit has it. The last one's answer is waited for.
            let apart = (job.spread() * 2).as_secs_f64() * quota::CHANNEL_RATE;
            let allowed = least.mul_f64(RATIO + apart) + job.latency + LATE;
            assert!(ended.took <= allowed, "{:?} of {least:?}, at most {allowed:?}", ended.took);
        });
    }
}
