//! From a seed to a case: a list, a service, limits, and what cuts the run short.

use std::collections::BTreeSet;
use std::time::Duration;

use chime_bulk::engine::Command;
use chime_bulk::model::codes::Effect;
use chime_bulk::model::{CallAction, ChannelArn, Limits, MemberArn, RefusalKind};
use chime_bulk::sandbox::{
    CallCode, Fault, FaultShare, Lowered, OverCapacity, Quotas, ReAdd, SandboxConfig, Storm,
};
use chime_bulk::schedule::{FailureThreshold, SchedulerConfig};

use super::dice::Dice;
use super::row::Row;
use crate::support::harness::{Pace, channel, user};
use crate::support::interruption::{Cut, Moment};

/// Attempts that no bad luck uses up.
pub(super) const ENOUGH: u32 = 60;

/// Rows that are read at a time.
const PARCEL: usize = 2_048;

/// One run, with all that happens to it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) channels: u8,
    pub(super) rows: Vec<Row>,
    /// Users from this number on do not exist.
    pub(super) missing_from: u16,
    pub(super) world: SandboxConfig,
    pub(super) scheduling: SchedulerConfig,
    pub(super) existing: BTreeSet<(u8, u16)>,
    pub(super) banned: BTreeSet<(u8, u16)>,
    /// Members for whose sake whole calls are refused, and how.
    pub(super) poison: BTreeSet<(u8, u16)>,
    pub(super) poisonous: RefusalKind,
    /// One answer in this many is rubbish; 0: none.
    pub(super) rubbish: u32,
    /// Calls given up arrive all the same.
    pub(super) unstoppable: bool,
    /// Numbers of calls that find the credentials expired.
    pub(super) expired: BTreeSet<usize>,
    pub(super) pace: Pace,
    pub(super) cuts: Vec<(Moment, Cut)>,
}

