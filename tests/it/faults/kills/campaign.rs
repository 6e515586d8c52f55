//! One list, imported in spite of kills.

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

use super::tally::{Phase, Tally};
use crate::support::expected::{self, LIST, List, World};
use crate::support::program::Ended;

/// Rows of a list: of one call or few, of an ordinary one, and of one with long reports.
const SIZES: [usize; 3] = [300, 3_000, 10_000];
/// The packed list's name.
const PACKED: &str = "list.csv.gz";

/// What the sandbox is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It answers every call, a little later.
    Quiet,
    /// It throttles, refuses and loses calls. A run then waits for seconds here and there.
    Faulty,
}

impl Kind {
    fn settings(self, seed: u64) -> chime_bulk::sandbox::SandboxConfig {
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
            ..expected::settings(faults)
        }
    }

    /// Attempts lengthen the waits that faults cause: the more kills, the longer the last session.
    fn most_kills(self) -> u32 {
        match self {
            Self::Quiet => 8,
            Self::Faulty => 2,
        }
    }
}

/// How the list is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    File,
    PackedFile,
    Pipe,
    PackedPipe,
}

/// How long runs of lists of [`SIZES`] take that nobody kills.
pub(super) fn lengths(kind: Kind) -> [Duration; SIZES.len()] {
    SIZES.map(|size| {
        let world = World::new(List::good(size, 7), Kind::Quiet.settings(0));
        let begun = Instant::now();
        let ended = Ended::of(&mut world.run(LIST));
        let length = begun.elapsed();
        expected::finished(&world, &world.dir(), ended.code).unwrap();
        // Of a faulty run's waiting little is worth a kill.
        length * if kind == Kind::Quiet { 1 } else { 2 }
    })
}

/// A run that is killed and resumed until it is finished.
pub(super) struct Campaign {
    seed: u64,
    kind: Kind,
    way: Way,
    size: usize,
    length: Duration,
    world: World,
    dice: StdRng,
    kills: u32,
    most_kills: u32,
}

impl fmt::Display for Campaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            kind,
            way,
            size,
            most_kills,
            ..
        } = self;
        write!(
            f,
            "seed {seed}, {kind:?}, {size} rows as {way:?}, at most {most_kills} kills"
        )
    }
}

impl Campaign {
    pub(super) fn new(kind: Kind, lengths: &[Duration; SIZES.len()], seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let which = dice.random_range(0..SIZES.len());
        let (size, channels) = (SIZES[which], dice.random_range(1..20));
        let list = if dice.random() {
            List::mixed(size, channels, seed)
        } else {
            List::good(size, channels)
        };
        let world = World::new(list, kind.settings(seed));
        std::fs::write(world.place.path(PACKED), world.list.gzip()).unwrap();
        let ways = [Way::File, Way::PackedFile, Way::Pipe, Way::PackedPipe];
        Self {
            seed,
            kind,
            way: ways[dice.random_range(0..ways.len())],
            size,
            length: lengths[which],
            world,
            kills: 0,
            most_kills: dice.random_range(1..=kind.most_kills()),
            dice,
        }
    }

    pub(super) fn kills(&self) -> u32 {
        self.kills
    }

    /// Goes on in spite of kills until the run is finished; then once more, for the reports.
    pub(super) fn fight(&mut self, tally: &mut Tally) -> expected::Judgement {
        tally.campaigns += 1;
        let dir = self.world.dir();
        let ended = self.finish(tally)?;
        expected::finished(&self.world, &dir, ended.code)
            .map_err(|why| format!("{why}\n{ended:#?}"))?;
        let results = || std::fs::read(dir.join(report::RESULTS)).unwrap();
        let before = results();
        self.most_kills += 2;
        self.length /= 2;
        let ended = self.finish(tally)?;
        expected::finished(&self.world, &dir, ended.code)
            .map_err(|why| format!("{why}\n{ended:#?}"))?;
        if results() == before {
            Ok(())
        } else {
            Err("the results changed after the run was finished".to_owned())
        }
    }

