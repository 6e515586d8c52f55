use proptest::prelude::*;

use super::super::quotas::{Lowered, Quotas};
use super::*;
use crate::model::{AppInstanceArn, MembershipType};

const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

fn instance() -> AppInstanceArn {
    AppInstanceArn::parse(INSTANCE).unwrap()
}

fn users(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("{INSTANCE}/user/u{i}")).collect()
}

/// A world with one channel and one bearer, called at will.
struct Scene {
    world: World,
    channel: ChannelArn,
    bearer: MemberArn,
}

impl Scene {
    fn new(config: SandboxConfig) -> Self {
        Self {
            world: World::new(Arc::new(config)),
            channel: instance().channel("c").unwrap(),
            bearer: instance().user("admin").unwrap(),
        }
    }

    fn add(&mut self, ms: u64, members: &[String]) -> Result<Vec<MemberResult>, Exception> {
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let at = Address {
            channel: &self.channel,
            bearer: &self.bearer,
        };
        let now = Duration::from_millis(ms);
        let membership = Membership::default();
        self.world
            .batch_create(at, &membership, &members, |_, _| None, now)
    }

    /// Status and exception of a call that is refused.
    fn refused(&mut self, ms: u64, members: &[String]) -> (u16, String) {
        let exception = self.add(ms, members).unwrap_err();
        (exception.status, exception.name.into_owned())
    }

    /// The codes of a call's members, `+` for added.
    fn codes(&mut self, ms: u64, members: &[String]) -> Vec<String> {
        let code = |result| match result {
            MemberResult::Added => "+".to_owned(),
            MemberResult::Refused { code, .. } => code.into_owned(),
            MemberResult::LeftOut => "left out".to_owned(),
        };
        let results = self.add(ms, members).unwrap();
        results.into_iter().map(code).collect()
    }

    fn population(&self) -> u64 {
        self.world.population(&self.channel)
    }
}

proptest! {
    #[test]
    fn a_channel_takes_one_call_a_second_and_a_refused_one_changes_nothing(
        gaps in prop::collection::vec(0..1500_u64, 1..60),
    ) {
        let mut scene = Scene::new(SandboxConfig::default());
        let (mut now, mut last, mut expected) = (0, None, 0);
        for (call, gap) in gaps.into_iter().enumerate() {
            now += gap;
            let in_time = last.is_none_or(|last| now >= last + 1000);
            match scene.add(now, &users(call * 3..call * 3 + 3)) {
                Ok(results) => {
                    prop_assert!(in_time);
                    prop_assert_eq!(results, vec![MemberResult::Added; 3]);
                    last = Some(now);
                    expected += 3;
                }
                Err(exception) => {
                    prop_assert!(!in_time);
                    prop_assert_eq!(exception.status, 429);
                }
            }
            prop_assert_eq!(scene.population(), expected);
        }
    }

    #[test]
    fn a_bearer_has_a_bucket_of_one_seconds_worth(
        europe: bool,
        gaps in prop::collection::vec(0..220_u64, 1..200),
    ) {
        let (region, cost) = if europe { ("eu-central-1", 200) } else { ("us-east-1", 100) };
        let instance = format!("arn:aws:chime:{region}:1:app-instance/i");
        let instance = AppInstanceArn::parse(&instance).unwrap();
        let mut scene = Scene::new(SandboxConfig::default());
        scene.bearer = instance.user("admin").unwrap();
        let member = vec![instance.user("u").unwrap().to_string()];
        let (mut now, mut bucket) = (0, 1000);
        for (call, gap) in gaps.into_iter().enumerate() {
            now += gap;
            bucket = 1000.min(bucket + gap);
            scene.channel = instance.channel(&format!("c{call}")).unwrap();
            let allowed = scene.add(now, &member).is_ok();
            prop_assert_eq!(allowed, bucket >= cost, "call {} at {} ms", call, now);
            if allowed {
                bucket -= cost;
            }
        }
    }
}

