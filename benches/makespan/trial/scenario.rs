//! A scenario, as its file describes it.

use std::path::Path;
use std::time::Duration;

use chime_bulk::model::Limits;
use chime_bulk::sandbox::{FaultShare, Lowered, Quotas, SandboxConfig};
use serde::Deserialize;

use super::bands::Bands;
use super::bound::Slowdown;
use super::network::Network;
use super::roster::{Group, Roster};

/// A job and the service that it calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The name of the file, without extension.
    #[serde(skip)]
    pub(crate) name: String,
    /// One line for the table.
    pub(crate) description: String,
    /// What is measured.
    #[serde(default)]
    pub(super) task: Measured,
    /// The channels and their members, in the order of the list.
    roster: Vec<Group>,
    /// The most members of a channel in a debug build, which would take too long with all of them.
    members_in_debug: Option<u64>,
    /// Whether bearers with time to spare add single members.
    #[serde(default)]
    pub(super) single_adds: bool,
    /// The number of bearers.
    #[serde(default = "one")]
    pub(super) bearers: usize,
    /// The most members in one call. Fewer make a debug build quick, and change nothing else.
    #[serde(default = "hundred")]
    members_per_call: u32,
    /// The network between the program and the service.
    pub(super) network: Network,
    /// The seeds of the service, the network and the program. The scenario is played with each of them.
    #[serde(default = "seeds")]
    pub(crate) seeds: Vec<u64>,
    /// Random faults, in the syntax of the flag `--fault`: `lost=0.005`.
    #[serde(default)]
    faults: Vec<String>,
    /// The share of the members whose first answer is `Throttled`. They are evenly spread.
    #[serde(default)]
    pub(super) throttled_once: f64,
    /// When every call is answered with status 503.
    pub(super) outage: Option<Span>,
    /// Limits of the server that differ from those of the run.
    #[serde(default)]
    server: Server,
    /// Whether calls go over HTTP on loopback, in real time. Otherwise the service is in the process,
    /// on a paused clock.
    #[serde(skip)]
    pub(crate) is_over_http: bool,
    /// The bands of its figures.
    pub(super) bands: Bands,
}

/// What is measured. An undo and a verification are those of a run that is over, some time later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Measured {
    /// The run itself: it adds the members of the list.
    #[default]
    Add,
    /// Its undo, with guard.
    Undo,
    /// Its verification: channels are listed, or each row is described, whichever takes fewer calls.
    Verify,
}

/// A time span, in seconds since the start of the service.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Span {
    from: u64,
    until: u64,
}

/// The server's limits. By default they are those that AWS documents: a channel takes 1 call per
/// second without bursts; a bearer makes 10 per second, with bursts of 10.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    /// The most calls of a bearer at once.
    bearer_burst: Option<u32>,
    /// Calls a second over all channels and bearers together.
    total_rate: Option<f64>,
    /// Lower rates, for a time.
    lowered: Option<LoweredUntil>,
}

/// Lower rates from the start on.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoweredUntil {
    /// The share of the rates of channels and bearers that is left.
    share: f64,
    /// Their end, in seconds since the start of the service.
    until: u64,
}

fn one() -> usize {
    1
}

fn hundred() -> u32 {
    100
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
    /// A mix of channels without faults, for one seed.
    pub(super) fn mix(
        seed: u64,
        roster: Vec<Group>,
        bearers: usize,
        members_per_call: u32,
    ) -> Self {
        Self {
            single_adds: false,
            name: format!("mix {seed}"),
            description: String::new(),
            task: Measured::Add,
            roster,
            members_in_debug: None,
            members_per_call,
            bearers,
            network: Network::even(),
            seeds: vec![seed],
            faults: Vec::new(),
            throttled_once: 0.0,
            outage: None,
            server: Server::default(),
            is_over_http: false,
            bands: Bands::default(),
        }
    }

    /// All scenarios of a folder, by name.
    ///
    /// # Errors
    /// If a file cannot be read, or is not a scenario. The error names the file.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Self>, String> {
        let with_place = |error: std::io::Error| format!("{}: {error}", folder.display());
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(with_place)? {
            paths.push(entry.map_err(with_place)?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// The scenario with each of its seeds.
    pub(super) fn trials(&self) -> impl Iterator<Item = (&Self, u64)> {
        self.seeds.iter().map(move |seed| (self, *seed))
    }

    fn read(path: &Path) -> Result<Self, String> {
        let with_place = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| with_place(&error))?;
        let scenario: Self = toml::from_str(&text).map_err(|error| with_place(&error))?;
        scenario.faults().map_err(|error| with_place(&error))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let max = scenario.max_members();
        let note = max.map(|members| format!(" ({members} in this debug build)"));
        Ok(Self {
            name: name.into_owned(),
            description: scenario.description.clone() + &note.unwrap_or_default(),
            ..scenario
        })
    }

    fn faults(&self) -> Result<Vec<FaultShare>, chime_bulk::sandbox::FaultError> {
        self.faults.iter().map(|fault| fault.parse()).collect()
    }

    fn max_members(&self) -> Option<u64> {
        self.members_in_debug.filter(|_| cfg!(debug_assertions))
    }

    pub(super) fn roster(&self) -> Roster {
        Roster::new(&self.roster, self.max_members(), self.members_per_call)
    }

    /// The service that the job calls, at the end of the network. Its channels have room for all members.
    pub(super) fn service(&self, seed: u64) -> SandboxConfig {
        let default = SandboxConfig::default();
        let largest = self.roster().sizes().iter().copied().max();
        SandboxConfig {
            capacity: default.capacity.max(largest.unwrap_or_default()),
            seed,
            faults: self.faults().unwrap_or_default(),
            outage: self.outage.map(Span::times),
            quotas: Quotas {
                bearer_burst: self.server.bearer_burst,
                total_rate: self.server.total_rate,
                lowered: self.server.lowered.map(|lowered| Lowered {
                    share: lowered.share,
                    during: Duration::ZERO..Duration::from_secs(lowered.until),
                }),
                ..Quotas::default()
            },
            ..default
        }
    }

    /// The limits that the service has and the run is told of, and the one over all calls, which the run
    /// has to find.
    pub(super) fn limits_of_service(&self, of_run: &Limits) -> Limits {
        Limits {
            max_rate: self.server.total_rate,
            ..*of_run
        }
    }

    /// The times in which the service accepts less than the limits of the run.
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
