//! Answers that no service should return. Only members that the answer names count as added, and
//! no answer takes unbounded memory or time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chime_bulk::chime::{Api, Chime, connect};
use chime_bulk::engine::reconcile;
use chime_bulk::model::codes;
use chime_bulk::model::{MemberArn, Refusal, RefusalKind, Reply};
use chime_bulk::schedule::MemberAnswer;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::backends::{APIS, INSTANCE, TIMEOUT, call, settings, user};
#[cfg(target_os = "linux")]
use crate::support::program::{APP, BEARER, CHANNEL, Output, WorkDir, tally, with_limit};

/// The bytes of an answer: `first`, then `then` a number of times, at an interval.
#[derive(Clone)]
struct Bytes {
    first: Vec<u8>,
    then: Vec<u8>,
    times: usize,
    every: Duration,
}

impl Bytes {
    fn once(answer: impl Into<Vec<u8>>) -> Self {
        Self {
            first: answer.into(),
            then: Vec::new(),
            times: 0,
            every: Duration::ZERO,
        }
    }

    fn then(self, then: impl Into<Vec<u8>>, times: usize) -> Self {
        let then = then.into();
        Self {
            then,
            times,
            ..self
        }
    }

    /// An answer with status 200 and this body.
    fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::of("200 OK", "", body)
    }

    fn of(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        Self::once([head.as_bytes(), body].concat())
    }
}

/// Answers every request to a port with these bytes, and closes the connection.
async fn server(answer: Bytes) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_one(stream, answer.clone()));
        }
    });
    address
}

async fn answer_one(mut stream: TcpStream, answer: Bytes) -> std::io::Result<()> {
    let mut request = Vec::new();
    // The body of a call is one JSON object.
    while !request.ends_with(b"}") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    stream.write_all(&answer.first).await?;
    for _ in 0..answer.times {
        stream.write_all(&answer.then).await?;
        if !answer.every.is_zero() {
            tokio::time::sleep(answer.every).await;
        }
    }
    stream.shutdown().await
}

async fn client(api: Api, answer: Bytes) -> Arc<dyn Chime> {
    let url = format!("http://{}", server(answer).await);
    connect(settings(api, &url)).await.unwrap().service
}

/// What a client returns for an answer to a call with `ann` and `bob`.
async fn add(api: Api, answer: Bytes) -> Result<Reply, Refusal> {
    let client = client(api, answer).await;
    client.add_members(call(&["ann", "bob"]), TIMEOUT).await
}

/// The answers for `ann` and `bob` in this body. Both clients must agree on them.
async fn answers(body: impl AsRef<[u8]>) -> Vec<MemberAnswer> {
    let asked: Vec<MemberArn> = ["ann", "bob"].map(user).to_vec();
    let mut answers = Vec::new();
    for api in APIS {
        let reply = add(*api, Bytes::ok(body.as_ref())).await.unwrap();
        answers.push(reconcile(&asked, reply));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "the clients differ: {answers:?}");
    answers.remove(0)
}

