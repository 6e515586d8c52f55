//! The careful script: after each call, accepted or not, it sleeps until a little more than a second
//! has passed since the call was sent. It has no limit for the bearers.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Channel, Finished, Job, Program, in_tasks};

/// From one call on a channel to the next.
const INTERVAL: Duration = Duration::from_millis(1_050);

/// The careful script.
pub(crate) struct CarefulScript;

impl Program for CarefulScript {
    fn name(&self) -> &'static str {
        "careful script"
    }

    fn run(&self, job: Job) -> Finished {
        Box::pin(in_tasks(job, add))
    }
}

async fn add(channel: Channel) {
    for members in &channel.batches {
        let mut is_accepted = false;
        while !is_accepted {
            let sent = Instant::now();
            is_accepted = channel.send(members).await;
            sleep_until(sent + INTERVAL).await;
        }
    }
}
