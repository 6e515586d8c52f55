//! The contract of `Chime`: one suite of cases, run with each implementation.

use std::time::Duration;

use chime_bulk::chime::{FixedCredentials, connect};
use chime_bulk::model::codes::{self, CODES, Effect, Level};
use chime_bulk::model::{MemberError, Operation, Refusal, RefusalKind, Reply};
use chime_bulk::sandbox::{SandboxConfig, Scripted};

use crate::support::backends::{
    APIS, Backend, TIMEOUT, arns, call, channel, settings, single_call, user,
};
use crate::support::server::Server;

/// Runs each case with each implementation, with the simulated one on a paused clock.
macro_rules! suite {
    ($($case:ident,)*) => {
        mod simulated {
            $(#[tokio::test(start_paused = true)]
            async fn $case() {
                super::$case(super::Backend::Simulated).await;
            })*
        }

        mod messaging {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::Backend::Messaging).await;
            })*
        }

        #[cfg(feature = "legacy-chime")]
        mod legacy {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::Backend::Legacy).await;
            })*
        }
    };
}

pub(crate) use suite;

suite! {
    added_members_are_listed_and_in_the_channel,
    a_refused_member_has_its_code_and_the_others_are_added,
    an_existing_member_is_a_conflict,
    a_member_that_the_answer_omits_is_in_neither_list,
    members_that_are_not_in_the_call_are_passed_on,
    each_exception_has_its_kind_and_is_not_retried,
    an_error_without_a_name_has_the_kind_of_its_status,
    an_html_page_is_not_an_answer_of_the_service,
    rejected_credentials_have_a_kind_of_their_own,
    a_missing_channel_is_not_found,
    a_call_without_an_answer_is_lost_and_may_be_applied,
    a_call_on_a_closed_connection_is_lost_and_may_be_applied,
    a_call_with_an_unreadable_answer_is_lost_and_may_be_applied,
    an_empty_answer_names_no_member,
    concurrent_calls_get_their_own_answers,
    a_single_add_is_confirmed_or_omitted,
    a_single_add_of_an_existing_member_is_a_conflict,
    a_single_add_of_a_missing_user_is_an_error_of_that_member,
    a_single_add_to_a_full_channel_is_an_error_of_that_member,
    single_adds_and_batches_have_quotas_of_their_own_on_a_channel,
    the_bearers_quota_counts_single_adds_and_batches,
}

async fn added_members_are_listed_and_in_the_channel(backend: Backend) {
    let fixture = backend.fixture().await;
    let ids: Vec<String> = (100..200)
        .map(|i| format!("user-{i}@example.com"))
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let reply = fixture.add(&ids).await.unwrap();
    assert_eq!(reply.added, arns(&ids));
    assert_eq!(reply.errors, []);
    assert_eq!(fixture.members(), arns(&ids));
    assert_eq!(fixture.calls(), 1);
}

async fn a_refused_member_has_its_code_and_the_others_are_added(backend: Backend) {
    // All codes that AWS's API model names, and one that it does not.
    let codes = [
        "BadRequest",
        "Conflict",
        "Forbidden",
        "NotFound",
        "PreconditionFailed",
        "ResourceLimitExceeded",
        "ServiceFailure",
        "AccessDenied",
        "ServiceUnavailable",
        "Throttled",
        "Throttling",
        "Unauthorized",
        "Unprocessable",
        "VoiceConnectorGroupAssociationsExist",
        "PhoneNumberAssociationsExist",
        "NobodyHasSeenThis",
    ];
    let fixture = backend.fixture().await;
    let refused = |code: &&str| Scripted::MemberError {
        member: user(code).to_string(),
        code: (*code).to_owned(),
    };
    fixture.script(codes.iter().map(refused).collect());
    let reply = fixture
        .add(&[&["ann"], &codes[..], &["bob"]].concat())
        .await;
    let reply = reply.unwrap();
    assert_eq!(reply.added, arns(&["ann", "bob"]));
    let found = reply.errors.iter().map(|e| (&*e.member, &*e.code));
    let members = arns(&codes);
    let expected = members.iter().map(String::as_str).zip(codes);
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    assert_eq!(fixture.members(), arns(&["ann", "bob"]));
    assert_eq!(fixture.calls(), 1);
}

