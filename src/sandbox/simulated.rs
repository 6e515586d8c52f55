//! The simulated service within the process.

use std::sync::Arc;

use tokio::time::sleep;

use super::service::{Answer, Service};
use super::wire;
use super::world::{Address, Verdict};
use crate::chime::{Chime, Pending};
use crate::model::{AddMembers, MemberArn, MemberError, Refusal, RefusalKind, Reply};

/// The simulated service as the engine calls it: on tokio's clock, without a network.
///
/// Promises: what a real client makes of each answer; a call takes effect in the middle of its
/// latency. A call dropped before that was never made.
#[derive(Clone)]
pub struct Simulated(Arc<Service>);

impl Simulated {
    /// A face of this service.
    #[must_use]
    pub fn new(service: Arc<Service>) -> Self {
        Self(service)
    }
}

impl Chime for Simulated {
    fn add_members(&self, call: AddMembers) -> Pending<Reply> {
        let service = Arc::clone(&self.0);
        Box::pin(async move {
            let travel = service.travel();
            sleep(travel.out).await;
            let answer = make(&service, &call);
            let patience = service.settings().attempt_timeout;
            if matches!(answer, Answer::Lost | Answer::Silence)
                || travel.out + travel.back >= patience
            {
                sleep(patience.saturating_sub(travel.out)).await;
                return Err(lost("timeout", "no answer in time"));
            }
            sleep(travel.back).await;
            read(&call, answer)
        })
    }
}

fn make(service: &Service, call: &AddMembers) -> Answer<Vec<Verdict>> {
    let members: Vec<&str> = call
        .members
        .members()
        .iter()
        .map(MemberArn::as_str)
        .collect();
    let at = Address {
        channel: &call.channel,
        bearer: &call.bearer,
    };
    service.batch_create(at, &call.membership, &members)
}

/// What a client makes of an answer.
fn read(call: &AddMembers, answer: Answer<Vec<Verdict>>) -> Result<Reply, Refusal> {
    match answer {
        Answer::Given(verdicts) => Ok(reply(call, verdicts)),
        Answer::Refused(exception) => Err(exception.into_refusal()),
        Answer::Body(body) => {
            wire::read_reply(&body).map_err(|_| lost("unreadable", "the answer cannot be read"))
        }
        Answer::Cut | Answer::Lost | Answer::Silence => {
            Err(lost("connection-closed", "the connection was closed"))
        }
    }
}

fn reply(call: &AddMembers, verdicts: Vec<Verdict>) -> Reply {
    let mut reply = Reply::default();
    for (member, verdict) in call.members.members().iter().zip(verdicts) {
        let member = member.as_str().to_owned();
        match verdict {
            Verdict::Added => reply.added.push(member),
            Verdict::Refused { code, message } => reply.errors.push(MemberError {
                member,
                code: code.into_owned(),
                message: message.to_owned(),
            }),
            Verdict::LeftOut => {}
        }
    }
    reply
}

fn lost(code: &str, message: &str) -> Refusal {
    Refusal {
        kind: RefusalKind::Lost,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}
