//! The program itself, run in an empty directory of its own, with nothing of the caller's
//! environment.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, Output, Stdio};

use chime_bulk::model::Outcome;
use chime_bulk::report::Summary;
use tempfile::TempDir;

/// The app instance of all lists here.
pub(crate) const APP: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";
/// A sandbox in the process, as fast as it goes.
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

/// The directory the program is run in.
pub(crate) struct WorkDir(TempDir);

impl WorkDir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place with one list in it.
    pub(crate) fn with(name: &str, list: impl AsRef<[u8]>) -> Self {
        let place = Self::new();
        std::fs::write(place.path(name), list).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program with these arguments, not started yet.
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

    /// Runs it to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ended {
        Ended::of(&mut self.command(arguments))
    }

    /// Runs a list into a fast sandbox, with more flags; the run is kept in `run`.
    pub(crate) fn run_fast(&self, list: &str, flags: &[&str]) -> Ended {
        let begin = ["run", list, "--run-dir", "run"];
        self.run(begin.iter().chain(&FAST).chain(flags))
    }

    /// Begins a run that takes half a minute, at the service's limits, with more flags; the run is
    /// kept in `run`.
    #[cfg(unix)]
    pub(crate) fn start_slow(&self, flags: &[&str]) -> Running {
        std::fs::write(self.path("list.csv"), ids("u", 3_000)).unwrap();
        let channel = format!("{APP}/channel/c");
        let begin = ["run", "list.csv", "--sandbox", "--run-dir", "run"];
        let to = ["--channel-arn", &channel];
        Running::start(&mut self.command(begin.iter().chain(&to).chain(flags)))
    }

    /// The counts of the run that is kept in this directory, which must add up.
    pub(crate) fn summary(&self, dir: &str) -> Summary {
        let text = std::fs::read_to_string(self.path(dir).join("summary.json")).unwrap();
        let summary: Summary = serde_json::from_str(&text).unwrap();
        assert_eq!(summary.tally().total(), summary.rows_read, "{text}");
        assert!(summary.accounts, "{text}");
        summary
    }

    /// The lines of `results.csv` below its header.
    pub(crate) fn results(&self, dir: &str) -> Vec<csv::StringRecord> {
        let mut reader = csv::Reader::from_path(self.path(dir).join("results.csv")).unwrap();
        reader.records().map(Result::unwrap).collect()
    }
}

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }

    /// The arguments of the command in the last line: the one that resumes.
    pub(crate) fn resume(&self) -> Vec<String> {
        let words = || self.stderr.lines().last()?.strip_prefix("chime-bulk ");
        let line = words().unwrap_or_else(|| panic!("no command to resume: {self:#?}"));
        assert!(line.starts_with("resume "), "{line}");
        line.split(' ').map(str::to_owned).collect()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
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
    heard: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            lines,
            heard: String::new(),
        }
    }

    /// Waits for a line on standard error that begins so.
    pub(crate) fn hear(&mut self, begin: &str) {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            self.heard.push_str(&line);
            self.heard.push('\n');
            if line.starts_with(begin) {
                return;
            }
        }
        panic!("never said `{begin}`:\n{}", self.heard);
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

    /// Sends signals, one right after the other.
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

    /// Whether an interrupt is heard by now, and does not end it.
    #[cfg(target_os = "linux")]
    pub(crate) fn catches_interrupts(&self) -> bool {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        u64::from_str_radix(caught.unwrap().trim(), 16).unwrap() & 2 != 0
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let mut stdout = String::new();
        let mut out = self.child.stdout.take().unwrap();
        for line in self.lines.by_ref() {
            self.heard.push_str(&line.unwrap());
            self.heard.push('\n');
        }
        out.read_to_string(&mut stdout).unwrap();
        Ended {
            code: self.child.wait().unwrap().code(),
            stdout,
            stderr: std::mem::take(&mut self.heard),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, as a rule; a test that failed midway leaves nothing behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `chime-bulk sandbox`, as long as it lives.
pub(crate) struct Sandbox {
    child: Child,
    pub(crate) url: String,
}

impl Sandbox {
    pub(crate) fn start(place: &WorkDir, flags: &[&str]) -> Self {
        let begin = ["sandbox", "--listen", "127.0.0.1:0", "--unlimited"];
        Self::begin(&mut place.command(begin.iter().chain(flags)))
    }

    /// Starts it with this command, and waits until it listens.
    pub(crate) fn begin(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        // Nobody reads the rest of what it says, and it must not mind.
        drop(out);
        let url = line.split([' ', ';']).find(|word| word.starts_with("http"));
        Self {
            url: url.unwrap().to_owned(),
            child,
        }
    }

    /// This program, calling this sandbox with its credentials, at full speed.
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

/// A list of one column, `user_id`, with a number of ids with this prefix.
pub(crate) fn ids(begin: &str, count: usize) -> String {
    (1..=count)
        .map(|n| format!("{begin}{n}\n"))
        .fold("user_id\n".to_owned(), |list, line| list + &line)
}

/// The counts that are not zero.
pub(crate) fn tally(summary: &Summary) -> Vec<(Outcome, u64)> {
    let tally = summary.tally();
    let counts = Outcome::ALL.map(|outcome| (outcome, tally.of(outcome)));
    counts.into_iter().filter(|(_, n)| *n > 0).collect()
}

/// A file of the repository.
pub(crate) fn repository(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The rows of the table in this text whose first header cell is this, cells trimmed of blanks.
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
