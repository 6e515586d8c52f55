//! How close a job comes to the least time that the limits allow, on virtual time: round trips of
//! 150 ms, each way varying by itself, and a service that judges its limits strictly.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use chime_bulk::engine::{Engine, Event, Feed, Setup};
use chime_bulk::gate::Gate;
use chime_bulk::ledger::{Durability, Ledger, Stager};
use chime_bulk::model::{Limits, MemberArn};
use chime_bulk::roster::{Options, Roster, Source};
use chime_bulk::sandbox::{FaultShare, Service, Settings, Simulated};
use chime_bulk::schedule::{Scheduler, Settings as SchedulerSettings};

const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

/// A job, and the service it meets.
struct Scenario {
    name: &'static str,
    /// Members of each channel.
    channels: Vec<usize>,
    bearers: usize,
    latency: Duration,
    jitter: f64,
    faults: &'static [&'static str],
    outage: Option<(u64, u64)>,
}

impl Scenario {
    fn new(name: &'static str, channels: Vec<usize>) -> Self {
        let (latency, jitter) = (Duration::from_millis(150), 0.2);
        Self {
            name,
            channels,
            bearers: 1,
            latency,
            jitter,
            faults: &[],
            outage: None,
        }
    }

    fn all() -> Vec<Self> {
        let uneven = || std::iter::once(10_000).chain([10; 999]).collect::<Vec<_>>();
        let faults = &["member-throttled=0.01", "lost=0.005"];
        vec![
            Self::new("a  one channel of 10,000", vec![10_000]),
            Self::new("b  one of 10,000, 999 of 10", uneven()),
            Self {
                bearers: 4,
                ..Self::new("c  200 of 1,000, four bearers", vec![1_000; 200])
            },
            Self::new("d  one elastic channel of 1,000,000", vec![1_000_000]),
            Self {
                faults,
                ..Self::new("e  b, with faults", uneven())
            },
            Self {
                outage: Some((20, 80)),
                ..Self::new("g  b, down from 20 s to 80 s", uneven())
            },
            Self {
                latency: Duration::from_millis(15),
                jitter: 0.1,
                ..Self::new("i  a, round trips of 15 ms", vec![10_000])
            },
        ]
    }

    fn list(&self) -> Vec<u8> {
        let mut text = String::from("channel,user_id\n");
        for (channel, members) in self.channels.iter().enumerate() {
            for member in 0..*members {
                let _ = writeln!(text, "{INSTANCE}/channel/c{channel},m{channel}-{member}");
            }
        }
        text.into_bytes()
    }

    async fn run(&self, seed: u64) -> Result<Figures, Box<dyn Error>> {
        let service = Arc::new(Service::new(Settings {
            capacity: 1_000_000,
            latency: self.latency,
            jitter: self.jitter,
            seed,
            faults: self
                .faults
                .iter()
                .filter_map(|fault| fault.parse::<FaultShare>().ok())
                .collect(),
            outage: self
                .outage
                .map(|(from, to)| Duration::from_secs(from)..Duration::from_secs(to)),
            ..Settings::default()
        }));
        let limits = Limits::of_region("us-east-1");
        let dir = tempfile::tempdir()?;
        let source = Source::Bytes {
            name: "list".to_owned(),
            bytes: self.list(),
        };
        let roster = Roster::open(&source, &Options::default())?;
        let key = [0; 16];
        let ledger = Ledger::create(
            &dir.path().join("ledger.db"),
            Durability::None,
            roster.layout(),
            key,
        )?;
        let bearers: Vec<MemberArn> = (0..self.bearers)
            .map(|n| MemberArn::parse(&format!("{INSTANCE}/user/bearer-{n}")))
            .collect::<Result<_, _>>()?;
        let scheduler = SchedulerSettings {
            seed,
            ..SchedulerSettings::new(limits, bearers.len())
        };
        let (_commands, commands) = tokio::sync::mpsc::channel(1);
        let setup = Setup {
            ledger,
            scheduler: Scheduler::new(scheduler),
            gate: Gate::new(&limits),
            service: Arc::new(Simulated::new(Arc::clone(&service))),
            bearers,
            feed: Feed::Inline(Box::new(Stager::new(roster, key))),
            commands,
            epoch_millis: 0,
        };
        let began = tokio::time::Instant::now();
        let mut nobody = |_: &Event| {};
        let (ledger, _) = Engine::new(setup, &mut nobody).run().await?;
        let makespan = began.elapsed();
        let bound = ledger.lower_bound()?;
        let stats = service.stats();
        Ok(Figures {
            bound: bound.time(&limits, self.bearers).0,
            makespan,
            least: bound.calls(),
            calls: stats.batch_calls,
            refused: stats.throttled_calls,
            busiest: (stats.busiest_channel_second, stats.busiest_bearer_second),
        })
    }
}

/// What a run came to.
struct Figures {
    bound: Duration,
    makespan: Duration,
    least: u64,
    calls: u64,
    refused: u64,
    busiest: (u64, u64),
}

#[expect(
    clippy::cast_precision_loss,
    reason = "call counts, shown with three digits"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "{:<37}{:>9}{:>10}{:>8}{:>13}{:>9}{:>18}",
        "virtual time",
        "bound s",
        "makespan",
        "ratio",
        "calls/least",
        "refused",
        "busiest second c/b"
    );
    let asked: BTreeSet<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    for scenario in Scenario::all() {
        if !asked.is_empty() && !asked.contains(&scenario.name[..1]) {
            continue;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build();
        let figures = runtime?.block_on(scenario.run(7))?;
        println!(
            "{:<37}{:>9.1}{:>10.1}{:>8.3}{:>13.3}{:>8.2}%{:>15}/{}",
            scenario.name,
            figures.bound.as_secs_f64(),
            figures.makespan.as_secs_f64(),
            figures.makespan.as_secs_f64() / figures.bound.as_secs_f64(),
            figures.calls as f64 / figures.least as f64,
            figures.refused as f64 * 100.0 / figures.calls as f64,
            figures.busiest.0,
            figures.busiest.1,
        );
    }
    Ok(())
}
