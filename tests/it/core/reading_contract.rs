//! The contract of `Chime` for reading channels and removing members: one suite of cases, run with
//! each implementation.

use std::collections::BTreeMap;
use std::time::Duration;

use chime_bulk::model::{
    AddMembers, Batch, ChannelCall, ChannelFacts, ChannelMode, ChannelPrivacy, Described,
    ListChannel, ListMembers, MemberArn, MemberCall, MemberPage, Membership, MembershipFacts,
    MembershipType, Operation, Refusal, RefusalKind, Removed, Reply, SubChannelPage, codes,
};
use chime_bulk::sandbox::{AbsentAnswer, ExistingAnswer, Scripted};

use super::contract::suite;
use crate::support::backends::{Backend, Fixture, TIMEOUT, arns, call, channel, single_call, user};

suite! {
    members_are_listed_in_pages_of_their_type,
    a_membership_is_described_with_its_inviter_and_time,
    somebody_who_is_not_a_member_is_not_found,
    a_removed_member_is_gone,
    the_removal_of_somebody_who_is_not_a_member_succeeds_or_is_not_found,
    a_channel_is_described,
    an_elastic_channel_that_expires_is_described,
    moderators_are_listed_in_pages,
    sub_channels_are_listed_in_pages_with_their_members,
    a_missing_channel_is_not_found_or_forbidden,
    a_not_found_exception_is_an_answer_only_about_a_membership,
    each_refusal_has_its_kind_and_is_not_retried,
    an_answer_that_never_comes_is_lost_and_a_removal_may_be_applied,
    a_connection_that_is_closed_is_lost_and_a_removal_may_be_applied,
    a_page_of_a_proxy_is_lost,
    an_answer_without_what_was_asked_for_is_lost_or_empty,
    no_answer_holds_the_name_of_a_member,
    plain_members_may_read_and_leave_and_no_more,
    removals_moderators_and_single_adds_share_a_quota,
    the_bearers_quota_counts_all_calls,
    a_batch_lists_existing_members_as_added_if_the_service_is_silent,
    replies_have_the_time_of_the_service,
}

/// An operation that reads, or removes a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Members,
    Describe,
    Remove,
    Channel,
    Moderators,
    SubChannels,
}

/// An answer of any of them.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Members(MemberPage),
    Described(Described),
    Removed(Removed),
    Channel(ChannelFacts),
    SubChannels(SubChannelPage),
}

impl Request {
    /// The operations that an implementation has.
    fn all(backend: Backend) -> Vec<Self> {
        let mut all = vec![
            Self::Members,
            Self::Describe,
            Self::Remove,
            Self::Channel,
            Self::Moderators,
        ];
        if has_sub_channels(backend) {
            all.push(Self::SubChannels);
        }
        all
    }

    /// The name in the service model.
    fn name(self) -> &'static str {
        match self {
            Self::Members => "ListChannelMemberships",
            Self::Describe => "DescribeChannelMembership",
            Self::Remove => "DeleteChannelMembership",
            Self::Channel => "DescribeChannel",
            Self::Moderators => "ListChannelModerators",
            Self::SubChannels => "ListSubChannels",
        }
    }
}

fn has_sub_channels(backend: Backend) -> bool {
    matches!(backend, Backend::Simulated | Backend::Messaging)
}

fn list_members(membership_type: MembershipType) -> ListMembers {
    ListMembers {
        channel: channel(),
        bearer: user("admin"),
        membership: Membership {
            membership_type,
            sub_channel: None,
        },
        next_token: None,
    }
}

fn list_channel() -> ListChannel {
    ListChannel {
        channel: channel(),
        bearer: user("admin"),
        next_token: None,
    }
}

fn member_call(id: &str) -> MemberCall {
    MemberCall {
        channel: channel(),
        bearer: user("admin"),
        member: user(id),
        sub_channel: None,
    }
}

impl Fixture {
    /// Makes a call of an operation about this user.
    async fn ask(&self, operation: Request, id: &str) -> Result<Answer, Refusal> {
        self.ask_as(operation, id, user("admin")).await
    }

