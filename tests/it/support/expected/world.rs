//! A list, a sandbox over HTTP to import it into, and the program that does it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use chime_bulk::model::{ChannelArn, MemberArn};
use chime_bulk::sandbox::{FaultShare, SandboxConfig, Service, serve};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

use super::list::{CLOSED, GONE, Line, List};
use crate::support::program::{APP, WorkDir};

/// The run directory, as the program is told it.
pub(crate) const RUN: &str = "run";
/// The list's name.
pub(crate) const LIST: &str = "list.csv";

/// A place with a list in it, and a sandbox that listens as long as this lives.
pub(crate) struct World {
    pub(crate) place: WorkDir,
    pub(crate) list: List,
    pub(crate) service: Arc<Service>,
    url: String,
    server: AbortHandle,
}

/// Where all sandboxes are served.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().unwrap()
    })
}

/// Settings without limits, with the fates of lists and with these faults.
pub(crate) fn settings(faults: &[&str]) -> SandboxConfig {
    let fault = |text: &&str| text.parse::<FaultShare>().unwrap();
    SandboxConfig {
        unlimited: true,
        capacity: u64::MAX,
        missing_users: vec![GONE.to_owned()],
        missing_channels: vec![CLOSED.to_owned()],
        faults: faults.iter().map(fault).collect(),
        ..SandboxConfig::default()
    }
}

impl World {
    pub(crate) fn new(list: List, settings: SandboxConfig) -> Self {
        let place = WorkDir::with(LIST, list.text());
        let service = Arc::new(Service::new(settings));
        let listener = TcpListener::bind("127.0.0.1:0");
        let listener = runtime().block_on(listener).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behind = Arc::clone(&service);
        let serving = serve(listener, behind, std::future::pending());
        let server = runtime().spawn(async { serving.await.unwrap() });
        Self {
            place,
            list,
            service,
            url,
            server: server.abort_handle(),
        }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.place.path(RUN)
    }

    /// The program, calling this sandbox at full speed.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command
            .env("CHIME_BULK_ENDPOINT_URL", &self.url)
            .env("CHIME_BULK_CHANNEL_RATE", "1000")
            .env("CHIME_BULK_BEARER_RATE", "1000")
            .env("CHIME_BULK_MAX_ATTEMPTS", "1000")
            .env("AWS_ACCESS_KEY_ID", "sandbox")
            .env("AWS_SECRET_ACCESS_KEY", "sandbox");
        command
    }

    /// A new run of a list of this name, or of `-`.
    pub(crate) fn run(&self, list: &str) -> Command {
        let bearer = format!("{APP}/user/admin");
        self.command(&["run", list, "--run-dir", RUN, "--bearer", &bearer])
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

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A command as the arguments of another, such as a shell's.
pub(crate) fn through(first: &[&str], command: &Command) -> Command {
    let mut outer = Command::new(first[0]);
    let set = command.get_envs();
    outer
        .args(&first[1..])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(set.filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null());
    if let Some(dir) = command.get_current_dir() {
        outer.current_dir(dir);
    }
    outer
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

/// Copies the files of a directory into another, which is made.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for name in names(from) {
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}
