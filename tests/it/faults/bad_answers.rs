//! Answers that no service should return: nobody is taken for added but those it names, and nothing
//! of it grows without bound.

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
use crate::support::program::{APP, Ended, WorkDir, tally};

/// What is sent as an answer, and again and again after it.
#[derive(Clone)]
struct Bytes {
    first: Vec<u8>,
    then: Vec<u8>,
    /// How often.
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

    /// An answer of status 200 with this body.
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

/// Answers every request on a port with these bytes, and closes.
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
    // The body of a call is one object, closed with it.
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
    connect(settings(api, &url)).await.unwrap()
}

/// What a client makes of an answer to a call for `ann` and `bob`.
async fn add(api: Api, answer: Bytes) -> Result<Reply, Refusal> {
    let client = client(api, answer).await;
    client.add_members(call(&["ann", "bob"]), TIMEOUT).await
}

/// The verdicts on `ann` and `bob`, of both clients, which must agree.
async fn verdicts(body: impl AsRef<[u8]>) -> Vec<MemberAnswer> {
    let asked: Vec<MemberArn> = ["ann", "bob"].map(user).to_vec();
    let mut verdicts = Vec::new();
    for api in APIS {
        let reply = add(*api, Bytes::ok(body.as_ref())).await.unwrap();
        verdicts.push(reconcile(&asked, reply));
    }
    verdicts.dedup();
    assert_eq!(verdicts.len(), 1, "the clients differ: {verdicts:?}");
    verdicts.remove(0)
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
async fn only_those_asked_for_get_a_verdict_and_only_one() {
    let refused = |id: &str, code: &str| json!({"MemberArn": arn(id), "ErrorCode": code});
    let (added, unclear) = (MemberAnswer::Added, MemberAnswer::Unclear);
    let cases = [
        // Strangers, and one that differs in case.
        (
            json!({"BatchChannelMemberships": members(&["ann", "eve", "Bob"]),
                   "Errors": [refused("eve", "NotFound")]}),
            [added.clone(), unclear.clone()],
        ),
        // Twice the same is once.
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
        assert_eq!(verdicts(body.to_string()).await, wanted, "{body}");
    }
}

#[tokio::test]
async fn twenty_thousand_strangers_change_nothing() {
    let strangers: Vec<String> = (0..20_000).map(|n| format!("s{n}")).collect();
    let mut ids: Vec<&str> = strangers.iter().map(String::as_str).collect();
    ids.push("bob");
    let body = json!({"BatchChannelMemberships": members(&ids)});
    let wanted = [MemberAnswer::Unclear, MemberAnswer::Added];
    assert_eq!(verdicts(body.to_string()).await, wanted);
}

#[tokio::test]
async fn words_of_any_length_and_kind_are_tamed() {
    let long = "\u{1b}]0;x\u{7}\u{202e}\n=".to_owned() + &"é".repeat(1_000_000);
    let body =
        json!({"Errors": [{"MemberArn": arn("ann"), "ErrorCode": long, "ErrorMessage": long}]});
    let verdicts = verdicts(body.to_string()).await;
    let MemberAnswer::Error { code, message } = &verdicts[0] else {
        panic!("{verdicts:?}");
    };
    assert_eq!([code.chars().count(), message.chars().count()], [101, 501]);
    for words in [code, message] {
        assert!(words.starts_with(" ]0;x   =éé"), "{words}");
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
async fn what_is_not_the_services_json_is_a_lost_answer() {
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
            "cut",
            format!(r#"{{"BatchChannelMemberships":{{"Members":[{{"Arn":"{bob}"}}"#).into(),
        ),
        ("not UTF-8", not_utf8),
        (
            "a number for a code",
            format!(r#"{{"Errors":[{{"MemberArn":"{bob}","ErrorCode":5}}]}}"#).into(),
        ),
        ("a list", b"[]".to_vec()),
        ("a word", b"true".to_vec()),
        (
            "members as text",
            br#"{"BatchChannelMemberships":{"Members":"all"}}"#.to_vec(),
        ),
        ("nested deep", deep(100_000).into()),
        (
            "nested deep, unclosed",
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
    // What is unknown, and not deep, is passed over.
    let wanted = [MemberAnswer::Unclear, MemberAnswer::Added];
    assert_eq!(verdicts(deep(50)).await, wanted);
}

#[tokio::test]
async fn unexpected_statuses_and_headers_are_told_apart() {
    let added = json!({"BatchChannelMemberships": members(&["ann", "bob"])}).to_string();
    let cases = [
        // The body means success, the status does not.
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
    // A wrong type of content, and a 1xx before it, do not hide what is there; nor does an
    // exception's name in a header of a success make members refused.
    let interim = format!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\
         x-amzn-errortype: ThrottledClientException\r\ncontent-length: {}\r\n\r\n{added}",
        added.len()
    );
    for api in APIS {
        let reply = add(*api, Bytes::once(interim.clone())).await.unwrap();
        assert_eq!(reply.added.len(), 2, "{api}");
    }
    // An exception's body under 200 names nobody.
    let body = r#"{"__type":"ThrottledClientException","Message":"slow down"}"#;
    let unclear = [MemberAnswer::Unclear, MemberAnswer::Unclear];
    assert_eq!(verdicts(body).await, unclear);
}

#[tokio::test]
async fn a_body_beyond_bounds_is_a_lost_answer_and_is_not_kept() {
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
        // A status that is no success still counts.
        let throttled = "HTTP/1.1 429 Slow\r\nx-amzn-errortype: ThrottledClientException\r\n\
                         transfer-encoding: chunked\r\n\r\n";
        let answer = Bytes::once(throttled).then(piece.clone(), usize::MAX);
        let refusal = add(*api, answer).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Throttled, "{api}: {refusal}");
    }
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let drip = Bytes {
        every: Duration::from_millis(20),
        ..Bytes::once(head).then("1\r\n \r\n", usize::MAX)
    };
    for api in APIS {
        let client = client(*api, drip.clone()).await;
        let patience = Duration::from_millis(300);
        let began = Instant::now();
        let refusal = client
            .add_members(call(&["ann"]), patience)
            .await
            .unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Lost, "{api}: {refusal}");
        assert!(
            refusal.message.contains("did not end within 300ms"),
            "{refusal}"
        );
        // Far from the ten seconds more that credentials may take.
        assert!(began.elapsed() < Duration::from_secs(8));
    }
}

/// The program before such a service: in less memory than one answer, and each row accounted for.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_survives_whatever_it_is_answered() {
    let member = |id: &str| format!("{APP}/user/{id}");
    let words = "\u{1b}[2J=cmd|' /C calc'!A0\n".to_owned() + &"x".repeat(100_000);
    let errors = json!({"Errors": [
        {"MemberArn": member("u1"), "ErrorCode": "=Odd\u{1b}", "ErrorMessage": words},
        {"MemberArn": member("u2"), "ErrorCode": "Conflict"},
        {"MemberArn": member("stranger"), "ErrorCode": "NotFound"}]});
    let endless = Bytes::once("HTTP/1.1 200 OK\r\n\r\n").then(vec![b' '; 1 << 20], usize::MAX);
    let said = |answer: Bytes| async move {
        let url = format!("http://{}", server(answer).await);
        tokio::task::spawn_blocking(move || run(&url))
            .await
            .unwrap()
    };
    let (ended, place) = said(Bytes::ok(errors.to_string())).await;
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let counts: Vec<_> = tally(&place.summary("run"))
        .iter()
        .map(|(outcome, count)| format!("{outcome} {count}"))
        .collect();
    assert_eq!(counts, ["already_member 1", "failed 1", "unconfirmed 1"]);
    assert!(!ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'));
    let results = place.results("run");
    assert_eq!(&results[0][5], "=Odd ");
    assert!(
        results[0][6].starts_with(" [2J=cmd|' /C calc'!A0 xx"),
        "{results:?}"
    );
    assert_eq!(results[0][6].chars().count(), 501);
    let ledger = std::fs::metadata(place.path("run/ledger.db"))
        .unwrap()
        .len();
    assert!(ledger < 300_000, "{ledger}");

    let (ended, place) = said(endless).await;
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert_eq!(place.summary("run").unconfirmed, 3);
}

/// Runs a list of three against this service, in at most 400 MB of addresses.
fn run(url: &str) -> (Ended, WorkDir) {
    let place = WorkDir::with("list.csv", "user_id\nu1\nu2\nu3\n");
    let script = format!(
        "ulimit -v 400000; exec {} run list.csv --run-dir run --channel-arn {APP}/channel/c \
         --bearer {APP}/user/admin --endpoint-url {url} --max-attempts 2 --channel-rate 100 --bearer-rate 100",
        env!("CARGO_BIN_EXE_chime-bulk")
    );
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &script])
        .env_clear()
        .env("HOME", place.path(""))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", "sandbox")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox")
        .current_dir(place.path(""))
        .stdin(std::process::Stdio::null());
    (Ended::of(&mut command), place)
}