    /// The same, as this bearer.
    async fn ask_as(
        &self,
        operation: Request,
        id: &str,
        bearer: MemberArn,
    ) -> Result<Answer, Refusal> {
        let (client, timeout) = (&self.client, self.timeout());
        let mut member = member_call(id);
        member.bearer = bearer.clone();
        let mut list = list_channel();
        list.bearer = bearer.clone();
        match operation {
            Request::Members => {
                let mut call = list_members(MembershipType::Default);
                call.bearer = bearer;
                let answer = client.list_members(call, timeout).await;
                answer.map(Answer::Members)
            }
            Request::Describe => {
                let answer = client.describe_member(member, timeout).await;
                answer.map(Answer::Described)
            }
            Request::Remove => {
                let answer = client.remove_member(member, timeout).await;
                answer.map(Answer::Removed)
            }
            Request::Channel => {
                let channel = channel();
                let call = ChannelCall { channel, bearer };
                let answer = client.describe_channel(call, timeout).await;
                answer.map(Answer::Channel)
            }
            Request::Moderators => {
                let answer = client.list_moderators(list, timeout).await;
                answer.map(Answer::Members)
            }
            Request::SubChannels => {
                let answer = client.list_sub_channels(list, timeout).await;
                answer.map(Answer::SubChannels)
            }
        }
    }

    /// All pages of a listing.
    async fn pages(&self, mut call: ListMembers) -> Vec<MemberPage> {
        let mut pages = Vec::new();
        loop {
            let answer = self.client.list_members(call.clone(), TIMEOUT).await;
            let page = answer.unwrap();
            assert_eq!(page.channel.as_deref(), Some(channel().as_str()));
            call.next_token.clone_from(&page.next_token);
            pages.push(page);
            if call.next_token.is_none() {
                return pages;
            }
        }
    }

    /// Adds users of a type.
    async fn add_all(&self, ids: &[String], membership: &Membership) {
        for ids in ids.chunks(100) {
            let added = AddMembers {
                membership: membership.clone(),
                members: Batch::new(ids.iter().map(|id| user(id)).collect()).unwrap(),
                ..call(&["ann"])
            };
            let reply = self.client.add_members(added, TIMEOUT).await.unwrap();
            assert_eq!(reply.errors, []);
        }
    }
}

/// A success with this body, in place of the service's.
fn body_of(text: &str) -> Scripted {
    Scripted::Page {
        status: 200,
        body: text.to_owned(),
    }
}

fn ids(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}{n:03}")).collect()
}

fn sorted(pages: &[MemberPage]) -> Vec<String> {
    let mut members: Vec<String> = pages.iter().flat_map(|page| page.members.clone()).collect();
    members.sort();
    members
}

fn all_arns(ids: &[String]) -> Vec<String> {
    ids.iter().map(|id| user(id).to_string()).collect()
}

fn hidden() -> Membership {
    Membership {
        membership_type: MembershipType::Hidden,
        sub_channel: None,
    }
}

async fn members_are_listed_in_pages_of_their_type(backend: Backend) {
    let fixture = backend.fixture().await;
    let (listed, unlisted) = (ids("default", 120), ids("hidden", 70));
    fixture.add_all(&unlisted[..35], &hidden()).await;
    fixture.add_all(&listed, &Membership::default()).await;
    fixture.add_all(&unlisted[35..], &hidden()).await;

    let pages = fixture.pages(list_members(MembershipType::Default)).await;
    let sizes: Vec<usize> = pages.iter().map(|page| page.members.len()).collect();
    assert_eq!(sizes, [50, 50, 20]);
    assert_eq!(sorted(&pages), all_arns(&listed));
    let pages = fixture.pages(list_members(MembershipType::Hidden)).await;
    let sizes: Vec<usize> = pages.iter().map(|page| page.members.len()).collect();
    assert_eq!(sizes, [50, 20]);
    assert_eq!(sorted(&pages), all_arns(&unlisted));
    assert_eq!(fixture.calls_of("ListChannelMemberships"), 5);

    let mut call = list_members(MembershipType::Default);
    call.next_token = Some("not a token".to_owned());
    let refusal = fixture.client.list_members(call, TIMEOUT).await;
    assert_eq!(refusal.unwrap_err().kind, RefusalKind::BadRequest);
    let mut call = list_members(MembershipType::Default);
    call.membership.sub_channel = Some("s".parse().unwrap());
    let answer = fixture.client.list_members(call, TIMEOUT).await;
    if has_sub_channels(backend) {
        assert_eq!(answer.unwrap().members, arns(&[]));
    } else {
        assert_eq!(answer.unwrap_err().code, codes::UNSUPPORTED);
    }
}

