//! A list, the sandbox that it is imported into over HTTP, and the program that imports it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use chime_bulk::model::{ChannelArn, MemberArn};
use chime_bulk::sandbox::{FaultShare, SandboxConfig, Service};
use tokio::runtime::Runtime;

use super::list::{Line, List, MISSING_CHANNEL, MISSING_USER};
use crate::support::program::{BEARER, WorkDir};
use crate::support::server::Server;

/// The run directory.
pub(crate) const RUN: &str = "run";
/// The directory of a job of shards.
pub(crate) const JOB: &str = "job";
/// The list's name.
pub(crate) const LIST: &str = "list.csv";

/// A directory with a list in it, and a sandbox that is served as long as this lives.
pub(crate) struct Testbed {
    pub(crate) work_dir: WorkDir,
    pub(crate) list: List,
    pub(crate) service: Arc<Service>,
    server: Server,
}

/// The runtime that serves all sandboxes.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().unwrap()
    })
}

/// A sandbox without limits, without the users and channels that a [`List`] expects to be missing,
/// and with these faults.
pub(crate) fn sandbox_config(faults: &[&str]) -> SandboxConfig {
    let fault = |text: &&str| text.parse::<FaultShare>().unwrap();
    SandboxConfig {
        unlimited: true,
        capacity: u64::MAX,
        missing_users: vec![MISSING_USER.to_owned()],
        missing_channels: vec![MISSING_CHANNEL.to_owned()],
        faults: faults.iter().map(fault).collect(),
        ..SandboxConfig::default()
    }
}

impl Testbed {
    pub(crate) fn new(list: List, config: SandboxConfig) -> Self {
        let work_dir = WorkDir::with(LIST, list.text());
        let server = runtime().block_on(Server::start(config));
        Self {
            work_dir,
            list,
            service: Arc::clone(&server.service),
            server,
        }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.work_dir.path(RUN)
    }

    /// The variables with which the program calls this sandbox.
    pub(crate) fn access(&self) -> [(&'static str, &str); 3] {
        [
            ("CHIME_BULK_ENDPOINT_URL", &self.server.url),
            ("AWS_ACCESS_KEY_ID", "sandbox"),
            ("AWS_SECRET_ACCESS_KEY", "sandbox"),
        ]
    }

    /// The program, calling this sandbox at full speed.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.work_dir.command(arguments);
        command
            .envs(self.access())
            .env("CHIME_BULK_CHANNEL_RATE", "1000")
            .env("CHIME_BULK_BEARER_RATE", "1000")
            .env("CHIME_BULK_MAX_ATTEMPTS", "1000");
        command
    }

    /// A new run of a list of this name, or of `-`.
    pub(crate) fn run(&self, list: &str) -> Command {
        self.command(&["run", list, "--run-dir", RUN, "--bearer", BEARER])
    }

    /// A shard of the list, `I/N`, as a run in the directory of a job, with these flags.
    pub(crate) fn shard(&self, shard: &str, flags: &[&str]) -> Command {
        let run = ["run", LIST, "--bearer", BEARER, "--run-dir", JOB];
        self.command(&[&run[..], &["--shard", shard], flags].concat())
    }

    pub(crate) fn resume(&self) -> Command {
        self.command(&["resume", RUN])
    }

    pub(crate) fn is_member(&self, line: &Line) -> bool {
        let channel = ChannelArn::parse(&line.channel_arn()).unwrap();
        let member = MemberArn::parse(&line.member_arn());
        member.is_ok_and(|member| self.service.is_member(&channel, &member))
    }
}

/// The names in a directory, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = std::fs::read_dir(dir).unwrap().map(name).collect();
    names.sort();
    names
}

/// Copies the files of a directory into a new one.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for name in names(from) {
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}
