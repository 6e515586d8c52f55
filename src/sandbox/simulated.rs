//! The simulated service within the process.

use std::sync::Arc;
use std::time::Duration;

use super::address::Address;
use super::member_result::MemberResult;
use super::perform::perform;
use super::request::Request;
use super::service::{Service, delay};
use super::service_answer::ServiceAnswer;
use super::wire;
use crate::chime::{Chime, Pending};
use crate::model::{
    AddMember, AddMembers, ChannelCall, ChannelFacts, Described, ListChannel, ListMembers,
    MemberArn, MemberCall, MemberError, MemberPage, Refusal, RefusalKind, Removed, Reply,
    SubChannelPage, codes,
};

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
    fn add_members(&self, call: AddMembers, timeout: Duration) -> Pending<Reply> {
        let service = Arc::clone(&self.0);
        Box::pin(async move {
            let make = || (batch_create(&service, &call), service.date());
            let (answer, date) = travel(&service, timeout, make).await?;
            let answer = answer.map(|results| reply(&call, results));
            read(answer, |body| wire::read_reply(body).ok()).map(|reply| dated(reply, date))
        })
    }

    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply> {
        let service = Arc::clone(&self.0);
        Box::pin(async move {
            let at = Address {
                channel: &call.channel,
                bearer: &call.bearer,
            };
            let make = || {
                let answer = service.create(at, &call.membership, call.member.as_str());
                (answer, service.date())
            };
            let (answer, date) = travel(&service, timeout, make).await?;
            let batch = AddMembers::from(call.clone());
            let answer = answer.map(|result| reply(&batch, vec![result]));
            read(answer, |body| wire::read_single_reply(body).ok())
                .or_else(|refusal| call.refused(refusal))
                .map(|reply| dated(reply, date))
        })
    }

    fn list_members(&self, call: ListMembers, timeout: Duration) -> Pending<MemberPage> {
        self.ask(Request::list_members(call), timeout, wire::read_members)
    }

    fn describe_member(&self, call: MemberCall, timeout: Duration) -> Pending<Described> {
        let answer = self.ask(Request::describe_member(call), timeout, wire::read_facts);
        Box::pin(async move {
            let answer = answer.await.map(Described::Member);
            answer.or_else(|refusal| not_found(refusal, Described::NotFound))
        })
    }

    fn remove_member(&self, call: MemberCall, timeout: Duration) -> Pending<Removed> {
        let read = |body: &str| body.is_empty().then_some(Removed::Removed);
        let answer = self.ask(Request::remove_member(call), timeout, read);
        Box::pin(async move {
            let answer = answer.await;
            answer.or_else(|refusal| not_found(refusal, Removed::NotFound))
        })
    }

    fn describe_channel(&self, call: ChannelCall, timeout: Duration) -> Pending<ChannelFacts> {
        self.ask(Request::describe_channel(call), timeout, wire::read_channel)
    }

    fn list_moderators(&self, call: ListChannel, timeout: Duration) -> Pending<MemberPage> {
        let request = Request::list_moderators(call);
        self.ask(request, timeout, wire::read_moderators)
    }

    fn list_sub_channels(&self, call: ListChannel, timeout: Duration) -> Pending<SubChannelPage> {
        let request = Request::list_sub_channels(call);
        self.ask(request, timeout, wire::read_sub_channels)
    }
}

impl Simulated {
    /// Performs a request as it is on the wire, and reads the body of its answer.
    fn ask<T: 'static>(
        &self,
        request: Request,
        timeout: Duration,
        read_body: fn(&str) -> Option<T>,
    ) -> Pending<T> {
        let service = Arc::clone(&self.0);
        Box::pin(async move {
            let make = || (perform(&service, &request), ());
            let (answer, ()) = travel(&service, timeout, make).await?;
            let body = read(
                answer.map(|(_, body)| String::from_utf8_lossy(&body).into_owned()),
                |body| Some(body.to_owned()),
            )?;
            read_body(&body).ok_or_else(unreadable)
        })
    }
}

/// The answer that a missing resource is; any other refusal is none.
fn not_found<T>(refusal: Refusal, answer: fn(Refusal) -> T) -> Result<T, Refusal> {
    match refusal.kind {
        RefusalKind::NotFound => Ok(answer(refusal)),
        _ => Err(refusal),
    }
}

fn dated(reply: Reply, date: i64) -> Reply {
    Reply {
        date: Some(date),
        ..reply
    }
}

/// Makes a call after its way to the service, and waits for the answer's way back.
async fn travel<T, D>(
    service: &Service,
    timeout: Duration,
    make: impl FnOnce() -> (ServiceAnswer<T>, D),
) -> Result<(ServiceAnswer<T>, D), Refusal> {
    let round_trip = service.round_trip();
    let timeout = timeout.min(service.config().attempt_timeout);
    if round_trip.out >= timeout {
        delay(timeout).await;
        return Err(lost(codes::TIMEOUT, "no answer in time"));
    }
    delay(round_trip.out).await;
    let (answer, date) = make();
    if matches!(answer, ServiceAnswer::Lost | ServiceAnswer::Silence)
        || round_trip.out + round_trip.back >= timeout
    {
        delay(timeout.saturating_sub(round_trip.out)).await;
        return Err(lost(codes::TIMEOUT, "no answer in time"));
    }
    delay(round_trip.back).await;
    Ok((answer, date))
}

fn batch_create(service: &Service, call: &AddMembers) -> ServiceAnswer<Vec<MemberResult>> {
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

/// What a client makes of an answer. `read_body` reads the body of a page in its place.
fn read<T>(
    answer: ServiceAnswer<T>,
    read_body: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Refusal> {
    match answer {
        ServiceAnswer::Success(answer) => Ok(answer),
        ServiceAnswer::Refused(exception) => Err(exception.into_refusal()),
        ServiceAnswer::Page(200, body) => read_body(&body).ok_or_else(unreadable),
        ServiceAnswer::Page(status, body) => {
            let is_html = body.trim_start().starts_with('<');
            let (kind, code) = codes::refused_call(status, "", is_html);
            Err(Refusal {
                kind,
                code,
                message: format!("HTTP status {status}, without a message"),
            })
        }
        ServiceAnswer::Closed | ServiceAnswer::Lost | ServiceAnswer::Silence => {
            Err(lost(codes::CONNECTION_LOST, "the connection was closed"))
        }
    }
}

fn reply(call: &AddMembers, results: Vec<MemberResult>) -> Reply {
    let mut reply = Reply {
        channel: Some(call.channel.to_string()),
        ..Reply::default()
    };
    for (member, result) in call.members.members().iter().zip(results) {
        let member = member.as_str().to_owned();
        match result {
            MemberResult::Added => reply.added.push(member),
            MemberResult::Refused { code, message } => reply.errors.push(MemberError {
                member,
                code: code.into_owned(),
                message: message.to_owned(),
            }),
            MemberResult::LeftOut => {}
        }
    }
    reply
}

fn unreadable() -> Refusal {
    lost(codes::UNREADABLE_REPLY, "the answer cannot be read")
}

fn lost(code: &str, message: &str) -> Refusal {
    Refusal {
        kind: RefusalKind::Lost,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
