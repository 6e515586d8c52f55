//! A scenario, as in its file.

use std::path::Path;
use std::time::Duration;

use chime_bulk::sandbox::{FaultShare, Lowered, Quotas, SandboxConfig};
use serde::Deserialize;

use super::bands::Bands;
use super::bound::Slowdown;
use super::roster::{Group, Roster};

/// A job and the service it meets, in a file of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The file's name without its ending.
    #[serde(skip)]
    pub(crate) name: String,
    /// What it is, in words.
    pub(super) sentence: String,
    /// The channels and their members, in the list's order.
    roster: Vec<Group>,
    /// Most members of a channel in a debug build, which takes too long for all of them.
    members_in_debug: Option<u64>,
    /// How many bearers share the work.
    #[serde(default = "one")]
    pub(super) bearers: usize,
    /// Of a round trip.
    latency_ms: u64,
    /// Share of its half by which each way varies, up and down.
    jitter: f64,
    /// Seeds of the service's dice and of the scheduler's: it is played with each of them.
    #[serde(default = "seeds")]
    pub(crate) seeds: Vec<u64>,
    /// Faults by chance, as the sandbox takes them: `lost=0.005`.
    #[serde(default)]
    faults: Vec<String>,
    /// Share of the members, evenly spread, whose first answer is `Throttled`.
    #[serde(default)]
    pub(super) throttled_once: f64,
    /// When every call is answered 503.
    pub(super) outage: Option<Span>,
    /// Where the server's limits are other than those that the run keeps.
    #[serde(default)]
    server: Server,
    /// Over HTTP on loopback, in real time, by the messaging client; else within the process on a
    /// paused clock.
    #[serde(default)]
    pub(super) http: bool,
    /// What its figures must be.
    pub(super) bands: Bands,
}

/// Seconds since the service's start.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Span {
    from: u64,
    until: u64,
}

/// The server's limits. What is not said is as documented: a channel takes 1 call a second and no
/// burst, a bearer makes 10 a second and a second's worth at once.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    /// Calls a bearer may make at once.
    bearer_burst: Option<u32>,
    /// The time in which the rates are lower.
    lowered: Option<LoweredUntil>,
}

/// Lower rates from the start on.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoweredUntil {
    /// Of the rates of channels and bearers.
    share: f64,
    /// Seconds since the service's start.
    until: u64,
}

fn one() -> usize {
    1
}

fn seeds() -> Vec<u64> {
    vec![1, 2, 3]
}

impl Span {
    pub(super) fn times(self) -> std::ops::Range<Duration> {
        Duration::from_secs(self.from)..Duration::from_secs(self.until)
    }
}

impl Scenario {
    /// All scenarios of a folder, by name.
    ///
    /// # Errors
    /// If a file cannot be read, or is no scenario: which, and why.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Self>, String> {
        let told = |error: std::io::Error| format!("{}: {error}", folder.display());
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(told)? {
            paths.push(entry.map_err(told)?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
        let scenario: Self = toml::from_str(&text).map_err(|error| told(&error))?;
        scenario.faults().map_err(|error| told(&error))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let fewer = scenario.fewer_members();
        let note = fewer.map(|members| format!(" (in this debug build of {members})"));
        Ok(Self {
            name: name.into_owned(),
            sentence: scenario.sentence.clone() + &note.unwrap_or_default(),
            ..scenario
        })
    }

    fn faults(&self) -> Result<Vec<FaultShare>, chime_bulk::sandbox::FaultError> {
        self.faults.iter().map(|fault| fault.parse()).collect()
    }

    fn fewer_members(&self) -> Option<u64> {
        self.members_in_debug.filter(|_| cfg!(debug_assertions))
    }

    pub(super) fn roster(&self) -> Roster {
        Roster::new(&self.roster, self.fewer_members())
    }

    /// The service that the job meets: strict, and with room for everybody.
    pub(super) fn service(&self, seed: u64) -> SandboxConfig {
        let usual = SandboxConfig::default();
        let largest = self.roster().sizes().iter().copied().max();
        SandboxConfig {
            capacity: usual.capacity.max(largest.unwrap_or_default()),
            latency: Duration::from_millis(self.latency_ms),
            jitter: self.jitter,
            seed,
            faults: self.faults().unwrap_or_default(),
            outage: self.outage.map(Span::times),
            quotas: Quotas {
                bearer_burst: self.server.bearer_burst,
                lowered: self.server.lowered.map(|lowered| Lowered {
                    share: lowered.share,
                    during: Duration::ZERO..Duration::from_secs(lowered.until),
                }),
                ..Quotas::default()
            },
            ..usual
        }
    }

    /// When the service takes less than the run's limits, and which share of them.
    pub(super) fn slowdowns(&self) -> Vec<Slowdown> {
        let lowered = self.server.lowered.map(|lowered| Slowdown {
            share: lowered.share,
            during: Duration::ZERO..Duration::from_secs(lowered.until),
        });
        let outage = self.outage.map(|outage| Slowdown {
            share: 0.0,
            during: outage.times(),
        });
        lowered.into_iter().chain(outage).collect()
    }
}
