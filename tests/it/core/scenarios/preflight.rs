//! The channels of a planned list are asked about before anybody is added.

use std::sync::Arc;

use chime_bulk::Target;
use chime_bulk::engine::Event;
use chime_bulk::job::{AwsTarget, CheckedPlan, LimitOverrides, PlanRequest, Preflight, RunVerdict};
use chime_bulk::model::{BearerPool, codes};
use chime_bulk::report::{ChannelProblem, ChannelsNow, ProblemKind};
use chime_bulk::roster::{Options, Source};
use chime_bulk::sandbox::{Fault, FaultShare, SandboxConfig, Service};
use tokio::sync::mpsc;

use crate::support::harness::{channel, list, user};

const ADMIN: &str = "admin";

/// Plans a list and asks about its channels.
async fn check(list: &str, bearers: &[&str], service: &Arc<Service>) -> CheckedPlan {
    let bearers = bearers.iter().map(|id| user(id));
    let request = PlanRequest {
        source: Source::Bytes {
            name: "list".to_owned(),
            bytes: list.into(),
        },
        options: Options {
            app_instance: Some(user(ADMIN).instance()),
            ..Options::default()
        },
        bearers: BearerPool::new(bearers).unwrap(),
        limits: LimitOverrides::default(),
        aws: AwsTarget::default(),
        sandbox: true,
        skip_existing: chime_bulk::model::SkipExisting::Never,
        shard: None,
        shards: None,
    };
    let target = Target::Sandbox(Arc::clone(service));
    let preflight = Preflight::prepare(request, target, |_| {}).await.unwrap();
    let (_send, commands) = mpsc::channel(1);
    let checked = preflight.check(|_| Box::new(|_: &Event| {}), commands);
    let checked = Box::pin(checked).await.unwrap();
    assert_reads_only(service);
    checked
}

fn assert_reads_only(service: &Service) {
    let stats = service.stats();
    for operation in stats.calls.keys() {
        let reads = [
            "DescribeChannel",
            "ListSubChannels",
            "ListChannelModerators",
        ];
        assert!(reads.contains(&operation.as_str()), "{operation}");
    }
}

fn now(checked: &CheckedPlan) -> &ChannelsNow {
    checked.plan.channels_now.as_ref().unwrap()
}

fn service(config: SandboxConfig) -> Arc<Service> {
    Arc::new(Service::new(config))
}

/// One row for each of these channels.
fn one_each<C: std::fmt::Display>(channels: impl IntoIterator<Item = C>) -> String {
    list(channels.into_iter().map(|channel| (channel, "u")))
}

