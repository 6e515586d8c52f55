//! What the chosen API cannot do is refused before anything is begun.

use super::{JobError, Target};
use crate::chime::{Api, Unsupported};
use crate::ledger::LedgerReader;
use crate::model::BearerPool;
use crate::roster::Options;

/// Whether the API can do what a list is asked to be read as, by these bearers. Rows that it cannot
/// add are defects of the list: see [`Options::legacy_api`].
pub(super) fn check_request(
    target: &Target,
    options: &Options,
    bearers: &BearerPool,
) -> Result<(), JobError> {
    let api = target.api();
    if options.sub_channel.is_some() || options.sub_channel_column.is_some() {
        api.supports_sub_channels()?;
    }
    for bearer in bearers.as_slice() {
        api.supports_identity(bearer)?;
    }
    Ok(())
}

/// Whether the API can add the rows of a run that was begun with another.
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