async fn an_existing_member_is_a_conflict(backend: Backend) {
    let fixture = backend.fixture().await;
    fixture.service.add_existing(&channel(), &user("ann"));
    let reply = fixture.add(&["ann", "bob"]).await.unwrap();
    assert_eq!(reply.added, arns(&["bob"]));
    let codes: Vec<&str> = reply.errors.iter().map(|e| &*e.code).collect();
    assert_eq!(codes, ["Conflict"]);
}

async fn a_member_that_the_answer_omits_is_in_neither_list(backend: Backend) {
    let fixture = backend.fixture().await;
    let member = user("ann").to_string();
    fixture.script(vec![Scripted::LeaveOut { member }]);
    let reply = fixture.add(&["ann", "bob"]).await.unwrap();
    assert_eq!(reply.added, arns(&["bob"]));
    assert_eq!(reply.errors, []);
}

async fn members_that_are_not_in_the_call_are_passed_on(backend: Backend) {
    let fixture = backend.fixture().await;
    let body = r#"{
        "BatchChannelMemberships": {
            "InvitedBy": {"Arn": "x", "Name": "Admin"},
            "Members": [{"Arn": "other", "Name": ""}, {"Name": "no ARN"}, {"Arn": "other"}],
            "SomethingNew": [1, {"a": null}]
        },
        "Errors": [
            {"MemberArn": "other", "ErrorCode": "Throttled", "ErrorMessage": "slow down"},
            {"ErrorCode": "NotFound"},
            {"MemberArn": "bare"}
        ]
    }"#;
    fixture.script(vec![Scripted::Garbage(body.to_owned())]);
    let error = |member: &str, code: &str, message: &str| MemberError {
        member: member.to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let wanted = Reply {
        channel: None,
        added: vec!["other".to_owned(), "other".to_owned()],
        errors: vec![
            error("other", "Throttled", "slow down"),
            error("bare", "NoCode", ""),
        ],
        date: None,
    };
    assert_eq!(fixture.add(&["ann"]).await, Ok(wanted));
}

/// The reply to a call with one member, which is refused.
fn refused(id: &str, code: &str, message: &str) -> Reply {
    Reply {
        channel: Some(channel().to_string()),
        added: Vec::new(),
        errors: vec![MemberError {
            member: user(id).to_string(),
            code: code.to_owned(),
            message: message.to_owned(),
        }],
        date: None,
    }
}

async fn each_exception_has_its_kind_and_is_not_retried(backend: Backend) {
    let fixture = backend.fixture().await;
    let named = CODES.iter().filter(|code| code.level == Level::Call);
    let named = named.filter(|code| !code.text.starts_with("Http"));
    let mut before = 0;
    for code in named {
        let Effect::Call(kind) = code.effect else {
            panic!("{code:?}");
        };
        // With and without the suffix `Exception`, and with other statuses than the usual one.
        let stem = code.text.strip_suffix("Exception").unwrap_or(code.text);
        for (status, exception) in [(400, code.text), (403, stem), (503, code.text)] {
            if kind == RefusalKind::NotFound && exception == stem {
                continue;
            }
            for operation in [Operation::Batch, Operation::Single] {
                fixture.script(vec![Scripted::Refuse {
                    status,
                    exception: exception.to_owned(),
                    message: format!("message of {exception}"),
                }]);
                let answer = fixture.add_by(operation, "ann").await;
                let refusal = Refusal {
                    kind,
                    code: exception.to_owned(),
                    message: format!("message of {exception}"),
                };
                let expected = match (operation, codes::member_error_of(exception)) {
                    (Operation::Single, Some(code)) => Ok(refused("ann", code, &refusal.message)),
                    _ => Err(refusal),
                };
                assert_eq!(answer, expected, "{operation:?} {status} {exception}");
                before += 1;
                assert_eq!(fixture.calls(), before, "{exception}");
            }
        }
    }
    assert!(before > 300, "{before}");
    // Not in the catalogue.
    for (status, exception, kind) in [
        (409, "ConflictException", RefusalKind::BadRequest),
        (418, "TeapotException", RefusalKind::BadRequest),
        (404, "ResourceNotFoundException", RefusalKind::WrongAddress),
        (507, "FullException", RefusalKind::ServiceFailure),
    ] {
        fixture.script(vec![Scripted::Refuse {
            status,
            exception: exception.to_owned(),
            message: String::new(),
        }]);
        let refusal = fixture.add(&["ann"]).await.unwrap_err();
        assert_eq!((refusal.kind, &*refusal.code), (kind, exception));
    }
    assert_eq!(fixture.members(), arns(&[]));
}

