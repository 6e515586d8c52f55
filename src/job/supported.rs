//! What the chosen API cannot do is refused before anything is begun.

use super::{JobError, Target};
use crate::chime::{Api, Unsupported};
use crate::ledger::LedgerReader;
use crate::model::{MemberArn, Membership};
use crate::roster::Options;

/// Whether the API can do what a list is asked to be read as, by these bearers. Rows that it cannot
/// add are defects of the list: see [`Options::legacy_api`].
pub(super) fn check_request(
    target: &Target,
    options: &Options,
    bearers: &[MemberArn],
) -> Result<(), JobError> {
    let api = target.api();
    let sub_channel = options
        .sub_channel
        .as_deref()
        .or(options.sub_channel_column.as_deref().map(|_| "column"));
    let membership = Membership {
        membership_type: options.membership_type,
        sub_channel: sub_channel.and_then(|id| id.parse().ok()),
    };
    api.supports_membership(&membership)?;
    for bearer in bearers {
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
