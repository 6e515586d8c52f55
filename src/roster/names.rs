//! What columns are usually called.

use super::Options;

/// Names of the column of members, normal, best first: ARNs before ids, a plain name last.
pub(super) const MEMBERS: [&str; 11] = [
    "memberarn",
    "appinstanceuserarn",
    "userarn",
    "member",
    "memberid",
    "appinstanceuserid",
    "userid",
    "cognito:username",
    "sub",
    "user",
    "username",
];
/// Names of the column of channels, normal, best first.
pub(super) const CHANNELS: [&str; 3] = ["channelarn", "channelid", "channel"];
/// Names of the column of types, normal. `type` alone means too many things.
pub(super) const TYPES: [&str; 2] = ["membershiptype", "channelmembershiptype"];
/// Names of the column of sub-channels, normal.
pub(super) const SUB_CHANNELS: [&str; 2] = ["subchannelid", "subchannel"];
/// Common names of other columns: they show that a line is a header, but contain no member.
pub(super) const OTHERS: [&str; 17] = [
    "account",
    "arn",
    "displayname",
    "email",
    "emailaddress",
    "firstname",
    "fullname",
    "id",
    "ids",
    "lastname",
    "login",
    "members",
    "name",
    "role",
    "status",
    "type",
    "users",
];

/// A name in the form in which names are compared: case, spaces, `-` and `_` do not matter.
pub(super) fn normalize(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether what the user said of a column can only be its position.
pub(super) fn is_position(name: &str) -> bool {
    name.trim().parse::<usize>().is_ok()
}

/// Whether a field can only be the name of a column: a usual one, or one the options name.
pub(super) fn is_known(cell: &str, options: &Options) -> bool {
    let cell = normalize(cell);
    [&MEMBERS[..], &CHANNELS, &TYPES, &SUB_CHANNELS, &OTHERS]
        .into_iter()
        .any(|names| names.contains(&&*cell))
        || named(options).any(|name| !is_position(name) && normalize(name) == cell)
}

/// The columns that the options name.
pub(super) fn named(options: &Options) -> impl Iterator<Item = &str> {
    [
        &options.member_column,
        &options.channel_column,
        &options.type_column,
        &options.sub_channel_column,
    ]
    .into_iter()
    .filter_map(Option::as_deref)
    .chain(options.filters.iter().map(|filter| &*filter.column))
}

/// The column of a header that looks like the channels' column.
pub(super) fn usual_channel(header: &[String]) -> Option<&str> {
    header
        .iter()
        .find(|name| CHANNELS.contains(&&*normalize(name)))
        .map(String::as_str)
}
