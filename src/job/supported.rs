//! Refuses what the chosen API does not support, before a run starts.

use super::{JobError, Target};
use crate::chime::{Api, Unsupported};
use crate::ledger::LedgerReader;
use crate::model::BearerPool;
use crate::roster::Options;

/// Checks that the API supports the options of a list and the bearers. Rows that it does not support
/// are defects of the list: see [`Options::legacy_api`].
pub(super) fn check_request(
    api: Api,
    options: &Options,
    bearers: &BearerPool,
) -> Result<(), JobError> {
    if options.sub_channel.is_some() || options.sub_channel_column.is_some() {
        api.supports_sub_channels()?;
    }
    for bearer in bearers.as_slice() {
        api.supports_identity(bearer)?;
    }
    Ok(())
}

/// Checks that the API can add the rows of a run that was started with another API.
pub(super) fn check_run(
    target: &Target,
    options: &Options,
    ledger: &LedgerReader,
) -> Result<(), JobError> {
    if target.api() != Api::Legacy || options.legacy_api {
        return Ok(());
    }
    let staged = ledger.staged();
    if !staged.list_ended {
        return Err(Unsupported::Unread.into());
    }
    if staged.bots > 0 {
        return Err(Unsupported::Bot.into());
    }
    if ledger.has_sub_channels()? {
        return Err(Unsupported::SubChannel.into());
    }
    Ok(())
}