async fn a_membership_is_described_with_its_inviter_and_time(backend: Backend) {
    let fixture = backend.fixture().await;
    for (id, membership_type) in [
        ("ann", MembershipType::Default),
        ("bob", MembershipType::Hidden),
    ] {
        let mut add = call(&[&*format!("before-{id}")]);
        let before = fixture.client.add_members(add.clone(), TIMEOUT).await;
        add.members = Batch::new(vec![user(id)]).unwrap();
        add.membership.membership_type = membership_type;
        let reply = fixture.client.add_members(add, TIMEOUT).await;
        let (before, after) = (before.unwrap().date, reply.unwrap().date);
        let answer = fixture.client.describe_member(member_call(id), TIMEOUT);
        let Described::Member(facts) = answer.await.unwrap() else {
            panic!("{id} is not a member");
        };
        assert!(before <= facts.created && facts.created <= after);
        let expected = MembershipFacts {
            channel: Some(channel().to_string()),
            member: user(id).to_string(),
            membership_type: Some(membership_type),
            invited_by: Some(user("admin").to_string()),
            created: facts.created,
        };
        assert_eq!(facts, expected);
    }
    assert_eq!(fixture.calls_of("DescribeChannelMembership"), 2);
}

async fn somebody_who_is_not_a_member_is_not_found(backend: Backend) {
    let fixture = backend.fixture().await;
    fixture.add(&["ann"]).await.unwrap();
    let answer = fixture.ask(Request::Describe, "bob").await;
    let Ok(Answer::Described(Described::NotFound(refusal))) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    assert_eq!(refusal.code, "NotFoundException");
    assert_eq!(refusal.message, "no such membership");
}

async fn a_removed_member_is_gone(backend: Backend) {
    let fixture = backend.fixture().await;
    fixture.add(&["ann", "bob"]).await.unwrap();
    fixture.add_all(&ids("hidden", 1), &hidden()).await;
    for id in ["ann", "hidden000"] {
        let answer = fixture.ask(Request::Remove, id).await;
        assert_eq!(answer, Ok(Answer::Removed(Removed::Removed)));
        let answer = fixture.ask(Request::Describe, id).await;
        let is_gone = matches!(answer, Ok(Answer::Described(Described::NotFound(_))));
        assert!(is_gone, "{answer:?}");
    }
    assert_eq!(fixture.members(), arns(&["bob"]));
    assert_eq!(fixture.calls_of("DeleteChannelMembership"), 2);
}

async fn the_removal_of_somebody_who_is_not_a_member_succeeds_or_is_not_found(backend: Backend) {
    let fixture = backend.fixture().await;
    let answer = fixture.ask(Request::Remove, "ann").await;
    assert_eq!(answer, Ok(Answer::Removed(Removed::Removed)));
    let fixture = backend.fixture_with(|s| s.absent_answer = AbsentAnswer::NotFound);
    let fixture = fixture.await;
    let answer = fixture.ask(Request::Remove, "ann").await;
    let Ok(Answer::Removed(Removed::NotFound(refusal))) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(refusal.code, "NotFoundException");
}

async fn a_channel_is_described(backend: Backend) {
    let expected = |mode| {
        Ok(Answer::Channel(ChannelFacts {
            channel: Some(channel().to_string()),
            mode: Some(mode),
            privacy: Some(ChannelPrivacy::Public),
            ..ChannelFacts::default()
        }))
    };
    let fixture = backend.fixture().await;
    let answer = fixture.ask(Request::Channel, "ann").await;
    assert_eq!(answer, expected(ChannelMode::Unrestricted));
    let fixture = backend.fixture_with(|s| s.admins = Some(vec![user("admin")]));
    let fixture = fixture.await;
    let answer = fixture.ask(Request::Channel, "ann").await;
    assert_eq!(answer, expected(ChannelMode::Restricted));
    assert_eq!(fixture.calls_of("DescribeChannel"), 1);
}

