//! Who calls the service.

use super::JobError;
use crate::ledger::Chunk;
use crate::model::{ChannelArn, MemberArn};

/// Reads the bearers' ARNs; they must be of one app instance.
pub(super) fn parse_bearers(names: &[String]) -> Result<Vec<MemberArn>, JobError> {
    let parse = |name: &String| {
        MemberArn::parse(name).map_err(|source| JobError::Bearer {
            bearer: name.clone(),
            source,
        })
    };
    let bearers = names.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let agree = bearers
        .windows(2)
        .all(|pair| pair[0].app_instance() == pair[1].app_instance());
    if agree {
        Ok(bearers)
    } else {
        Err(JobError::BearersDisagree)
    }
}

/// The bearer of a sandbox where none is given: a user of the first channel's app instance. Anybody
/// may add members there.
pub(super) fn sandbox_bearer(first: Option<&Chunk>) -> Result<MemberArn, JobError> {
    const NOBODY: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/sandbox";
    let channel = first.and_then(|chunk| chunk.channels.first());
    let channel = channel.and_then(|(_, arn)| ChannelArn::parse(arn).ok());
    let instance = channel.as_ref().map_or(NOBODY, ChannelArn::app_instance);
    let bearer = format!("{instance}/user/sandbox-admin");
    MemberArn::parse(&bearer).map_err(|source| JobError::Bearer { bearer, source })
}
