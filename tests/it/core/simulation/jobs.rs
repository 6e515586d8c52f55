//! The simulation of whole jobs: a seed decides who is in the channels, the list, the faults, when
//! `sync` is cut off, and who joins and leaves meanwhile. Whatever happens, nobody who is protected is
//! removed, nobody else than the difference says, and never more than allowed; and `verify` confirms
//! nobody who is absent.

mod apply;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chime_bulk::engine::{Ending, Event, Observer};
use chime_bulk::job::{
    self, LimitOverrides, Request, RunVerdict, Started, SyncConclusion, SyncRequest, Target,
    VerifyRequest,
};
use chime_bulk::model::{AppInstanceArn, ChannelArn, MemberArn, SkipExisting};
use chime_bulk::report::MaxRemovals;
use chime_bulk::roster::{Options, Source};
use chime_bulk::sandbox::{ExistingAnswer, Fault, FaultShare, SandboxConfig, Service};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::play_seeds;
use crate::core::properties::run_paused;

/// Seeds played by default; CI plays more.
const SEEDS: u64 = 150;

const PROTECTED: [&str; 4] = ["user/admin", "user/boss", "bot/helper", "user/keep"];

fn instance() -> AppInstanceArn {
    let arn = "arn:aws:chime:us-east-1:123456789012:app-instance/i";
    AppInstanceArn::parse(arn).unwrap()
}

fn channel(n: usize) -> ChannelArn {
    instance().channel(&format!("c{n}")).unwrap()
}

fn member(id: &str) -> MemberArn {
    MemberArn::parse(&format!("{}/{id}", instance())).unwrap()
}

/// One world: a service, a list, and what outsiders did.
struct World {
    rng: StdRng,
    service: Arc<Service>,
    dir: TempDir,
    /// Members of each channel on the list, by channel.
    listed: BTreeMap<usize, BTreeSet<MemberArn>>,
    /// Channels with a row that is invalid, or whose user does not exist.
    tainted: BTreeSet<usize>,
    /// Who was ever in a channel that outsiders put there, and who left by themselves.
    joined: BTreeSet<(usize, MemberArn)>,
    left: BTreeSet<(usize, MemberArn)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let faults = [
            (Fault::CallThrottled, 0.1),
            (Fault::CallUnavailable, 0.05),
            (Fault::Lost, 0.05),
            (Fault::MemberThrottled, 0.02),
        ];
        let is_calm = rng.random_bool(0.4);
        let faults = faults.map(|(fault, most)| FaultShare {
            fault,
            share: if is_calm {
                0.0
            } else {
                rng.random_range(0.0..most)
            },
        });
        let service = Arc::new(Service::new(SandboxConfig {
            existing_answer: if rng.random() {
                ExistingAnswer::Conflict
            } else {
                ExistingAnswer::Silent
            },
            moderators: vec![member("user/boss")],
            missing_users: vec!["gone".to_owned()],
            missing_channels: vec!["typo".to_owned()],
            faults: faults.to_vec(),
            latency: Duration::from_millis(rng.random_range(10..150)),
            seed,
            ..SandboxConfig::default()
        }));
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let mut world = Self {
            rng,
            service,
            dir: dir.unwrap(),
            listed: BTreeMap::new(),
            tainted: BTreeSet::new(),
            joined: BTreeSet::new(),
            left: BTreeSet::new(),
        };
        world.populate();
        world.write_list();
        world
    }

    /// Puts members into four channels, of which the last is never on the list.
    fn populate(&mut self) {
        for c in 0..4 {
            let most = *[0, 5, 30, 130].choose(&mut self.rng).unwrap();
            let users = (0..most).map(|n| format!("user/u{n}"));
            let others = PROTECTED.iter().map(ToString::to_string);
            for id in users.chain(others).collect::<Vec<_>>() {
                if self.rng.random_bool(0.6) {
                    self.service.add_existing(&channel(c), &member(&id));
                }
            }
        }
    }

    fn write_list(&mut self) {
        let mut text = "channel_id,user_id\n".to_owned();
        let channels = self.rng.random_range(1..=3);
        for c in 0..channels {
            let most = *[1, 12, 60, 150].choose(&mut self.rng).unwrap();
            let listed = self.listed.entry(c).or_default();
            for n in 0..most {
                if self.rng.random_bool(0.7) {
                    writeln!(text, "c{c},u{n}").unwrap();
                    listed.insert(member(&format!("user/u{n}")));
                }
            }
            if listed.is_empty() {
                writeln!(text, "c{c},u0").unwrap();
                listed.insert(member("user/u0"));
            }
            if self.rng.random_bool(0.15) {
                let id = *["gone", "not an id"].choose(&mut self.rng).unwrap();
                writeln!(text, "c{c},{id}").unwrap();
                self.tainted.insert(c);
            }
        }
        std::fs::write(self.path("list.csv"), text).unwrap();
        std::fs::write(self.path("protect.txt"), "keep\n").unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn members(&self, c: usize) -> BTreeSet<MemberArn> {
        let members = self.service.members(&channel(c));
        let parsed = members.iter().map(|arn| MemberArn::parse(arn).unwrap());
        parsed.collect()
    }

    /// Some join and some leave by themselves.
    fn outsiders(&mut self) {
        for c in 0..4 {
            for _ in 0..self.rng.random_range(0..3) {
                let who = member(&format!("user/x{}", self.rng.random_range(0..9)));
                self.service.add_existing(&channel(c), &who);
                self.joined.insert((c, who));
            }
            let members: Vec<MemberArn> = self.members(c).into_iter().collect();
            if let Some(who) = members.choose(&mut self.rng).filter(|_| self.rng.random()) {
                self.service.leave(&channel(c), who);
                self.left.insert((c, who.clone()));
            }
        }
    }

    fn request(&self, flags: Flags) -> SyncRequest {
        SyncRequest {
            run: Request {
                source: Source::File(self.path("list.csv")),
                options: Options {
                    app_instance: Some(instance()),
                    ..Options::default()
                },
                run_dir: Some(self.path("sync")),
                target: Target::Sandbox(Arc::clone(&self.service)),
                bearers: member("user/admin").into(),
                limits: LimitOverrides::default(),
                skip_existing: SkipExisting::Never,
                shard: None,
                reports_to: None,
            },
            applies: false,
            remove_others: flags.remove_others,
            max_removals: flags.max_removals,
            protect: vec![self.path("protect.txt")],
            add_left: flags.add_left,
            dry_run: false,
            confirm: Box::new(|_| true),
        }
    }

    async fn sync(&self, flags: Flags) -> SyncConclusion {
        synced(self.request(flags)).await
    }

    /// The same, cut off after this time as a killed process is. `None` if it was.
    async fn sync_for(&self, flags: Flags, time: Duration) -> Option<SyncConclusion> {
        tokio::time::timeout(time, self.sync(flags)).await.ok()
    }
}

