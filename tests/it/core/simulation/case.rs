//! Draws a case from a seed: a list, a service, limits, and interruptions.

use std::collections::BTreeSet;
use std::time::Duration;

use chime_bulk::engine::Command;
use chime_bulk::model::codes::Effect;
use chime_bulk::model::{CallAction, ChannelArn, Limits, MemberArn, RefusalKind};
use chime_bulk::sandbox::{
    CallCode, ExistingAnswer, Fault, FaultShare, Lowered, OverCapacity, Quotas, SandboxConfig,
    Storm,
};
use chime_bulk::schedule::{FailureThreshold, SchedulerConfig};

use super::rng::SeededRng;
use super::row::Row;
use crate::support::harness::{ListPace, channel, user};
use crate::support::interruption::{Interruption, Moment};

/// Enough attempts that random faults do not use them up.
pub(super) const ENOUGH: u32 = 60;

/// Rows of a chunk.
const CHUNK: usize = 2_048;

/// One run, and everything that happens to it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) channels: u8,
    pub(super) rows: Vec<Row>,
    /// Users from this number on do not exist.
    pub(super) missing_from: u16,
    pub(super) sandbox: SandboxConfig,
    pub(super) scheduling: SchedulerConfig,
    pub(super) existing: BTreeSet<(u8, u16)>,
    pub(super) banned: BTreeSet<(u8, u16)>,
    /// Members that make the service refuse a whole call.
    pub(super) poison: BTreeSet<(u8, u16)>,
    /// How it refuses such a call.
    pub(super) poison_kind: RefusalKind,
    /// One answer in this many is distorted; 0: none.
    pub(super) distort_one_in: u32,
    /// Whether calls that the engine gave up reach the service all the same.
    pub(super) unstoppable: bool,
    /// Numbers of the calls that are refused for expired credentials.
    pub(super) expired: BTreeSet<usize>,
    pub(super) pace: ListPace,
    pub(super) interruptions: Vec<(Moment, Interruption)>,
}