#[test]
fn quotas_can_be_set_and_lowered_for_a_time() {
    let config = SandboxConfig {
        quotas: Quotas {
            channel_rate: 2.0,
            bearer_rate: Some(4.0),
            bearer_burst: Some(1),
            lowered: Some(Lowered {
                share: 0.5,
                during: Duration::from_secs(1)..Duration::from_secs(3),
            }),
            ..Quotas::default()
        },
        ..SandboxConfig::default()
    };
    let member = users(0..1);
    let mut scene = Scene::new(config.clone());
    let mut admitted: Vec<u64> = (0..5_000).collect();
    admitted.retain(|ms| scene.add(*ms, &member).is_ok());
    let on_one_channel = [0, 500, 1_000, 2_000, 3_000, 3_500, 4_000, 4_500];
    assert_eq!(admitted, on_one_channel);

    let mut scene = Scene::new(config);
    let mut admitted: Vec<u64> = (500..4_000).step_by(10).collect();
    admitted.retain(|ms| {
        scene.channel = instance().channel(&format!("c{ms}")).unwrap();
        scene.add(*ms, &member).is_ok()
    });
    let by_one_bearer = [
        500, 750, 1_000, 1_500, 2_000, 2_500, 3_000, 3_250, 3_500, 3_750,
    ];
    assert_eq!(admitted, by_one_bearer);
}

#[test]
fn a_channel_fills_to_the_last_place() {
    let mut scene = Scene::new(SandboxConfig {
        capacity: 250,
        ..SandboxConfig::default()
    });
    scene.add(0, &users(0..100)).unwrap();
    scene.add(1000, &users(100..200)).unwrap();
    let codes = scene.codes(2000, &users(199..299));
    let full = vec!["ResourceLimitExceeded"; 49];
    assert_eq!(codes, [vec!["Conflict"], vec!["+"; 50], full].concat());
    assert_eq!(scene.population(), 250);
    assert_eq!(scene.codes(3000, &users(0..1)), ["Conflict"]);
}

#[test]
fn a_call_beyond_the_capacity_can_be_refused_as_a_whole() {
    let mut scene = Scene::new(SandboxConfig {
        capacity: 100,
        over_capacity: OverCapacity::RefuseCall,
        ..SandboxConfig::default()
    });
    scene.add(0, &users(0..60)).unwrap();
    let full = (400, "ResourceLimitExceededException".to_owned());
    assert_eq!(scene.refused(1000, &users(60..101)), full);
    assert_eq!(scene.population(), 60);
    // Who is in already takes no place.
    scene.add(2000, &users(30..100)).unwrap();
    assert_eq!(scene.population(), 100);
}

#[test]
fn an_elastic_channel_holds_more_and_has_no_hidden_members() {
    let mut scene = Scene::new(SandboxConfig {
        capacity: 10,
        unlimited: true,
        elastic_channels: vec!["c".to_owned()],
        ..SandboxConfig::default()
    });
    assert_eq!(scene.codes(0, &users(0..100)), vec!["+"; 100]);
    assert_eq!(scene.codes(0, &users(100..101)), ["ResourceLimitExceeded"]);
    let at = Address {
        channel: &scene.channel,
        bearer: &scene.bearer,
    };
    let hidden = Membership {
        membership_type: MembershipType::Hidden,
        sub_channel: None,
    };
    let user = &users(100..101)[0];
    let refused = scene.world.create(at, &hidden, user, None, Duration::ZERO);
    assert_eq!(refused.unwrap_err().status, 400);
    let members = [&**user];
    let now = Duration::ZERO;
    let batch = scene
        .world
        .batch_create(at, &hidden, &members, |_, _| None, now);
    assert_eq!(batch.unwrap_err().status, 400);
}

