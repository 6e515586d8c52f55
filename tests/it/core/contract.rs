//! What every implementor of `Chime` does, as one suite run over all of them.

use std::sync::Arc;
use std::time::Duration;

use chime_bulk::chime::{FixedCredentials, connect};
use chime_bulk::model::codes::{self, CODES, Effect, Level};
use chime_bulk::model::{MemberError, RefusalKind, Reply};
use chime_bulk::sandbox::{SandboxConfig, Scripted, Service, serve};
use tokio::net::TcpListener;

use crate::support::backends::{APIS, Backend, TIMEOUT, arns, call, channel, settings, user};

/// Runs each case with each implementor; the simulated one on a paused clock.
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

suite! {
    added_members_are_listed_and_in_the_channel,
    a_member_refused_keeps_its_code_and_harms_no_other,
    somebody_already_there_is_a_conflict,
    a_member_in_neither_list_is_in_neither,
    what_nobody_asked_for_is_passed_on,
    each_exception_has_its_kind_and_is_called_once,
    an_unnamed_error_goes_by_its_status_and_is_called_once,
    a_page_of_any_status_is_not_the_services,
    credentials_refused_are_no_fault_of_the_members,
    a_channel_that_is_missing_is_not_found,
    silence_is_lost_and_may_be_applied,
    a_closed_connection_is_lost_and_may_be_applied,
    garbage_is_lost_and_may_be_applied,
    an_empty_reply_names_nobody,
    calls_in_flight_together_keep_their_answers,
}

async fn added_members_are_listed_and_in_the_channel(face: Backend) {
    let stand = face.stand().await;
    let ids: Vec<String> = (100..200)
        .map(|i| format!("user-{i}@example.com"))
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let reply = stand.add(&ids).await.unwrap();
    assert_eq!(reply.added, arns(&ids));
    assert_eq!(reply.errors, []);
    assert_eq!(stand.members(), arns(&ids));
    assert_eq!(stand.calls(), 1);
}

async fn a_member_refused_keeps_its_code_and_harms_no_other(face: Backend) {
    // All that the model names, and one it does not.
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
    let stand = face.stand().await;
    let refused = |code: &&str| Scripted::MemberError {
        member: user(code).to_string(),
        code: (*code).to_owned(),
    };
    stand.script(codes.iter().map(refused).collect());
    let reply = stand.add(&[&["ann"], &codes[..], &["bob"]].concat()).await;
    let reply = reply.unwrap();
    assert_eq!(reply.added, arns(&["ann", "bob"]));
    let found = reply.errors.iter().map(|e| (&*e.member, &*e.code));
    let told = arns(&codes);
    let told = told.iter().map(String::as_str).zip(codes);
    assert_eq!(found.collect::<Vec<_>>(), told.collect::<Vec<_>>());
    assert_eq!(stand.members(), arns(&["ann", "bob"]));
    assert_eq!(stand.calls(), 1);
}

async fn somebody_already_there_is_a_conflict(face: Backend) {
    let stand = face.stand().await;
    stand.service.add_existing(&channel(), &user("ann"));
    let reply = stand.add(&["ann", "bob"]).await.unwrap();
    assert_eq!(reply.added, arns(&["bob"]));
    let codes: Vec<&str> = reply.errors.iter().map(|e| &*e.code).collect();
    assert_eq!(codes, ["Conflict"]);
}

async fn a_member_in_neither_list_is_in_neither(face: Backend) {
    let stand = face.stand().await;
    let member = user("ann").to_string();
    stand.script(vec![Scripted::LeaveOut { member }]);
    let reply = stand.add(&["ann", "bob"]).await.unwrap();
    assert_eq!(reply.added, arns(&["bob"]));
    assert_eq!(reply.errors, []);
}

async fn what_nobody_asked_for_is_passed_on(face: Backend) {
    let stand = face.stand().await;
    let body = r#"{
        "BatchChannelMemberships": {
            "InvitedBy": {"Arn": "x", "Name": "Admin"},
            "Members": [{"Arn": "stranger", "Name": ""}, {"Name": "no ARN"}, {"Arn": "stranger"}],
            "SomethingNew": [1, {"a": null}]
        },
        "Errors": [
            {"MemberArn": "stranger", "ErrorCode": "Throttled", "ErrorMessage": "slow down"},
            {"ErrorCode": "NotFound"},
            {"MemberArn": "bare"}
        ]
    }"#;
    stand.script(vec![Scripted::Garbage(body.to_owned())]);
    let error = |member: &str, code: &str, message: &str| MemberError {
        member: member.to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let wanted = Reply {
        channel: None,
        added: vec!["stranger".to_owned(), "stranger".to_owned()],
        errors: vec![
            error("stranger", "Throttled", "slow down"),
            error("bare", "NoCode", ""),
        ],
    };
    assert_eq!(stand.add(&["ann"]).await, Ok(wanted));
}

