//! What columns are usually called.

use super::{Options, Template};

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
const OTHERS: [&str; 42] = [
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
    // Of columns of members, too general or too foreign to be taken for one, but no ids.
    "employee",
    "employeeid",
    "employeenumber",
    "guid",
    "loginname",
    "mail",
    "participant",
    "participants",
    "person",
    "slackid",
    "uid",
    "upn",
    "userprincipalname",
    "uuid",
    "benutzer",
    "benutzername",
    "membre",
    "membres",
    "miembro",
    "mitglied",
    "mitglieder",
    "personalnummer",
    "teilnehmer",
    "usuario",
    "utilisateur",
];

/// A name in the form in which names are compared: case, spaces, `-` and `_` do not matter.
pub(super) fn normalize(name: &str) -> String {
    Normalized(name).chars().collect()
}

/// A name in that form, without a copy of it.
struct Normalized<'a>(&'a str);

impl Normalized<'_> {
    fn chars(&self) -> impl Iterator<Item = char> {
        self.0
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_'))
            .flat_map(char::to_lowercase)
    }

    fn is(&self, name: &str) -> bool {
        self.chars().eq(name.chars())
    }
}

/// Whether a field is the usual name of a column that this program uses, and so never a member.
pub(super) fn is_own_name(cell: &str) -> bool {
    // Checked for every row, several times: nearly all ids are no names by these bytes or by their length.
    let is_id = |b: u8| b.is_ascii_digit() | matches!(b, b'.' | b'@');
    cell.len() <= 2 * LONGEST && !cell.bytes().any(is_id) && {
        let cell = Normalized(cell);
        OWN.iter()
            .any(|names| names.iter().any(|name| cell.is(name)))
    }
}

/// Whether a field can hardly be anything but the heading of a column that this program uses.
pub(super) fn is_heading(cell: &str) -> bool {
    is_own_name(cell) && !PLAIN.iter().any(|name| Normalized(cell).is(name))
}

/// Columns that this program uses.
const OWN: [&[&str]; 4] = [&MEMBERS, &CHANNELS, &TYPES, &SUB_CHANNELS];
/// Of their names, those that may be values of other columns: of one of roles, say.
const PLAIN: [&str; 5] = ["member", "sub", "user", "username", "channel"];
/// The most bytes of a name of [`OWN`].
const LONGEST: usize = 21;

/// Whether what the user said of a column can only be its position.
pub(super) fn is_position(name: &str) -> bool {
    name.trim().parse::<usize>().is_ok()
}

/// Whether a field can only be the name of a column: a usual one, or one the options name.
pub(super) fn is_known(cell: &str, options: &Options) -> bool {
    is_own_name(cell)
        || OTHERS.iter().any(|name| Normalized(cell).is(name))
        || is_named(cell, options)
}

/// Whether the options name a column so.
pub(super) fn is_named(cell: &str, options: &Options) -> bool {
    let cell = normalize(cell);
    named(options).any(|name| !is_position(name) && normalize(name) == cell)
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
    .chain(options.member_template.iter().flat_map(Template::columns))
    .chain(options.channel_template.iter().flat_map(Template::columns))
}

/// The column of a header that may hold types, by a name that means other things as well.
pub(super) fn plain_type(header: &[String]) -> Option<&str> {
    let mut names = header.iter().map(String::as_str);
    names.find(|name| Normalized(name).is("type"))
}

/// The column of a header that looks like the channels' column.
pub(super) fn usual_channel(header: &[String]) -> Option<&str> {
    header
        .iter()
        .find(|name| CHANNELS.contains(&&*normalize(name)))
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_column_is_known_in_any_spelling() {
        for name in OWN.into_iter().flatten() {
            assert!(name.len() <= LONGEST, "{name}");
            let loud = name.to_uppercase().replace('M', "_M").replace('A', "A ");
            assert!(is_own_name(name) && is_own_name(&loud), "{loud}");
        }
        for id in [
            "ann1",
            "ann@example.com",
            "a.user",
            "5f1c0f4e-9a3b-4c58-8a43-0a3f6d2b7c11",
        ] {
            assert!(!is_own_name(id), "{id}");
        }
    }
}
