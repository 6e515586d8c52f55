//! A disk that fails, put before the C library by `LD_PRELOAD`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::support::expected::{self, LIST, RUN, World};
use crate::support::program::{Ended, WorkDir};

/// What fails, on files of the run directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No more than this many bytes are taken.
    Full,
    /// No write takes more than this many bytes.
    Short,
    Write,
    Sync,
    /// Each sync whose number is divided by this takes 0.3 s.
    Slow,
    Open,
    Truncate,
    Rename,
    Unlink,
    Mkdir,
}

impl Kind {
    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// The system's numbers for what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errno {
    /// None: the process is killed before the call.
    Killed = 0,
    Io = 5,
    Denied = 13,
    Full = 28,
    ReadOnly = 30,
    Quota = 122,
}

/// A fault at a certain call, and whether it lasts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) errno: Errno,
    /// Which call, from 1; of `Full` and `Short`: how many bytes.
    pub(super) at: u64,
    pub(super) lasts: bool,
}

impl Fault {
    /// The program on such a disk: what is in the run directory of this place fails.
    pub(super) fn on(self, place: &WorkDir, mut command: Command) -> Command {
        let count = if self.lasts { "1000000000" } else { "1" };
        let dir = place.path(RUN);
        let dir = dir.canonicalize().unwrap_or(dir);
        command
            .env("LD_PRELOAD", shim())
            .env("FAULT_DIR", dir)
            .env("FAULT_KIND", self.kind.name())
            .env("FAULT_AT", self.at.to_string())
            .env("FAULT_COUNT", count)
            .env("FAULT_ERRNO", (self.errno as i32).to_string())
            .env("FAULT_LOG", place.path("fault"))
            .env("FAULT_SEEN", place.path("seen"));
        command
    }
}

/// Whether a call failed since it was asked last.
pub(super) fn struck(world: &World) -> bool {
    std::fs::remove_file(world.place.path("fault")).is_ok()
}

/// How many calls of a kind (of `Full`: bytes) a run makes on a disk that does not fail.
pub(super) fn calls(kind: Kind, world: &World) -> u64 {
    let ended = Ended::of(&mut counting(kind, &world.place, world.run(LIST)));
    expected::finished(world, &world.dir(), ended.code).unwrap();
    counted(&world.place)
}

/// The program on a disk that does not fail, where calls of a kind are counted.
pub(super) fn counting(kind: Kind, place: &WorkDir, command: Command) -> Command {
    let never = Fault {
        kind,
        errno: Errno::Io,
        at: u64::try_from(i64::MAX).unwrap(),
        lasts: true,
    };
    never.on(place, command)
}

/// How many calls were counted.
pub(super) fn counted(place: &WorkDir) -> u64 {
    let seen = place.path("seen");
    let text = std::fs::read_to_string(&seen).unwrap();
    std::fs::remove_file(seen).unwrap();
    text.parse().unwrap()
}

/// The library that makes calls fail, compiled once.
fn shim() -> PathBuf {
    static SHIM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let make = || {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fault.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/faults/disk/fault.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
        let status = cc.arg(&path).args([source, "-ldl"]).status().unwrap();
        assert!(status.success());
        (dir, path)
    };
    SHIM.get_or_init(make).1.clone()
}
