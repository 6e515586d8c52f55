//! A run whose ledger is to be damaged, and what becomes of it.

use std::path::Path;
use std::process::Command;

use chime_bulk::model::{ChannelArn, MemberArn};
use chime_bulk::sandbox::Scripted;

use super::harm::Harm;
use crate::support::expected::{self, LIST, List, World, copy, through};
use crate::support::program::Ended;

/// What became of a run with a damaged ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CallResult {
    Refused,
    /// Said to be no run at all.
    NoRun,
    /// Everything is as it would have been without the damage.
    Harmless,
}

/// A run at rest, and who is a member by it.
pub(super) struct Victim {
    /// Its list is read from here again; its sandbox is asked no more.
    world: World,
    members: Vec<(ChannelArn, MemberArn)>,
}

fn list() -> List {
    List::mixed(900, 6, 7)
}

/// The program, ended by force if it does not end.
fn bounded(command: &Command) -> Ended {
    Ended::of(&mut through(&["timeout", "-s", "KILL", "60"], command))
}

impl Victim {
    /// Killed with some calls settled, some in flight, and some not made.
    pub(super) fn killed() -> Self {
        let world = World::new(list(), expected::settings(&[]));
        let (answered, silent) = (5, 3);
        let calls = vec![Vec::new(); answered]
            .into_iter()
            .chain(vec![vec![Scripted::Silence]; 100]);
        world.service.script(calls);
        let mut command = world.run(LIST);
        let mut child = command
            .env("CHIME_BULK_MAX_IN_FLIGHT", silent.to_string())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while world.service.stats().batch_calls < (answered + silent) as u64 {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        Self::of(world)
    }

    /// Come to its end.
    pub(super) fn finished() -> Self {
        let world = World::new(list(), expected::settings(&[]));
        let ended = Ended::of(&mut world.run(LIST));
        expected::finished(&world, &world.dir(), ended.code).unwrap();
        Self::of(world)
    }

    fn of(world: World) -> Self {
        let lines = world.list.0.iter().filter(|line| world.is_member(line));
        let parse = |line: &crate::support::expected::Line| {
            let channel = ChannelArn::parse(&line.channel_arn()).unwrap();
            (channel, MemberArn::parse(&line.member_arn()).unwrap())
        };
        let members = lines.map(parse).collect();
        Self { world, members }
    }

    /// The same, what stood in the write-ahead log now in its place.
    pub(super) fn in_one_file(self) -> Self {
        let ledger = self.world.dir().join("ledger.db");
        let connection = rusqlite::Connection::open(ledger).unwrap();
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        drop(connection);
        self
    }

    /// One of its files.
    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.world.dir().join(name)).unwrap()
    }

    /// Its length.
    pub(super) fn size(&self, name: &str) -> usize {
        self.bytes(name).len()
    }

    /// Resumes the run with this damage.
    pub(super) fn suffers(&self, harm: &Harm) -> Result<CallResult, String> {
        self.resumed(|dir| harm.strike(dir)).map(|(fate, _)| fate)
    }

    /// Resumes the run after something was done to its directory.
    pub(super) fn resumed(&self, done: impl Fn(&Path)) -> Result<(CallResult, Ended), String> {
        let world = World::new(self.world.list.clone(), expected::settings(&[]));
        for (channel, member) in &self.members {
            world.service.add_existing(channel, member);
        }
        copy(&self.world.dir(), &world.dir());
        done(&world.dir());
        let ended = bounded(&world.resume());
        let fate = judge(&world, &ended).map_err(|why| format!("{why}\n{ended:#?}"))?;
        Ok((fate, ended))
    }
}

fn judge(world: &World, ended: &Ended) -> Result<CallResult, String> {
    if ended.stderr.contains("panicked") {
        return Err("it panicked".to_owned());
    }
    expected::no_strangers(world)?;
    let says = |begin: &str| ended.stderr.lines().any(|line| line.starts_with(begin));
    match ended.code {
        Some(0 | 1) => {
            expected::outcomes(world, &world.dir(), ended.code).map(|()| CallResult::Harmless)
        }
        Some(2) if says("error: no run found in run") => Ok(CallResult::NoRun),
        Some(3) if !says("error: the ledger run/ledger.db") => {
            Err("it does not say that the ledger is at fault".to_owned())
        }
        Some(3) if !says("hint: ") => Err("no hint".to_owned()),
        Some(3) => {
            // A finished run's reports stand as they were.
            if world.dir().join("results.csv").is_file() {
                expected::verdicts(world, &world.dir())?;
            }
            Ok(CallResult::Refused)
        }
        None => Err("it did not end".to_owned()),
        _ => Err("it did not end as it should".to_owned()),
    }
}
