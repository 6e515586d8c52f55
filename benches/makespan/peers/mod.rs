//! Other ways to add members, each in a few lines, to compare with: what an engineer writes in an
//! afternoon. A task per channel sends one call at a time; channels share the bearers in turn.

mod adaptive;
mod careful_script;
mod rate_estimate;
mod token_bucket;

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chime_bulk::chime::Chime;
use chime_bulk::model::{AddMembers, Batch, ChannelArn, MemberArn, Membership};

use super::trial::{Finished, Job, Program, channel_arn};

use adaptive::AdaptiveRetries;
pub(crate) use careful_script::CarefulScript;
use token_bucket::TokenBuckets;

/// All of them.
pub(crate) const PEERS: [&dyn Program; 3] = [&CarefulScript, &TokenBuckets, &AdaptiveRetries];

/// How long a call waits for its answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The calls of one channel.
struct Channel {
    arn: ChannelArn,
    bearer: MemberArn,
    /// The place of the bearer in the pool.
    bearer_index: usize,
    batches: Vec<Batch>,
    service: Arc<dyn Chime>,
}

impl Channel {
    /// Makes a call. Returns whether it was accepted.
    async fn send(&self, members: &Batch) -> bool {
        let call = AddMembers {
            channel: self.arn.clone(),
            bearer: self.bearer.clone(),
            membership: Membership::default(),
            members: members.clone(),
        };
        self.service.add_members(call, TIMEOUT).await.is_ok()
    }
}

/// Adds the members of each channel in a task of its own.
async fn in_tasks<F>(job: Job, add: impl Fn(Channel) -> F) -> Result<(), Box<dyn Error>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let channels: Result<Vec<Channel>, Box<dyn Error>> = (0..job.roster.sizes().len())
        .map(|number| channel(&job, number))
        .collect();
    let tasks: Vec<_> = channels?
        .into_iter()
        .map(|channel| tokio::spawn(add(channel)))
        .collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

fn channel(job: &Job, number: usize) -> Result<Channel, Box<dyn Error>> {
    let members = job.roster.members_of(number)?;
    let batches = members.chunks(job.roster.members_per_call() as usize);
    let batches: Result<_, _> = batches
        .map(|members| Batch::new(members.to_vec()))
        .collect();
    let bearer_index = number % job.bearers.len();
    Ok(Channel {
        arn: channel_arn(number)?,
        bearer: job.bearers[bearer_index].clone(),
        bearer_index,
        batches: batches?,
        service: Arc::clone(&job.service),
    })
}
