//! A Slurm cluster of one node, with files and ports of its own.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rand::RngExt;

use crate::support::program::{Output, WorkDir};

/// If `required`, the tests that need Slurm must not be skipped.
const SLURM: &str = "CHIME_BULK_SLURM";
/// The programs of Debian's `munge` and `slurm-wlm` that are used here.
const PROGRAMS: [&str; 7] = [
    "munged",
    "slurmctld",
    "slurmd",
    "salloc",
    "sbatch",
    "scancel",
    "scontrol",
];
/// Where daemons are, which need not be in PATH.
const DAEMONS: &str = "/usr/sbin";
/// The most seconds that anything is waited for.
const PATIENCE: &str = "180";

/// Whether Slurm is installed. CI sets `CHIME_BULK_SLURM=required`, so that these tests run there.
#[expect(clippy::print_stderr, reason = "shows that a test was skipped")]
pub(super) fn is_installed() -> bool {
    let path = path();
    let is_there = |name: &&str| {
        path.split(':')
            .any(|dir| Path::new(dir).join(name).exists())
    };
    let missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|name| !is_there(name))
        .collect();
    if !missing.is_empty() {
        assert!(
            std::env::var_os(SLURM).is_none_or(|value| value != "required"),
            "{SLURM}=required, but these are missing: {missing:?}"
        );
        eprintln!("skipped: no Slurm (apt-get install slurm-wlm munge); missing: {missing:?}");
    }
    missing.is_empty()
}

/// Where programs are searched: the one under test first, under its own name.
fn path() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_chime-bulk"))
        .parent()
        .unwrap();
    let path = std::env::var("PATH").unwrap();
    format!("{}:{path}:{DAEMONS}", program.display())
}

/// A cluster. Its daemons and all tasks end when this is dropped.
pub(super) struct Cluster {
    /// The working directory of the tasks, and of everything else that is started here.
    home: PathBuf,
    /// The variables of the tasks.
    variables: Vec<(String, String)>,
    daemons: Vec<Child>,
}

impl Cluster {
    /// Starts a cluster in this directory, and waits until it takes jobs. Tasks have these variables.
    pub(super) fn start(work_dir: &WorkDir, variables: &[(&str, &str)]) -> Self {
        let home = work_dir.path("").canonicalize().unwrap();
        let files = home.join("slurm");
        for dir in ["", "state", "spool"] {
            fs::create_dir(files.join(dir)).unwrap();
            fs::set_permissions(files.join(dir), Permissions::from_mode(0o755)).unwrap();
        }
        let key: [u8; 1024] = std::array::from_fn(|_| rand::random());
        fs::write(files.join("munge.key"), key).unwrap();
        fs::set_permissions(files.join("munge.key"), Permissions::from_mode(0o600)).unwrap();
        fs::write(files.join("slurm.conf"), configuration(&files)).unwrap();
        let mut cluster = Self {
            home,
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            daemons: Vec::new(),
        };
        let file = |flag: &str, name: &str| format!("--{flag}={}", files.join(name).display());
        cluster.start_daemon(
            "munged",
            &[
                "--foreground".to_owned(),
                "--force".to_owned(),
                file("key-file", "munge.key"),
                file("socket", "munge.socket"),
                file("pid-file", "munged.pid"),
                file("log-file", "munged.log"),
                file("seed-file", "munged.seed"),
            ],
            "work threads",
        );
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        cluster.start_daemon("slurmctld", &words("-D"), "Running as primary controller");
        cluster.start_daemon("slurmd", &words("-D -N localhost"), "slurmd started");
        cluster
    }

    /// Starts a daemon as a child, and waits until its output contains this text.
    fn start_daemon(&mut self, name: &str, arguments: &[String], is_ready: &str) {
        let log = self.home.join("slurm").join(format!("{name}.out"));
        let mut command = self.command(name);
        let output = File::create(&log).unwrap();
        command
            .args(arguments)
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        self.daemons.push(command.spawn().unwrap());
        self.wait_for_lines(&log, is_ready, 1);
    }

    /// A command that runs a program in the directory, with the environment of the tasks.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.home)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("HOME", &self.home)
            .env("PATH", path())
            .env("SLURM_CONF", self.home.join("slurm/slurm.conf"))
            .stdin(Stdio::null());
        command
    }

    /// A command that runs one of Slurm's programs, and fails if that takes too long.
    pub(super) fn client(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.command("timeout");
        command.args([PATIENCE, name]).args(arguments);
        command
    }

    /// Runs one of Slurm's programs, which must succeed, and returns its output.
    pub(super) fn call(&self, name: &str, arguments: &[&str]) -> String {
        let output = Output::of(&mut self.client(name, arguments));
        assert_eq!(output.code, Some(0), "{name} {arguments:?}: {output:#?}");
        output.stdout.trim().to_owned()
    }

    /// Waits until a file, which need not exist yet, has this many lines that contain a text.
    pub(super) fn wait_for_lines(&self, file: &Path, text: &str, count: usize) {
        let mut tail = self
            .client("tail", &["-F", "-n", "+1"])
            .arg(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(tail.stdout.take().unwrap()).lines();
        let found = lines.map(Result::unwrap).filter(|line| line.contains(text));
        let found = found.take(count).count();
        // `tail` ends when nobody reads it any more.
        drop(tail.kill());
        drop(tail.wait());
        let all = || fs::read_to_string(file).unwrap_or_default();
        assert_eq!(found, count, "`{text}` in {}:\n{}", file.display(), all());
    }

    /// The processes that work in the directory: daemons, tasks, and what these started. Slurm starts
    /// tasks in sessions of their own, so they are no longer children of anything known here.
    fn processes(&self) -> Vec<String> {
        let entries = fs::read_dir("/proc").unwrap().map(Result::unwrap);
        let is_here = |dir: &Path| {
            let at = fs::read_link(dir.join("cwd"));
            at.is_ok_and(|at| at.starts_with(&self.home))
        };
        let here = entries.filter(|entry| is_here(&entry.path()));
        let names = here.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name.parse::<u32>().is_ok()).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        loop {
            let processes = self.processes();
            if processes.is_empty() {
                break;
            }
            kill(&processes);
            for daemon in &mut self.daemons {
                drop(daemon.wait());
            }
        }
    }
}

/// Kills processes. One that has ended already is not there any more.
pub(super) fn kill(processes: &[String]) {
    let kill = Command::new("kill").arg("-9").args(processes).output();
    drop(kill);
}

/// The configuration of one node that runs four tasks at once.
fn configuration(files: &Path) -> String {
    let files = files.display();
    let user = Output::of(Command::new("id").arg("-un")).stdout;
    let user = user.trim();
    let [controller, node] = [free_port(), free_port()];
    // `cred_expire`: a requeued task starts after so many seconds, not after two minutes.
    format!(
        "ClusterName=test
SlurmctldHost=localhost
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={files}/munge.socket,cred_expire=5
StateSaveLocation={files}/state
SlurmdSpoolDir={files}/spool
SlurmctldPidFile={files}/slurmctld.pid
SlurmdPidFile={files}/slurmd.pid
SlurmctldLogFile={files}/slurmctld.log
SlurmdLogFile={files}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
NodeName=localhost NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
"
    )
}

/// A free port, below those that the system assigns to the connections of other tests.
fn free_port() -> u16 {
    let mut rng = rand::rng();
    let ports = (0..1_000).map(|_| rng.random_range(10_000..32_000));
    let is_free = |port: &u16| TcpListener::bind(("0.0.0.0", *port)).is_ok();
    ports.into_iter().find(is_free).unwrap()
}
