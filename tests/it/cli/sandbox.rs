//! The sandbox over HTTP, called by AWS's own client.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_chimesdkmessaging::Client;
use aws_sdk_chimesdkmessaging::config::retry::RetryConfig;
use aws_sdk_chimesdkmessaging::config::timeout::TimeoutConfig;
use aws_sdk_chimesdkmessaging::config::{BehaviorVersion, Region};
use aws_sdk_chimesdkmessaging::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_chimesdkmessaging::types::ChannelMembershipType;
use chime_bulk::model::{AppInstanceArn, ChannelArn, MemberArn};
use chime_bulk::sandbox::{SandboxConfig, Scripted};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[cfg(unix)]
use crate::support::program::{APP, BEARER, CHANNEL, Output, WorkDir, ids, wrap};
use crate::support::server::Server;

async fn unlimited() -> Server {
    Server::start(SandboxConfig {
        unlimited: true,
        ..SandboxConfig::default()
    })
    .await
}

fn client_of(server: &Server) -> Client {
    client_with(
        server,
        Credentials::new("sandbox", "sandbox", None, None, "test"),
    )
}

fn client_with(server: &Server, credentials: Credentials) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(2));
    let config = aws_sdk_chimesdkmessaging::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&server.url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts.build())
        .build();
    Client::from_conf(config)
}

fn instance() -> AppInstanceArn {
    AppInstanceArn::parse("arn:aws:chime:us-east-1:123456789012:app-instance/i").unwrap()
}

fn channel() -> ChannelArn {
    instance().channel("c").unwrap()
}

fn member(id: &str) -> MemberArn {
    instance().user(id).unwrap()
}

fn members(range: std::ops::Range<usize>) -> Vec<String> {
    let arn = |i| member(&format!("u{i}@example.com")).to_string();
    range.map(arn).collect()
}

/// A batch call that adds these members.
macro_rules! batch {
    ($client:expr, $members:expr) => {
        $client
            .batch_create_channel_membership()
            .channel_arn(channel().as_str())
            .chime_bearer(member("admin").as_str())
            .set_member_arns(Some($members))
    };
}

