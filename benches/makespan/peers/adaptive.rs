//! The AWS SDK's adaptive retry mode, with its defaults and no other pacing: three attempts, one rate
//! limiter for all calls of the client, and exponential backoff where the limiter demands no wait. A
//! call that failed for good is made again. The SDK's quota of retries is left out: it only ends a
//! call sooner.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chime_bulk::model::Batch;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::{Instant, sleep};

use super::rate_estimate::RateEstimate;
use super::{Channel, Finished, Job, Program, in_tasks};

const ATTEMPTS: i32 = 3;
const CALL_COST: f64 = 1.0;
const RETRY_COST: f64 = 10.0;
const MAX_BACKOFF: Duration = Duration::from_secs(20);

/// The SDK's adaptive retry mode.
pub(crate) struct AdaptiveRetries;

/// The state that all calls of a client share.
struct Client {
    start: Instant,
    limiter: RateEstimate,
    rng: StdRng,
}

impl Program for AdaptiveRetries {
    fn name(&self) -> &'static str {
        "adaptive retries"
    }

    fn run(&self, job: Job) -> Finished {
        let client = Arc::new(Mutex::new(Client {
            start: Instant::now(),
            limiter: RateEstimate::new(),
            rng: StdRng::seed_from_u64(job.seed),
        }));
        Box::pin(in_tasks(job, move |channel| {
            add(channel, Arc::clone(&client))
        }))
    }
}

impl Client {
    fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    fn acquire(&mut self, cost: f64) -> Result<(), Duration> {
        let now = self.now();
        self.limiter.acquire(cost, now)
    }

    fn on_answer(&mut self, is_accepted: bool) {
        let now = self.now();
        self.limiter.on_answer(!is_accepted, now);
    }

    /// How long to wait before a retry, after this many attempts.
    fn backoff(&mut self, attempts: i32) -> Duration {
        let wait = if let Err(wait) = self.acquire(RETRY_COST) {
            wait
        } else {
            Duration::from_secs_f64(2_f64.powi(attempts - 1)).mul_f64(self.rng.random::<f64>())
        };
        wait.min(MAX_BACKOFF)
    }
}

async fn add(channel: Channel, client: Arc<Mutex<Client>>) {
    for members in &channel.batches {
        while !call(&channel, members, &client).await {}
    }
}

/// A call of the SDK with its retries. Returns whether it was accepted in the end.
async fn call(channel: &Channel, members: &Batch, client: &Mutex<Client>) -> bool {
    let client = || client.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let acquired = client().acquire(CALL_COST);
        match acquired {
            Ok(()) => break,
            Err(wait) => sleep(wait).await,
        }
    }
    for attempts in 1..=ATTEMPTS {
        let is_accepted = channel.send(members).await;
        client().on_answer(is_accepted);
        if is_accepted {
            return true;
        }
        if attempts < ATTEMPTS {
            let wait = client().backoff(attempts);
            sleep(wait).await;
        }
    }
    false
}
