//! Whom a call concerns: its channel and its bearer.

use crate::model::{ChannelArn, MemberArn};

/// The channel and the bearer of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address<'a> {
    /// The channel.
    pub(super) channel: &'a ChannelArn,
    /// The bearer.
    pub(super) bearer: &'a MemberArn,
}

/// The id at the end of an ARN.
pub(super) fn last_segment(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Whether an id begins with any of these.
pub(super) fn begins_with_any(id: &str, prefixes: &[String]) -> bool {
    prefixes.iter().any(|prefix| id.starts_with(&**prefix))
}
