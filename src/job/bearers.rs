//! The bearer of a sandbox if none is given.

use crate::ledger::Chunk;
use crate::model::{AppInstanceArn, ArnError, ChannelArn, MemberArn};

/// The default bearer of a sandbox: a user of the first channel's app instance. In the sandbox every
/// user may add members.
pub(super) fn sandbox_bearer(first: Option<&Chunk>) -> Result<MemberArn, ArnError> {
    let channel = first.and_then(|chunk| chunk.first_channel.as_deref());
    let channel = channel.and_then(|arn| ChannelArn::parse(arn).ok());
    bearer_beside(channel.as_ref())
}

/// The same, beside this channel.
pub(super) fn bearer_beside(channel: Option<&ChannelArn>) -> Result<MemberArn, ArnError> {
    const NO_CHANNEL: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/sandbox";
    let instance = channel.map_or(NO_CHANNEL, ChannelArn::app_instance);
    AppInstanceArn::parse(instance)?.user("sandbox-admin")
}