/// Each of these answers, once for each operation.
fn by_each_operation<const N: usize>(
    answers: [(u16, RefusalKind); N],
) -> impl Iterator<Item = (u16, RefusalKind, Operation)> {
    answers.into_iter().flat_map(|(status, kind)| {
        [Operation::Batch, Operation::Single].map(|operation| (status, kind, operation))
    })
}

async fn an_error_without_a_name_has_the_kind_of_its_status(backend: Backend) {
    let fixture = backend.fixture().await;
    let answers = [
        (302, RefusalKind::WrongAddress),
        (400, RefusalKind::WrongAddress),
        (401, RefusalKind::Denied),
        (403, RefusalKind::Denied),
        (404, RefusalKind::WrongAddress),
        (405, RefusalKind::WrongAddress),
        (409, RefusalKind::WrongAddress),
        (407, RefusalKind::WrongAddress),
        (408, RefusalKind::WrongAddress),
        (413, RefusalKind::WrongAddress),
        (414, RefusalKind::WrongAddress),
        (429, RefusalKind::Throttled),
        (431, RefusalKind::WrongAddress),
        (500, RefusalKind::ServiceFailure),
        (502, RefusalKind::ServiceFailure),
        (503, RefusalKind::ServiceUnavailable),
        (504, RefusalKind::ServiceFailure),
    ];
    for (before, (status, kind, operation)) in (0..).zip(by_each_operation(answers)) {
        fixture.script(vec![Scripted::Refuse {
            status,
            exception: String::new(),
            message: "from a proxy".to_owned(),
        }]);
        let refusal = fixture.add_by(operation, "ann").await.unwrap_err();
        assert_eq!(refusal.kind, kind, "{status} {operation:?}");
        assert_eq!(refusal.code, format!("Http{status}"));
        assert_eq!(refusal.message, "from a proxy");
        assert_eq!(fixture.calls(), before + 1, "{status}");
    }
}

async fn an_html_page_is_not_an_answer_of_the_service(backend: Backend) {
    let fixture = backend.fixture().await;
    let pages = [
        (200, RefusalKind::Lost, codes::UNREADABLE_REPLY),
        (301, RefusalKind::WrongAddress, codes::HTML_PAGE),
        (403, RefusalKind::WrongAddress, codes::HTML_PAGE),
        (404, RefusalKind::WrongAddress, codes::HTML_PAGE),
        (407, RefusalKind::WrongAddress, codes::HTML_PAGE),
        (429, RefusalKind::Throttled, "Http429"),
        (500, RefusalKind::Lost, codes::GATEWAY_ERROR),
        (503, RefusalKind::Lost, codes::GATEWAY_ERROR),
    ];
    for (before, (status, kind, code)) in (0..).zip(pages) {
        for operation in [Operation::Batch, Operation::Single] {
            fixture.script(vec![Scripted::Page {
                status,
                body: "<html><body>Sign in</body></html>".to_owned(),
            }]);
            let refusal = fixture.add_by(operation, "ann").await.unwrap_err();
            assert_eq!((refusal.kind, &*refusal.code), (kind, code), "{status}");
        }
        assert_eq!(fixture.calls(), 2 * (before + 1), "{status}");
    }
    assert_eq!(fixture.members(), arns(&[]));
}

