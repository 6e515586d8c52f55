//! The bare loop: it sends the batches of a list with the messaging SDK, several in flight, and does
//! nothing else.

use std::process::{Command, Stdio};

use aws_sdk_chimesdkmessaging::Client;
use aws_sdk_chimesdkmessaging::config::retry::RetryConfig;
use aws_sdk_chimesdkmessaging::config::{
    BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig,
};
use aws_sdk_chimesdkmessaging::operation::batch_create_channel_membership::BatchCreateChannelMembershipOutput as Output;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::task::JoinSet;

use super::list::{self, INSTANCE, List, RowOrder};
use super::process::{Processes, cpu_seconds};
use super::sandbox::Sandbox;
use super::{Failure, calls};

/// The argument that makes this program run the bare loop.
pub(crate) const ARGUMENT: &str = "--bare-loop";

/// Runs the bare loop in a process of its own. Returns the processor time of its calls, in seconds.
pub(crate) fn measure(list: &List, sandbox: &Sandbox) -> Result<f64, Failure> {
    let (order, channels) = match list.order {
        RowOrder::Interleaved(channels) => ("interleaved", channels),
        _ => ("sorted", list.channels()),
    };
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([
            ARGUMENT,
            order,
            &channels.to_string(),
            &list.rows.to_string(),
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = sandbox.configure(&mut command).output()?;
    if !output.status.success() {
        return Err(format!("the bare loop: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Runs the bare loop in this process, and prints its processor time.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let [order, channels, rows] = arguments else {
        return Err("the arguments are: order, channels, rows".into());
    };
    let (channels, rows) = (channels.parse()?, rows.parse()?);
    let order = match order.as_str() {
        "interleaved" => RowOrder::Interleaved(channels),
        _ => RowOrder::Sorted(channels),
    };
    let batches = batches(&List {
        rows,
        order,
        repeats: false,
    })?;
    // As many threads as the program has.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let before = cpu_seconds(Processes::Own)?;
    runtime.block_on(send(client()?, batches))?;
    print(cpu_seconds(Processes::Own)? - before);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the other process reads it")]
fn print(seconds: f64) {
    println!("{seconds}");
}

/// The channel and the members of a call.
type Batch = (String, Vec<String>);

/// The batches of all calls. They are built before the first is sent, so that only sending is
/// measured.
fn batches(list: &List) -> Result<Vec<Batch>, Failure> {
    let mut channels = vec![Vec::new(); usize::try_from(list.channels())?];
    for row in 0..list.rows {
        let member = format!("{INSTANCE}/user/{}", list::user_id(row));
        channels[usize::try_from(list.channel(row))?].push(member);
    }
    let of_channel = |(channel, members): (u64, Vec<String>)| {
        let batches: Vec<Batch> = members
            .chunks(100)
            .map(|members| (list::channel_arn(channel), members.to_vec()))
            .collect();
        batches
    };
    Ok((0u64..).zip(channels).flat_map(of_channel).collect())
}

fn client() -> Result<Client, Failure> {
    // The program disables these features too. They would only make the bare loop look more expensive.
    let config = aws_sdk_chimesdkmessaging::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(std::env::var("AWS_ENDPOINT_URL")?)
        .http_client(http_client())
        .credentials_provider(Credentials::new(
            std::env::var("AWS_ACCESS_KEY_ID")?,
            std::env::var("AWS_SECRET_ACCESS_KEY")?,
            None,
            None,
            "sandbox",
        ))
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Ok(Client::from_conf(config))
}

/// The HTTP client that the program has.
fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

async fn send(client: Client, batches: Vec<Batch>) -> Result<(), Failure> {
    let mut calls = JoinSet::new();
    for (channel, members) in batches {
        if calls.len() == calls::IN_FLIGHT
            && let Some(answer) = calls.join_next().await
        {
            accept(answer?)?;
        }
        let call = client
            .batch_create_channel_membership()
            .channel_arn(channel)
            .chime_bearer(calls::bearer())
            .set_member_arns(Some(members));
        calls.spawn(async move { call.send().await.map_err(|error| format!("{error:?}")) });
    }
    while let Some(answer) = calls.join_next().await {
        accept(answer?)?;
    }
    Ok(())
}

fn accept(answer: Result<Output, String>) -> Result<(), Failure> {
    let refused = answer?.errors.unwrap_or_default().len();
    if refused == 0 {
        Ok(())
    } else {
        Err(format!("{refused} members refused").into())
    }
}