impl Case {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = SeededRng::new(seed);
        let channels = rng.pick(&[1, 1, 2, 3, 4, 6, 9]);
        let size = match rng.in_range(0..=99) {
            0..=2 => 0,
            3..=39 => rng.in_range(1..=12),
            40..=79 => rng.in_range(8..=90),
            80..=94 => rng.in_range(60..=400),
            _ => rng.in_range(2_049..=5_000),
        };
        let is_long = size > CHUNK;
        // Most long lists test reading. Few of their rows can be sent.
        let sent = if is_long && !rng.one_in(5) { 200 } else { size };
        let limits = limits(&mut rng, sent);
        // The fewer users, the more duplicates.
        let users = u16::try_from(sent).unwrap() / u16::from(channels) + 3;
        let users = rng.pick(&[users / 2 + 1, users, users * 4]);
        let missing_from = rng.pick(&[users, users, users / 8 * 7 + 1]);
        let rows = Row::list(&mut rng, size, channels, users);
        let sandbox = sandbox(&mut rng, size, channels);
        let existing = some_members(&mut rng, channels, users, 20)
            .into_iter()
            .filter(|(_, member)| *member < missing_from)
            .take(usize::try_from(sandbox.capacity.min(20)).unwrap())
            .collect();
        let (banned, poison) = (
            some_members(&mut rng, channels, users, 12),
            some_members(&mut rng, channels, users, 5),
        );
        Self {
            seed,
            channels,
            rows,
            missing_from,
            existing,
            banned,
            poison,
            poison_kind: rng.pick(&[RefusalKind::BadRequest, RefusalKind::Denied]),
            distort_one_in: rng.pick(&[0, 0, 0, 2, 6]),
            unstoppable: rng.one_in(3),
            expired: if rng.one_in(6) {
                (0..rng.in_range(1..=3))
                    .map(|_| rng.in_range(0..=12))
                    .collect()
            } else {
                BTreeSet::new()
            },
            pace: match rng.in_range(0..=3) {
                0 => ListPace::Ahead,
                1 => ListPace::Slow(rng.duration(1.0, 20_000.0)),
                2 if is_long => ListPace::Slow(rng.duration(1.0, 900.0)),
                _ => ListPace::Inline,
            },
            scheduling: scheduling(&mut rng, limits),
            interruptions: interruptions(&mut rng),
            sandbox,
        }
        .with_storms(&mut rng)
    }

    /// Adds storms: times in which calls are refused with some code, all of them or those of one
    /// bearer or channel. Some cases also deny one bearer of several, or one channel, forever.
    ///
    /// Of the codes that may concern a member or channel there is at most one storm, and not on one
    /// channel: a channel refused while others are accepted, or refused twice, ends.
    fn with_storms(mut self, rng: &mut SeededRng) -> Self {
        let codes: Vec<CallCode> = CallCode::all()
            .filter(|code| code.code().effect != Effect::Call(RefusalKind::NotFound))
            .collect();
        for number in 0..rng.pick(&[0, 0, 0, 1, 1, 2]) {
            let begin = rng.duration(1.0, 40_000.0);
            let mut storm = Storm {
                code: rng.pick(&codes),
                during: begin..begin + rng.duration(1.0, 200_000.0),
                bearers: Vec::new(),
                channels: Vec::new(),
            };
            let Effect::Call(kind) = storm.code.code().effect else {
                continue;
            };
            let is_examined = kind.action() == CallAction::Examine;
            if is_examined && number > 0 {
                continue;
            }
            match rng.in_range(0..=3) {
                0 => storm.bearers.push(self.bearer(rng)),
                1 if !is_examined => storm.channels.push(self.channel(rng)),
                _ => {}
            }
            self.sandbox.storms.push(storm);
        }
        let denials: Vec<CallCode> = ["Forbidden", "AccessDenied", "UnauthorizedClient", "Http403"]
            .iter()
            .map(|code| format!("{code}Exception").parse().or(code.parse()).unwrap())
            .collect();
        let denied = |bearers, channels, rng: &mut SeededRng| Storm {
            code: rng.pick(&denials),
            during: rng.pick(&[Duration::ZERO, Duration::from_secs(4)])..Duration::MAX,
            bearers,
            channels,
        };
        if self.scheduling.bearers > 1 && rng.one_in(3) {
            let storm = denied(vec![self.bearer(rng)], Vec::new(), rng);
            self.sandbox.storms.push(storm);
        }
        if rng.one_in(5) {
            let storm = denied(Vec::new(), vec![self.channel(rng)], rng);
            self.sandbox.storms.push(storm);
        }
        self
    }

    fn bearer(&self, rng: &mut SeededRng) -> String {
        format!("admin{}", rng.in_range(0..=self.scheduling.bearers - 1))
    }

    fn channel(&self, rng: &mut SeededRng) -> String {
        format!("c{}", rng.in_range(0..=self.channels - 1))
    }

    /// Whether a channel is denied to every bearer, forever.
    pub(super) fn is_denied(&self, channel: u8) -> bool {
        let name = format!("c{channel}");
        let mut storms = self.sandbox.storms.iter();
        storms.any(|storm| storm.during.end == Duration::MAX && storm.channels.contains(&name))
    }

    /// The list, as text.
    pub(super) fn list(&self) -> String {
        let mut text = "channel_id,user_id,membership_type,sub_channel_id,status\n".to_owned();
        for row in &self.rows {
            row.write(self, &mut text);
        }
        text
    }

    pub(super) fn member(&self, number: u16) -> MemberArn {
        user(&self.member_id(number))
    }

    pub(super) fn member_id(&self, number: u16) -> String {
        let name = if number >= self.missing_from {
            "gone"
        } else {
            "u"
        };
        format!("{name}{number}")
    }

    /// These members, by ARN.
    pub(super) fn named(&self, of: &BTreeSet<(u8, u16)>) -> BTreeSet<(ChannelArn, MemberArn)> {
        of.iter()
            .map(|(c, number)| (channel(c), self.member(*number)))
            .collect()
    }

    /// Whether a channel does not exist.
    pub(super) fn is_missing(&self, channel: u8) -> bool {
        self.sandbox
            .missing_channels
            .contains(&format!("c{channel}"))
    }

    /// Whether chance cannot use up the attempts of a member, so that it is certain who is in at the
    /// end.
    pub(super) fn is_certain(&self) -> bool {
        let charges = |share: &FaultShare| share.fault != Fault::CallThrottled && share.share > 0.0;
        let storm_charges = |storm: &Storm| match storm.code.code().effect {
            Effect::Call(kind) => {
                kind.action() == CallAction::Retry && kind != RefusalKind::WrongAddress
            }
            _ => false,
        };
        let is_patient = self.scheduling.limits.max_attempts >= ENOUGH;
        let is_calm = !self.sandbox.faults.iter().any(charges)
            && !self.sandbox.storms.iter().any(storm_charges)
            && self.sandbox.outage.is_none()
            && self.distort_one_in == 0
            && self
                .interruptions
                .iter()
                .all(|(_, interruption)| *interruption == Interruption::Command(Command::Drain));
        is_patient || is_calm
    }
}

fn limits(rng: &mut SeededRng, size: usize) -> Limits {
    let fewest = u32::try_from(size / 120 + 1).unwrap().min(100);
    let (members, attempts) = (rng.in_range(fewest..=100), rng.in_range(1..=8));
    Limits {
        channel_rate: rng.pick(&[1.0, 1.0, 0.25, 3.7]),
        single_rate: None,
        bearer_rate: rng.pick(&[10.0, 10.0, 0.5, 17.3]),
        max_rate: if rng.one_in(3) {
            Some(rng.log_uniform(0.4, 30.0))
        } else {
            None
        },
        members_per_call: rng.pick(&[100, 100, fewest, members]),
        max_in_flight: if rng.one_in(2) {
            Some(rng.in_range(1..=8))
        } else {
            None
        },
        max_attempts: rng.pick(&[ENOUGH, ENOUGH, ENOUGH, attempts]),
    }
}

