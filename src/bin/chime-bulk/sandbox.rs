//! The command `sandbox`, and the sandbox of `run --sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chime_bulk::job::JobError;
use chime_bulk::model::{ChannelArn, MemberArn};
use chime_bulk::roster::{Options, Roster, Row, RowKind, Source};
use chime_bulk::sandbox::{self, AnyFault, ExistingAnswer, Quotas, SandboxConfig, Service};
use clap::Args;

use crate::exit::Exit;
use crate::output;
use crate::screen::Screen;
use crate::signals::Signals;
use crate::value;

/// Arguments of `sandbox`.
#[derive(Debug, Args)]
pub(crate) struct SandboxArguments {
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8480")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) shape: SandboxShape,
}

/// How the sandbox behaves.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct SandboxShape {
    /// The sandbox does not limit calls per second; --channel-rate and
    /// --bearer-rate still do.
    #[arg(long)]
    pub(crate) unlimited: bool,
    /// Time from a call to its answer, in milliseconds [default: 0; with run: 60].
    #[arg(long, value_name = "MS")]
    pub(crate) latency: Option<u64>,
    /// Make calls fail at random: call-throttled, call-unavailable,
    /// member-throttled, lost, reset, slow, or a code that `explain`
    /// lists, such as `AccessDenied`; and a share from 0 to 1.
    #[arg(long, value_name = "NAME=SHARE")]
    pub(crate) fault: Vec<sandbox::AnyFault>,
    /// Refuse every call with a code from second FROM to second TO. Add
    /// ,bearer=PREFIX or ,channel=PREFIX to refuse only some.
    #[arg(long, value_name = "CODE=FROM..TO")]
    pub(crate) storm: Vec<sandbox::Storm>,
    /// The seed of random faults: the same seed, the same faults [default: 0].
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// A list of existing members, with the columns `channel_arn` and `member_arn`.
    #[arg(long, value_name = "LIST")]
    pub(crate) existing: Option<PathBuf>,
    /// Users whose id begins with this do not exist.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) missing_users: Vec<String>,
    /// Channels whose id begins with this do not exist.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) missing_channels: Vec<String>,
    /// Channels whose id begins with this are elastic.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) elastic_channels: Vec<String>,
    /// Channels whose id begins with this have the mode RESTRICTED.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) restricted_channels: Vec<String>,
    /// Channels whose id begins with this expire.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) expiring_channels: Vec<String>,
    /// Refuse users whose id begins with PREFIX, with this error code.
    #[arg(long, value_name = "PREFIX=CODE")]
    pub(crate) answer_member: Vec<sandbox::MemberRule>,
    /// How a batch call answers about an existing member: with the error
    /// `Conflict`, or silently, as if it were added [default: conflict].
    #[arg(long, value_name = "conflict|silent")]
    pub(crate) existing_answer: Option<ExistingAnswer>,
    /// An admin; repeat for several. Other bearers may only read channels that
    /// they are members of, and leave them [default: all are admins].
    #[arg(long, value_name = "ARN", value_parser = value::admin)]
    pub(crate) admin: Vec<MemberArn>,
    /// A moderator of all channels, beside the admins; repeat for several.
    #[arg(long, value_name = "ARN", value_parser = value::moderator)]
    pub(crate) moderator: Vec<MemberArn>,
    /// The most members of a channel; ten times that of an elastic one [default:
    /// 10000].
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<u64>,
    /// Calls per second that one bearer may make [default: 10; eu-central-1: 5].
    #[arg(long, value_name = "N", value_parser = value::quota)]
    pub(crate) bearer_quota: Option<f64>,
    /// Answer every call with status 503 from second FROM to second TO.
    #[arg(long, value_name = "FROM..TO", value_parser = parse_outage)]
    pub(crate) outage: Option<std::ops::Range<u64>>,
}

fn parse_outage(text: &str) -> Result<std::ops::Range<u64>, String> {
    let wrong = || format!("`{text}` is not of the form FROM..TO, in seconds");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let seconds = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    Ok(seconds(from)?..if to.is_empty() {
        u64::from(u32::MAX)
    } else {
        seconds(to)?
    })
}

