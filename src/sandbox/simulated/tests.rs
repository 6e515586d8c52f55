use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::*;
use crate::model::{AppInstanceArn, Batch, ChannelArn, Membership};
use crate::sandbox::{Fault, FaultShare, SandboxConfig, Scripted};

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
    let date = reply.date;
    assert_eq!(
        reply,
        Reply {
            date,
            ..Reply::default()
        }
    );
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
