//! The program itself, run in an empty directory of its own, without the environment of the caller.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};

use chime_bulk::model::Outcome;
use chime_bulk::report::Summary;
use tempfile::TempDir;

/// The app instance of the lists.
pub(crate) const APP: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";
/// A channel of `APP`.
pub(crate) const CHANNEL: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i/channel/c";
/// An administrator of `APP`.
pub(crate) const BEARER: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i/user/admin";
/// Flags for a sandbox in the process, without limits and latency.
pub(crate) const FAST: [&str; 8] = [
    "--sandbox",
    "--unlimited",
    "--latency",
    "0",
    "--channel-rate",
    "100000",
    "--bearer-rate",
    "100000",
];

/// The commands of the program.
pub(crate) const COMMANDS: [&str; 16] = [
    "plan",
    "run",
    "resume",
    "retry",
    "undo",
    "sync",
    "verify",
    "merge",
    "status",
    "runs",
    "report",
    "sandbox",
    "explain",
    "schema",
    "completions",
    "man",
];

/// The directory in which the program is run; removed when this is dropped.
pub(crate) struct WorkDir(TempDir);

impl WorkDir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A directory with one file.
    pub(crate) fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let work_dir = Self::new();
        std::fs::write(work_dir.path(name), content).unwrap();
        work_dir
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A command that runs the program with these arguments.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chime-bulk"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        Output::of(&mut self.command(arguments))
    }

    /// Imports a list with the flags `FAST` and these; the run directory is `run`.
    pub(crate) fn run_fast(&self, list: &str, flags: &[&str]) -> Output {
        let begin = ["run", list, "--run-dir", "run"];
        self.run(begin.iter().chain(&FAST).chain(flags))
    }

    /// Starts a run that takes half a minute, because it observes the service's limits; the run
    /// directory is `run`.
    #[cfg(unix)]
    pub(crate) fn start_slow(&self, flags: &[&str]) -> Running {
        std::fs::write(self.path("list.csv"), ids("u", 3_000)).unwrap();
        let begin = ["run", "list.csv", "--sandbox", "--run-dir", "run"];
        let to = ["--channel-arn", CHANNEL];
        Running::start(&mut self.command(begin.iter().chain(&to).chain(flags)))
    }

    /// The summary in a run directory. Its counts must add up.
    pub(crate) fn summary(&self, dir: &str) -> Summary {
        let text = std::fs::read_to_string(self.path(dir).join("summary.json")).unwrap();
        let summary: Summary = serde_json::from_str(&text).unwrap();
        assert_eq!(summary.tally().total(), summary.own_rows(), "{text}");
        assert!(summary.accounts, "{text}");
        summary
    }

    /// The lines of `results.csv` below its header.
    pub(crate) fn results(&self, dir: &str) -> Vec<csv::StringRecord> {
        let mut reader = csv::Reader::from_path(self.path(dir).join("results.csv")).unwrap();
        reader.records().map(Result::unwrap).collect()
    }
}