fn sandbox(rng: &mut SeededRng, size: usize, channels: u8) -> SandboxConfig {
    let mut faults: Vec<FaultShare> = Vec::new();
    for fault in Fault::ALL {
        if rng.one_in(3) {
            let share = rng.log_uniform(0.01, 0.35);
            faults.push(FaultShare { fault, share });
        }
    }
    let has_outage = rng.one_in(7);
    let begin = rng.duration(1.0, 20_000.0);
    let (short, long) = (rng.duration(1.0, 300.0), rng.duration(300.0, 2_500.0));
    SandboxConfig {
        faults,
        seed: rng.in_range(0..=u64::MAX),
        latency: rng.pick(&[Duration::ZERO, short, long]),
        jitter: rng.pick(&[0.0, 0.0, 0.9]),
        slow_by: rng.duration(1_000.0, 40_000.0),
        attempt_timeout: rng.duration(6_000.0, 20_000.0),
        capacity: if rng.one_in(4) {
            rng.in_range(1..=(size as u64 / u64::from(channels) + 2))
        } else {
            10_000
        },
        over_capacity: rng.pick(&[OverCapacity::RefuseCall, OverCapacity::RefuseMembers]),
        existing_answer: rng.pick(&[ExistingAnswer::Silent, ExistingAnswer::Conflict]),
        missing_channels: if rng.one_in(5) {
            vec![format!("c{}", rng.in_range(0..=channels - 1))]
        } else {
            Vec::new()
        },
        missing_users: vec!["gone".into()],
        outage: has_outage.then(|| begin..begin + rng.duration(500.0, 500_000.0)),
        quotas: quotas(rng),
        ..SandboxConfig::default()
    }
}

/// Mostly the documented quotas; sometimes lower ones, or lower ones for a time.
fn quotas(rng: &mut SeededRng) -> Quotas {
    let mut quotas = Quotas::default();
    if rng.one_in(5) {
        quotas.channel_rate = rng.log_uniform(0.2, 1.0);
    }
    if rng.one_in(5) {
        quotas.bearer_rate = Some(rng.log_uniform(0.5, 10.0));
        quotas.bearer_burst = Some(rng.in_range(1..=3));
    }
    if rng.one_in(6) {
        let begin = rng.duration(1.0, 10_000.0);
        quotas.lowered = Some(Lowered {
            share: rng.pick(&[0.0, 0.3, 0.7]),
            during: begin..begin + rng.duration(500.0, 400_000.0),
        });
    }
    quotas
}

fn scheduling(rng: &mut SeededRng, limits: Limits) -> SchedulerConfig {
    let usual = SchedulerConfig::new(limits, rng.in_range(1..=3));
    let few = rng.in_range(1..=100);
    SchedulerConfig {
        max_failures: if rng.one_in(8) {
            let rows = FailureThreshold::Rows(rng.in_range(0..=20));
            Some(rng.pick(&[rows, FailureThreshold::Percent(10.0)]))
        } else {
            None
        },
        max_waiting: rng.pick(&[50_000, 50_000, few]),
        ..usual
    }
}

pub(super) fn interruptions(rng: &mut SeededRng) -> Vec<(Moment, Interruption)> {
    let many = rng.pick(&[0, 1, 1, 2, 3, 6]);
    (0..many)
        .map(|_| {
            let moment = match rng.in_range(0..=2) {
                0 => Moment::After(rng.duration(1.0, 30_000.0)),
                1 => Moment::Polls(rng.in_range(1..=8)),
                _ => Moment::Polls(rng.in_range(1..=80)),
            };
            let interruption = match rng.in_range(0..=5) {
                0 => Interruption::Command(Command::Drain),
                1 => Interruption::Command(Command::Halt),
                2 => Interruption::PowerLoss(rng.in_range(0..=9_000)),
                3 => Interruption::Stall(rng.duration(1.0, 20_000.0)),
                _ => Interruption::Crash,
            };
            (moment, interruption)
        })
        .collect()
}

/// Some members of some channels; none in half of the cases.
fn some_members(rng: &mut SeededRng, channels: u8, users: u16, most: usize) -> BTreeSet<(u8, u16)> {
    if rng.one_in(2) {
        return BTreeSet::new();
    }
    (0..rng.in_range(1..=most))
        .map(|_| (rng.in_range(0..=channels - 1), rng.in_range(0..=users)))
        .collect()
}
