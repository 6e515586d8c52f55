//! Disk faults: a library, loaded by `LD_PRELOAD`, makes calls on the files of a run fail.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::support::expected::{self, LIST, RUN, Testbed};
use crate::support::program::{Output, WorkDir};

/// Which calls fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Writes, once this many bytes are written.
    Full,
    /// None, but a write takes at most this many bytes.
    Short,
    Write,
    Sync,
    /// None, but every n-th sync takes 0.3 s.
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

/// The error of a call, by its number on Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errno {
    /// No error: the process is killed before the call.
    Killed = 0,
    Io = 5,
    Denied = 13,
    Full = 28,
    ReadOnly = 30,
    Quota = 122,
}

/// A fault at one call, or from that call on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) errno: Errno,
    /// The number of the call, from 1; of `Full` and `Short`, the number of bytes.
    pub(super) at: u64,
    pub(super) lasts: bool,
}

impl Fault {
    /// A command with this fault on the files of the run directory.
    pub(super) fn on(self, work_dir: &WorkDir, mut command: Command) -> Command {
        let count = if self.lasts { "1000000000" } else { "1" };
        let dir = work_dir.path(RUN);
        let dir = dir.canonicalize().unwrap_or(dir);
        command
            .env("LD_PRELOAD", shim())
            .env("FAULT_DIR", dir)
            .env("FAULT_KIND", self.kind.name())
            .env("FAULT_AT", self.at.to_string())
            .env("FAULT_COUNT", count)
            .env("FAULT_ERRNO", (self.errno as i32).to_string())
            .env("FAULT_LOG", work_dir.path("fault"))
            .env("FAULT_SEEN", work_dir.path("seen"));
        command
    }
}

/// Whether a call failed since this was last called.
pub(super) fn has_failed(testbed: &Testbed) -> bool {
    std::fs::remove_file(testbed.work_dir.path("fault")).is_ok()
}

/// The number of calls of a kind (of `Full`, bytes) that a run makes without a fault.
pub(super) fn calls(kind: Kind, testbed: &Testbed) -> u64 {
    let output = Output::of(&mut counting(kind, &testbed.work_dir, testbed.run(LIST)));
    expected::check_finished(testbed, &testbed.dir(), output.code).unwrap();
    counted(&testbed.work_dir)
}

/// A command without a fault, whose calls of a kind are counted.
pub(super) fn counting(kind: Kind, work_dir: &WorkDir, command: Command) -> Command {
    let never = Fault {
        kind,
        errno: Errno::Io,
        at: u64::try_from(i64::MAX).unwrap(),
        lasts: true,
    };
    never.on(work_dir, command)
}

/// The number of calls that were counted.
pub(super) fn counted(work_dir: &WorkDir) -> u64 {
    let seen = work_dir.path("seen");
    let text = std::fs::read_to_string(&seen).unwrap();
    std::fs::remove_file(seen).unwrap();
    text.parse().unwrap()
}

/// The path of the library, which is compiled once.
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