async fn synced(request: SyncRequest) -> SyncConclusion {
    let (_hold, commands) = mpsc::channel(1);
    let synced = Box::pin(job::sync(request, observer, commands));
    synced.await.unwrap()
}

#[derive(Clone, Copy)]
struct Flags {
    remove_others: bool,
    max_removals: MaxRemovals,
    add_left: bool,
}

fn observer(_: &Started) -> Box<dyn Observer> {
    Box::new(|_: &Event| {})
}

#[test]
fn a_sync_removes_nobody_whom_it_may_not_and_a_verification_confirms_nobody_absent() {
    play_seeds("jobs", SEEDS, |seed| {
        run_paused(Box::pin(play(seed)));
    });
}

async fn play(seed: u64) {
    let mut world = World::new(seed);
    let flags = Flags {
        remove_others: world.rng.random_bool(0.8),
        max_removals: match world.rng.random_range(0..4) {
            0 => MaxRemovals::Count(world.rng.random_range(0..9)),
            1 => MaxRemovals::Share(f64::from(world.rng.random_range(0..60))),
            _ => MaxRemovals::Count(1_000),
        },
        add_left: world.rng.random(),
    };
    if world.rng.random_range(0..4) == 0 {
        apply::play(&mut world, flags).await;
        return;
    }
    let before: Vec<_> = (0..4).map(|c| world.members(c)).collect();
    let is_disturbed = world.rng.random();
    let is_undone = world.rng.random_bool(0.5);
    let mut was_cut = false;
    let mut done = None;
    for _ in 0..world.rng.random_range(0..4) {
        let time = Duration::from_millis(world.rng.random_range(0..9_000));
        done = world.sync_for(flags, time).await;
        if done.is_some() {
            break;
        }
        was_cut = true;
        if is_disturbed {
            world.outsiders();
        }
    }
    let done = match done {
        Some(done) => done,
        None => world.sync(flags).await,
    };
    check(&world, &before, flags, &done);
    // A second sync puts the run aside whose undo would be played.
    if done.verdict() == RunVerdict::AllIn && !is_disturbed && !is_undone {
        let calls = changes(&world);
        let again = world.sync(flags).await;
        assert_eq!(again.verdict(), RunVerdict::AllIn);
        assert_eq!(changes(&world), calls, "a second sync changes something");
    }
    if matches!(done.ending, Ending::Finished) && done.excess.is_none() {
        world.outsiders();
        verify(&world).await;
        if is_undone {
            undo::play(&mut world, &before, was_cut).await;
        }
    }
}

