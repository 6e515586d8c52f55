//! Rate limits: checks each call against those of its channel, its bearer and the total.
//!
//! The scheduler plans calls within the limits, by what it learns from answers; governor counts
//! each call independently, so that a fault in the planning cannot exceed a quota.
//!
//! Promises: a call passes only if all its limits allow it: that of its operation on the channel, its
//! bearer's, and the total. If one refuses, the charges of the
//! others are refunded, so a call that is not made costs nothing. Time is tokio's. Must not: wait, or
//! choose the call.

mod clock;
mod refundable_store;

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, Reference as _};
use governor::middleware::NoOpMiddleware;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::model::{ChannelId, Limits, Operation};
use clock::{TokioClock, TokioInstant};
use refundable_store::RefundableStore;

/// One limit, with its state.
#[derive(Debug)]
struct Limit {
    limiter: RateLimiter<u32, RefundableStore, TokioClock, NoOpMiddleware<TokioInstant>>,
    store: RefundableStore,
    interval: Duration,
}

impl Limit {
    fn new(rate: f64, burst: u32, clock: &TokioClock) -> Self {
        let interval = Duration::from_secs_f64(1.0 / rate).max(Duration::from_nanos(1));
        let quota = Quota::with_period(interval)
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        let store = RefundableStore::default();
        Self {
            limiter: RateLimiter::new(quota, store.clone(), clock.clone()),
            store,
            interval,
        }
    }

    /// Takes back one charge of a key.
    fn refund(&self, key: u32) {
        self.store.advance(key, self.interval);
    }
}

/// More channels than this are pruned: those without a recent call need no state.
const PRUNE_ABOVE: usize = 10_000;

/// The rate limits of one run. The only user of `governor`.
#[derive(Debug)]
pub struct CallLimits {
    channel: Limit,
    /// Single adds on one channel; `None`: there are none, and one would be charged as a batch.
    single: Option<Limit>,
    bearer: Limit,
    total: Option<Limit>,
    clock: TokioClock,
}