    /// Sessions, killed as long as kills are left, until one comes to its end.
    fn finish(&mut self, tally: &mut Tally) -> Result<Ended, String> {
        let mut is_begun = true;
        loop {
            let mut command = self.session(is_begun);
            is_begun = true;
            let ended = if self.kills < self.most_kills {
                let instant = self.instant();
                self.end_or_kill(&mut command, instant)
            } else {
                Some(Ended::of(&mut command))
            };
            match ended {
                None => {
                    self.kills += 1;
                    let phase = self.inspect(tally)?;
                    tally.killed(phase);
                }
                Some(ended) if matches!(ended.code, Some(0 | 1)) => return Ok(ended),
                // Killed before anything was committed: there is no run to resume.
                Some(ended) if ended.code == Some(2) && ended.stderr.contains("no run found") => {
                    is_begun = false;
                }
                Some(ended) => return Err(format!("it did not finish: {ended:#?}")),
            }
        }
    }

    fn session(&self, is_begun: bool) -> Command {
        let list = match self.way {
            Way::File => LIST,
            Way::PackedFile => PACKED,
            Way::Pipe | Way::PackedPipe => "-",
        };
        let mut command = if is_begun && self.world.dir().join(LEDGER).exists() {
            self.world.resume()
        } else {
            self.world.run(list)
        };
        if let Some(list) = self.piped() {
            command.stdin(std::fs::File::open(self.world.place.path(list)).unwrap());
        }
        command
    }

    /// The file that comes through standard input.
    fn piped(&self) -> Option<&'static str> {
        match self.way {
            Way::Pipe => Some(LIST),
            Way::PackedPipe => Some(PACKED),
            Way::File | Way::PackedFile => None,
        }
    }

    /// Starts it and kills it after this time. None: it was killed; else it had ended before.
    fn end_or_kill(&mut self, command: &mut Command, instant: Duration) -> Option<Ended> {
        let part = self.piped().filter(|_| self.dice.random()).map(|list| {
            let mut bytes = std::fs::read(self.world.place.path(list)).unwrap();
            bytes.truncate(self.dice.random_range(0..bytes.len()));
            command.stdin(Stdio::piped());
            bytes
        });
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Of a list that comes by and by this part has come. The pipe stays open until the end.
        let pipe = child.stdin.take();
        let writer = std::thread::spawn(move || {
            if let (Some(mut pipe), Some(part)) = (pipe, part) {
                drop(pipe.write_all(&part));
                return Some(pipe);
            }
            None
        });
        std::thread::sleep(instant);
        child.kill().unwrap();
        let ended = Ended::from(child.wait_with_output().unwrap());
        drop(writer.join().unwrap());
        ended.code.is_some().then_some(ended)
    }

    /// Anywhere in a run, its beginning more often.
    fn instant(&mut self) -> Duration {
        let part: f64 = self.dice.random();
        let most = if self.dice.random() { 1.0 } else { 0.4 };
        self.length.mul_f64(part * most)
    }

    /// What the run was at. Now and then a look into its ledger: what that says is true already.
    fn inspect(&mut self, tally: &mut Tally) -> Result<Phase, String> {
        let look = self.world.place.path("look");
        expected::whole(&self.world, &self.world.dir())?;
        if !self.world.dir().join(LEDGER).exists() {
            return Ok(Phase::Beginning);
        }
        expected::copy(&self.world.dir(), &look);
        let phase = phase(&look);
        if phase != Ok(Phase::Beginning) && self.dice.random_range(0..4) == 0 {
            tally.inspected += 1;
            write_reports(&look)?;
            expected::verdicts(&self.world, &look)?;
        }
        std::fs::remove_dir_all(look).unwrap();
        phase
    }
}

fn phase(dir: &Path) -> Result<Phase, String> {
    let words = |error: chime_bulk::ledger::LedgerError| error.to_string();
    let path = dir.join(LEDGER);
    if Ledger::is_blank(&path).map_err(words)? {
        return Ok(Phase::Beginning);
    }
    let ledger = Ledger::open(&path, Durability::None).map_err(words)?;
    let state: Option<RunState> = ledger.fact(fact::STATE).map_err(words)?;
    Ok(match state {
        Some(RunState::Finished) => Phase::Reporting,
        _ if ledger.staged().complete => Phase::Calling,
        _ => Phase::Staging,
    })
}

fn write_reports(dir: &Path) -> expected::Judgement {
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
