//! What the user said about a list.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::error::Problem;
use super::{Encoding, Filter};
use crate::model::MembershipType;

/// The longest record by default, in KiB. Rows of members take a few hundred bytes. A page of the
/// ledger holds 64 rows, and a few pages are in memory: a list of rows as long as this takes up to
/// 700 times this.
const DEFAULT_RECORD_SIZE: u32 = 256;

/// The values that [`Options::max_record_size`] can have, in KiB.
pub const RECORD_SIZES: RangeInclusive<u32> = 1..=8192;

/// How to read a list; whatever is not said is detected from the list.
///
/// A column is given by its name (case, spaces, `-` and `_` do not matter) or, where no column
/// has that name, by its position from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// The byte between fields.
    pub delimiter: Option<u8>,
    /// The encoding; a byte order mark is believed over it.
    pub encoding: Option<Encoding>,
    /// The first record is a row, not a header.
    pub no_header: bool,
    /// The column of members: ARNs, or ids of app instance users.
    ///
    /// Not said, it is the first that is there of `member_arn`, `app_instance_user_arn`,
    /// `user_arn`, `member`, `member_id`, `app_instance_user_id`, `user_id`, `cognito:username`,
    /// `sub`, `user`, `username`; else the only column there is. Without a header it is the one
    /// whose first field is a member's ARN, or the one beside the only other column.
    pub member_column: Option<String>,
    /// The column of channels: ARNs, or ids.
    ///
    /// Not said, it is the first that is there of `channel_arn`, `channel_id`, `channel`; without
    /// a header the one whose first field is a channel's ARN.
    pub channel_column: Option<String>,
    /// The one channel for all rows, an ARN or id; excludes `channel_column`.
    pub channel_arn: Option<String>,
    /// The column of types, `DEFAULT` or `HIDDEN`; not said, `membership_type` or
    /// `channel_membership_type`.
    pub type_column: Option<String>,
    /// The type of rows whose type column is empty or absent.
    pub membership_type: MembershipType,
    /// The column of sub-channel ids; not said, `sub_channel_id` or `sub_channel`.
    pub sub_channel_column: Option<String>,
    /// The sub-channel of rows whose sub-channel column is empty or absent.
    pub sub_channel: Option<String>,
    /// The ARN of the app instance that bare ids belong to.
    pub app_instance: Option<String>,
    /// The ARN of the bearer's app instance, which every row must belong to; replaces
    /// `app_instance`.
    pub bearer_app_instance: Option<String>,
    /// Rows that the legacy API cannot add are defects: bots, and members of sub-channels.
    pub legacy_api: bool,
    /// The rows to take: all of these must hold.
    pub filters: Vec<Filter>,
    /// The longest record, its fields together, in KiB: one of [`RECORD_SIZES`]; by default 256.
    pub max_record_size: Option<u32>,
}

impl Options {
    /// The longest record, in KiB.
    ///
    /// # Errors
    /// If it cannot be that.
    pub(super) fn record_size(&self) -> Result<u32, Problem> {
        let kib = self.max_record_size.unwrap_or(DEFAULT_RECORD_SIZE);
        if RECORD_SIZES.contains(&kib) {
            return Ok(kib);
        }
        let (least, most) = RECORD_SIZES.into_inner();
        Err(Problem::Setting {
            what: "--max-record-size",
            reason: format!("`{kib}` is not a number of KiB from {least} to {most}"),
        })
    }
}
