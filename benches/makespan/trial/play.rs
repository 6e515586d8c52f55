//! Plays a scenario: the whole core, from a list in memory to the ledger.

use std::collections::HashSet;
use std::error::Error;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use chime_bulk::chime::{self, Api, Chime, FixedCredentials};
use chime_bulk::engine::{Ending, Engine, Event, Feed, Setup};
use chime_bulk::ledger::{Durability, Ledger, Stager};
use chime_bulk::limits::CallLimits;
use chime_bulk::model::Limits;
use chime_bulk::roster::{self, Options, Source};
use chime_bulk::sandbox::{Service, Simulated, serve};
use chime_bulk::schedule::{LowerBound, Scheduler, SchedulerConfig};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use super::bound::with_slowdowns;
use super::figures::Figures;
use super::proxy::Proxy;
use super::roster::{Roster, bearers};
use super::scenario::{Scenario, Span};

const KEY: [u8; 16] = [0; 16];
/// Longer than any trial may take.
const FOREVER: Duration = Duration::from_hours(24);
/// The share of the possible rate that counts as full speed.
const FULL_SPEED: f64 = 0.9;

/// Plays a scenario to its end.
///
/// # Errors
/// If the run does not finish, or does not add every member.
pub(super) fn play(scenario: &Scenario, seed: u64) -> Result<Figures, Box<dyn Error>> {
    runtime(scenario.http)?.block_on(async {
        let running = tokio::time::timeout(FOREVER, run(scenario, seed));
        running.await.map_err(|_| "the run does not end")?
    })
}

fn runtime(is_real_time: bool) -> std::io::Result<Runtime> {
    if is_real_time {
        return Builder::new_multi_thread().enable_all().build();
    }
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
}

async fn run(scenario: &Scenario, seed: u64) -> Result<Figures, Box<dyn Error>> {
    let limits = Limits::of_region("us-east-1");
    let roster = scenario.roster();
    let service = Arc::new(Service::new(scenario.service(seed)));
    let throttled: HashSet<String> = roster.share(scenario.throttled_once);
    let client = client(scenario, &service).await?;
    let proxy = Proxy::new(client, roster.sizes().len(), throttled);
    let dir = tempfile::tempdir()?;
    let start = Instant::now();
    let mut ignore = |_: &Event| {};
    let setup = setup(scenario, seed, &roster, &proxy, &limits, dir.path())?;
    let (_, ending) = Engine::new(setup, &mut ignore).run().await?;
    let makespan = start.elapsed();
    let stats = service.stats();
    if !matches!(ending, Ending::Finished) {
        return Err(format!("the run ended with {ending:?}").into());
    }
    if stats.members_added != roster.members() {
        let (added, members) = (stats.members_added, roster.members());
        return Err(format!("{added} of {members} members were added").into());
    }
    let mut plain = LowerBound::default();
    roster
        .sizes()
        .iter()
        .for_each(|members| plain.add_channel(*members));
    let with_faults = proxy.lower_bound(roster.sizes());
    let (least_time, _) = with_faults.time(&limits, scenario.bearers);
    let least_time = with_slowdowns(least_time, &scenario.slowdowns());
    let outage = scenario.outage.map(Span::times);
    Ok(Figures {
        bound: least_time,
        makespan,
        fewest: plain.calls(),
        fewest_with_faults: with_faults.calls(),
        calls: stats.batch_calls,
        throttled: stats.throttled_calls,
        channel_second: stats.busiest_channel_second,
        bearer_second: stats.busiest_bearer_second,
        recovery: outage
            .and_then(|outage| proxy.recovery(outage.end, full_speed(scenario, &limits))),
    })
}

/// The calls per second that count as full speed.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few calls per second"
)]
fn full_speed(scenario: &Scenario, limits: &Limits) -> usize {
    let channels = scenario.roster().sizes().len() as f64 * limits.channel_rate;
    let bearers = scenario.bearers as f64 * limits.bearer_rate;
    ((channels.min(bearers) * FULL_SPEED).ceil() as usize).max(1)
}

/// The client that the proxy passes calls to.
async fn client(
    scenario: &Scenario,
    service: &Arc<Service>,
) -> Result<Arc<dyn Chime>, Box<dyn Error>> {
    if !scenario.http {
        return Ok(Arc::new(Simulated::new(Arc::clone(service))));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve(listener, Arc::clone(service), pending()));
    let config = service.config();
    let client = chime::connect(chime::ClientConfig {
        endpoint_url: Some(url.parse()?),
        credentials: Some(FixedCredentials {
            access_key_id: config.access_key.clone(),
            secret_access_key: config.secret_key.clone(),
        }),
        ..chime::ClientConfig::new(Api::Messaging, "us-east-1")
    });
    Ok(client.await?.service)
}

fn setup(
    scenario: &Scenario,
    seed: u64,
    roster: &Roster,
    proxy: &Proxy,
    limits: &Limits,
    dir: &std::path::Path,
) -> Result<Setup, Box<dyn Error>> {
    let source = Source::Bytes {
        name: "list".to_owned(),
        bytes: roster.list(),
    };
    let list = roster::Roster::open(&source, &Options::default())?;
    let path = dir.join("ledger.db");
    let ledger = Ledger::create(&path, Durability::None, list.layout(), KEY)?;
    let scheduling = SchedulerConfig {
        seed,
        ..SchedulerConfig::new(*limits, scenario.bearers)
    };
    // No commands are sent.
    let (_, commands) = tokio::sync::mpsc::channel(1);
    Ok(Setup {
        ledger,
        scheduler: Scheduler::new(scheduling),
        call_limits: CallLimits::new(limits),
        service: Arc::new(proxy.clone()),
        bearers: bearers(scenario.bearers)?,
        feed: Feed::Inline(Box::new(Stager::new(list, KEY))),
        commands,
        epoch_millis: 0,
    })
}
