//! The simulated service within the process.

use std::sync::Arc;
use std::time::Duration;

use super::address::Address;
use super::member_result::MemberResult;
use super::service::{Service, delay};
use super::service_answer::ServiceAnswer;
use super::wire;
use crate::chime::{Chime, Pending};
use crate::model::{
    AddMember, AddMembers, MemberArn, MemberError, Refusal, RefusalKind, Reply, codes,
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
            let answer = travel(&service, timeout, || batch_create(&service, &call)).await?;
            read(
                answer.map(|results| reply(&call, results)),
                wire::read_reply,
            )
        })
    }

    fn add_member(&self, call: AddMember, timeout: Duration) -> Pending<Reply> {
        let service = Arc::clone(&self.0);
        Box::pin(async move {
            let at = Address {
                channel: &call.channel,
                bearer: &call.bearer,
            };
            let create = || service.create(at, &call.membership, call.member.as_str());
            let answer = travel(&service, timeout, create).await?;
            let batch = AddMembers::from(call.clone());
            let answer = answer.map(|result| reply(&batch, vec![result]));
            read(answer, wire::read_single_reply).or_else(|refusal| call.refused(refusal))
        })
    }
}

/// Makes a call after its way to the service, and waits for the answer's way back.
async fn travel<T>(
    service: &Service,
    timeout: Duration,
    make: impl FnOnce() -> ServiceAnswer<T>,
) -> Result<ServiceAnswer<T>, Refusal> {
    let round_trip = service.round_trip();
    let timeout = timeout.min(service.config().attempt_timeout);
    if round_trip.out >= timeout {
        delay(timeout).await;
        return Err(lost(codes::TIMEOUT, "no answer in time"));
    }
    delay(round_trip.out).await;
    let answer = make();
    if matches!(answer, ServiceAnswer::Lost | ServiceAnswer::Silence)
        || round_trip.out + round_trip.back >= timeout
    {
        delay(timeout.saturating_sub(round_trip.out)).await;
        return Err(lost(codes::TIMEOUT, "no answer in time"));
    }
    delay(round_trip.back).await;
    Ok(answer)
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
fn read(
    answer: ServiceAnswer<Reply>,
    read_body: impl FnOnce(&str) -> serde_json::Result<Reply>,
) -> Result<Reply, Refusal> {
    match answer {
        ServiceAnswer::Success(reply) => Ok(reply),
        ServiceAnswer::Refused(exception) => Err(exception.into_refusal()),
        ServiceAnswer::Page(200, body) => {
            read_body(&body).map_err(|_| lost(codes::UNREADABLE_REPLY, "the answer cannot be read"))
        }
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

fn lost(code: &str, message: &str) -> Refusal {
    Refusal {
        kind: RefusalKind::Lost,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::super::{Fault, FaultShare, SandboxConfig, Scripted};
    use super::*;
    use crate::model::{AppInstanceArn, Batch, ChannelArn, Membership};

    const TIMEOUT: Duration = Duration::from_mins(1);

    fn instance() -> AppInstanceArn {
        AppInstanceArn::parse("arn:aws:chime:us-east-1:1:app-instance/i").unwrap()
    }

    fn member(id: &str) -> MemberArn {
        instance().user(id).unwrap()
    }

    fn channel() -> ChannelArn {
        instance().channel("c").unwrap()
    }

    fn call(ids: &[&str]) -> AddMembers {
        AddMembers {
            channel: channel(),
            bearer: member("admin"),
            membership: Membership::default(),
            members: Batch::new(ids.iter().map(|id| member(id)).collect()).unwrap(),
        }
    }

    fn simulated(config: SandboxConfig) -> (Arc<Service>, Simulated) {
        let service = Arc::new(Service::new(config));
        (Arc::clone(&service), Simulated::new(service))
    }

    fn always(fault: Fault) -> SandboxConfig {
        SandboxConfig {
            unlimited: true,
            faults: vec![FaultShare { fault, share: 1.0 }],
            ..SandboxConfig::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_reply_is_applied_and_times_out() {
        let (service, chime) = simulated(always(Fault::Lost));
        let start = Instant::now();
        let refusal = chime
            .add_members(call(&["ann"]), TIMEOUT)
            .await
            .unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost);
        assert_eq!(start.elapsed(), Duration::from_secs(10));
        assert!(service.is_member(&channel(), &member("ann")));
        assert_eq!(service.stats().unanswered_calls, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reset_is_not_applied() {
        let (service, chime) = simulated(always(Fault::Reset));
        let refusal = chime
            .add_members(call(&["ann"]), TIMEOUT)
            .await
            .unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost);
        assert!(!service.is_member(&channel(), &member("ann")));
    }

    #[tokio::test(start_paused = true)]
    async fn faults_refuse_calls_and_members_without_applying_them() {
        for (fault, kind) in [
            (Fault::CallThrottled, RefusalKind::Throttled),
            (Fault::CallUnavailable, RefusalKind::ServiceUnavailable),
        ] {
            let (service, chime) = simulated(always(fault));
            let refusal = chime
                .add_members(call(&["ann"]), TIMEOUT)
                .await
                .unwrap_err();
            assert_eq!(refusal.kind, kind);
            assert_eq!(service.members(&channel()), Vec::<String>::new());
        }
        let (service, chime) = simulated(always(Fault::MemberThrottled));
        let reply = chime.add_members(call(&["ann"]), TIMEOUT).await.unwrap();
        assert_eq!(reply.errors[0].code, "Throttled");
        assert_eq!(service.members(&channel()), Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_effect_in_the_middle_of_its_latency() {
        let (service, chime) = simulated(SandboxConfig {
            latency: Duration::from_millis(80),
            ..SandboxConfig::default()
        });
        let start = Instant::now();
        let first = chime.add_members(call(&["ann"]), TIMEOUT).await;
        assert!(first.is_ok());
        assert_eq!(start.elapsed(), Duration::from_millis(80));

        // Given up before it arrives, a call was never made; after that, it was.
        sleep(Duration::from_secs(1)).await;
        for (timeout, applied) in [(39, false), (41, true)] {
            let call = chime.add_members(call(&["bob"]), TIMEOUT);
            let given_up = tokio::time::timeout(Duration::from_millis(timeout), call).await;
            assert!(given_up.is_err());
            assert_eq!(service.is_member(&channel(), &member("bob")), applied);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_refuses_all_and_ends() {
        let (_, chime) = simulated(SandboxConfig {
            outage: Some(Duration::from_secs(5)..Duration::from_secs(9)),
            ..SandboxConfig::default()
        });
        let mut kinds = Vec::new();
        for _ in 0..5 {
            let answer = chime.add_members(call(&["ann"]), TIMEOUT).await;
            kinds.push(answer.err().map(|refusal| refusal.kind));
            sleep(Duration::from_secs(3)).await;
        }
        let down = Some(RefusalKind::ServiceUnavailable);
        assert_eq!(kinds, [None, None, down, None, None]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_script_is_followed_call_by_call() {
        let (service, chime) = simulated(SandboxConfig {
            unlimited: true,
            ..SandboxConfig::default()
        });
        let ann = || member("ann").to_string();
        service.script([
            vec![Scripted::MemberError {
                member: ann(),
                code: "Odd".into(),
            }],
            vec![Scripted::LeaveOut { member: ann() }],
            vec![Scripted::Refuse {
                status: 403,
                exception: "ExpiredTokenException".into(),
                message: "expired".into(),
            }],
            vec![Scripted::Garbage("<html>".into())],
            vec![Scripted::Garbage(
                r#"{"Errors":[{"ErrorCode":"X"}]}"#.into(),
            )],
            vec![Scripted::Reset],
            vec![Scripted::Silence],
        ]);

        let reply = chime
            .add_members(call(&["ann", "bob"]), TIMEOUT)
            .await
            .unwrap();
        assert_eq!(reply.added, [member("bob").to_string()]);
        assert_eq!(
            (&reply.errors[0].member, &*reply.errors[0].code),
            (&ann(), "Odd")
        );
        let reply = chime
            .add_members(call(&["ann", "cid"]), TIMEOUT)
            .await
            .unwrap();
        assert_eq!((reply.added.len(), reply.errors.len()), (1, 0));
        assert!(!service.is_member(&channel(), &member("ann")));

        let refusal = chime
            .add_members(call(&["dan"]), TIMEOUT)
            .await
            .unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Credentials);
        assert!(!service.is_member(&channel(), &member("dan")));
        let refusal = chime
            .add_members(call(&["eva"]), TIMEOUT)
            .await
            .unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost);
        let reply = chime.add_members(call(&["fay"]), TIMEOUT).await.unwrap();
        assert_eq!(reply, Reply::default());
        for id in ["gus", "hal"] {
            let refusal = chime.add_members(call(&[id]), TIMEOUT).await.unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::Lost);
        }
        for applied in ["eva", "fay", "gus", "hal"] {
            assert!(service.is_member(&channel(), &member(applied)), "{applied}");
        }
        assert!(chime.add_members(call(&["ann"]), TIMEOUT).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_busiest_second_counts_refused_calls_too() {
        let (service, chime) = simulated(SandboxConfig::default());
        for _ in 0..3 {
            let _ = chime.add_members(call(&["ann"]), TIMEOUT).await;
        }
        let stats = service.stats();
        assert_eq!((stats.batch_calls, stats.throttled_calls), (3, 2));
        assert_eq!(stats.busiest_channel_second, 3);
        assert_eq!(stats.busiest_bearer_second, 3);
        assert_eq!(stats.members_added, 1);
        assert_eq!(stats.members[channel().as_str()], 1);
    }
}
