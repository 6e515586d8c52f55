//! A run that is killed and resumed again and again.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chime_bulk::job::LEDGER;
use chime_bulk::ledger::{Durability, Ledger, fact};
use chime_bulk::model::{Limits, RunState};
use chime_bulk::report::{self, Reports};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::counts::{KillCounts, Phase};
use crate::support::expected::{self, LIST, List, Testbed};
use crate::support::program::Output;

/// Rows of a list: enough for a few calls, for many, and for reports that take a while to write.
const SIZES: [usize; 3] = [300, 3_000, 10_000];
/// The name of the compressed list.
const GZIP: &str = "list.csv.gz";

/// How the sandbox behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It answers every call after a few milliseconds.
    Quiet,
    /// It throttles, refuses and loses calls, which makes a run wait for seconds.
    Faulty,
}

impl Kind {
    fn sandbox_config(self, seed: u64) -> chime_bulk::sandbox::SandboxConfig {
        let faults: &[&str] = match self {
            Self::Quiet => &[],
            Self::Faulty => &[
                "lost=0.02",
                "reset=0.02",
                "call-throttled=0.01",
                "call-unavailable=0.005",
                "member-throttled=0.0005",
            ],
        };
        chime_bulk::sandbox::SandboxConfig {
            latency: Duration::from_millis(5),
            jitter: 1.0,
            seed,
            ..expected::sandbox_config(faults)
        }
    }

    /// Limits the kills of a faulty run: waits grow with each attempt, so sessions get longer.
    fn most_kills(self) -> u32 {
        match self {
            Self::Quiet => 8,
            Self::Faulty => 2,
        }
    }
}

/// How the program reads the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    File,
    GzipFile,
    Pipe,
    GzipPipe,
}

/// How long runs of lists of [`SIZES`] take without a kill.
pub(super) fn durations(kind: Kind) -> [Duration; SIZES.len()] {
    SIZES.map(|size| {
        let testbed = Testbed::new(List::good(size, 7), Kind::Quiet.sandbox_config(0));
        let begun = Instant::now();
        let output = Output::of(&mut testbed.run(LIST));
        let duration = begun.elapsed();
        expected::check_finished(&testbed, &testbed.dir(), output.code).unwrap();
        // A faulty run takes longer, but most of that time it waits.
        duration * if kind == Kind::Quiet { 1 } else { 2 }
    })
}

/// A run that is killed a number of times, and resumed until it is finished.
pub(super) struct KilledRun {
    seed: u64,
    kind: Kind,
    input: Input,
    size: usize,
    duration: Duration,
    testbed: Testbed,
    rng: StdRng,
    kills: u32,
    most_kills: u32,
}

impl fmt::Display for KilledRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            kind,
            input,
            size,
            most_kills,
            ..
        } = self;
        write!(
            f,
            "seed {seed}, {kind:?}, {size} rows as {input:?}, at most {most_kills} kills"
        )
    }
}

impl KilledRun {
    pub(super) fn new(kind: Kind, durations: &[Duration; SIZES.len()], seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let which = rng.random_range(0..SIZES.len());
        let (size, channels) = (SIZES[which], rng.random_range(1..20));
        let list = if rng.random() {
            List::mixed(size, channels, seed)
        } else {
            List::good(size, channels)
        };
        let testbed = Testbed::new(list, kind.sandbox_config(seed));
        std::fs::write(testbed.work_dir.path(GZIP), testbed.list.gzip()).unwrap();
        let inputs = [Input::File, Input::GzipFile, Input::Pipe, Input::GzipPipe];
        Self {
            seed,
            kind,
            input: inputs[rng.random_range(0..inputs.len())],
            size,
            duration: durations[which],
            testbed,
            kills: 0,
            most_kills: rng.random_range(1..=kind.most_kills()),
            rng,
        }
    }

    pub(super) fn kills(&self) -> u32 {
        self.kills
    }

    /// Kills and resumes the run until it is finished, and checks it. Then does the same with the
    /// finished run, whose results must not change.
    pub(super) fn check(&mut self, counts: &mut KillCounts) -> expected::Check {
        counts.runs += 1;
        let dir = self.testbed.dir();
        let output = self.finish(counts)?;
        expected::check_finished(&self.testbed, &dir, output.code)
            .map_err(|why| format!("{why}\n{output:#?}"))?;
        let results = || std::fs::read(dir.join(report::RESULTS)).unwrap();
        let before = results();
        self.most_kills += 2;
        self.duration /= 2;
        let output = self.finish(counts)?;
        expected::check_finished(&self.testbed, &dir, output.code)
            .map_err(|why| format!("{why}\n{output:#?}"))?;
        if results() == before {
            Ok(())
        } else {
            Err("the results changed after the run was finished".to_owned())
        }
    }