/// The exit code and the output of a program that ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }

    /// Runs a command, and kills it if it has not ended after a minute.
    #[cfg(unix)]
    pub(crate) fn within_a_minute(command: &Command) -> Self {
        Self::of(&mut wrap(&["timeout", "-s", "KILL", "60"], command))
    }

    /// The arguments of the resume command, which must be the last line on standard error.
    pub(crate) fn resume(&self) -> Vec<String> {
        let words = || self.stderr.lines().last()?.strip_prefix("chime-bulk ");
        let line = words().unwrap_or_else(|| panic!("no command to resume: {self:#?}"));
        assert!(line.starts_with("resume "), "{line}");
        line.split(' ').map(str::to_owned).collect()
    }
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A running program.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    stderr: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            lines,
            stderr: String::new(),
        }
    }

    /// Waits for a line on standard error that begins with this text.
    pub(crate) fn wait_for_line(&mut self, begin: &str) {
        self.line(begin);
    }

    /// The next line on standard error that begins with this text.
    pub(crate) fn line(&mut self, begin: &str) -> String {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            self.stderr.push_str(&line);
            self.stderr.push('\n');
            if line.starts_with(begin) {
                return line;
            }
        }
        panic!("no line begins with `{begin}`:\n{}", self.stderr);
    }

    /// Waits for the next line on standard error, or for its end.
    #[cfg(unix)]
    pub(crate) fn wait_for_any_line(&mut self) {
        let line = self.lines.next().map(Result::unwrap);
        self.stderr.extend(line.map(|line| line + "\n"));
    }

    /// Its standard input, if that is a pipe.
    #[cfg(unix)]
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// Sends an interrupt, as Ctrl-C does.
    #[cfg(unix)]
    pub(crate) fn interrupt(&self) {
        self.signal(&["INT"]);
    }

    /// Sends signals, one right after another.
    #[cfg(unix)]
    pub(crate) fn signal(&self, names: &[&str]) {
        let id = self.child.id();
        let kills = names.iter().map(|name| format!("kill -{name} {id}"));
        let kills = kills.collect::<Vec<_>>().join(" && ");
        let status = Command::new("sh").args(["-c", &kills]).status().unwrap();
        assert!(status.success());
    }

    /// Its process id.
    #[cfg(unix)]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    #[cfg(unix)]
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Whether the program has installed its handler for SIGINT.
    #[cfg(target_os = "linux")]
    pub(crate) fn catches_interrupts(&self) -> bool {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        u64::from_str_radix(caught.unwrap().trim(), 16).unwrap() & 2 != 0
    }

    /// Waits until the program ends.
    pub(crate) fn end(mut self) -> Output {
        let mut stdout = String::new();
        let mut out = self.child.stdout.take().unwrap();
        for line in self.lines.by_ref() {
            self.stderr.push_str(&line.unwrap());
            self.stderr.push('\n');
        }
        out.read_to_string(&mut stdout).unwrap();
        Output {
            code: self.child.wait().unwrap().code(),
            stdout,
            stderr: std::mem::take(&mut self.stderr),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Does nothing if it has ended. A test that fails midway must not leave a process behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A running `chime-bulk sandbox`; killed when this is dropped.
pub(crate) struct Sandbox {
    child: Child,
    pub(crate) url: String,
}

impl Sandbox {
    pub(crate) fn start(work_dir: &WorkDir, flags: &[&str]) -> Self {
        let begin = ["sandbox", "--listen", "127.0.0.1:0", "--unlimited"];
        Self::start_with(&mut work_dir.command(begin.iter().chain(flags)))
    }

    /// Starts a sandbox with this command, and waits until it listens.
    pub(crate) fn start_with(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        // Nothing reads the rest of its output. The sandbox must keep running all the same.
        drop(out);
        let url = line.split([' ', ';']).find(|word| word.starts_with("http"));
        Self {
            url: url.unwrap().to_owned(),
            child,
        }
    }

    /// Lets a command call this sandbox, with its credentials and at full speed.
    pub(crate) fn call(&self, mut command: Command) -> Command {
        command
            .env("CHIME_BULK_ENDPOINT_URL", &self.url)
            .env("CHIME_BULK_CHANNEL_RATE", "100000")
            .env("CHIME_BULK_BEARER_RATE", "100000")
            .env("AWS_ACCESS_KEY_ID", "sandbox")
            .env("AWS_SECRET_ACCESS_KEY", "sandbox");
        command
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A list with the column `user_id`: a number of ids with this prefix.
pub(crate) fn ids(begin: &str, count: usize) -> String {
    (1..=count)
        .map(|n| format!("{begin}{n}\n"))
        .fold("user_id\n".to_owned(), |list, line| list + &line)
}

/// The outcomes that occur, with their counts.
pub(crate) fn tally(summary: &Summary) -> Vec<(Outcome, u64)> {
    let tally = summary.tally();
    let counts = Outcome::ALL.map(|outcome| (outcome, tally.of(outcome)));
    counts.into_iter().filter(|(_, n)| *n > 0).collect()
}

/// A command that runs `outer`, such as a shell, with another command as its last arguments.
#[cfg(unix)]
pub(crate) fn wrap(outer: &[&str], command: &Command) -> Command {
    let mut wrapped = Command::new(outer[0]);
    let variables = command.get_envs();
    wrapped
        .args(&outer[1..])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null());
    if let Some(dir) = command.get_current_dir() {
        wrapped.current_dir(dir);
    }
    wrapped
}

/// A command that runs another under this limit of the shell's `ulimit`, such as `-n 32`.
#[cfg(target_os = "linux")]
pub(crate) fn with_limit(limit: &str, command: &Command) -> Command {
    let script = format!("ulimit {limit}; exec \"$0\" \"$@\"");
    wrap(&["sh", "-c", &script], command)
}

#[cfg(unix)]
pub(crate) fn make_fifo(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(status.success());
}

/// The content of a file of the repository.
pub(crate) fn repository(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The cells of the Markdown table whose first header is this, row by row, without blanks around
/// them. The first two rows are the header and the rule below it.
pub(crate) fn table<'a>(text: &'a str, first: &str) -> Vec<Vec<&'a str>> {
    let cells = |line: &'a str| -> Vec<&'a str> {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(str::trim).collect()
    };
    let rows: Vec<_> = text
        .lines()
        .skip_while(|line| !(line.starts_with('|') && cells(line)[0] == first))
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert!(rows.len() > 2, "no table `{first}`");
    rows
}
