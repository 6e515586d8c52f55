//! What the user said about a list.

use serde::{Deserialize, Serialize};

use super::{ChannelName, Delimiter, Encoding, Filter, RecordSize, Template};
use crate::model::{AppInstanceArn, MembershipType, SubChannelId};

/// How to read a list; whatever is not said is detected from the list.
///
/// A column is given by its name (case, spaces, `-` and `_` do not matter) or, where no column
/// has that name, by its position from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// The byte between fields.
    pub delimiter: Option<Delimiter>,
    /// The encoding; a byte order mark is believed over it.
    pub encoding: Option<Encoding>,
    /// Lines at the beginning that are not part of the list.
    pub skip_lines: u64,
    /// The first record is a header (`true`) or a row (`false`).
    pub header: Option<bool>,
    /// The column of members: ARNs, or ids of app instance users.
    ///
    /// Not said, it is the first that is there of `member_arn`, `app_instance_user_arn`,
    /// `user_arn`, `member`, `member_id`, `app_instance_user_id`, `user_id`, `cognito:username`,
    /// `sub`, `user`, `username`; else the only column there is. Without a header it is the one
    /// whose first field is a member's ARN, or the one beside the only other column.
    pub member_column: Option<String>,
    /// The member's id, or ARN, put together of columns; excludes `member_column`.
    pub member_template: Option<Template>,
    /// The column of channels: ARNs, or ids.
    ///
    /// Not said, it is the first that is there of `channel_arn`, `channel_id`, `channel`; without
    /// a header the one whose first field is a channel's ARN.
    pub channel_column: Option<String>,
    /// The channel's id, or ARN, put together of columns; excludes `channel_column` and
    /// `channel_arn`.
    pub channel_template: Option<Template>,
    /// The one channel for all rows, an ARN or id; excludes `channel_column`.
    pub channel_arn: Option<ChannelName>,
    /// The column of types, `DEFAULT` or `HIDDEN`; not said, `membership_type` or
    /// `channel_membership_type`.
    pub type_column: Option<String>,
    /// The type of rows whose type column is empty or absent.
    pub membership_type: MembershipType,
    /// The column of sub-channel ids; not said, `sub_channel_id` or `sub_channel`.
    pub sub_channel_column: Option<String>,
    /// The sub-channel of rows whose sub-channel column is empty or absent.
    pub sub_channel: Option<SubChannelId>,
    /// The app instance that bare ids belong to.
    pub app_instance: Option<AppInstanceArn>,
    /// The bearer's app instance, which every row must belong to; replaces `app_instance`.
    pub bearer_app_instance: Option<AppInstanceArn>,
    /// Rows that the legacy API cannot add are defects: bots, and members of sub-channels.
    pub legacy_api: bool,
    /// The rows to take: all of these must hold.
    pub filters: Vec<Filter>,
    /// The longest record; by default 256 KiB.
    pub max_record_size: Option<RecordSize>,
    /// Whether the filters may leave out every row.
    pub allow_empty: bool,
    /// The number of good rows to take: the rest of the list is not read.
    pub limit: Option<u64>,
}

impl Options {
    /// Whether the user said where the members are.
    pub(super) fn has_member_column(&self) -> bool {
        self.member_column.is_some() || self.member_template.is_some()
    }
}