#[tokio::test]
async fn the_aws_client_adds_lists_describes_and_deletes() {
    let server = unlimited().await;
    let client = client_of(&server);
    let (channel, bearer) = (channel().to_string(), member("admin").to_string());

    let hidden = batch!(client, members(0..1)).r#type(ChannelMembershipType::Hidden);
    hidden.send().await.unwrap();
    let reply = batch!(client, members(0..100)).send().await.unwrap();
    let added = reply.batch_channel_memberships().unwrap();
    assert_eq!(added.channel_arn(), Some(&*channel));
    assert_eq!(added.invited_by().unwrap().arn(), Some(&*bearer));
    assert_eq!(added.members().len(), 99);
    assert_eq!(reply.errors()[0].member_arn(), Some(&*members(0..1)[0]));
    assert_eq!(reply.errors()[0].error_code().unwrap().as_str(), "Conflict");

    let pages = client
        .list_channel_memberships()
        .channel_arn(&channel)
        .chime_bearer(&bearer)
        .max_results(40)
        .into_paginator()
        .send();
    let pages: Vec<_> = pages.collect::<Result<_, _>>().await.unwrap();
    let listed: usize = pages
        .iter()
        .map(|page| page.channel_memberships().len())
        .sum();
    assert_eq!((pages.len(), listed), (3, 99));

    let one = &members(0..1)[0];
    let described = client
        .describe_channel_membership()
        .channel_arn(&channel)
        .chime_bearer(&bearer)
        .member_arn(one);
    let membership = described.clone().send().await.unwrap();
    let membership = membership.channel_membership().unwrap().clone();
    assert_eq!(membership.r#type(), Some(&ChannelMembershipType::Hidden));
    assert!(membership.created_timestamp().unwrap().secs() > 1_700_000_000);

    let deleted = client
        .delete_channel_membership()
        .channel_arn(&channel)
        .chime_bearer(&bearer)
        .member_arn(one);
    deleted.send().await.unwrap();
    let gone = described
        .clone()
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(gone.is_not_found_exception(), "{gone:?}");
    let created = client
        .create_channel_membership()
        .channel_arn(&channel)
        .chime_bearer(&bearer)
        .member_arn(one)
        .r#type(ChannelMembershipType::Default);
    let first = created.clone().send().await;
    let second = created.send().await;
    assert_eq!(first.unwrap().member().unwrap().arn(), Some(&**one));
    let conflict = second.unwrap_err().into_service_error();
    assert!(conflict.is_conflict_exception(), "{conflict:?}");
    let untyped = client
        .create_channel_membership()
        .channel_arn(&channel)
        .chime_bearer(&bearer)
        .member_arn(one);
    let refused = untyped.send().await.unwrap_err().into_service_error();
    assert!(refused.is_bad_request_exception(), "{refused:?}");
    let channel_described = client
        .describe_channel()
        .channel_arn(&channel)
        .chime_bearer(&bearer);
    assert!(channel_described.send().await.unwrap().channel().is_some());
}

#[tokio::test]
async fn the_aws_client_recognizes_each_refusal() {
    let server = Server::start(SandboxConfig::default()).await;
    let client = client_of(&server);
    batch!(client, members(0..1)).send().await.unwrap();
    let refused = batch!(client, members(1..2)).send().await.unwrap_err();
    assert!(refused.into_service_error().is_throttled_client_exception());

    let server = unlimited().await;
    let refused = batch!(client_of(&server), members(0..101)).send().await;
    assert!(
        refused
            .unwrap_err()
            .into_service_error()
            .is_bad_request_exception()
    );
    let wrong =
        |key, secret| client_with(&server, Credentials::new(key, secret, None, None, "test"));
    for (client, code) in [
        (wrong("sandbox", "guess"), "InvalidSignatureException"),
        (wrong("guess", "sandbox"), "UnrecognizedClientException"),
    ] {
        let refused = batch!(client, members(0..1)).send().await.unwrap_err();
        assert_eq!(refused.code(), Some(code));
    }
    let session = Credentials::new("sandbox", "sandbox", Some("t/+=".into()), None, "test");
    let session = client_with(&server, session);
    batch!(session, members(0..1)).send().await.unwrap();
}

/// A process that is killed when this is dropped, also by a test that fails.
#[cfg(unix)]
struct Killed(std::process::Child);

#[cfg(unix)]
impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The whole output is a script that sets what the SDKs and the AWS CLI read, whatever was set before.
#[cfg(unix)]
#[test]
fn a_shell_that_reads_what_the_sandbox_prints_calls_it() {
    const VARIABLES: [&str; 6] = [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_CHIME_SDK_MESSAGING",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ];
    let work_dir = WorkDir::with("list.csv", ids("user-", 10));
    let printed = std::fs::File::create(work_dir.path("sandbox.env")).unwrap();
    let listen = ["sandbox", "--listen", "127.0.0.1:0"];
    let mut command = work_dir.command(listen);
    let mut sandbox = Killed(command.stdout(printed).spawn().unwrap());
    let script = loop {
        let script = std::fs::read_to_string(work_dir.path("sandbox.env")).unwrap();
        if script.contains("unset ") && script.ends_with('\n') {
            break script;
        }
        assert!(sandbox.0.try_wait().unwrap().is_none(), "{script}");
        std::thread::yield_now();
    };
    for line in script.lines() {
        let line_kind = line.split(' ').next().unwrap();
        assert!(["#", "export", "unset"].contains(&line_kind), "{line}");
    }
    for variable in VARIABLES {
        assert!(
            script.contains(&format!("\nexport {variable}=")),
            "{script}"
        );
    }
    let run = work_dir.command(
        [
            ["run", "list.csv", "--run-dir", "run"],
            ["--bearer", BEARER, "--channel-arn", CHANNEL],
        ]
        .concat(),
    );
    let mut shell = wrap(&["sh", "-euc", ". ./sandbox.env; \"$0\" \"$@\""], &run);
    for variable in VARIABLES {
        shell.env(variable, "http://127.0.0.1:9");
    }
    shell.env("AWS_PROFILE", "production");
    shell.env("AWS_SESSION_TOKEN", "token");
    let output = Output::of(&mut shell);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let address = work_dir.summary("run").address.unwrap();
    assert!(script.starts_with(&format!("# listening on {address}; stop with Ctrl-C\n")));
    assert_eq!(work_dir.summary("run").added, 10);
}

#[cfg(unix)]
#[test]
fn a_flag_sets_how_batches_answer_about_existing_members() {
    let work_dir = WorkDir::with("list.csv", ids("user-", 10));
    let existing = format!("channel_arn,member_arn\n{CHANNEL},{APP}/user/user-3\n");
    std::fs::write(work_dir.path("existing.csv"), existing).unwrap();
    for (flags, already_member) in [
        (&[][..], 1),
        (&["--existing-answer", "conflict"], 1),
        (&["--existing-answer", "silent"], 0),
    ] {
        let dir = format!("run-{}", flags.last().unwrap_or(&"default"));
        let usual = ["run", "list.csv", "--sandbox", "--existing", "existing.csv"];
        let of_run = ["--bearer", BEARER, "--channel-arn", CHANNEL];
        let output = work_dir.run([&usual, flags, &of_run, &["--run-dir", &*dir]].concat());
        assert_eq!(output.code, Some(0), "{output:#?}");
        let summary = work_dir.summary(&dir);
        let counts = (summary.added, summary.already_member);
        assert_eq!(counts, (10 - already_member, already_member), "{flags:?}");
    }
    let output = work_dir.run(["run", "list.csv", "--existing-answer", "maybe"]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(
        output.stderr.contains("the answer is conflict or silent"),
        "{output:#?}"
    );
}

#[cfg(unix)]
#[test]
fn flags_name_who_may_change_channels() {
    let work_dir = WorkDir::with("list.csv", ids("user-", 10));
    let allowed = [
        ["--admin".to_owned(), format!("{APP}/user/boss")],
        ["--moderator".to_owned(), format!("{APP}/user/mod")],
    ];
    for (bearer, code) in [("boss", 0), ("mod", 0), ("admin", 3)] {
        let bearer_arn = format!("{APP}/user/{bearer}");
        let usual = ["run", "list.csv", "--sandbox", "--run-dir", bearer];
        let of_run = ["--bearer", &*bearer_arn, "--channel-arn", CHANNEL];
        let flags = allowed.iter().flatten().map(String::as_str);
        let output = work_dir.run(usual.into_iter().chain(of_run).chain(flags));
        assert_eq!(output.code, Some(code), "{bearer}: {output:#?}");
    }
}

#[tokio::test]
async fn a_call_whose_answer_is_withheld_is_applied() {
    let server = unlimited().await;
    server.service.script([
        vec![Scripted::Reset],
        vec![Scripted::Garbage("<html>".into())],
        vec![Scripted::Refuse {
            status: 500,
            exception: String::new(),
            message: "down".into(),
        }],
        vec![Scripted::Silence],
    ]);
    let client = client_of(&server);
    let reset = batch!(client, members(0..1)).send().await.unwrap_err();
    assert!(matches!(reset, SdkError::DispatchFailure(_)), "{reset:?}");
    let garbage = batch!(client, members(1..2)).send().await.unwrap_err();
    assert_eq!(garbage.raw_response().unwrap().status().as_u16(), 200);
    let refused = batch!(client, members(2..3)).send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 500);
    let silence = batch!(client, members(3..4)).send().await.unwrap_err();
    assert!(matches!(silence, SdkError::TimeoutError(_)), "{silence:?}");
    let expected = [members(0..2), members(3..4)].concat();
    assert_eq!(server.service.members(&channel()), expected);
    assert_eq!(server.service.stats().unanswered_calls, 2);
}

#[tokio::test]
async fn all_requests_but_the_statistics_need_a_signature() -> Result<(), Box<dyn Error>> {
    let server = unlimited().await;
    batch!(client_of(&server), members(0..5)).send().await?;
    let ask = async |path: &str| -> Result<String, std::io::Error> {
        let address = server.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    let answer = ask("/_sandbox/stats").await?;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let stats: chime_bulk::sandbox::Stats = serde_json::from_str(body)?;
    assert_eq!(stats, server.service.stats());
    assert_eq!(stats.members[channel().as_str()], 5);

    let answer = ask("/channels/x").await?;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("x-amzn-errortype: MissingAuthenticationTokenException"));
    assert!(answer.contains("x-amzn-requestid: "));
    Ok(())
}

/// Idle clients must not use up the sandbox's file descriptors.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let server = unlimited().await;
    let address = server.url.strip_prefix("http://").unwrap();
    let stats = "GET /_sandbox/stats HTTP/1.1\r\nhost: x\r\n\r\n";
    let body_missing =
        "POST /channels/c/memberships HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    for sent in ["", "GET /_sand", stats, body_missing] {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let closed = client.read_to_end(&mut answer);
        let closed = tokio::time::timeout(Duration::from_mins(2), closed).await;
        assert!(closed.is_ok(), "{sent:?} is still open");
    }
}