async fn an_elastic_channel_that_expires_is_described(backend: Backend) {
    let fixture = backend.fixture().await;
    let body = r#"{"Channel":{
        "Name": "Ann's friends", "ChannelArn": "c", "Mode": "RESTRICTED", "Privacy": "PRIVATE",
        "ElasticChannelConfiguration": {"MaximumSubChannels": 100,
            "TargetMembershipsPerSubChannel": 1000, "MinimumMembershipPercentage": 40},
        "ExpirationSettings": {"ExpirationDays": 7, "ExpirationCriterion": "CREATED_TIMESTAMP"}
    }}"#;
    fixture.script(vec![body_of(body)]);
    let is_known = has_sub_channels(backend);
    let expected = ChannelFacts {
        channel: Some("c".to_owned()),
        is_elastic: is_known,
        max_members: is_known.then_some(100_000),
        mode: Some(ChannelMode::Restricted),
        privacy: Some(ChannelPrivacy::Private),
        expires: is_known,
    };
    let answer = fixture.ask(Request::Channel, "ann").await;
    assert_eq!(answer, Ok(Answer::Channel(expected)));

    let odd = r#"{"Channel":{"Mode":"OPEN","Privacy":"SECRET","ElasticChannelConfiguration":{}}}"#;
    fixture.script(vec![body_of(odd)]);
    let expected = ChannelFacts {
        is_elastic: is_known,
        ..ChannelFacts::default()
    };
    let answer = fixture.ask(Request::Channel, "ann").await;
    assert_eq!(answer, Ok(Answer::Channel(expected)));
}

async fn moderators_are_listed_in_pages(backend: Backend) {
    let moderators = ids("mod", 70);
    let fixture = backend.fixture_with(|s| {
        let elsewhere = "arn:aws:chime:us-east-1:123456789012:app-instance/other/user/x";
        s.moderators = vec![elsewhere.parse().unwrap()];
        s.moderators.extend(moderators.iter().map(|id| user(id)));
    });
    let fixture = fixture.await;
    let mut call = list_channel();
    let first = fixture.client.list_moderators(call.clone(), TIMEOUT).await;
    let first = first.unwrap();
    call.next_token.clone_from(&first.next_token);
    let second = fixture.client.list_moderators(call, TIMEOUT).await.unwrap();
    assert_eq!((first.members.len(), second.members.len()), (50, 20));
    assert_eq!(second.next_token, None);
    assert_eq!(first.channel.as_deref(), Some(channel().as_str()));
    assert_eq!(sorted(&[first, second]), all_arns(&moderators));
    assert_eq!(fixture.calls_of("ListChannelModerators"), 2);
}

async fn sub_channels_are_listed_in_pages_with_their_members(backend: Backend) {
    let fixture = backend.fixture().await;
    let mut call = list_channel();
    if !has_sub_channels(backend) {
        let refusal = fixture.client.list_sub_channels(call, TIMEOUT).await;
        assert_eq!(refusal.unwrap_err().code, codes::UNSUPPORTED);
        assert_eq!(fixture.service.stats().calls, BTreeMap::new());
        return;
    }
    let members = ids("user", 61);
    for (n, id) in members.iter().enumerate() {
        let membership = Membership {
            membership_type: MembershipType::Default,
            sub_channel: Some(format!("sub-{:02}", n % 60).parse().unwrap()),
        };
        fixture.add_all(std::slice::from_ref(id), &membership).await;
    }
    let first = fixture.client.list_sub_channels(call.clone(), TIMEOUT);
    let first = first.await.unwrap();
    call.next_token.clone_from(&first.next_token);
    let second = fixture.client.list_sub_channels(call, TIMEOUT).await;
    let second = second.unwrap();
    assert_eq!(first.sub_channels.len(), 50);
    assert_eq!(second.next_token, None);
    let mut all = [first.sub_channels, second.sub_channels].concat();
    all.sort();
    let expected = (0..60).map(|n| (format!("sub-{n:02}"), if n == 0 { 2 } else { 1 }));
    assert_eq!(all, expected.collect::<Vec<_>>());

    let mut of_one = list_members(MembershipType::Default);
    of_one.membership.sub_channel = Some("sub-00".parse().unwrap());
    let pages = fixture.pages(of_one).await;
    assert_eq!(sorted(&pages), arns(&["user000", "user060"]));
    let mut elsewhere = member_call("user000");
    elsewhere.sub_channel = Some("sub-01".parse().unwrap());
    let answer = fixture.client.describe_member(elsewhere, TIMEOUT).await;
    assert!(matches!(answer, Ok(Described::NotFound(_))), "{answer:?}");
}