    /// Starts sessions, and kills them while kills are left, until one ends by itself.
    fn finish(&mut self, counts: &mut KillCounts) -> Result<Output, String> {
        let mut is_begun = true;
        loop {
            let mut command = self.session(is_begun);
            is_begun = true;
            let output = if self.kills < self.most_kills {
                let delay = self.delay();
                self.end_or_kill(&mut command, delay)
            } else {
                Some(Output::of(&mut command))
            };
            match output {
                None => {
                    self.kills += 1;
                    let phase = self.inspect(counts)?;
                    counts.killed(phase);
                }
                Some(output) if matches!(output.code, Some(0 | 1)) => return Ok(output),
                // Killed before anything was committed: there is no run to resume.
                Some(output)
                    if output.code == Some(2) && output.stderr.contains("no run found") =>
                {
                    is_begun = false;
                }
                Some(output) => return Err(format!("it did not finish: {output:#?}")),
            }
        }
    }

    fn session(&self, is_begun: bool) -> Command {
        let list = match self.input {
            Input::File => LIST,
            Input::GzipFile => GZIP,
            Input::Pipe | Input::GzipPipe => "-",
        };
        let mut command = if is_begun && self.testbed.dir().join(LEDGER).exists() {
            self.testbed.resume()
        } else {
            self.testbed.run(list)
        };
        if let Some(list) = self.piped() {
            command.stdin(std::fs::File::open(self.testbed.work_dir.path(list)).unwrap());
        }
        command
    }

    /// The file that is piped to standard input.
    fn piped(&self) -> Option<&'static str> {
        match self.input {
            Input::Pipe => Some(LIST),
            Input::GzipPipe => Some(GZIP),
            Input::File | Input::GzipFile => None,
        }
    }

    /// Starts a session and kills it after this time. Returns its output if it ended before.
    fn end_or_kill(&mut self, command: &mut Command, delay: Duration) -> Option<Output> {
        let part = self.piped().filter(|_| self.rng.random()).map(|list| {
            let mut bytes = std::fs::read(self.testbed.work_dir.path(list)).unwrap();
            bytes.truncate(self.rng.random_range(0..bytes.len()));
            command.stdin(Stdio::piped());
            bytes
        });
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Only a part of the list is written, and the pipe stays open until the kill.
        let pipe = child.stdin.take();
        let writer = std::thread::spawn(move || {
            if let (Some(mut pipe), Some(part)) = (pipe, part) {
                drop(pipe.write_all(&part));
                return Some(pipe);
            }
            None
        });
        std::thread::sleep(delay);
        child.kill().unwrap();
        let output = Output::from(child.wait_with_output().unwrap());
        drop(writer.join().unwrap());
        output.code.is_some().then_some(output)
    }

    /// A time until the kill: anywhere in a run, and more often in its first part.
    fn delay(&mut self) -> Duration {
        let part: f64 = self.rng.random();
        let most = if self.rng.random() { 1.0 } else { 0.4 };
        self.duration.mul_f64(part * most)
    }

    /// The phase in which the run was killed. Sometimes also checks the outcomes in its ledger.
    fn inspect(&mut self, counts: &mut KillCounts) -> Result<Phase, String> {
        let copy = self.testbed.work_dir.path("copy");
        expected::check_complete_files(&self.testbed, &self.testbed.dir())?;
        if !self.testbed.dir().join(LEDGER).exists() {
            return Ok(Phase::Beginning);
        }
        expected::copy(&self.testbed.dir(), &copy);
        let phase = phase(&copy);
        if phase != Ok(Phase::Beginning) && self.rng.random_range(0..4) == 0 {
            counts.inspected += 1;
            write_reports(&copy)?;
            expected::check_results(&self.testbed, &copy)?;
        }
        std::fs::remove_dir_all(copy).unwrap();
        phase
    }
}

fn phase(dir: &Path) -> Result<Phase, String> {
    let message = |error: chime_bulk::ledger::LedgerError| error.to_string();
    let path = dir.join(LEDGER);
    if Ledger::is_blank(&path).map_err(message)? {
        return Ok(Phase::Beginning);
    }
    let ledger = Ledger::open(&path, Durability::None).map_err(message)?;
    let state: Option<RunState> = ledger.fact(fact::STATE).map_err(message)?;
    Ok(match state {
        Some(RunState::Finished) => Phase::Reporting,
        _ if ledger.staged().complete => Phase::Calling,
        _ => Phase::Staging,
    })
}

fn write_reports(dir: &Path) -> expected::Check {
    let ledger = Ledger::open(&dir.join(LEDGER), Durability::None);
    let ledger = ledger.map_err(|error| error.to_string())?;
    let reports = Reports {
        dir,
        state: RunState::Running,
        limits: &Limits::of_region("us-east-1"),
    };
    report::write(&ledger, reports, || true)
        .map(drop)
        .map_err(|error| error.to_string())
}
