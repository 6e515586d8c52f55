//! Arguments for limits.

use chime_bulk::job::LimitOverrides;
use chime_bulk::roster::RecordSize;
use chime_bulk::schedule::{FailureThreshold, Patience};
use clap::Args;

use crate::value;

/// The limits of a run.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// Calls per second on one channel [default: 1].
    #[arg(long, value_name = "N", value_parser = parse_rate, allow_negative_numbers = true)]
    channel_rate: Option<f64>,
    /// Also add members one by one, where one channel sets the time and bearers have calls left.
    /// Needs the IAM action chime:CreateChannelMembership.
    #[arg(long)]
    single_adds: bool,
    /// Calls of --single-adds per second on one channel [default: 15; eu-central-1: 10].
    #[arg(long, value_name = "N", value_parser = parse_rate, allow_negative_numbers = true)]
    single_rate: Option<f64>,
    /// Calls per second by one bearer [default: 10; eu-central-1: 5].
    #[arg(long, value_name = "N", value_parser = parse_rate, allow_negative_numbers = true)]
    bearer_rate: Option<f64>,
    /// Ask Service Quotas for a bearer's rate and the members of a channel. Needs the IAM actions
    /// servicequotas:GetServiceQuota and servicequotas:GetAWSDefaultServiceQuota; without them, the
    /// documented figures stay.
    #[arg(long)]
    quotas: bool,
    /// Calls per second, all channels together [default: no limit].
    #[arg(long, value_name = "N", value_parser = parse_rate, allow_negative_numbers = true)]
    max_rate: Option<f64>,
    /// Calls in flight at once [default: 64 to 2048, depending on the rates].
    #[arg(long, value_name = "N", value_parser = parse_count, allow_negative_numbers = true)]
    max_in_flight: Option<u32>,
    /// Attempts to add a member [default: 8].
    #[arg(long, value_name = "N", value_parser = parse_count, allow_negative_numbers = true)]
    max_attempts: Option<u32>,
    /// Members in one call, 1 to 100 [default: 100].
    #[arg(long, value_name = "N", value_parser = parse_members, allow_negative_numbers = true)]
    members_per_call: Option<u32>,
    /// The longest row of the list, in KiB, 1 to 8192 [default: 256].
    #[arg(long, value_name = "KIB", value_parser = value::parsed::<RecordSize>, allow_negative_numbers = true)]
    max_record_size: Option<RecordSize>,
}

/// The limits that stop a run.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct FailureArguments {
    /// Stop when more rows than this have failed, over all sessions: a number, or a share such as 5%.
    #[arg(long, value_name = "N|N%", value_parser = value::parsed::<FailureThreshold>, allow_negative_numbers = true)]
    max_failures: Option<FailureThreshold>,
    /// Stop when no call was accepted for this many seconds [default: 300; 30 where nothing ever
    /// answered].
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    patience: Option<Patience>,
}

/// Parses a number. `Limits` checks its range.
fn parse_rate(text: &str) -> Result<f64, String> {
    text.trim()
        .parse()
        .map_err(|_| "calls per second: a number from 0.001 to 1000000".to_owned())
}

fn parse_count(text: &str) -> Result<u32, String> {
    text.trim()
        .parse()
        .map_err(|_| "a whole number from 1 to 10000".to_owned())
}

fn parse_members(text: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| {
        "a whole number from 1 to 100: AWS takes at most 100 members a call".to_owned()
    })
}

impl LimitArguments {
    /// These limits, with those that stop a run.
    pub(crate) fn with(self, failures: FailureArguments) -> LimitOverrides {
        LimitOverrides {
            max_failures: failures.max_failures,
            patience: failures.patience,
            ..self.into()
        }
    }
}

impl From<LimitArguments> for LimitOverrides {
    fn from(arguments: LimitArguments) -> Self {
        Self {
            channel_rate: arguments.channel_rate,
            single_adds: arguments.single_adds,
            single_rate: arguments.single_rate,
            bearer_rate: arguments.bearer_rate,
            max_rate: arguments.max_rate,
            max_in_flight: arguments.max_in_flight,
            max_attempts: arguments.max_attempts,
            members_per_call: arguments.members_per_call,
            max_record_size: arguments.max_record_size,
            max_failures: None,
            patience: None,
            ask_quotas: arguments.quotas,
            quotas: None,
        }
    }
}