async fn a_missing_channel_is_not_found_or_forbidden(backend: Backend) {
    let fixture = backend.fixture_with(|s| s.missing_channels = vec!["c".to_owned()]);
    let fixture = fixture.await;
    for operation in Request::all(backend) {
        let answer = fixture.ask(operation, "ann").await;
        if operation == Request::Describe {
            let is_missing = matches!(&answer, Ok(Answer::Described(Described::NotFound(refusal)))
                if refusal.message == "the channel does not exist");
            assert!(is_missing, "{answer:?}");
        } else {
            // The other operations model no `NotFoundException`.
            assert_eq!(
                answer.unwrap_err().kind,
                RefusalKind::Denied,
                "{operation:?}"
            );
        }
    }
}

async fn a_not_found_exception_is_an_answer_only_about_a_membership(backend: Backend) {
    let fixture = backend.fixture().await;
    let refusal = Refusal {
        kind: RefusalKind::NotFound,
        code: "NotFoundException".to_owned(),
        message: "which is not said".to_owned(),
    };
    for operation in Request::all(backend) {
        fixture.script(vec![Scripted::Refuse {
            status: 404,
            exception: refusal.code.clone(),
            message: refusal.message.clone(),
        }]);
        let expected = match operation {
            Request::Describe => Ok(Answer::Described(Described::NotFound(refusal.clone()))),
            Request::Remove => Ok(Answer::Removed(Removed::NotFound(refusal.clone()))),
            _ => Err(refusal.clone()),
        };
        assert_eq!(fixture.ask(operation, "ann").await, expected);
        // Without the name of the exception, it may come from a proxy.
        fixture.script(vec![Scripted::Refuse {
            status: 404,
            exception: String::new(),
            message: String::new(),
        }]);
        let refusal = fixture.ask(operation, "ann").await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::WrongAddress, "{operation:?}");
    }
}

async fn each_refusal_has_its_kind_and_is_not_retried(backend: Backend) {
    let fixture = backend.fixture().await;
    fixture.add(&["ann"]).await.unwrap();
    let exceptions = [
        (400, "BadRequestException", RefusalKind::BadRequest),
        (401, "UnauthorizedClientException", RefusalKind::Denied),
        (403, "ForbiddenException", RefusalKind::Denied),
        (403, "AccessDeniedException", RefusalKind::Denied),
        (403, "ExpiredTokenException", RefusalKind::Credentials),
        (409, "ConflictException", RefusalKind::BadRequest),
        (429, "ThrottledClientException", RefusalKind::Throttled),
        (500, "ServiceFailureException", RefusalKind::ServiceFailure),
        (
            503,
            "ServiceUnavailableException",
            RefusalKind::ServiceUnavailable,
        ),
    ];
    for operation in Request::all(backend) {
        for (calls, (status, exception, kind)) in (1..).zip(exceptions) {
            fixture.script(vec![Scripted::Refuse {
                status,
                exception: exception.to_owned(),
                message: "why".to_owned(),
            }]);
            let expected = Refusal {
                kind,
                code: exception.to_owned(),
                message: "why".to_owned(),
            };
            assert_eq!(fixture.ask(operation, "ann").await, Err(expected));
            assert_eq!(fixture.calls_of(operation.name()), calls, "{operation:?}");
        }
    }
    assert_eq!(fixture.members(), arns(&["ann"]));
}

async fn an_answer_that_never_comes_is_lost_and_a_removal_may_be_applied(backend: Backend) {
    let fixture = backend.fixture_with(|s| s.attempt_timeout = Duration::from_millis(300));
    let fixture = fixture.await;
    fixture.service.add_existing(&channel(), &user("ann"));
    for operation in Request::all(backend) {
        fixture.script(vec![Scripted::Silence]);
        let refusal = fixture.ask(operation, "ann").await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{operation:?}");
        assert_eq!(refusal.code, codes::TIMEOUT);
        assert_eq!(fixture.calls_of(operation.name()), 1);
    }
    assert_eq!(fixture.members(), arns(&[]));
}

async fn a_connection_that_is_closed_is_lost_and_a_removal_may_be_applied(backend: Backend) {
    let fixture = backend.fixture().await;
    fixture.add(&["ann"]).await.unwrap();
    for operation in Request::all(backend) {
        fixture.script(vec![Scripted::Reset]);
        let refusal = fixture.ask(operation, "ann").await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{operation:?}");
        assert_eq!(refusal.code, codes::CONNECTION_LOST);
        assert_eq!(fixture.calls_of(operation.name()), 1);
    }
    assert_eq!(fixture.members(), arns(&[]));
}