async fn rejected_credentials_have_a_kind_of_their_own(backend: Backend) {
    let fixture = backend.fixture().await;
    for exception in [
        "ExpiredTokenException",
        "ExpiredToken",
        "UnrecognizedClientException",
        "InvalidSignatureException",
    ] {
        fixture.script(vec![Scripted::Refuse {
            status: 403,
            exception: exception.to_owned(),
            message: "the security token included in the request is expired".to_owned(),
        }]);
        let refusal = fixture.add(&["ann"]).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Credentials, "{exception}");
        assert_eq!(refusal.code, exception);
    }
}

async fn a_missing_channel_is_not_found(backend: Backend) {
    let fixture = backend.fixture_with(|s| s.missing_channels = vec!["c".to_owned()]);
    let fixture = fixture.await;
    let refusal = fixture.add(&["ann"]).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    assert_eq!(refusal.code, "NotFoundException");
    // A single add does not show which of channel and user is missing.
    let reply = fixture.add_by(Operation::Single, "ann").await.unwrap();
    assert_eq!(reply.errors[0].code, "NotFound");
}

async fn a_call_without_an_answer_is_lost_and_may_be_applied(backend: Backend) {
    let fixture = backend.fixture_with(|s| s.attempt_timeout = Duration::from_secs(1));
    let fixture = fixture.await;
    for (operation, id) in [Operation::Batch, Operation::Single]
        .into_iter()
        .zip(["ann", "bob"])
    {
        fixture.script(vec![Scripted::Silence]);
        let refusal = fixture.add_by(operation, id).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{refusal}");
        assert!(refusal.kind.leaves_doubt());
    }
    assert_eq!(fixture.members(), arns(&["ann", "bob"]));
    assert_eq!(fixture.calls(), 2);
}

async fn a_call_on_a_closed_connection_is_lost_and_may_be_applied(backend: Backend) {
    let fixture = backend.fixture().await;
    // On a new connection, and on one that was used before.
    let operations = [Operation::Batch, Operation::Single, Operation::Batch];
    for (before, (id, operation)) in (0..).zip(["ann", "bob", "cy"].into_iter().zip(operations)) {
        fixture.script(vec![Scripted::Reset]);
        let refusal = fixture.add_by(operation, id).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{refusal}");
        fixture.add(&[&*format!("{id}-after")]).await.unwrap();
        assert_eq!(fixture.calls(), 2 * before + 2);
    }
    let present = ["ann", "ann-after", "bob", "bob-after", "cy", "cy-after"];
    assert_eq!(fixture.members(), arns(&present));
}

async fn a_call_with_an_unreadable_answer_is_lost_and_may_be_applied(backend: Backend) {
    let fixture = backend.fixture().await;
    let bodies = [
        "<html><body>Sign in to this network</body></html>",
        "{\"BatchChannelMemberships\":",
        "{\"Errors\":{}}",
    ];
    let single_bodies = [bodies[0], "{\"Member\":", "{\"Member\":[]}"];
    for (id, body) in ["bob", "cy", "dan"].into_iter().zip(single_bodies) {
        fixture.script(vec![Scripted::Garbage(body.to_owned())]);
        let refusal = fixture.add_by(Operation::Single, id).await;
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{body}: {refusal}");
    }
    assert_eq!(fixture.calls(), 3);
    for (before, body) in (3..).zip(bodies) {
        fixture.script(vec![Scripted::Garbage(body.to_owned())]);
        let refusal = fixture.add(&["ann"]).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{body}: {refusal}");
        assert_eq!(fixture.calls(), before + 1);
    }
    assert_eq!(fixture.members(), arns(&["ann", "bob", "cy", "dan"]));
}

