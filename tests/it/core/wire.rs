//! The bytes that the clients send, and their handling of bytes that the sandbox never answers.

use std::time::Duration;

use chime_bulk::chime::{Api, Chime, ClientConfig, Pending, connect};
use chime_bulk::model::codes;
use chime_bulk::model::{
    ChannelCall, ListChannel, ListMembers, MemberCall, Membership, MembershipType, Refusal,
    RefusalKind, Removed, Reply,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::backends::{
    APIS, INSTANCE, TIMEOUT, call, channel, settings, single_call, user,
};

/// The query of a batch call.
const BATCH: &str = "?operation=batch-create";

/// A request, as received.
struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let mut named = self.headers.iter().filter(|(key, _)| key == name);
        let (_, value) = named.next().unwrap();
        assert!(named.next().is_none(), "{name} twice");
        value
    }
}

/// Receives one request, answers it with these bytes, and closes the connection.
async fn answer_one(listener: TcpListener, answer: &str) -> Request {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    let (head, length) = loop {
        let mut bytes = [0; 4096];
        let n = stream.read(&mut bytes).await.unwrap();
        assert!(n > 0, "truncated request: {text}");
        text.push_str(std::str::from_utf8(&bytes[..n]).unwrap());
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let headers = head.lines().skip(1).map(|line| {
            let (key, value) = line.split_once(": ").unwrap();
            (key.to_lowercase(), value.to_owned())
        });
        let headers: Vec<_> = headers.collect();
        let length = headers.iter().find(|(key, _)| key == "content-length");
        let length: usize = length.map_or(0, |(_, length)| length.parse().unwrap());
        if text.len() >= head.len() + 4 + length {
            let line = head.lines().next().unwrap().to_owned();
            break ((line, headers), length);
        }
    };
    stream.write_all(answer.as_bytes()).await.unwrap();
    Request {
        line: head.0,
        headers: head.1,
        body: match &text[text.len() - length..] {
            "" => Value::Null,
            body => serde_json::from_str(body).unwrap(),
        },
    }
}

/// The request that a client of this API sends for a call, and the host that it calls.
async fn request_of(api: Api, sub_channel: Option<&str>) -> (Request, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let settings = settings(api, &format!("http://{host}"));
    let client = connect(settings).await.unwrap().service;
    let mut call = call(&["ann@example.com", "bob"]);
    call.membership.membership_type = MembershipType::Hidden;
    call.membership.sub_channel = sub_channel.map(|id| id.parse().unwrap());
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let (reply, request) = tokio::join!(
        client.add_members(call, TIMEOUT),
        answer_one(listener, answer)
    );
    assert_eq!(reply, Ok(Reply::default()));
    (request, host)
}

/// The same, for a call that adds one member.
async fn single_request_of(api: Api, sub_channel: Option<&str>) -> (Request, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let settings = settings(api, &format!("http://{host}"));
    let client = connect(settings).await.unwrap().service;
    let mut call = single_call("ann@example.com");
    call.membership.membership_type = MembershipType::Hidden;
    call.membership.sub_channel = sub_channel.map(|id| id.parse().unwrap());
    let answer = "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}";
    let (reply, request) = tokio::join!(
        client.add_member(call, TIMEOUT),
        answer_one(listener, answer)
    );
    assert_eq!(reply, Ok(Reply::default()));
    (request, host)
}

fn check_head(request: &Request, host: &str, query: &str) {
    assert_eq!(
        request.line,
        format!(
            "POST /channels/arn%3Aaws%3Achime%3Aus-east-1%3A123456789012%3Aapp-instance%2Fi%2Fchannel%2Fc\
             /memberships{query} HTTP/1.1"
        )
    );
    assert_eq!(request.header("host"), host);
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(
        request.header("x-amz-chime-bearer"),
        format!("{INSTANCE}/user/admin")
    );
    let authorization = request.header("authorization");
    assert!(authorization.contains("/us-east-1/chime/aws4_request"));
    assert!(authorization.contains(";host;"), "{authorization}");
}

#[tokio::test]
async fn the_messaging_client_sends_type_sub_channel_and_members() {
    let (request, host) = request_of(Api::Messaging, Some("sub-1")).await;
    check_head(&request, &host, BATCH);
    let members = [
        format!("{INSTANCE}/user/ann@example.com"),
        format!("{INSTANCE}/user/bob"),
    ];
    assert_eq!(
        request.body,
        json!({"Type": "HIDDEN", "SubChannelId": "sub-1", "MemberArns": members})
    );
}