async fn a_page_of_a_proxy_is_lost(backend: Backend) {
    let fixture = backend.fixture().await;
    for operation in Request::all(backend) {
        fixture.script(vec![Scripted::Page {
            status: 200,
            body: "<html><body>Sign in</body></html>".to_owned(),
        }]);
        let refusal = fixture.ask(operation, "ann").await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{operation:?}");
        assert_eq!(refusal.code, codes::UNREADABLE_REPLY);
    }
}

async fn an_answer_without_what_was_asked_for_is_lost_or_empty(backend: Backend) {
    let fixture = backend.fixture().await;
    for body in [
        "{}",
        r#"{"ChannelMembership":{"Type":"DEFAULT"},"Channel":null}"#,
    ] {
        for operation in Request::all(backend) {
            fixture.script(vec![body_of(body)]);
            let answer = fixture.ask(operation, "ann").await;
            match operation {
                Request::Members | Request::Moderators => {
                    assert_eq!(answer, Ok(Answer::Members(MemberPage::default())));
                }
                Request::SubChannels => {
                    assert_eq!(answer, Ok(Answer::SubChannels(SubChannelPage::default())));
                }
                Request::Describe | Request::Channel | Request::Remove => {
                    let refusal = answer.unwrap_err();
                    assert_eq!(refusal.kind, RefusalKind::Lost, "{operation:?}");
                    assert_eq!(refusal.code, codes::UNREADABLE_REPLY);
                }
            }
        }
    }
    fixture.script(vec![body_of("")]);
    let answer = fixture.ask(Request::Remove, "ann").await;
    assert_eq!(answer, Ok(Answer::Removed(Removed::Removed)));
    // An empty token is none.
    let body = r#"{"NextToken":"","ChannelMemberships":[{"Member":{"Name":"x"}},{"Member":{"Arn":"a"}},{}],
        "ChannelModerators":[{"Moderator":{"Arn":"a"}},{}],
        "SubChannels":[{"SubChannelId":"s","MembershipCount":3},{"SubChannelId":"t"}]}"#;
    for operation in [Request::Members, Request::Moderators] {
        fixture.script(vec![body_of(body)]);
        let expected = MemberPage {
            members: vec!["a".to_owned()],
            has_nameless: true,
            ..MemberPage::default()
        };
        let answer = fixture.ask(operation, "ann").await;
        assert_eq!(answer, Ok(Answer::Members(expected)));
    }
    if has_sub_channels(backend) {
        fixture.script(vec![body_of(body)]);
        let expected = SubChannelPage {
            sub_channels: vec![("s".to_owned(), 3)],
            ..SubChannelPage::default()
        };
        let answer = fixture.ask(Request::SubChannels, "ann").await;
        assert_eq!(answer, Ok(Answer::SubChannels(expected)));
    }
}

async fn no_answer_holds_the_name_of_a_member(backend: Backend) {
    let fixture = backend.fixture().await;
    let ann = r#"{"Arn":"a","Name":"Ann Example"}"#;
    let body = format!(
        r#"{{"ChannelMemberships":[{{"Member":{ann}}}],"ChannelModerators":[{{"Moderator":{ann}}}],
        "ChannelMembership":{{"Member":{ann},"InvitedBy":{ann},"CreatedTimestamp":1700000000.9}},
        "Channel":{{"Name":"Ann Example","CreatedBy":{ann},"Metadata":"Ann Example"}},
        "SubChannels":[{{"Name":"Ann Example"}}]}}"#
    );
    for operation in Request::all(backend) {
        fixture.script(vec![body_of(&body)]);
        let answer = format!("{:?}", fixture.ask(operation, "ann").await);
        assert!(!answer.contains("Ann"), "{operation:?}: {answer}");
    }
    fixture.script(vec![body_of(&body)]);
    let answer = fixture.ask(Request::Describe, "ann").await.unwrap();
    let Answer::Described(Described::Member(facts)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!((&*facts.member, facts.created), ("a", Some(1_700_000_000)));
}