impl Case {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let channels = dice.any(&[1, 1, 2, 3, 4, 6, 9]);
        let size = match dice.of(0..=99) {
            0..=2 => 0,
            3..=39 => dice.of(1..=12),
            40..=79 => dice.of(8..=90),
            80..=94 => dice.of(60..=400),
            _ => dice.of(2_049..=5_000),
        };
        let is_long = size > PARCEL;
        // What is sent of a long list is mostly little: it is about its reading.
        let sent = if is_long && !dice.once_in(5) {
            200
        } else {
            size
        };
        let limits = limits(&mut dice, sent);
        // Few users make many duplicates, and full calls.
        let users = u16::try_from(sent).unwrap() / u16::from(channels) + 3;
        let users = dice.any(&[users / 2 + 1, users, users * 4]);
        let missing_from = dice.any(&[users, users, users / 8 * 7 + 1]);
        let rows = Row::list(&mut dice, size, channels, users);
        let world = world(&mut dice, size, channels);
        let existing = somebody(&mut dice, channels, users, 20)
            .into_iter()
            .filter(|(_, member)| *member < missing_from)
            .take(usize::try_from(world.capacity.min(20)).unwrap())
            .collect();
        let (banned, poison) = (
            somebody(&mut dice, channels, users, 12),
            somebody(&mut dice, channels, users, 5),
        );
        Self {
            seed,
            channels,
            rows,
            missing_from,
            existing,
            banned,
            poison,
            poisonous: dice.any(&[RefusalKind::BadRequest, RefusalKind::Denied]),
            rubbish: dice.any(&[0, 0, 0, 2, 6]),
            unstoppable: dice.once_in(3),
            expired: if dice.once_in(6) {
                (0..dice.of(1..=3)).map(|_| dice.of(0..=12)).collect()
            } else {
                BTreeSet::new()
            },
            pace: match dice.of(0..=3) {
                0 => Pace::Ahead,
                1 => Pace::Slow(dice.time(1.0, 20_000.0)),
                2 if is_long => Pace::Slow(dice.time(1.0, 900.0)),
                _ => Pace::Inline,
            },
            scheduling: scheduling(&mut dice, limits),
            cuts: cuts(&mut dice),
            world,
        }
        .with_storms(&mut dice)
    }

    /// The same, with times in which calls are refused with any one code: for a while all of them,
    /// or those of a bearer or channel; and now and then one bearer of several, or one channel, is
    /// denied for good.
    ///
    /// Of the codes that may concern a member or channel there is one such time at most, and not
    /// for one channel: a channel refused while others are not, or refused twice, counts as refused.
    fn with_storms(mut self, dice: &mut Dice) -> Self {
        let codes: Vec<CallCode> = CallCode::all()
            .filter(|code| code.code().effect != Effect::Call(RefusalKind::NotFound))
            .collect();
        for number in 0..dice.any(&[0, 0, 0, 1, 1, 2]) {
            let begin = dice.time(1.0, 40_000.0);
            let mut storm = Storm {
                code: dice.any(&codes),
                during: begin..begin + dice.time(1.0, 200_000.0),
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
            match dice.of(0..=3) {
                0 => storm.bearers.push(self.bearer(dice)),
                1 if !is_examined => storm.channels.push(self.channel(dice)),
                _ => {}
            }
            self.world.storms.push(storm);
        }
        let denials: Vec<CallCode> = ["Forbidden", "AccessDenied", "UnauthorizedClient", "Http403"]
            .iter()
            .map(|code| format!("{code}Exception").parse().or(code.parse()).unwrap())
            .collect();
        let denied = |bearers, channels, dice: &mut Dice| Storm {
            code: dice.any(&denials),
            during: dice.any(&[Duration::ZERO, Duration::from_secs(4)])..Duration::MAX,
            bearers,
            channels,
        };
        if self.scheduling.bearers > 1 && dice.once_in(3) {
            let storm = denied(vec![self.bearer(dice)], Vec::new(), dice);
            self.world.storms.push(storm);
        }
        if dice.once_in(5) {
            let storm = denied(Vec::new(), vec![self.channel(dice)], dice);
            self.world.storms.push(storm);
        }
        self
    }

    fn bearer(&self, dice: &mut Dice) -> String {
        format!("admin{}", dice.of(0..=self.scheduling.bearers - 1))
    }

    fn channel(&self, dice: &mut Dice) -> String {
        format!("c{}", dice.of(0..=self.channels - 1))
    }

    /// Whether a channel is denied for good to every bearer.
    pub(super) fn is_denied(&self, channel: u8) -> bool {
        let name = format!("c{channel}");
        let mut storms = self.world.storms.iter();
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

    /// Everybody of these, by their ARNs.
    pub(super) fn named(&self, of: &BTreeSet<(u8, u16)>) -> BTreeSet<(ChannelArn, MemberArn)> {
        of.iter()
            .map(|(c, number)| (channel(c), self.member(*number)))
            .collect()
    }

    /// Whether a channel does not exist.
    pub(super) fn is_missing(&self, channel: u8) -> bool {
        self.world.missing_channels.contains(&format!("c{channel}"))
    }

    /// Whether nobody's attempts can be used up by bad luck, so that it is certain who is in at
    /// the end.
    pub(super) fn is_certain(&self) -> bool {
        let charges = |share: &FaultShare| share.fault != Fault::CallThrottled && share.share > 0.0;
        let storm_charges = |storm: &Storm| match storm.code.code().effect {
            Effect::Call(kind) => {
                kind.action() == CallAction::Retry && kind != RefusalKind::WrongAddress
            }
            _ => false,
        };
        let is_patient = self.scheduling.limits.max_attempts >= ENOUGH;
        let is_calm = !self.world.faults.iter().any(charges)
            && !self.world.storms.iter().any(storm_charges)
            && self.world.outage.is_none()
            && self.rubbish == 0
            && self
                .cuts
                .iter()
                .all(|(_, cut)| *cut == Cut::Command(Command::Drain));
        is_patient || is_calm
    }
}

fn limits(dice: &mut Dice, size: usize) -> Limits {
    let fewest = u32::try_from(size / 120 + 1).unwrap().min(100);
    let (members, attempts) = (dice.of(fewest..=100), dice.of(1..=8));
    Limits {
        channel_rate: dice.any(&[1.0, 1.0, 0.25, 3.7]),
        bearer_rate: dice.any(&[10.0, 10.0, 0.5, 17.3]),
        max_rate: if dice.once_in(3) {
            Some(dice.wide(0.4, 30.0))
        } else {
            None
        },
        members_per_call: dice.any(&[100, 100, fewest, members]),
        max_in_flight: if dice.once_in(2) {
            Some(dice.of(1..=8))
        } else {
            None
        },
        max_attempts: dice.any(&[ENOUGH, ENOUGH, ENOUGH, attempts]),
    }
}

fn world(dice: &mut Dice, size: usize, channels: u8) -> SandboxConfig {
    let mut faults: Vec<FaultShare> = Vec::new();
    for fault in Fault::ALL {
        if dice.once_in(3) {
            let share = dice.wide(0.01, 0.35);
            faults.push(FaultShare { fault, share });
        }
    }
    let has_outage = dice.once_in(7);
    let begin = dice.time(1.0, 20_000.0);
    let (short, long) = (dice.time(1.0, 300.0), dice.time(300.0, 2_500.0));
    SandboxConfig {
        faults,
        seed: dice.of(0..=u64::MAX),
        latency: dice.any(&[Duration::ZERO, short, long]),
        jitter: dice.any(&[0.0, 0.0, 0.9]),
        slow_by: dice.time(1_000.0, 40_000.0),
        attempt_timeout: dice.time(6_000.0, 20_000.0),
        capacity: if dice.once_in(4) {
            dice.of(1..=(size as u64 / u64::from(channels) + 2))
        } else {
            10_000
        },
        over_capacity: dice.any(&[OverCapacity::RefuseCall, OverCapacity::RefuseMembers]),
        re_add: dice.any(&[ReAdd::Silent, ReAdd::Conflict]),
        missing_channels: if dice.once_in(5) {
            vec![format!("c{}", dice.of(0..=channels - 1))]
        } else {
            Vec::new()
        },
        missing_users: vec!["gone".into()],
        outage: has_outage.then(|| begin..begin + dice.time(500.0, 500_000.0)),
        quotas: quotas(dice),
        ..SandboxConfig::default()
    }
}

/// Mostly as documented; now and then less, or less for a time.
fn quotas(dice: &mut Dice) -> Quotas {
    let mut quotas = Quotas::default();
    if dice.once_in(5) {
        quotas.channel_rate = dice.wide(0.2, 1.0);
    }
    if dice.once_in(5) {
        quotas.bearer_rate = Some(dice.wide(0.5, 10.0));
        quotas.bearer_burst = Some(dice.of(1..=3));
    }
    if dice.once_in(6) {
        let begin = dice.time(1.0, 10_000.0);
        quotas.lowered = Some(Lowered {
            share: dice.any(&[0.0, 0.3, 0.7]),
            during: begin..begin + dice.time(500.0, 400_000.0),
        });
    }
    quotas
}

fn scheduling(dice: &mut Dice, limits: Limits) -> SchedulerConfig {
    let usual = SchedulerConfig::new(limits, dice.of(1..=3));
    let few = dice.of(1..=100);
    SchedulerConfig {
        max_failures: if dice.once_in(8) {
            let rows = FailureThreshold::Rows(dice.of(0..=20));
            Some(dice.any(&[rows, FailureThreshold::Percent(10.0)]))
        } else {
            None
        },
        max_waiting: dice.any(&[50_000, 50_000, few]),
        ..usual
    }
}

fn cuts(dice: &mut Dice) -> Vec<(Moment, Cut)> {
    let many = dice.any(&[0, 1, 1, 2, 3, 6]);
    (0..many)
        .map(|_| {
            let moment = match dice.of(0..=2) {
                0 => Moment::After(dice.time(1.0, 30_000.0)),
                1 => Moment::Turns(dice.of(1..=8)),
                _ => Moment::Turns(dice.of(1..=80)),
            };
            let cut = match dice.of(0..=5) {
                0 => Cut::Command(Command::Drain),
                1 => Cut::Command(Command::Halt),
                2 => Cut::PowerLoss(dice.of(0..=9_000)),
                3 => Cut::Stall(dice.time(1.0, 20_000.0)),
                _ => Cut::Crash,
            };
            (moment, cut)
        })
        .collect()
}

/// Some members of some channels; nobody in every other case.
fn somebody(dice: &mut Dice, channels: u8, users: u16, most: usize) -> BTreeSet<(u8, u16)> {
    if dice.once_in(2) {
        return BTreeSet::new();
    }
    (0..dice.of(1..=most))
        .map(|_| (dice.of(0..=channels - 1), dice.of(0..=users)))
        .collect()
}
