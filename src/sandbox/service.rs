//! The service behind both of its faces: state, faults and script, on tokio's clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::address::Address;
use super::config::SandboxConfig;
use super::exception::Exception;
use super::member_result::MemberResult;
use super::operation::Operation;
use super::script::Scripted;
use super::service_answer::ServiceAnswer;
use super::state::{RoundTrip, State};
use super::stats::Stats;
use super::world::World;
use crate::model::{AccountQuota, ChannelArn, MemberArn, Membership};

/// A simulated Amazon Chime SDK messaging. Shared by its faces: [`super::Simulated`] and
/// [`super::serve`].
pub struct Service {
    config: Arc<SandboxConfig>,
    started: Instant,
    /// The wall clock at the start, for timestamps on the wire. In whole seconds: so are the ages of
    /// memberships, and no timestamp is rounded twice.
    started_at: SystemTime,
    state: Mutex<State>,
}

/// Lets a part of the way pass. None takes none: even an empty sleep waits for the next
/// millisecond of tokio's timer.
pub(super) async fn delay(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

impl Service {
    /// A service that starts now.
    #[must_use]
    pub fn new(config: SandboxConfig) -> Self {
        let config = Arc::new(config);
        Self {
            started: Instant::now(),
            started_at: whole_seconds(SystemTime::now()),
            state: Mutex::new(State::new(&config)),
            config,
        }
    }

    /// What the service is like.
    #[must_use]
    pub fn config(&self) -> &SandboxConfig {
        &self.config
    }

    /// Sets what happens to the next calls: each takes the front entry, whatever becomes of it; an
    /// empty one leaves its call alone.
    pub fn script(&self, calls: impl IntoIterator<Item = Vec<Scripted>>) {
        self.state().script(calls);
    }

    /// Makes somebody a member (by its own doing), beside all quotas and rules.
    pub fn add_existing(&self, channel: &ChannelArn, member: &MemberArn) {
        let mut state = self.state();
        let now = self.now();
        let at = Address {
            channel,
            bearer: member,
        };
        state.world_mut().put(at, member.as_str(), now);
    }

    /// A member leaves a channel by itself.
    pub fn leave(&self, channel: &ChannelArn, member: &MemberArn) {
        self.state().world_mut().leave(channel, member);
    }

    /// Bans somebody from a channel; a member leaves it by that.
    pub fn ban(&self, channel: &ChannelArn, member: &MemberArn) {
        self.state().world_mut().ban(channel, member);
    }

    /// Whether somebody is a member, of whichever type.
    #[must_use]
    pub fn is_member(&self, channel: &ChannelArn, member: &MemberArn) -> bool {
        let found = self.state().world().membership(channel, member.as_str());
        found.is_some()
    }

    /// The ARNs of a channel's members of either type, sorted.
    #[must_use]
    pub fn members(&self, channel: &ChannelArn) -> Vec<String> {
        self.state().world().members(channel)
    }

    /// What the service has seen so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state().stats()
    }

    /// The figure of a quota in a region, as Service Quotas has it.
    pub(crate) fn account_quota(&self, quota: AccountQuota, region: &str) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a number of members")]
        match quota {
            AccountQuota::BearerRate => self.config.quotas.bearer_rate,
            AccountQuota::MembersPerChannel => Some(self.config.capacity as f64),
        }
        .unwrap_or_else(|| quota.built_in(region))
    }

    /// Time since the start.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The wall clock at some time since the start.
    pub(super) fn wall_clock(&self, since_start: Duration) -> SystemTime {
        self.started_at + since_start
    }

    /// The wall clock now: Unix time in seconds.
    pub(super) fn date(&self) -> i64 {
        let now = self.wall_clock(self.now());
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs().cast_signed())
    }

    /// How long the next call travels.
    pub(super) fn round_trip(&self) -> RoundTrip {
        self.state().round_trip()
    }

    /// Adds members; a verdict for each in their order.
    pub(super) fn batch_create(
        &self,
        at: Address<'_>,
        membership: &Membership,
        members: &[&str],
    ) -> ServiceAnswer<Vec<MemberResult>> {
        let mut state = self.state();
        let now = self.now();
        state.batch_create(at, membership, members, now)
    }

    /// Adds one member. The result is [`MemberResult::Added`] or [`MemberResult::LeftOut`].
    pub(super) fn create(
        &self,
        at: Address<'_>,
        membership: &Membership,
        member: &str,
    ) -> ServiceAnswer<MemberResult> {
        let mut state = self.state();
        let now = self.now();
        state.create(at, membership, member, now)
    }

    /// Performs any other operation on the state.
    pub(super) fn perform<T>(
        &self,
        operation: Operation,
        at: Address<'_>,
        act: impl FnOnce(&mut World, Duration) -> Result<T, Exception>,
    ) -> ServiceAnswer<T> {
        let mut state = self.state();
        let now = self.now();
        state.perform(operation, at, now, act)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_way_varies_by_itself_within_its_bounds() {
        let service = Service::new(SandboxConfig {
            latency: Duration::from_millis(200),
            jitter: 0.2,
            ..SandboxConfig::default()
        });
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let ways: Vec<(f64, f64)> = (0..2_000)
            .map(|_| service.round_trip())
            .map(|round_trip| (ms(round_trip.out), ms(round_trip.back)))
            .collect();
        let bounds = 80.0..=120.0;
        assert!(
            ways.iter()
                .all(|(out, back)| bounds.contains(out) && bounds.contains(back))
        );
        // Drawn as one, they would be equal; drawn apart, each quarter of the square is hit alike.
        for (out_late, back_late) in [(false, false), (false, true), (true, false), (true, true)] {
            let hits = ways
                .iter()
                .filter(|(out, back)| (*out > 100.0, *back > 100.0) == (out_late, back_late))
                .count();
            assert!((400..600).contains(&hits), "{hits} of 2000");
        }
        let steady = Service::new(SandboxConfig {
            latency: Duration::from_millis(200),
            ..SandboxConfig::default()
        });
        let round_trip = steady.round_trip();
        assert_eq!((ms(round_trip.out), ms(round_trip.back)), (100.0, 100.0));
    }
}
