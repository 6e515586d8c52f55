//! Limiters at the quotas: exactly a second between the calls on a channel, and a token bucket for
//! each bearer. After a refusal it waits for a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::{Channel, Finished, Job, Program, in_tasks};

/// From one call on a channel to the next.
const INTERVAL: Duration = Duration::from_secs(1);
const AFTER_REFUSAL: Duration = Duration::from_secs(1);

/// Limiters at the quotas.
pub(crate) struct TokenBuckets;

/// A token bucket. Its tokens are taken in the order in which they are asked for.
struct TokenBucket {
    /// From one token to the next.
    interval: Duration,
    /// Tokens in the full bucket.
    burst: u32,
    /// When the bucket is full again.
    full_at: Mutex<Instant>,
}

impl Program for TokenBuckets {
    fn name(&self) -> &'static str {
        "token buckets"
    }

    fn run(&self, job: Job) -> Finished {
        let bucket = || TokenBucket {
            interval: Duration::from_secs_f64(1.0 / job.limits.bearer_rate),
            burst: job.limits.bearer_burst(),
            full_at: Mutex::new(Instant::now()),
        };
        let buckets: Arc<[TokenBucket]> = job.bearers.iter().map(|_| bucket()).collect();
        Box::pin(in_tasks(job, move |channel| {
            add(channel, Arc::clone(&buckets))
        }))
    }
}

impl TokenBucket {
    /// Takes a token. Returns when it is there.
    fn take(&self) -> Instant {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        *full_at = now.max(*full_at) + self.interval;
        let ahead = full_at.saturating_duration_since(now);
        now + ahead.saturating_sub(self.interval * self.burst)
    }
}

async fn add(channel: Channel, buckets: Arc<[TokenBucket]>) {
    let mut next = Instant::now();
    for members in &channel.batches {
        loop {
            sleep_until(next).await;
            sleep_until(buckets[channel.bearer_index].take()).await;
            next = Instant::now() + INTERVAL;
            if channel.send(members).await {
                break;
            }
            sleep(AFTER_REFUSAL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test(start_paused = true)]
    async fn a_bucket_has_its_burst_and_then_its_rate() {
        use super::*;

        let start = Instant::now();
        let bucket = TokenBucket {
            interval: Duration::from_millis(100),
            burst: 3,
            full_at: Mutex::new(start),
        };
        let taken = || bucket.take().saturating_duration_since(start).as_millis();
        assert_eq!([(); 5].map(|()| taken()), [0, 0, 0, 100, 200]);
        tokio::time::advance(Duration::from_millis(450)).await;
        assert_eq!([(); 3].map(|()| taken()), [450, 450, 500]);
    }
}