fn kinds(now: &ChannelsNow) -> Vec<(ProblemKind, u64)> {
    let problems = now.problems.iter();
    problems.map(|one| (one.kind, one.members)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_typo_is_found_and_the_right_name_is_suggested() {
    let service = service(SandboxConfig {
        missing_channels: vec!["cgenral".to_owned(), "czzz".to_owned()],
        ..SandboxConfig::default()
    });
    let rows = [
        ("general", "a"),
        ("general", "b"),
        ("genral", "c"),
        ("zzz", "d"),
    ];
    let checked = check(&list(rows), &[ADMIN], &service).await;
    assert_eq!(checked.verdict(), RunVerdict::SomeNotIn);
    assert_eq!(checked.reason(), None);
    assert_eq!(checked.policy(), None);
    let now = now(&checked);
    assert_eq!((now.described, now.refused, now.unanswered), (1, 2, 0));
    let [typo, other] = &now.problems[..] else {
        panic!("{now:#?}");
    };
    assert_eq!(typo.channel_arn, channel("genral").to_string());
    assert_eq!(typo.similar, Some(channel("general").to_string()));
    assert_eq!(typo.kind, ProblemKind::NotDescribed);
    assert_eq!(typo.code.as_deref(), Some("ForbiddenException"));
    assert!(!typo.message.is_empty() && typo.hint.contains("chime:DescribeChannel"));
    assert_eq!(other.similar, None);
    assert!(service.members(&channel("general")).is_empty());
}

#[tokio::test(start_paused = true)]
async fn many_missing_channels_in_a_row_do_not_stop_the_check() {
    let service = service(SandboxConfig {
        missing_channels: vec!["cold".to_owned()],
        ..SandboxConfig::default()
    });
    let names = (0..400).map(|n| match n {
        100..300 => format!("old{n}"),
        _ => format!("new{n}"),
    });
    let checked = check(&one_each(names), &[ADMIN], &service).await;
    assert_eq!(checked.verdict(), RunVerdict::SomeNotIn);
    let now = now(&checked);
    assert_eq!((now.described, now.refused, now.unanswered), (200, 200, 0));
    assert_eq!((now.problem_count, now.problems.len()), (200, 100));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_denied_everything_stops_and_has_the_policy_that_it_needs() {
    for (channels, verdict) in [(300, RunVerdict::Fatal), (2, RunVerdict::SomeNotIn)] {
        let service = service(SandboxConfig {
            admins: Some(vec![user("boss")]),
            ..SandboxConfig::default()
        });
        let checked = check(&one_each(0..channels), &[ADMIN], &service).await;
        assert_eq!(checked.verdict(), verdict);
        let calls = service.stats().calls["DescribeChannel"];
        assert!(calls <= 100, "{calls}");
        assert_eq!(now(&checked).described, 0);
        let policy = checked.policy().unwrap();
        for needed in [
            "chime:DescribeChannel",
            "chime:ListSubChannels",
            "chime:ListChannelModerators",
            user(ADMIN).as_str(),
        ] {
            assert!(policy.contains(needed), "{needed}: {policy}");
        }
        if verdict == RunVerdict::Fatal {
            assert!(checked.reason().unwrap().contains("refuses every call"));
            assert!(!checked.hint().unwrap().contains("resume"));
            assert!(now(&checked).unanswered > 0 && !checked.plan.is_ready());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_channel_is_described_whatever_is_throttled_or_lost() {
    let faults = [
        (Fault::CallThrottled, 0.1),
        (Fault::CallUnavailable, 0.1),
        (Fault::Lost, 0.02),
    ];
    let service = service(SandboxConfig {
        faults: faults
            .map(|(fault, share)| FaultShare { fault, share })
            .to_vec(),
        ..SandboxConfig::default()
    });
    let checked = check(&one_each(0..300), &[ADMIN, "other"], &service).await;
    assert_eq!(checked.verdict(), RunVerdict::AllIn, "{checked:#?}");
    assert_eq!(now(&checked).described, 300);
    assert!(service.stats().calls["DescribeChannel"] > 310);
}

#[tokio::test(start_paused = true)]
async fn the_members_and_the_room_of_an_elastic_channel_are_known() {
    let service = service(SandboxConfig {
        // An elastic channel holds 100 times 10 members: two pages of sub-channels.
        capacity: 100,
        elastic_channels: vec!["cel".to_owned()],
        expiring_channels: vec!["cel-2".to_owned()],
        ..SandboxConfig::default()
    });
    for n in 0..990 {
        service.add_existing(&channel("el-1"), &user(&format!("old{n}")));
    }
    let mut rows = "channel_id,user_id,membership_type\n".to_owned();
    for n in 0..20 {
        for row in ["cel-1,u?,DEFAULT", "cel-2,u?,DEFAULT", "cflat,u?,HIDDEN"] {
            rows += &row.replace('?', &n.to_string());
            rows.push('\n');
        }
    }
    rows += "cel-2,ghost,HIDDEN\n";
    let checked = check(&rows, &[ADMIN], &service).await;
    assert_eq!(checked.verdict(), RunVerdict::SomeNotIn);
    let now = now(&checked);
    assert_eq!((now.elastic, now.expiring, now.restricted), (2, 1, 0));
    let expected = [
        (ProblemKind::OverCapacity, 20),
        (ProblemKind::HiddenInElastic, 1),
    ];
    assert_eq!(kinds(now), expected, "{now:#?}");
    let room = |id| {
        let mut channels = now.channels.iter();
        let found = channels.find(|one| one.channel_arn == channel(id).as_str());
        let found = found.unwrap();
        (found.members_now, found.capacity_left)
    };
    assert_eq!(room("el-1"), (Some(990), Some(10)));
    assert_eq!(room("el-2"), (Some(0), Some(1_000)));
    assert_eq!(room("flat"), (None, None));
}

#[tokio::test(start_paused = true)]
async fn who_may_add_to_restricted_channels_is_asked_once_of_an_admin() {
    let restricted = || SandboxConfig {
        restricted_channels: vec!["c".to_owned()],
        ..SandboxConfig::default()
    };
    let admin = service(SandboxConfig {
        moderators: vec![user("mod")],
        ..restricted()
    });
    let moderator = service(SandboxConfig {
        moderators: vec![user(ADMIN)],
        admins: Some(Vec::new()),
        ..restricted()
    });
    let plain = service(SandboxConfig {
        admins: Some(vec![user("boss")]),
        ..restricted()
    });
    // More than are denied one after the other before a run stops.
    let channels = 150;
    for id in 0..channels {
        plain.add_existing(&channel(id), &user(ADMIN));
    }
    for (service, asked, problems) in [
        (admin, 1..=1, 0),
        (moderator, channels..=channels, 0),
        (plain, 2..=channels, channels),
    ] {
        let checked = check(&one_each(0..channels), &[ADMIN], &service).await;
        let now = now(&checked);
        assert_eq!(now.restricted, channels);
        assert_eq!(now.problem_count, problems, "{:#?}", now.problems.first());
        let calls = service.stats().calls["ListChannelModerators"];
        assert!(asked.contains(&calls), "{calls}");
        let is_denied = |one: &ChannelProblem| {
            one.kind == ProblemKind::MayNotAdd
                && one.code.as_deref().and_then(codes::explain).is_some()
        };
        assert!(now.problems.iter().all(is_denied), "{:#?}", now.problems);
        let expected = match problems {
            0 => RunVerdict::AllIn,
            _ => RunVerdict::SomeNotIn,
        };
        assert_eq!(checked.verdict(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_without_a_valid_row_asks_nothing() {
    let service = service(SandboxConfig::default());
    let checked = check("channel_id,user_id\nc1,a b\n", &[ADMIN], &service).await;
    assert_eq!(*now(&checked), ChannelsNow::default());
    assert!(service.stats().calls.is_empty());
    assert_eq!(checked.verdict(), RunVerdict::SomeNotIn);
}
