//! The network in front of the service: each call takes its way there and its way back. Records when
//! calls reach the service.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chime_bulk::chime::{Chime, Pending};
use chime_bulk::model::{
    AddMember, AddMembers, ChannelArn, ChannelCall, ChannelFacts, Described, ListChannel,
    ListMembers, MemberArn, MemberCall, MemberPage, Refusal, RefusalKind, Removed, Reply,
    SubChannelPage, codes,
};
use tokio::time::{Instant, sleep, sleep_until};

use super::network::RoundTrips;

struct State {
    trips: RoundTrips,
    /// When the first call and the last one reached the service.
    arrivals: Option<Range<Duration>>,
    /// When the accepted calls reached the service.
    accepted: Vec<Duration>,
    /// When each bearer's calls were sent, those that were throttled apart.
    sent: HashMap<MemberArn, Vec<Duration>>,
    /// When calls on each channel reached the service.
    arrived_on: HashMap<ChannelArn, Vec<Duration>>,
    throttled: u64,
}

/// The network. Clones share their state.
#[derive(Clone)]
pub(super) struct Link {
    service: Arc<dyn Chime>,
    start: Instant,
    state: Arc<Mutex<State>>,
}

impl Link {
    /// A network that starts now.
    pub(super) fn new(service: Arc<dyn Chime>, trips: RoundTrips) -> Self {
        let state = State {
            trips,
            arrivals: None,
            accepted: Vec::new(),
            sent: HashMap::new(),
            arrived_on: HashMap::new(),
            throttled: 0,
        };
        Self {
            service,
            start: Instant::now(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the first call that reached the service to the last one, accepted or not.
    pub(super) fn arrivals(&self) -> Range<Duration> {
        self.state().arrivals.clone().unwrap_or_default()
    }

    /// Requests that reached the service, of any kind.
    pub(super) fn requests(&self) -> u64 {
        self.state()
            .arrived_on
            .values()
            .map(|of| of.len() as u64)
            .sum()
    }

    /// Those of them that were throttled.
    pub(super) fn throttled(&self) -> u64 {
        self.state().throttled
    }

    /// The most requests on one channel that reached the service within a second.
    pub(super) fn busiest_channel_second(&self) -> u64 {
        busiest_second(self.state().arrived_on.values())
    }

    /// A call on this channel has reached the service. Returns when.
    fn arrived(&self, channel: ChannelArn) -> Duration {
        let now = self.start.elapsed();
        let mut state = self.state();
        state.arrived_on.entry(channel).or_default().push(now);
        let first = state.arrivals.as_ref().map_or(now, |times| times.start);
        state.arrivals = Some(first..now);
        now
    }

    /// The time from `from` to the first second in which this many calls are accepted.
    pub(super) fn recovery(&self, from: Duration, calls: usize) -> Option<Duration> {
        let state = self.state();
        let later = state.accepted.iter().filter(|at| **at >= from);
        let later: Vec<Duration> = later.copied().collect();
        let in_a_second =
            |window: &&[Duration]| window[calls - 1] < window[0] + Duration::from_secs(1);
        let found = later.windows(calls.max(1)).find(in_a_second);
        found.map(|window| window[0].saturating_sub(from))
    }

    /// The most calls that a bearer sent within a second and that were not throttled.
    pub(super) fn busiest_bearer_second(&self) -> u64 {
        busiest_second(self.state().sent.values())
    }

    /// Passes a call on after its way there, and its answer after its way back.
    async fn pass<T>(
        self,
        (channel, bearer): (ChannelArn, MemberArn),
        timeout: Duration,
        call: impl FnOnce(&dyn Chime, Duration) -> Pending<T>,
    ) -> Result<T, Refusal> {
        let sent = Instant::now();
        let trip = self.state().trips.draw(sent - self.start);
        if trip.out >= timeout {
            sleep(timeout).await;
            return Err(lost());
        }
        sleep(trip.out).await;
        let arrived = self.arrived(channel);
        let answer = call(&*self.service, timeout.saturating_sub(trip.out)).await;
        if answer.is_ok() {
            self.state().accepted.push(arrived);
        }
        let is_throttled = |refusal: &Refusal| refusal.kind == RefusalKind::Throttled;
        {
            let mut state = self.state();
            if answer.as_ref().is_err_and(is_throttled) {
                state.throttled += 1;
            } else {
                let sent_at = sent - self.start;
                state.sent.entry(bearer).or_default().push(sent_at);
            }
        }
        let back = Instant::now() + trip.back;
        if back >= sent + timeout {
            sleep_until(sent + timeout).await;
            return Err(lost());
        }
        sleep_until(back).await;
        answer
    }
}

/// The most of these times of one key within a second.
fn busiest_second<'a>(of_keys: impl Iterator<Item = &'a Vec<Duration>>) -> u64 {
    let busiest = of_keys.map(|times| {
        let mut times = times.clone();
        times.sort_unstable();
        let until = |from: &Duration| *from + Duration::from_secs(1);
        let within = |first: usize| times.partition_point(|at| *at < until(&times[first])) - first;
        (0..times.len()).map(within).max().unwrap_or_default()
    });
    busiest.max().unwrap_or_default() as u64
}

fn lost() -> Refusal {
    Refusal {
        kind: RefusalKind::Lost,
        code: codes::TIMEOUT.to_owned(),
        message: "no answer in time".to_owned(),
    }
}

impl Chime for Link {
    fn add_members(&self, call: AddMembers, timeout: Duration) -> Pending<Reply> {
        let parties = (call.channel.clone(), call.bearer.clone());
        let send = move |service: &dyn Chime, timeout| service.add_members(call, timeout);
        Box::pin(self.clone().pass(parties, timeout, send))
    }

    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply> {
        let parties = (call.channel.clone(), call.bearer.clone());
        let send = move |service: &dyn Chime, timeout| service.add_member(call, timeout);
        Box::pin(self.clone().pass(parties, timeout, send))
    }

    fn list_members(&self, call: ListMembers, timeout: Duration) -> Pending<MemberPage> {
        let parties = (call.channel.clone(), call.bearer.clone());
        let send = move |service: &dyn Chime, timeout| service.list_members(call, timeout);
        Box::pin(self.clone().pass(parties, timeout, send))
    }

    fn describe_member(&self, call: MemberCall, timeout: Duration) -> Pending<Described> {
        let parties = (call.channel.clone(), call.bearer.clone());
        let send = move |service: &dyn Chime, timeout| service.describe_member(call, timeout);
        Box::pin(self.clone().pass(parties, timeout, send))
    }

    fn remove_member(&self, call: MemberCall, timeout: Duration) -> Pending<Removed> {
        let parties = (call.channel.clone(), call.bearer.clone());
        let send = move |service: &dyn Chime, timeout| service.remove_member(call, timeout);
        Box::pin(self.clone().pass(parties, timeout, send))
    }

    fn describe_channel(&self, call: ChannelCall, timeout: Duration) -> Pending<ChannelFacts> {
        let parties = (call.channel.clone(), call.bearer.clone());
        let send = move |service: &dyn Chime, timeout| service.describe_channel(call, timeout);
        Box::pin(self.clone().pass(parties, timeout, send))
    }

    fn list_moderators(&self, call: ListChannel, timeout: Duration) -> Pending<MemberPage> {
        let parties = (call.channel.clone(), call.bearer.clone());
        let send = move |service: &dyn Chime, timeout| service.list_moderators(call, timeout);
        Box::pin(self.clone().pass(parties, timeout, send))
    }

    fn list_sub_channels(&self, call: ListChannel, timeout: Duration) -> Pending<SubChannelPage> {
        let parties = (call.channel.clone(), call.bearer.clone());
        let send = move |service: &dyn Chime, timeout| service.list_sub_channels(call, timeout);
        Box::pin(self.clone().pass(parties, timeout, send))
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test(start_paused = true)]
    async fn a_call_is_lost_if_its_answer_would_come_too_late() {
        use chime_bulk::model::{Batch, Membership};
        use chime_bulk::sandbox::{SandboxConfig, Service, Simulated};

        use super::super::roster::{bearers, channel_arn};
        use super::*;

        let service = Arc::new(Service::new(SandboxConfig::default()));
        let client = Arc::new(Simulated::new(Arc::clone(&service)));
        let network = toml::from_str("way.uniform = { mean_ms = 75, spread = 0 }").unwrap();
        let link = Link::new(client, RoundTrips::new(network, 1));
        let call = AddMembers {
            channel: channel_arn(0).unwrap(),
            bearer: bearers(1).unwrap().remove(0),
            membership: Membership::default(),
            members: Batch::new(bearers(2).unwrap()).unwrap(),
        };
        for (timeout, arrived, is_answered) in [(75, 0, false), (150, 1, false), (151, 2, true)] {
            sleep(Duration::from_secs(1)).await;
            let sent = Instant::now();
            let timeout = Duration::from_millis(timeout);
            let answer = link.add_members(call.clone(), timeout).await;
            assert_eq!(answer.is_ok(), is_answered, "{answer:?}");
            assert_eq!(sent.elapsed(), timeout.min(Duration::from_millis(150)));
            assert_eq!(service.stats().batch_calls, arrived);
        }
        let first = Duration::from_millis(1_000 + 75 + 1_000 + 75);
        assert_eq!(
            link.arrivals(),
            first..first + Duration::from_millis(1_000 + 150)
        );
        // The second call was accepted too, although its answer was lost.
        assert_eq!(link.recovery(Duration::ZERO, 1), Some(first));
        assert_eq!(link.recovery(first + Duration::from_millis(1), 2), None);
        assert_eq!(link.recovery(first, 2), None, "more than a second apart");
    }
}