fn changes(world: &World) -> u64 {
    let calls = world.service.stats().calls;
    ["BatchCreateChannelMembership", "DeleteChannelMembership"]
        .iter()
        .map(|call| calls.get(*call).copied().unwrap_or_default())
        .sum()
}

/// Checks a sync that is over.
fn check(world: &World, before: &[BTreeSet<MemberArn>], flags: Flags, done: &SyncConclusion) {
    assert!(matches!(done.ending, Ending::Finished), "{:?}", done.ending);
    let summary = &done.summary;
    let mut removed_in_all = 0;
    for (c, before) in (0..).zip(before) {
        let after = world.members(c);
        let by_outsiders = |who: &MemberArn| {
            let key = (c, who.clone());
            world.joined.contains(&key) || world.left.contains(&key)
        };
        let listed = world.listed.get(&c);
        for who in after.difference(before).filter(|who| !by_outsiders(who)) {
            assert!(
                listed.is_some_and(|listed| listed.contains(who)),
                "{who} was added to c{c}"
            );
        }
        let removed: Vec<_> = before
            .difference(&after)
            .filter(|who| !by_outsiders(who))
            .collect();
        removed_in_all += removed.len() as u64;
        for who in &removed {
            assert!(flags.remove_others, "{who} was removed from c{c}");
            assert!(
                !PROTECTED.iter().any(|id| member(id) == **who),
                "{who} was removed from c{c}"
            );
            assert!(
                listed.is_some_and(|listed| !listed.contains(who)),
                "{who} was removed from c{c}"
            );
            assert!(!world.tainted.contains(&c), "{who} was removed from c{c}");
        }
        let is_done =
            done.verdict() == RunVerdict::AllIn && world.left.is_empty() && world.joined.is_empty();
        if let Some(listed) = listed.filter(|_| is_done) {
            assert!(listed.is_subset(&after), "not all are in c{c}");
            if flags.remove_others {
                let others = after.difference(listed);
                let others: Vec<_> = others
                    .filter(|who| !PROTECTED.iter().any(|id| member(id) == **who))
                    .collect();
                assert!(others.is_empty(), "{others:?} are left in c{c}");
            }
        }
    }
    if done.excess.is_some() {
        assert_eq!((removed_in_all, changes(world)), (0, 0), "over the limit");
    }
    if let MaxRemovals::Count(most) = flags.max_removals {
        assert!(removed_in_all <= most, "{removed_in_all} removed of {most}");
    }
    assert!(summary.removed + summary.gone_already <= summary.to_remove + summary.withheld);
}

/// Verifies the run of the sync, and checks each verdict.
async fn verify(world: &World) {
    let request = VerifyRequest {
        dirs: vec![world.path("sync")],
        sample: None,
        limits: LimitOverrides::default(),
    };
    let target = |_: &job::RunSettings| Target::Sandbox(Arc::clone(&world.service));
    let (_hold, commands) = mpsc::channel(1);
    let verified = Box::pin(job::verify(request, target, observer, commands)).await;
    let verified = verified.unwrap().verification;
    let mut checked = 0;
    for (_, channel, who, verdict) in verdicts(&world.path("sync/verify.csv")) {
        checked += 1;
        let parsed = (ChannelArn::parse(&channel), MemberArn::parse(&who));
        let is_in = match parsed {
            (Ok(channel), Ok(who)) => world.service.is_member(&channel, &who),
            _ => false,
        };
        match verdict.as_str() {
            "confirmed" | "unexpected" => assert!(is_in, "{who} is absent, and {verdict}"),
            "missing" => assert!(!is_in, "{who} is there, and {verdict}"),
            "unreadable" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(verified.checked, checked);
}

fn verdicts(path: &Path) -> Vec<(u64, String, String, String)> {
    let records = csv::Reader::from_path(path).unwrap().into_records();
    let verdict = |record: csv::StringRecord| {
        let field = |n: usize| record[n].to_owned();
        (record[0].parse().unwrap(), field(1), field(2), field(3))
    };
    records.map(|record| verdict(record.unwrap())).collect()
}

/// Channel, member and outcome of each row of `results.csv` whose member could be added.
fn outcomes(path: &Path) -> Vec<(usize, MemberArn, String)> {
    let records = csv::Reader::from_path(path).unwrap().into_records();
    let outcome = |record: csv::StringRecord| {
        let who = MemberArn::parse(&record[2]).ok()?;
        Some((channel_number(&record[1])?, who, record[4].to_owned()))
    };
    records
        .filter_map(|record| outcome(record.unwrap()))
        .collect()
}

fn channel_number(arn: &str) -> Option<usize> {
    (0..4).find(|c| channel(*c).as_str() == arn)
}