async fn an_empty_answer_names_no_member(backend: Backend) {
    let fixture = backend.fixture().await;
    let bodies = [
        "{}",
        "",
        r#"{"BatchChannelMemberships":null,"Errors":null}"#,
        r#"{"ChannelArn":null,"Member":null}"#,
    ];
    for (n, body) in (0..).zip(bodies) {
        for operation in [Operation::Batch, Operation::Single] {
            fixture.script(vec![Scripted::Garbage(body.to_owned())]);
            let reply = fixture
                .add_by(operation, &format!("{operation:?}{n}"))
                .await;
            assert_eq!(reply, Ok(Reply::default()), "{body}");
        }
    }
}

async fn concurrent_calls_get_their_own_answers(backend: Backend) {
    let fixture = backend.fixture().await;
    let calls = (0..50).map(|i| {
        let id = format!("user-{i}");
        let answer = if i % 2 == 0 {
            fixture.client.add_members(call(&[&id]), TIMEOUT)
        } else {
            fixture.client.add_member(single_call(&id), TIMEOUT)
        };
        tokio::spawn(async move { (id, answer.await) })
    });
    for answer in calls.collect::<Vec<_>>() {
        let (id, reply) = answer.await.unwrap();
        assert_eq!(reply.unwrap().added, arns(&[&id]));
    }
    assert_eq!(fixture.members().len(), 50);
    assert_eq!(fixture.calls(), 50);
}

async fn a_single_add_is_confirmed_or_omitted(backend: Backend) {
    let fixture = backend.fixture().await;
    let confirmed = |added: &[&str]| Reply {
        channel: Some(channel().to_string()),
        added: arns(added),
        ..Reply::default()
    };
    let reply = fixture.add_by(Operation::Single, "ann").await;
    assert_eq!(reply, Ok(confirmed(&["ann"])));
    fixture.script(vec![Scripted::LeaveOut {
        member: user("bob").to_string(),
    }]);
    let reply = fixture.add_by(Operation::Single, "bob").await;
    assert_eq!(reply, Ok(confirmed(&[])));
    assert_eq!(fixture.members(), arns(&["ann"]));
    let stats = fixture.service.stats();
    assert_eq!((stats.single_calls, stats.batch_calls), (2, 0));
    assert_eq!(
        stats.busiest_single_seconds_of_channels[channel().as_str()],
        2
    );
}

async fn a_single_add_of_an_existing_member_is_a_conflict(backend: Backend) {
    let fixture = backend.fixture().await;
    fixture.service.add_existing(&channel(), &user("ann"));
    let reply = fixture.add_by(Operation::Single, "ann").await;
    assert_eq!(reply, Ok(refused("ann", "Conflict", "already a member")));
    assert_eq!(fixture.calls(), 1);
}

async fn a_single_add_of_a_missing_user_is_an_error_of_that_member(backend: Backend) {
    let fixture = backend.fixture_with(|s| {
        s.missing_users = vec!["gone".to_owned()];
        s.answers = vec!["odd=PreconditionFailed".parse().unwrap()];
    });
    let fixture = fixture.await;
    let reply = fixture.add_by(Operation::Single, "gone-1").await;
    let expected = refused("gone-1", "NotFound", "the user does not exist");
    assert_eq!(reply, Ok(expected));
    // Member errors without an exception about the member alone refuse the call.
    let refusal = fixture.add_by(Operation::Single, "odd-1").await;
    assert_eq!(refusal.unwrap_err().code, "BadRequestException");
    assert_eq!(fixture.members(), arns(&[]));
}

async fn a_single_add_to_a_full_channel_is_an_error_of_that_member(backend: Backend) {
    let fixture = backend.fixture_with(|s| s.capacity = 1).await;
    fixture.add(&["ann"]).await.unwrap();
    let reply = fixture.add_by(Operation::Single, "bob").await;
    let expected = refused("bob", "ResourceLimitExceeded", "the channel is full");
    assert_eq!(reply, Ok(expected));
}