async fn each_exception_has_its_kind_and_is_called_once(face: Backend) {
    let stand = face.stand().await;
    let named = CODES.iter().filter(|code| code.level == Level::Call);
    let named = named.filter(|code| !code.text.starts_with("Http"));
    let mut before = 0;
    for code in named {
        let Effect::Call(kind) = code.effect else {
            panic!("{code:?}");
        };
        // With and without its ending, and whatever the status.
        let stem = code.text.strip_suffix("Exception").unwrap_or(code.text);
        for (status, exception) in [(400, code.text), (403, stem), (503, code.text)] {
            if kind == RefusalKind::NotFound && exception == stem {
                continue;
            }
            stand.script(vec![Scripted::Refuse {
                status,
                exception: exception.to_owned(),
                message: format!("words of {exception}"),
            }]);
            let refusal = stand.add(&["ann"]).await.unwrap_err();
            assert_eq!(refusal.kind, kind, "{status} {exception}");
            assert_eq!(refusal.code, exception);
            assert_eq!(refusal.message, format!("words of {exception}"));
            before += 1;
            assert_eq!(stand.calls(), before, "{exception}");
        }
    }
    assert!(before > 150, "{before}");
    // Not in the catalogue.
    for (status, exception, kind) in [
        (409, "ConflictException", RefusalKind::BadRequest),
        (418, "TeapotException", RefusalKind::BadRequest),
        (404, "ResourceNotFoundException", RefusalKind::WrongAddress),
        (507, "FullException", RefusalKind::ServiceFailure),
    ] {
        stand.script(vec![Scripted::Refuse {
            status,
            exception: exception.to_owned(),
            message: String::new(),
        }]);
        let refusal = stand.add(&["ann"]).await.unwrap_err();
        assert_eq!((refusal.kind, &*refusal.code), (kind, exception));
    }
    assert_eq!(stand.members(), arns(&[]));
}

async fn an_unnamed_error_goes_by_its_status_and_is_called_once(face: Backend) {
    let stand = face.stand().await;
    let answers = [
        (302, RefusalKind::WrongAddress),
        (400, RefusalKind::WrongAddress),
        (401, RefusalKind::Denied),
        (403, RefusalKind::Denied),
        (404, RefusalKind::WrongAddress),
        (405, RefusalKind::WrongAddress),
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
    for (before, (status, kind)) in (0..).zip(answers) {
        stand.script(vec![Scripted::Refuse {
            status,
            exception: String::new(),
            message: "from a proxy".to_owned(),
        }]);
        let refusal = stand.add(&["ann"]).await.unwrap_err();
        assert_eq!(refusal.kind, kind, "{status}");
        assert_eq!(refusal.code, format!("Http{status}"));
        assert_eq!(refusal.message, "from a proxy");
        assert_eq!(stand.calls(), before + 1, "{status}");
    }
}

async fn a_page_of_any_status_is_not_the_services(face: Backend) {
    let stand = face.stand().await;
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
        stand.script(vec![Scripted::Page {
            status,
            body: "<html><body>Sign in</body></html>".to_owned(),
        }]);
        let refusal = stand.add(&["ann"]).await.unwrap_err();
        assert_eq!((refusal.kind, &*refusal.code), (kind, code), "{status}");
        assert_eq!(stand.calls(), before + 1, "{status}");
    }
    assert_eq!(stand.members(), arns(&[]));
}

async fn credentials_refused_are_no_fault_of_the_members(face: Backend) {
    let stand = face.stand().await;
    for exception in [
        "ExpiredTokenException",
        "ExpiredToken",
        "UnrecognizedClientException",
        "InvalidSignatureException",
    ] {
        stand.script(vec![Scripted::Refuse {
            status: 403,
            exception: exception.to_owned(),
            message: "the security token included in the request is expired".to_owned(),
        }]);
        let refusal = stand.add(&["ann"]).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Credentials, "{exception}");
        assert_eq!(refusal.code, exception);
    }
}