fn error(code: &str, message: &str) -> MemberAnswer {
    MemberAnswer::Error {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

fn arn(id: &str) -> String {
    format!("{INSTANCE}/user/{id}")
}

fn members(ids: &[&str]) -> serde_json::Value {
    let members: Vec<_> = ids.iter().map(|id| json!({"Arn": arn(id)})).collect();
    json!({"Members": members})
}

#[tokio::test]
async fn each_member_of_the_call_gets_one_answer_and_other_members_get_none() {
    let refused = |id: &str, code: &str| json!({"MemberArn": arn(id), "ErrorCode": code});
    let (added, unclear) = (MemberAnswer::Added, MemberAnswer::Unclear);
    let cases = [
        // Members that are not in the call, one of them by its case.
        (
            json!({"BatchChannelMemberships": members(&["ann", "eve", "Bob"]),
                   "Errors": [refused("eve", "NotFound")]}),
            [added.clone(), unclear.clone()],
        ),
        // The same answer more than once.
        (
            json!({"BatchChannelMemberships": members(&["ann", "ann", "ann"]),
                   "Errors": [refused("bob", "Odd"), refused("bob", "Odd")]}),
            [added.clone(), error("Odd", "")],
        ),
        // Both added and failed.
        (
            json!({"BatchChannelMemberships": members(&["ann", "bob"]),
                   "Errors": [refused("ann", "Conflict")]}),
            [unclear.clone(), added.clone()],
        ),
        // Two errors that differ.
        (
            json!({"Errors": [refused("ann", "NotFound"), refused("ann", "Throttled"), refused("bob", "X")]}),
            [unclear.clone(), error("X", "")],
        ),
        // Nothing at all.
        (
            json!({"BatchChannelMemberships": null, "Errors": null}),
            [unclear.clone(), unclear.clone()],
        ),
        (
            json!({"BatchChannelMemberships": {"Members": [{}, {"Arn": null}]},
                   "Errors": [{}, {"MemberArn": null, "ErrorCode": "NotFound"}]}),
            [unclear.clone(), unclear.clone()],
        ),
        // An error without a code, or with an empty one.
        (
            json!({"Errors": [{"MemberArn": arn("ann")},
                   {"MemberArn": arn("bob"), "ErrorCode": "", "ErrorMessage": null}]}),
            [error(codes::NO_CODE, ""), error(codes::NO_CODE, "")],
        ),
    ];
    for (body, wanted) in cases {
        assert_eq!(answers(body.to_string()).await, wanted, "{body}");
    }
}

#[tokio::test]
async fn twenty_thousand_members_that_are_not_in_the_call_change_nothing() {
    let others: Vec<String> = (0..20_000).map(|n| format!("s{n}")).collect();
    let mut ids: Vec<&str> = others.iter().map(String::as_str).collect();
    ids.push("bob");
    let body = json!({"BatchChannelMemberships": members(&ids)});
    let wanted = [MemberAnswer::Unclear, MemberAnswer::Added];
    assert_eq!(answers(body.to_string()).await, wanted);
}

#[tokio::test]
async fn codes_and_messages_are_truncated_and_lose_control_characters() {
    let long = "\u{1b}]0;x\u{7}\u{202e}\n=".to_owned() + &"é".repeat(1_000_000);
    let body =
        json!({"Errors": [{"MemberArn": arn("ann"), "ErrorCode": long, "ErrorMessage": long}]});
    let answers = answers(body.to_string()).await;
    let MemberAnswer::Error { code, message } = &answers[0] else {
        panic!("{answers:?}");
    };
    assert_eq!([code.chars().count(), message.chars().count()], [101, 501]);
    for text in [code, message] {
        assert!(text.starts_with(" ]0;x   =éé"), "{text}");
    }
    let body = json!({"Code": long, "Message": long}).to_string();
    for api in APIS {
        let refusal = add(*api, Bytes::of("400 Odd", "", &body))
            .await
            .unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::WrongAddress);
        assert!(refusal.code.chars().count() <= 101, "{}", refusal.code);
        assert_eq!(refusal.message.chars().count(), 501, "{}", refusal.message);
        assert!(!refusal.to_string().contains(|c: char| c.is_control()));
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_services_json_counts_as_a_lost_answer() {
    let bob = arn("bob");
    let not_utf8 = [br#"{"Errors":[{"MemberArn":""#.as_slice(), b"\xFF\xFE\"}]}"].concat();
    let deep = |n: usize| {
        let (open, close) = ("[".repeat(n), "]".repeat(n));
        format!(
            r#"{{"x":{open}{close},"BatchChannelMemberships":{{"Members":[{{"Arn":"{bob}"}}]}}}}"#
        )
    };
    let cases: [(&str, Vec<u8>); 9] = [
        (
            "HTML",
            b"<html><body>{\"Errors\":[]}</body></html>".to_vec(),
        ),
        (
            "truncated",
            format!(r#"{{"BatchChannelMemberships":{{"Members":[{{"Arn":"{bob}"}}"#).into(),
        ),
        ("not UTF-8", not_utf8),
        (
            "a number for a code",
            format!(r#"{{"Errors":[{{"MemberArn":"{bob}","ErrorCode":5}}]}}"#).into(),
        ),
        ("an array", b"[]".to_vec()),
        ("a word", b"true".to_vec()),
        (
            "members as text",
            br#"{"BatchChannelMemberships":{"Members":"all"}}"#.to_vec(),
        ),
        ("deeply nested", deep(100_000).into()),
        (
            "deeply nested, unclosed",
            ["{\"x\":", &"[".repeat(100_000)].concat().into_bytes(),
        ),
    ];
    for api in APIS {
        for (name, body) in &cases {
            let refusal = add(*api, Bytes::ok(body)).await.unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::Lost, "{api}, {name}: {refusal}");
            assert_eq!(refusal.code, codes::UNREADABLE_REPLY, "{api}, {name}");
        }
    }
    // Unknown fields of ordinary depth are ignored.
    let wanted = [MemberAnswer::Unclear, MemberAnswer::Added];
    assert_eq!(answers(deep(50)).await, wanted);
}

#[tokio::test]
async fn each_unexpected_status_or_header_has_its_kind_of_refusal() {
    let added = json!({"BatchChannelMemberships": members(&["ann", "bob"])}).to_string();
    let cases = [
        // The body reports success, the status does not.
        (
            Bytes::of("500 Odd", "", &added),
            RefusalKind::ServiceFailure,
        ),
        (Bytes::of("404 Odd", "", &added), RefusalKind::WrongAddress),
        (Bytes::of("304 Odd", "", ""), RefusalKind::WrongAddress),
        (
            Bytes::of("307 Odd", "location: http://127.0.0.1:1/\r\n", &added),
            RefusalKind::WrongAddress,
        ),
        (
            Bytes::once("HTTP/1.1 101 Odd\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
            RefusalKind::Lost,
        ),
        (
            Bytes::once("HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n"),
            RefusalKind::Lost,
        ),
        (Bytes::once("HTTP/1.1 99999 Odd\r\n\r\n"), RefusalKind::Lost),
        (Bytes::once("{\"Errors\":[]}"), RefusalKind::Lost),
        (Bytes::once(""), RefusalKind::Lost),
        (
            Bytes::once("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}"),
            RefusalKind::Lost,
        ),
        (
            Bytes::once("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nXYZ\r\n"),
            RefusalKind::Lost,
        ),
        (
            Bytes::of("200 OK", &format!("x: {}\r\n", "y".repeat(1_000_000)), "{}"),
            RefusalKind::Lost,
        ),
        (
            Bytes::of("200 OK", &"x: y\r\n".repeat(100_000), "{}"),
            RefusalKind::Lost,
        ),
    ];
    for api in APIS {
        for (answer, kind) in &cases {
            let refusal = add(*api, answer.clone()).await.unwrap_err();
            let head = String::from_utf8_lossy(&answer.first[..answer.first.len().min(60)]);
            assert_eq!(refusal.kind, *kind, "{api}, {head}: {refusal}");
        }
    }
    // A wrong content type, an interim 1xx response, or the name of an exception in a header do not
    // change an answer with status 200.
    let interim = format!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\
         x-amzn-errortype: ThrottledClientException\r\ncontent-length: {}\r\n\r\n{added}",
        added.len()
    );
    for api in APIS {
        let reply = add(*api, Bytes::once(interim.clone())).await.unwrap();
        assert_eq!(reply.added.len(), 2, "{api}");
    }
    // The body of an exception with status 200 names no member.
    let body = r#"{"__type":"ThrottledClientException","Message":"slow down"}"#;
    let unclear = [MemberAnswer::Unclear, MemberAnswer::Unclear];
    assert_eq!(answers(body).await, unclear);
}

#[tokio::test]
async fn a_body_over_4_mib_counts_as_a_lost_answer() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let piece = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
    let hundred = "HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n";
    let endless = Bytes::once(chunked).then(piece.clone(), usize::MAX);
    let cases = [
        Bytes::once(hundred).then(vec![b' '; 1 << 20], 100),
        endless,
        Bytes::once("HTTP/1.1 200 OK\r\n\r\n").then(vec![b'{'; 1 << 16], usize::MAX),
    ];
    for api in APIS {
        for answer in &cases {
            let refusal = add(*api, answer.clone()).await.unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::Lost, "{api}: {refusal}");
            assert!(refusal.message.contains("longer than 4 MiB"), "{refusal}");
        }
        // A status other than success is known without the body.
        let throttled = "HTTP/1.1 429 Slow\r\nx-amzn-errortype: ThrottledClientException\r\n\
                         transfer-encoding: chunked\r\n\r\n";
        let answer = Bytes::once(throttled).then(piece.clone(), usize::MAX);
        let refusal = add(*api, answer).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Throttled, "{api}: {refusal}");
    }
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_times_out() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let drip = Bytes {
        every: Duration::from_millis(20),
        ..Bytes::once(head).then("1\r\n \r\n", usize::MAX)
    };
    for api in APIS {
        let client = client(*api, drip.clone()).await;
        let timeout = Duration::from_millis(300);
        let began = Instant::now();
        let refusal = client
            .add_members(call(&["ann"]), timeout)
            .await
            .unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{api}: {refusal}");
        assert!(
            refusal.message.contains("did not end within 300ms"),
            "{refusal}"
        );
        // The ten more seconds that credentials may take are not added.
        assert!(began.elapsed() < Duration::from_secs(8));
    }
}

/// In less memory than one answer takes, the program ends with an outcome for each row.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_survives_bad_answers() {
    let member = |id: &str| format!("{APP}/user/{id}");
    let message = "\u{1b}[2J=cmd|' /C calc'!A0\n".to_owned() + &"x".repeat(100_000);
    let errors = json!({"Errors": [
        {"MemberArn": member("u1"), "ErrorCode": "=Odd\u{1b}", "ErrorMessage": message},
        {"MemberArn": member("u2"), "ErrorCode": "Conflict"},
        {"MemberArn": member("stranger"), "ErrorCode": "NotFound"}]});
    let endless = Bytes::once("HTTP/1.1 200 OK\r\n\r\n").then(vec![b' '; 1 << 20], usize::MAX);
    let import = |answer: Bytes| async move {
        let url = format!("http://{}", server(answer).await);
        tokio::task::spawn_blocking(move || run(&url))
            .await
            .unwrap()
    };
    let (output, work_dir) = import(Bytes::ok(errors.to_string())).await;
    assert_eq!(output.code, Some(1), "{output:#?}");
    let counts: Vec<_> = tally(&work_dir.summary("run"))
        .iter()
        .map(|(outcome, count)| format!("{outcome} {count}"))
        .collect();
    assert_eq!(counts, ["already_member 1", "failed 1", "unconfirmed 1"]);
    assert!(!output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'));
    let results = work_dir.results("run");
    assert_eq!(&results[0][5], "=Odd ");
    assert!(
        results[0][6].starts_with(" [2J=cmd|' /C calc'!A0 xx"),
        "{results:?}"
    );
    assert_eq!(results[0][6].chars().count(), 501);
    let ledger = std::fs::metadata(work_dir.path("run/ledger.db"))
        .unwrap()
        .len();
    assert!(ledger < 300_000, "{ledger}");

    // No Chime answers so, and nothing else came from this address.
    let (output, work_dir) = import(endless).await;
    assert_eq!(output.code, Some(3), "{output:#?}");
    assert!(output.stderr.contains("longer than 4 MiB"), "{output:#?}");
    assert_eq!(work_dir.summary("run").unconfirmed, 3);
}

/// Imports a list of three rows into this service, in at most 400 MB of address space.
#[cfg(target_os = "linux")]
fn run(url: &str) -> (Output, WorkDir) {
    let work_dir = WorkDir::with("list.csv", "user_id\nu1\nu2\nu3\n");
    let begin = ["run", "list.csv", "--run-dir", "run", "--endpoint-url", url];
    let to = ["--channel-arn", CHANNEL, "--bearer", BEARER];
    let limits = ["--max-attempts", "2", "--patience", "1"];
    let rates = ["--channel-rate", "100", "--bearer-rate", "100"];
    let flags = begin.iter().chain(&to).chain(&limits).chain(&rates);
    let mut command = work_dir.command(flags);
    command
        .env("AWS_ACCESS_KEY_ID", "sandbox")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox");
    let output = Output::of(&mut with_limit("-v 400000", &command));
    (output, work_dir)
}