#[test]
fn a_call_that_is_none_is_refused_by_its_name() {
    let mut scene = Scene::new(SandboxConfig {
        unlimited: true,
        ..SandboxConfig::default()
    });
    let bad = (400, "BadRequestException".to_owned());
    assert_eq!(scene.refused(0, &[]), bad);
    assert_eq!(scene.refused(0, &users(0..101)), bad);
    assert_eq!(scene.refused(0, &[users(0..2), users(1..2)].concat()), bad);
    assert_eq!(scene.refused(0, &["ann".to_owned()]), bad);
    let foreign = format!("{INSTANCE}2/user/ann");
    let forbidden = (403, "ForbiddenException".to_owned());
    assert_eq!(
        scene.refused(0, &[users(0..2), vec![foreign]].concat()),
        forbidden
    );
    assert_eq!(scene.population(), 0);
    scene.bearer = MemberArn::parse(&format!("{INSTANCE}2/user/admin")).unwrap();
    assert_eq!(scene.refused(0, &users(0..1)), forbidden);
}

#[test]
fn settings_decide_who_exists_and_who_may() {
    let config = SandboxConfig {
        unlimited: true,
        missing_users: vec!["u1".into()],
        missing_channels: vec!["gone".into()],
        existing_answer: ExistingAnswer::Silent,
        admins: Some(vec![format!("{INSTANCE}/user/admin").parse().unwrap()]),
        ..SandboxConfig::default()
    };
    let mut scene = Scene::new(config);
    let banned = MemberArn::parse(&users(2..3)[0]).unwrap();
    scene.world.ban(&scene.channel.clone(), &banned);
    assert_eq!(scene.codes(0, &users(0..3)), ["+", "NotFound", "Forbidden"]);
    assert_eq!(scene.codes(0, &users(0..1)), ["+"]);
    assert_eq!(scene.population(), 1);

    scene.bearer = instance().user("somebody").unwrap();
    assert_eq!(scene.refused(0, &users(5..6)).0, 403);
    scene.bearer = instance().user("admin").unwrap();
    scene.channel = instance().channel("gone-1").unwrap();
    assert_eq!(scene.refused(0, &users(5..6)).0, 404);
}

#[test]
fn a_membership_is_as_it_was_made() {
    let mut scene = Scene::new(SandboxConfig::default());
    let membership = Membership {
        membership_type: MembershipType::Hidden,
        sub_channel: Some("sub-1".parse().unwrap()),
    };
    let at = Address {
        channel: &scene.channel,
        bearer: &scene.bearer,
    };
    let (member, now) = (users(0..1).remove(0), Duration::from_millis(7900));
    let call = [member.as_str()];
    let results = scene
        .world
        .batch_create(at, &membership, &call, |_, _| None, now);
    assert_eq!(results, Ok(vec![MemberResult::Added]));
    let record = scene.world.describe(at, &member, None, now).unwrap();
    assert_eq!(record.membership_type, MembershipType::Hidden);
    assert_eq!(record.sub_channel.as_deref(), Some("sub-1"));
    assert_eq!(record.invited_by, scene.bearer.as_str());
    assert_eq!(record.created, Duration::from_secs(7));
    let other = scene.world.describe(at, &member, Some("sub-2"), now);
    assert_eq!(other.unwrap_err().status, 404);
}

#[test]
fn single_adds_of_a_channel_have_the_rate_of_its_region() {
    for (region, rate) in [("us-east-1", 15), ("eu-central-1", 10)] {
        let instance = format!("arn:aws:chime:{region}:1:app-instance/i");
        let member = |n: usize| MemberArn::parse(&format!("{instance}/user/u{n}")).unwrap();
        let channel = ChannelArn::parse(&format!("{instance}/channel/c")).unwrap();
        let mut world = World::new(Arc::new(SandboxConfig::default()));
        let mut add = |n: usize, ms: u64| {
            // A bearer for each call, so that only the channel limits them.
            let at = Address {
                channel: &channel,
                bearer: &member(1_000 + n),
            };
            let (membership, now) = (Membership::default(), Duration::from_millis(ms));
            let added = world.create(at, &membership, member(n).as_str(), None, now);
            added.map_err(|exception| exception.status)
        };
        for (n, ms) in (0..rate).zip(0..) {
            assert_eq!(add(n, ms), Ok(MemberResult::Added), "{region} {n}");
        }
        assert_eq!(add(rate, 20), Err(429), "{region}");
        assert_eq!(add(rate, 101), Ok(MemberResult::Added), "{region}");
    }
}