#[tokio::test]
async fn a_single_add_sends_type_sub_channel_and_member() {
    for (api, sub_channel) in [
        (Api::Messaging, Some("sub-1")),
        #[cfg(feature = "legacy-chime")]
        (Api::Legacy, None),
    ] {
        let (request, host) = single_request_of(api, sub_channel).await;
        check_head(&request, &host, "");
        let member = format!("{INSTANCE}/user/ann@example.com");
        let mut expected = json!({"Type": "HIDDEN", "MemberArn": member});
        if let Some(id) = sub_channel {
            expected["SubChannelId"] = json!(id);
        }
        assert_eq!(request.body, expected, "{api}");
    }
}

#[cfg(feature = "legacy-chime")]
#[tokio::test]
async fn the_legacy_client_sends_type_and_members_to_the_same_host() {
    let (request, host) = request_of(Api::Legacy, None).await;
    check_head(&request, &host, BATCH);
    let members = [
        format!("{INSTANCE}/user/ann@example.com"),
        format!("{INSTANCE}/user/bob"),
    ];
    assert_eq!(
        request.body,
        json!({"Type": "HIDDEN", "MemberArns": members})
    );
}

/// A client, and the request of the call that it makes with it.
async fn request_by<T: std::fmt::Debug>(
    api: Api,
    make: impl FnOnce(&dyn Chime) -> Pending<T>,
    answer: &str,
) -> (Request, Result<T, Refusal>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = connect(settings(api, &url)).await.unwrap().service;
    let (reply, request) = tokio::join!(make(&*client), answer_one(listener, answer));
    assert_eq!(
        request.header("x-amz-chime-bearer"),
        format!("{INSTANCE}/user/admin")
    );
    (request, reply)
}

#[tokio::test]
async fn calls_that_read_or_remove_send_what_is_asked_for() {
    const CHANNEL: &str =
        "/channels/arn%3Aaws%3Achime%3Aus-east-1%3A123456789012%3Aapp-instance%2Fi%2Fchannel%2Fc";
    const MEMBER: &str =
        "arn%3Aaws%3Achime%3Aus-east-1%3A123456789012%3Aapp-instance%2Fi%2Fuser%2Fann";
    let empty = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    for api in APIS {
        let sub_channel = (*api == Api::Messaging).then(|| "sub-1".parse().unwrap());
        let in_sub_channel = if sub_channel.is_some() {
            "sub-channel-id=sub-1"
        } else {
            ""
        };
        let list = || ListChannel {
            channel: channel(),
            bearer: user("admin"),
            next_token: Some("a b".to_owned()),
        };
        let page = "max-results=50&next-token=a%20b";
        let members = ListMembers {
            channel: channel(),
            bearer: user("admin"),
            membership: Membership {
                membership_type: MembershipType::Hidden,
                sub_channel: sub_channel.clone(),
            },
            next_token: list().next_token,
        };
        let call = |client: &dyn Chime| client.list_members(members, TIMEOUT);
        let (request, _) = request_by(*api, call, empty).await;
        let query = format!("type=HIDDEN&{page}&{in_sub_channel}");
        let query = query.trim_end_matches('&');
        let line = format!("GET {CHANNEL}/memberships?{query} HTTP/1.1");
        assert_eq!(request.line, line);

        let member = || MemberCall {
            channel: channel(),
            bearer: user("admin"),
            member: user("ann"),
            sub_channel: sub_channel.clone(),
        };
        let path = format!("{CHANNEL}/memberships/{MEMBER}?{in_sub_channel}");
        let path = path.trim_end_matches('?');
        let call = |client: &dyn Chime| client.describe_member(member(), TIMEOUT);
        let (request, _) = request_by(*api, call, empty).await;
        assert_eq!(request.line, format!("GET {path} HTTP/1.1"));
        let call = |client: &dyn Chime| client.remove_member(member(), TIMEOUT);
        let removed = "HTTP/1.1 204 No Content\r\n\r\n";
        let (request, answer) = request_by(*api, call, removed).await;
        assert_eq!(request.line, format!("DELETE {path} HTTP/1.1"));
        assert_eq!(answer, Ok(Removed::Removed));

        let describe = ChannelCall {
            channel: channel(),
            bearer: user("admin"),
        };
        let call = |client: &dyn Chime| client.describe_channel(describe, TIMEOUT);
        let (request, _) = request_by(*api, call, empty).await;
        assert_eq!(request.line, format!("GET {CHANNEL} HTTP/1.1"));
        let call = |client: &dyn Chime| client.list_moderators(list(), TIMEOUT);
        let (request, _) = request_by(*api, call, empty).await;
        let line = format!("GET {CHANNEL}/moderators?{page} HTTP/1.1");
        assert_eq!(request.line, line);
        if *api == Api::Messaging {
            let call = |client: &dyn Chime| client.list_sub_channels(list(), TIMEOUT);
            let (request, _) = request_by(*api, call, empty).await;
            let line = format!("GET {CHANNEL}/subchannels?{page} HTTP/1.1");
            assert_eq!(request.line, line);
        }
    }
}

