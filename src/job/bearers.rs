//! Who calls a sandbox where nobody is given.

use crate::ledger::Chunk;
use crate::model::{AppInstanceArn, ArnError, ChannelArn, MemberArn};

/// The bearer of a sandbox where none is given: a user of the first channel's app instance. Anybody
/// may add members there.
pub(super) fn sandbox_bearer(first: Option<&Chunk>) -> Result<MemberArn, ArnError> {
    const NOBODY: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/sandbox";
    let channel = first.and_then(|chunk| chunk.channels.first());
    let channel = channel.and_then(|(_, arn)| ChannelArn::parse(arn).ok());
    let instance = channel.as_ref().map_or(NOBODY, ChannelArn::app_instance);
    AppInstanceArn::parse(instance)?.user("sandbox-admin")
}