/// A service of this shape.
pub(crate) fn service(shape: &SandboxShape, latency: Duration) -> Result<Arc<Service>, JobError> {
    let usual = SandboxConfig::default();
    let faults = shape.fault.iter().filter_map(|fault| match fault {
        AnyFault::Fault(fault) => Some(*fault),
        AnyFault::Refusal(_) => None,
    });
    let refusals = shape.fault.iter().filter_map(|fault| match fault {
        AnyFault::Refusal(refusal) => Some(*refusal),
        AnyFault::Fault(_) => None,
    });
    let settings = SandboxConfig {
        unlimited: shape.unlimited,
        latency: shape.latency.map_or(latency, Duration::from_millis),
        faults: faults.collect(),
        refusals: refusals.collect(),
        storms: shape.storm.clone(),
        seed: shape.seed.unwrap_or(usual.seed),
        missing_users: shape.missing_users.clone(),
        missing_channels: shape.missing_channels.clone(),
        elastic_channels: shape.elastic_channels.clone(),
        restricted_channels: shape.restricted_channels.clone(),
        expiring_channels: shape.expiring_channels.clone(),
        answers: shape.answer_member.clone(),
        existing_answer: shape.existing_answer.unwrap_or_default(),
        moderators: shape.moderator.clone(),
        admins: (!shape.admin.is_empty()).then(|| shape.admin.clone()),
        capacity: shape.capacity.unwrap_or(usual.capacity),
        quotas: Quotas {
            bearer_rate: shape.bearer_quota,
            ..usual.quotas
        },
        outage: shape
            .outage
            .as_ref()
            .map(|seconds| Duration::from_secs(seconds.start)..Duration::from_secs(seconds.end)),
        ..usual
    };
    let service = Arc::new(Service::new(settings));
    if let Some(list) = &shape.existing {
        let mut roster = Roster::open(&Source::File(list.clone()), &Options::default())?;
        let mut row = Row::new();
        while roster.read(&mut row)? {
            if let RowKind::Take(entry) = row.kind()
                && let Ok(channel) = ChannelArn::parse(entry.channel_arn())
                && let Ok(member) = MemberArn::parse(entry.member_arn())
            {
                service.add_existing(&channel, &member);
            }
        }
    }
    Ok(service)
}

pub(crate) async fn serve(
    arguments: SandboxArguments,
    screen: &Screen,
    mut signals: Signals,
) -> Exit {
    let service = match service(&arguments.shape, Duration::ZERO) {
        Ok(service) => service,
        Err(error) => {
            screen.error(&error, error.hint().as_deref());
            return Exit::from(&error);
        }
    };
    let listener = match tokio::net::TcpListener::bind(arguments.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            let place = format!("cannot listen on {}: {error}", arguments.listen);
            screen.error(
                &place,
                Some("choose another address with --listen, such as 127.0.0.1:0"),
            );
            return Exit::Fatal;
        }
    };
    let address = listener.local_addr().unwrap_or(arguments.listen);
    let SandboxConfig {
        access_key,
        secret_key,
        ..
    } = service.config();
    output::text(format_args!(
        "# listening on http://{address}; stop with Ctrl-C
# statistics: http://{address}/_sandbox/stats
# For AWS clients, in another shell:
export AWS_ENDPOINT_URL=http://{address}
export AWS_ENDPOINT_URL_CHIME_SDK_MESSAGING=http://{address}
export AWS_ACCESS_KEY_ID={access_key}
export AWS_SECRET_ACCESS_KEY={secret_key}
export AWS_REGION=us-east-1
export AWS_DEFAULT_REGION=us-east-1
unset AWS_SESSION_TOKEN AWS_PROFILE
"
    ));
    if !address.ip().is_loopback() {
        screen.note(
            "warning: not a loopback address: everybody who can reach it can use this sandbox",
        );
    }
    match sandbox::serve(listener, service, signals.next()).await {
        Ok(()) => Exit::AllIn,
        Err(error) => {
            screen.error(&error, None);
            Exit::Fatal
        }
    }
}