async fn a_channel_that_is_missing_is_not_found(face: Backend) {
    let stand = face.stand_with(|s| s.missing_channels = vec!["c".to_owned()]);
    let refusal = stand.await.add(&["ann"]).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    assert_eq!(refusal.code, "NotFoundException");
}

async fn silence_is_lost_and_may_be_applied(face: Backend) {
    let stand = face.stand_with(|s| s.attempt_timeout = Duration::from_secs(1));
    let stand = stand.await;
    stand.script(vec![Scripted::Silence]);
    let refusal = stand.add(&["ann"]).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Lost, "{refusal}");
    assert!(refusal.kind.leaves_doubt());
    assert_eq!(stand.members(), arns(&["ann"]));
    assert_eq!(stand.calls(), 1);
}

async fn a_closed_connection_is_lost_and_may_be_applied(face: Backend) {
    let stand = face.stand().await;
    // On a fresh connection, and on one that has served before.
    for (before, id) in (0..).zip(["ann", "bob", "cy"]) {
        stand.script(vec![Scripted::Reset]);
        let refusal = stand.add(&[id]).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{refusal}");
        stand.add(&[&*format!("{id}-after")]).await.unwrap();
        assert_eq!(stand.calls(), 2 * before + 2);
    }
    let present = ["ann", "ann-after", "bob", "bob-after", "cy", "cy-after"];
    assert_eq!(stand.members(), arns(&present));
}

async fn garbage_is_lost_and_may_be_applied(face: Backend) {
    let stand = face.stand().await;
    let bodies = [
        "<html><body>Sign in to this network</body></html>",
        "{\"BatchChannelMemberships\":",
        "{\"Errors\":{}}",
    ];
    for (before, body) in (0..).zip(bodies) {
        stand.script(vec![Scripted::Garbage(body.to_owned())]);
        let refusal = stand.add(&["ann"]).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{body}: {refusal}");
        assert_eq!(stand.calls(), before + 1);
    }
    assert_eq!(stand.members(), arns(&["ann"]));
}

async fn an_empty_reply_names_nobody(face: Backend) {
    let stand = face.stand().await;
    for body in [
        "{}",
        "",
        r#"{"BatchChannelMemberships":null,"Errors":null}"#,
    ] {
        stand.script(vec![Scripted::Garbage(body.to_owned())]);
        assert_eq!(stand.add(&["ann"]).await, Ok(Reply::default()), "{body}");
    }
}

async fn calls_in_flight_together_keep_their_answers(face: Backend) {
    let stand = face.stand().await;
    let calls = (0..50).map(|i| {
        let id = format!("user-{i}");
        let answer = stand.client.add_members(call(&[&id]), TIMEOUT);
        tokio::spawn(async move { (id, answer.await) })
    });
    for answer in calls.collect::<Vec<_>>() {
        let (id, reply) = answer.await.unwrap();
        assert_eq!(reply.unwrap().added, arns(&[&id]));
    }
    assert_eq!(stand.members().len(), 50);
    assert_eq!(stand.calls(), 50);
}

#[tokio::test]
async fn a_wrong_secret_is_unauthorized() {
    for api in APIS {
        let service = Arc::new(Service::new(SandboxConfig::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = serve(listener, service.clone(), std::future::pending());
        let server = tokio::spawn(server);
        let mut settings = settings(*api, &url);
        settings.credentials = settings.credentials.map(|known| FixedCredentials {
            secret_access_key: "not the secret".to_owned(),
            ..known
        });
        let client = connect(settings).await.unwrap();
        let refusal = client
            .add_members(call(&["ann"]), TIMEOUT)
            .await
            .unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Credentials, "{api}: {refusal}");
        assert!(!format!("{refusal:?}").contains("not the secret"));
        assert_eq!(service.members(&channel()), arns(&[]));
        server.abort();
    }
}

#[cfg(feature = "legacy-chime")]
#[tokio::test]
async fn the_legacy_client_refuses_what_its_api_lacks_before_any_request() {
    let stand = Backend::Legacy.stand().await;
    let mut sub_channel = call(&["ann"]);
    sub_channel.membership.sub_channel = Some("s".parse().unwrap());
    let mut bot = call(&["ann"]);
    bot.bearer = format!("{}/bot/b", crate::support::backends::INSTANCE)
        .parse()
        .unwrap();
    for call in [sub_channel, bot] {
        let refusal = stand.client.add_members(call, TIMEOUT).await.unwrap_err();
        assert_eq!(refusal.code, codes::UNSUPPORTED);
    }
    assert_eq!(stand.calls(), 0);
}