async fn plain_members_may_read_and_leave_and_no_more(backend: Backend) {
    let fixture = backend.fixture_with(|s| {
        s.admins = Some(vec![user("admin")]);
        s.moderators = vec![user("mod")];
    });
    let fixture = fixture.await;
    for id in ["ann", "bob", "cy"] {
        fixture.service.add_existing(&channel(), &user(id));
    }
    for operation in Request::all(backend) {
        let may_read = [Request::Members, Request::Describe, Request::Channel];
        for (bearer, is_allowed) in [
            ("ann", may_read.contains(&operation)),
            ("stranger", false),
            ("admin", true),
            ("mod", true),
        ] {
            let answer = fixture.ask_as(operation, "bob", user(bearer)).await;
            let denied = answer.err().map(|refusal| refusal.kind);
            let expected = (!is_allowed).then_some(RefusalKind::Denied);
            assert_eq!(denied, expected, "{operation:?} as {bearer}");
        }
    }
    assert_eq!(fixture.members(), arns(&["ann", "cy"]));
    let answer = fixture.ask_as(Request::Remove, "ann", user("ann")).await;
    assert_eq!(answer, Ok(Answer::Removed(Removed::Removed)));
    let mut add = single_call("ann");
    add.bearer = user("cy");
    let refusal = fixture.client.add_member(add, TIMEOUT).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Denied);
    assert_eq!(fixture.members(), arns(&["cy"]));
}

async fn removals_moderators_and_single_adds_share_a_quota(backend: Backend) {
    // No call gains another one within the time of a test.
    let fixture = backend.fixture_with(|s| {
        s.unlimited = false;
        s.quotas.single_rate = Some(0.001);
        s.quotas.single_burst = Some(3);
        s.quotas.bearer_rate = Some(1e6);
    });
    let fixture = fixture.await;
    fixture.add_by(Operation::Single, "ann").await.unwrap();
    fixture.ask(Request::Moderators, "ann").await.unwrap();
    fixture.ask(Request::Remove, "ann").await.unwrap();
    for operation in [Request::Moderators, Request::Remove] {
        let refusal = fixture.ask(operation, "ann").await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Throttled, "{operation:?}");
    }
    for operation in [Request::Members, Request::Describe, Request::Channel] {
        fixture.ask(operation, "ann").await.unwrap();
    }
}

async fn the_bearers_quota_counts_all_calls(backend: Backend) {
    let operations = Request::all(backend);
    let fixture = backend.fixture_with(|s| {
        s.unlimited = false;
        s.quotas.bearer_rate = Some(0.001);
        s.quotas.bearer_burst = u32::try_from(operations.len()).ok();
    });
    let fixture = fixture.await;
    for operation in &operations {
        fixture.ask(*operation, "ann").await.unwrap();
    }
    for operation in &operations {
        let refusal = fixture.ask(*operation, "ann").await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Throttled, "{operation:?}");
        assert_eq!(fixture.calls_of(operation.name()), 2);
    }
}

async fn a_batch_lists_existing_members_as_added_if_the_service_is_silent(backend: Backend) {
    let fixture = backend.fixture_with(|s| s.existing_answer = ExistingAnswer::Silent);
    let fixture = fixture.await;
    fixture.service.add_existing(&channel(), &user("ann"));
    let before = fixture.ask(Request::Describe, "ann").await.unwrap();
    let reply = fixture.add(&["ann", "bob"]).await.unwrap();
    assert_eq!((reply.added, reply.errors), (arns(&["ann", "bob"]), vec![]));
    let after = fixture.ask(Request::Describe, "ann").await.unwrap();
    assert_eq!(after, before);
    let Answer::Described(Described::Member(facts)) = after else {
        panic!("{after:?}");
    };
    assert_eq!(facts.invited_by, Some(user("ann").to_string()));
    // The operation for one member has a documented answer.
    let reply = fixture.add_by(Operation::Single, "ann").await.unwrap();
    assert_eq!(reply.errors[0].code, "Conflict");
}

async fn replies_have_the_time_of_the_service(backend: Backend) {
    let fixture = backend.fixture().await;
    let date = |reply: Result<Reply, Refusal>| reply.unwrap().date.unwrap();
    let first = date(fixture.client.add_members(call(&["ann"]), TIMEOUT).await);
    let second = date(fixture.client.add_member(single_call("bob"), TIMEOUT).await);
    // Of a member error that is an exception, too.
    let third = date(fixture.client.add_member(single_call("bob"), TIMEOUT).await);
    assert!(first > 1_700_000_000 && first <= second && second <= third);
    if backend == Backend::Simulated {
        tokio::time::sleep(Duration::from_mins(1)).await;
        let later = date(fixture.client.add_members(call(&["cy"]), TIMEOUT).await);
        assert_eq!(later, third + 60);
    }
}