async fn single_adds_and_batches_have_quotas_of_their_own_on_a_channel(backend: Backend) {
    // No call gains a second one within the time of a test.
    let fixture = backend.fixture_with(|s| {
        s.unlimited = false;
        s.quotas.channel_rate = 0.001;
        s.quotas.single_rate = Some(0.001);
        s.quotas.single_burst = Some(2);
        s.quotas.bearer_rate = Some(1e6);
    });
    let fixture = fixture.await;
    let order = [
        (Operation::Single, true),
        (Operation::Single, true),
        (Operation::Single, false),
        (Operation::Batch, true),
        (Operation::Batch, false),
    ];
    for (n, (operation, is_accepted)) in (0..).zip(order) {
        let answer = fixture.add_by(operation, &format!("u{n}")).await;
        let kind = answer.err().map(|refusal| refusal.kind);
        let expected = (!is_accepted).then_some(RefusalKind::Throttled);
        assert_eq!(kind, expected, "call {n}");
    }
    assert_eq!(fixture.members(), arns(&["u0", "u1", "u3"]));
}

async fn the_bearers_quota_counts_single_adds_and_batches(backend: Backend) {
    let fixture = backend.fixture_with(|s| {
        s.unlimited = false;
        s.quotas.channel_rate = 1e6;
        s.quotas.bearer_rate = Some(0.001);
        s.quotas.bearer_burst = Some(2);
    });
    let fixture = fixture.await;
    fixture.add_by(Operation::Batch, "u0").await.unwrap();
    fixture.add_by(Operation::Single, "u1").await.unwrap();
    for operation in [Operation::Batch, Operation::Single] {
        let refusal = fixture.add_by(operation, "u2").await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Throttled, "{operation:?}");
    }
    let stats = fixture.service.stats();
    assert_eq!(stats.busiest_bearer_second, 4);
    assert_eq!(stats.busiest_channel_second, 2);
}

#[tokio::test]
async fn a_wrong_secret_key_is_rejected() {
    for api in APIS {
        let server = Server::start(SandboxConfig::default()).await;
        let mut settings = settings(*api, &server.url);
        settings.credentials = settings.credentials.map(|known| FixedCredentials {
            secret_access_key: "not the secret".to_owned(),
            ..known
        });
        let client = connect(settings).await.unwrap().service;
        let refusal = client
            .add_members(call(&["ann"]), TIMEOUT)
            .await
            .unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Credentials, "{api}: {refusal}");
        assert!(!format!("{refusal:?}").contains("not the secret"));
        assert_eq!(server.service.members(&channel()), arns(&[]));
    }
}

#[cfg(feature = "legacy-chime")]
#[tokio::test]
async fn the_legacy_client_refuses_sub_channels_and_bots_without_a_request() {
    use chime_bulk::model::AddMember;

    let fixture = Backend::Legacy.fixture().await;
    let mut sub_channel = call(&["ann"]);
    sub_channel.membership.sub_channel = Some("s".parse().unwrap());
    let mut bot = call(&["ann"]);
    bot.bearer = format!("{}/bot/b", crate::support::backends::INSTANCE)
        .parse()
        .unwrap();
    for call in [sub_channel, bot] {
        let single = AddMember {
            channel: call.channel.clone(),
            bearer: call.bearer.clone(),
            membership: call.membership.clone(),
            member: user("ann"),
        };
        let refusal = fixture
            .client
            .add_member(single, TIMEOUT)
            .await
            .unwrap_err();
        assert_eq!(refusal.code, codes::UNSUPPORTED);
        let refusal = fixture.client.add_members(call, TIMEOUT).await.unwrap_err();
        assert_eq!(refusal.code, codes::UNSUPPORTED);
    }
    assert_eq!(fixture.calls(), 0);
}