impl CallLimits {
    /// Call limits with nothing used.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let clock = TokioClock::start();
        // The service's bursts are undocumented. None for batches on a channel; a second's worth of a
        // bearer's calls; 2 elsewhere, because the scheduler catches up by one call after a late one.
        Self {
            channel: Limit::new(limits.channel_rate, 1, &clock),
            single: limits.single_rate.map(|rate| Limit::new(rate, 2, &clock)),
            bearer: Limit::new(limits.bearer_rate, limits.bearer_burst(), &clock),
            total: limits.max_rate.map(|rate| Limit::new(rate, 2, &clock)),
            clock,
        }
    }

    /// Charges one call now.
    ///
    /// # Errors
    /// If a limit refuses it: the earliest time at which the limit allows it. Nothing is charged.
    pub fn try_acquire(
        &self,
        channel: ChannelId,
        bearer: usize,
        operation: Operation,
    ) -> Result<(), Instant> {
        let of_channel = self.of_channel(operation);
        if of_channel.store.len() > PRUNE_ABOVE {
            of_channel
                .store
                .prune(self.clock.now().duration_since(TokioInstant::default()));
        }
        let bearer = u32::try_from(bearer).unwrap_or(u32::MAX);
        let needed = [
            (Some(of_channel), channel.0),
            (Some(&self.bearer), bearer),
            (self.total.as_ref(), 0),
        ];
        let mut charged: Vec<&Limit> = Vec::with_capacity(needed.len());
        for (limit, key) in needed {
            let Some(limit) = limit else { continue };
            if let Err(refused) = limit.limiter.check_key(&key) {
                for limit in charged {
                    limit.store.refund();
                }
                return Err(self.clock.instant(refused.earliest_possible()));
            }
            charged.push(limit);
        }
        Ok(())
    }

    /// Refunds a call that the service throttled: it was not carried out, so the next one need not wait
    /// for it.
    pub fn refund(&self, channel: ChannelId, bearer: usize, operation: Operation) {
        let bearer = u32::try_from(bearer).unwrap_or(u32::MAX);
        self.of_channel(operation).refund(channel.0);
        self.bearer.refund(bearer);
        if let Some(total) = &self.total {
            total.refund(0);
        }
    }

    /// The limit of an operation on a channel.
    fn of_channel(&self, operation: Operation) -> &Limit {
        match (operation, &self.single) {
            (Operation::Single | Operation::Remove, Some(single)) => single,
            _ => &self.channel,
        }
    }

    /// Moves the charge of a call to a later time, because it is sent that much later.
    pub fn delay(&self, channel: ChannelId, bearer: usize, operation: Operation, by: Duration) {
        let bearer = u32::try_from(bearer).unwrap_or(u32::MAX);
        self.of_channel(operation).store.delay(channel.0, by);
        self.bearer.store.delay(bearer, by);
        if let Some(total) = &self.total {
            total.store.delay(0, by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: Operation = Operation::Batch;
    const SINGLE: Operation = Operation::Single;

    fn limits(channel: f64, bearer: f64, total: Option<f64>) -> Limits {
        let limits = Limits::of_region("us-east-1");
        Limits {
            channel_rate: channel,
            bearer_rate: bearer,
            max_rate: total,
            ..limits
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_a_second_on_a_channel() {
        let call_limits = CallLimits::new(&limits(1.0, 10.0, None));
        let start = Instant::now();
        assert_eq!(call_limits.try_acquire(ChannelId(0), 0, BATCH), Ok(()));
        assert_eq!(
            call_limits.try_acquire(ChannelId(0), 0, BATCH),
            Err(start + Duration::from_secs(1))
        );
        assert_eq!(call_limits.try_acquire(ChannelId(1), 0, BATCH), Ok(()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(call_limits.try_acquire(ChannelId(0), 0, BATCH), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_call_is_refunded() {
        let call_limits = CallLimits::new(&limits(1.0, 1.0, Some(0.5)));
        assert_eq!(call_limits.try_acquire(ChannelId(0), 0, BATCH), Ok(()));
        assert_eq!(call_limits.try_acquire(ChannelId(1), 1, BATCH), Ok(()));
        assert!(call_limits.try_acquire(ChannelId(0), 2, BATCH).is_err());
        call_limits.refund(ChannelId(0), 0, BATCH);
        assert_eq!(call_limits.try_acquire(ChannelId(0), 0, BATCH), Ok(()));
        assert!(call_limits.try_acquire(ChannelId(2), 0, BATCH).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_refused_by_one_limit_is_refunded_by_the_others() {
        let call_limits = CallLimits::new(&limits(1.0, 2.0, None));
        assert_eq!(call_limits.try_acquire(ChannelId(0), 0, BATCH), Ok(()));
        assert_eq!(
            call_limits.try_acquire(ChannelId(1), 0, BATCH),
            Ok(()),
            "a bearer may make the calls of a second at once"
        );
        assert!(call_limits.try_acquire(ChannelId(2), 0, BATCH).is_err());
        assert_eq!(
            call_limits.try_acquire(ChannelId(2), 1, BATCH),
            Ok(()),
            "the channel was not charged for the refused call"
        );

        let call_limits = CallLimits::new(&limits(1.0, 1.0, Some(1.0)));
        assert_eq!(call_limits.try_acquire(ChannelId(0), 0, BATCH), Ok(()));
        assert_eq!(call_limits.try_acquire(ChannelId(1), 1, BATCH), Ok(()));
        assert!(call_limits.try_acquire(ChannelId(2), 2, BATCH).is_err());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(call_limits.try_acquire(ChannelId(2), 2, BATCH), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn only_channels_without_a_recent_call_are_pruned() {
        let call_limits = CallLimits::new(&limits(1.0, 1e6, None));
        let many = u32::try_from(PRUNE_ABOVE).unwrap() + 2;
        for channel in 0..many {
            tokio::time::advance(Duration::from_micros(1)).await;
            assert_eq!(
                call_limits.try_acquire(ChannelId(channel), 0, BATCH),
                Ok(())
            );
        }
        assert!(
            call_limits
                .try_acquire(ChannelId(many - 1), 0, BATCH)
                .is_err()
        );
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(call_limits.try_acquire(ChannelId(3), 0, BATCH), Ok(()));
        assert_eq!(call_limits.channel.store.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_add_charges_its_own_limit_its_bearer_and_the_total_but_no_batch() {
        let with_singles = |single_rate, bearer, total| {
            CallLimits::new(&Limits {
                single_rate,
                ..limits(1.0, bearer, total)
            })
        };
        let start = Instant::now();
        let later = |ms| Err(start + Duration::from_millis(ms));
        let channel = ChannelId(0);
        // One call a second on the channel, and four single adds.
        let call_limits = with_singles(Some(4.0), 100.0, None);
        for bearer in 0..2 {
            assert_eq!(call_limits.try_acquire(channel, bearer, SINGLE), Ok(()));
        }
        assert_eq!(call_limits.try_acquire(channel, 2, SINGLE), later(250));
        assert_eq!(call_limits.try_acquire(channel, 2, BATCH), Ok(()));
        assert_eq!(call_limits.try_acquire(channel, 2, BATCH), later(1_000));
        call_limits.delay(channel, 2, SINGLE, Duration::from_millis(100));
        assert_eq!(call_limits.try_acquire(channel, 3, SINGLE), later(350));

        let one_bearer = (with_singles(Some(4.0), 2.0, None), [0, 0, 0], 500);
        let total = (with_singles(Some(4.0), 100.0, Some(1.0)), [0, 1, 2], 1_000);
        for (call_limits, [first, second, third], wait) in [one_bearer, total] {
            for (channel, bearer) in [(1, first), (2, second)] {
                let answer = call_limits.try_acquire(ChannelId(channel), bearer, SINGLE);
                assert_eq!(answer, Ok(()));
            }
            let refused = call_limits.try_acquire(ChannelId(3), third, SINGLE);
            assert_eq!(refused, later(wait));
        }

        let call_limits = with_singles(None, 100.0, None);
        assert_eq!(call_limits.try_acquire(channel, 0, SINGLE), Ok(()));
        assert_eq!(call_limits.try_acquire(channel, 0, BATCH), later(1_000));
    }
}
