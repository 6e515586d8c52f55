//! Arguments for limits.

use chime_bulk::job::LimitOverrides;
use clap::Args;

/// The limits to keep.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// Calls per second on one channel [default: 1].
    #[arg(long, value_name = "N")]
    channel_rate: Option<f64>,
    /// Calls per second by one bearer [default: 10; eu-central-1: 5].
    #[arg(long, value_name = "N")]
    bearer_rate: Option<f64>,
    /// Calls per second, all channels together [default: no limit].
    #[arg(long, value_name = "N")]
    max_rate: Option<f64>,
    /// Calls under way at once [default: 64].
    #[arg(long, value_name = "N")]
    max_in_flight: Option<u32>,
    /// Times one member is tried [default: 8].
    #[arg(long, value_name = "N")]
    max_attempts: Option<u32>,
}

impl From<LimitArguments> for LimitOverrides {
    fn from(arguments: LimitArguments) -> Self {
        Self {
            channel_rate: arguments.channel_rate,
            bearer_rate: arguments.bearer_rate,
            max_rate: arguments.max_rate,
            max_in_flight: arguments.max_in_flight,
            max_attempts: arguments.max_attempts,
        }
    }
}