#[tokio::test]
async fn the_date_of_a_reply_is_that_of_its_header() {
    let conflict = "409 Conflict\r\nx-amzn-errortype: ConflictException";
    for api in APIS {
        for (header, date) in [
            ("date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Some(784_111_777)),
            ("date: yesterday\r\n", None),
            ("", None),
        ] {
            let answer =
                |head: &str| format!("HTTP/1.1 {head}\r\n{header}content-length: 2\r\n\r\n{{}}");
            let add = |client: &dyn Chime| client.add_members(call(&["ann"]), TIMEOUT);
            let (_, reply) = request_by(*api, add, &answer("200 OK")).await;
            assert_eq!(reply.unwrap().date, date, "{api}, {header}");
            for head in ["201 Created", conflict] {
                let add = |client: &dyn Chime| client.add_member(single_call("ann"), TIMEOUT);
                let (_, reply) = request_by(*api, add, &answer(head)).await;
                assert_eq!(reply.unwrap().date, date, "{api}, {head}, {header}");
            }
        }
    }
}

#[tokio::test]
async fn answers_that_are_not_from_the_service_have_their_kinds() {
    let cases = [
        (
            "503 Busy\r\ncontent-length: 6\r\n\r\n<html>",
            RefusalKind::Lost,
            codes::GATEWAY_ERROR,
        ),
        (
            "400 Odd\r\nx-amzn-errortype: a.b#ThrottledClientException:http://c/\r\ncontent-length: 6\r\n\r\n<html>",
            RefusalKind::Throttled,
            "ThrottledClientException",
        ),
        (
            "429 Slow\r\nx-amzn-errortype: ThrottledClientException\r\ncontent-length: 900\r\n\r\n{",
            RefusalKind::Throttled,
            "ThrottledClientException",
        ),
        (
            "302 Elsewhere\r\nlocation: http://login/\r\ncontent-length: 0\r\n\r\n",
            RefusalKind::WrongAddress,
            "Http302",
        ),
        (
            "200 OK\r\ncontent-length: 900\r\n\r\n{\"Errors\":[",
            RefusalKind::Lost,
            codes::UNREADABLE_REPLY,
        ),
        (
            "200 OK\r\ncontent-length: 6\r\n\r\n<html>",
            RefusalKind::Lost,
            codes::UNREADABLE_REPLY,
        ),
    ];
    for api in APIS {
        for (answer, kind, code) in cases {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let client = connect(settings(*api, &url)).await.unwrap().service;
            let answer = format!("HTTP/1.1 {answer}");
            let (reply, _) = tokio::join!(
                client.add_members(call(&["ann"]), TIMEOUT),
                answer_one(listener, &answer)
            );
            let refusal = reply.unwrap_err();
            assert_eq!(refusal.kind, kind, "{api}, {answer}: {refusal}");
            assert_eq!(refusal.code, code, "{api}, {answer}");
        }
    }
}

#[tokio::test]
async fn a_refused_connection_leaves_no_doubt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for url in [url.as_str(), "http://nowhere.invalid:8480"] {
        let client = connect(settings(Api::Messaging, url))
            .await
            .unwrap()
            .service;
        let refusal = client
            .add_members(call(&["ann"]), TIMEOUT)
            .await
            .unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Unreachable, "{refusal:?}");
        assert!(!refusal.kind.leaves_doubt());
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_leaves_no_doubt() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let client = connect(ClientConfig {
        connect_timeout: Duration::from_millis(20),
        ..settings(Api::Messaging, &url)
    });
    let refusal = client
        .await
        .unwrap()
        .service
        .add_members(call(&["ann"]), TIMEOUT)
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Unreachable, "{refusal:?}");
    assert!(refusal.message.contains("timeout"), "{refusal:?}");
}

#[tokio::test]
async fn an_answer_that_never_comes_leaves_doubt() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let client = connect(settings(Api::Messaging, &url));
    let refusal = client
        .await
        .unwrap()
        .service
        .add_members(call(&["ann"]), Duration::from_millis(20))
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Lost, "{refusal:?}");
    assert_eq!(refusal.code, codes::TIMEOUT);
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_leaves_doubt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = connect(settings(Api::Messaging, &url))
        .await
        .unwrap()
        .service;
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
    };
    let (answer, ()) = tokio::join!(client.add_members(call(&["ann"]), TIMEOUT), server);
    let refusal = answer.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Lost, "{refusal:?}");
    assert_eq!(refusal.code, codes::CONNECTION_LOST);
}
