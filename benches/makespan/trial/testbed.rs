//! What a program is tried on: a list, the service, and the network between.

use std::collections::HashSet;
use std::error::Error;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chime_bulk::chime::{self, Api, Chime, FixedCredentials};
use chime_bulk::ledger::Ledger;
use chime_bulk::model::{Limits, MemberArn, quota};
use chime_bulk::sandbox::{Service, Simulated, serve};
use tokio::net::TcpListener;

use super::bound::with_slowdowns;
use super::chime_bulk::add;
use super::figures::Figures;
use super::link::Link;
use super::network::RoundTrips;
use super::proxy::Proxy;
use super::roster::{Roster, bearers};
use super::scenario::{Measured, Scenario, Span};

/// The share of the possible rate that counts as full speed.
const FULL_SPEED: f64 = 0.9;
/// Longer than any limit takes to recover.
const RECOVERY: Duration = Duration::from_mins(2);
/// Makes the network's random numbers differ from those of the service and the program.
const NETWORK_SEED: u64 = 0x006e_6574;

/// A list to add, and the client to do it with.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) roster: Roster,
    pub(crate) bearers: Vec<MemberArn>,
    pub(crate) limits: Limits,
    pub(crate) service: Arc<dyn Chime>,
    pub(crate) seed: u64,
}

/// A job with the service that it is for.
pub(super) struct Testbed {
    pub(super) job: Job,
    link: Link,
    proxy: Proxy,
    service: Arc<Service>,
}

impl Testbed {
    /// Starts the service.
    ///
    /// # Errors
    /// If there is no client for it.
    pub(super) async fn new(scenario: &Scenario, seed: u64) -> Result<Self, Box<dyn Error>> {
        let roster = scenario.roster();
        let service = Arc::new(Service::new(scenario.service(seed)));
        let client: Arc<dyn Chime> = if scenario.is_over_http {
            http_client(&service).await?
        } else {
            Arc::new(Simulated::new(Arc::clone(&service)))
        };
        let trips = RoundTrips::new(scenario.network, seed ^ NETWORK_SEED);
        let throttled: HashSet<String> = roster.share(scenario.throttled_once);
        let link = Link::new(client, trips);
        let proxy = Proxy::new(Arc::new(link.clone()), roster.sizes().len(), throttled);
        let limits = Limits {
            members_per_call: roster.members_per_call(),
            single_rate: scenario.single_adds.then_some(quota::SINGLE_RATE),
            ..Limits::of_region("us-east-1")
        };
        let job = Job {
            roster,
            bearers: bearers(scenario.bearers)?,
            limits,
            service: Arc::new(proxy.clone()),
            seed,
        };
        Ok(Self {
            job,
            link,
            proxy,
            service,
        })
    }

    /// Adds the members of the job without the network between, and waits until all limits have
    /// recovered. Returns the ledger, which is in this directory.
    ///
    /// # Errors
    /// If the run does not finish.
    pub(super) async fn added(&self, dir: &Path) -> Result<Ledger, Box<dyn Error>> {
        let job = Job {
            service: Arc::new(Simulated::new(Arc::clone(&self.service))),
            ..self.job.clone()
        };
        let run = add(job, dir).await?;
        tokio::time::sleep(RECOVERY).await;
        Ok(run)
    }

    /// The figures, once the program has finished.
    ///
    /// # Errors
    /// If not every member is added.
    pub(super) fn figures(
        &self,
        scenario: &Scenario,
        makespan: Duration,
    ) -> Result<Figures, Box<dyn Error>> {
        let stats = self.service.stats();
        let roster = &self.job.roster;
        if stats.members_added != roster.members() {
            let (added, members) = (stats.members_added, roster.members());
            return Err(format!("{added} of {members} members were added").into());
        }
        if scenario.task != Measured::Add {
            return Ok(self.figures_of_part(scenario, makespan));
        }
        let with_faults = self.proxy.lower_bound(roster);
        let limits = scenario.limits_of_service(&self.job.limits);
        let (least, _) = with_faults.time(&limits, scenario.bearers);
        let arrivals = self.link.arrivals();
        let outage = scenario.outage.map(Span::times);
        let speed = full_speed(scenario, &self.job);
        Ok(Figures {
            bound: with_slowdowns(least, arrivals.start, &scenario.slowdowns()),
            arrivals: arrivals.end.saturating_sub(arrivals.start),
            makespan,
            fewest: roster.lower_bound().calls(),
            fewest_with_faults: with_faults.calls(),
            calls: stats.batch_calls,
            throttled: stats.throttled_calls,
            channel_second: stats.busiest_channel_second,
            bearer_second: self.link.busiest_bearer_second(),
            recovery: outage.and_then(|outage| self.link.recovery(outage.end, speed)),
        })
    }

    /// The figures of an undo or a verification. They count requests: a guarded removal is two.
    fn figures_of_part(&self, scenario: &Scenario, makespan: Duration) -> Figures {
        let Job { roster, limits, .. } = &self.job;
        let (least, fewest) = match scenario.task {
            Measured::Verify => {
                let (bound, longest) = roster.questions();
                let limits = limits.of_reading(quota::LIST_RATE);
                let (least, _) = bound.time(&limits, scenario.bearers);
                // A page can only be asked for after the one before.
                let pages = u32::try_from(longest.saturating_sub(1)).unwrap_or(u32::MAX);
                let chain = scenario.network.mean_round_trip() * pages;
                (least.max(chain), bound.calls())
            }
            Measured::Undo | Measured::Add => {
                let bound = roster.removals();
                let limits = limits.of_removals(quota::SINGLE_RATE, true);
                let (least, _) = bound.time(&limits, scenario.bearers);
                (least, bound.calls() * 2)
            }
        };
        let arrivals = self.link.arrivals();
        Figures {
            bound: with_slowdowns(least, arrivals.start, &scenario.slowdowns()),
            arrivals: arrivals.end.saturating_sub(arrivals.start),
            makespan,
            fewest,
            fewest_with_faults: fewest,
            calls: self.link.requests(),
            throttled: self.link.throttled(),
            channel_second: self.link.busiest_channel_second(),
            bearer_second: self.link.busiest_bearer_second(),
            recovery: None,
        }
    }
}

/// The calls per second that count as full speed.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few calls per second"
)]
fn full_speed(scenario: &Scenario, job: &Job) -> usize {
    let channels = job.roster.sizes().len() as f64 * job.limits.channel_rate;
    let bearers = scenario.bearers as f64 * job.limits.bearer_rate;
    ((channels.min(bearers) * FULL_SPEED).ceil() as usize).max(1)
}

/// A client that calls the service over HTTP.
async fn http_client(service: &Arc<Service>) -> Result<Arc<dyn Chime>, Box<dyn Error>> {
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
