//! Finding the header and the columns.

use csv::StringRecord;

use super::entry::{agree, app_instance};
use super::error::Problem;
use super::layout::{Channel, Condition, Home};
use super::{Encoding, Entry, Layout, Options};
use crate::model::{ChannelArn, MemberArn};

/// Names of the column of members, normal, best first: ARNs before ids, a plain name last.
const MEMBERS: [&str; 11] = [
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
const CHANNELS: [&str; 3] = ["channelarn", "channelid", "channel"];
/// Names of the column of types, normal. `type` alone means too many things.
const TYPES: [&str; 2] = ["membershiptype", "channelmembershiptype"];
/// Names of the column of sub-channels, normal.
const SUB_CHANNELS: [&str; 2] = ["subchannelid", "subchannel"];
/// What other columns are often called: these tell a header from a row, but hold no member.
const OTHERS: [&str; 17] = [
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
fn normal(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether a field can only be the name of a column: a usual one, or one the options name.
pub(super) fn is_known(cell: &str, options: &Options) -> bool {
    let cell = normal(cell);
    [&MEMBERS[..], &CHANNELS, &TYPES, &SUB_CHANNELS, &OTHERS]
        .into_iter()
        .any(|names| names.contains(&&*cell))
        || named(options).any(|name| !cell.is_empty() && normal(name) == cell)
}

/// The columns that the options name.
fn named(options: &Options) -> impl Iterator<Item = &str> {
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
        .find(|name| CHANNELS.contains(&&*normal(name)))
        .map(String::as_str)
}

/// Works out the layout from the first record and what the user said.
///
/// # Errors
/// What the user said cannot be, or a column is not found.
pub(super) fn lay_out(
    first: &StringRecord,
    options: &Options,
    delimiter: u8,
    encoding: Encoding,
) -> Result<Layout, Problem> {
    let columns = Columns {
        first,
        has_header: has_header(first, options),
    };
    let home = home(options)?;
    let all = constant_channel(options, home.as_ref())?;
    let one = |name: &Option<String>, usual: &[&str]| match name {
        Some(name) => columns.named(name).map(Some),
        None => Ok(columns.usual(usual)),
    };
    let mut member = one(&options.member_column, &MEMBERS)?;
    let mut channel = match all {
        Some(_) => None,
        None => one(&options.channel_column, &CHANNELS)?,
    };
    let type_column = one(&options.type_column, &TYPES)?;
    let sub_channel_column = one(&options.sub_channel_column, &SUB_CHANNELS)?;
    if columns.is_bare_ids() {
        member = member.or(Some(0));
    }
    if !columns.has_header {
        member = member.or_else(|| columns.of_shape(|text| MemberArn::check(text).is_ok()));
        if all.is_none() {
            channel = channel.or_else(|| columns.of_shape(|text| ChannelArn::check(text).is_ok()));
        }
        let other = |known: Option<usize>| known.filter(|at| first.len() == 2 && *at < 2);
        match (member, channel) {
            (None, Some(_)) => member = other(channel).map(|at| 1 - at),
            (Some(_), None) if all.is_none() => channel = other(member).map(|at| 1 - at),
            _ => {}
        }
    }
    let member = member.ok_or_else(|| Problem::NoMembers {
        columns: columns.list(),
    })?;
    let channel = match (all, channel) {
        (Some(arn), _) => Channel::All(arn),
        (None, Some(at)) => Channel::Column(at),
        (None, None) => {
            return Err(Problem::NoChannels {
                columns: columns.list(),
            });
        }
    };
    let filters = options.filters.iter().map(|filter| {
        Ok(Condition {
            column: columns.named(&filter.column)?,
            filter: filter.clone(),
        })
    });
    Ok(Layout {
        encoding,
        delimiter,
        header: if columns.has_header {
            first.iter().map(|name| name.trim().to_owned()).collect()
        } else {
            Vec::new()
        },
        width: first.len(),
        member,
        channel,
        type_column,
        membership_type: options.membership_type,
        sub_channel_column,
        sub_channel: sub_channel(options)?,
        app_instance: home,
        filters: filters.collect::<Result<_, Problem>>()?,
    })
}

/// Whether the first record names the columns.
fn has_header(first: &StringRecord, options: &Options) -> bool {
    // No column is called by an ARN; a field of a row may well be called as a column.
    if options.no_header || first.iter().any(|cell| cell.trim().starts_with("arn:")) {
        return false;
    }
    if first.iter().any(|cell| is_known(cell, options)) {
        return true;
    }
    // Told only positions, nothing must be lost: a header taken for a row is reported, a row
    // taken for a header is not. A column named by more than its position needs a header.
    let by_position = |name: &str| name.trim().parse::<usize>().is_ok();
    if named(options).any(|name| !by_position(name)) {
        return true;
    }
    first.len() > 1 && options.member_column.is_none()
}

/// The app instance all rows must be of.
fn home(options: &Options) -> Result<Option<Home>, Problem> {
    let read = |text: &Option<String>, what: &'static str, whose: &str| {
        text.as_deref()
            .map(|text| app_instance(text).map_err(|reason| Problem::Setting { what, reason }))
            .transpose()
            .map(|arn| {
                arn.map(|arn| Home {
                    arn,
                    whose: whose.to_owned(),
                })
            })
    };
    let given = read(
        &options.app_instance,
        "app instance",
        "the app instance given",
    )?;
    let bearer = read(
        &options.bearer_app_instance,
        "bearer's app instance",
        "the bearer",
    )?;
    if let (Some(given), Some(bearer)) = (&given, &bearer) {
        agree(&given.arn, &bearer.arn, &bearer.whose).map_err(|reason| Problem::Setting {
            what: "app instance",
            reason,
        })?;
    }
    Ok(bearer.or(given))
}

/// The one channel for all rows.
fn constant_channel(options: &Options, home: Option<&Home>) -> Result<Option<String>, Problem> {
    let problem = |reason: String| Problem::Setting {
        what: "channel",
        reason,
    };
    let Some(text) = options.channel_arn.as_deref() else {
        return Ok(None);
    };
    if options.channel_column.is_some() {
        return Err(problem(
            "one for all rows and a column of channels exclude each other".to_owned(),
        ));
    }
    let mut entry = Entry::default();
    entry
        .set_channel(text.trim(), home.map(|home| home.arn.as_str()))
        .and_then(|()| {
            home.map_or(Ok(()), |home| {
                agree(entry.app_instance(), &home.arn, &home.whose)
            })
        })
        .map_err(problem)?;
    Ok(Some(entry.channel_arn().to_owned()))
}

/// The sub-channel for rows that say none; empty for none.
fn sub_channel(options: &Options) -> Result<String, Problem> {
    let text = options.sub_channel.clone().unwrap_or_default();
    Entry::default()
        .set_sub_channel(&text)
        .map_err(|reason| Problem::Setting {
            what: "sub-channel",
            reason,
        })?;
    Ok(text)
}

/// The columns, as the first record shows them.
struct Columns<'a> {
    first: &'a StringRecord,
    has_header: bool,
}

impl Columns<'_> {
    /// The position of the column the user named.
    fn named(&self, name: &str) -> Result<usize, Problem> {
        let name = name.trim();
        let position = || {
            let position: usize = name.parse().ok()?;
            (1..=self.first.len())
                .contains(&position)
                .then(|| position - 1)
        };
        let by_name = || {
            let wanted = normal(name);
            self.first
                .iter()
                .position(|cell| cell.trim() == name)
                .or_else(|| self.first.iter().position(|cell| normal(cell) == wanted))
        };
        self.has_header
            .then(by_name)
            .flatten()
            .or_else(position)
            .ok_or_else(|| Problem::NoColumn {
                name: name.to_owned(),
                columns: self.list(),
                similar: self.similar(name),
            })
    }

    /// The position of the best of the usual names.
    fn usual(&self, names: &[&str]) -> Option<usize> {
        if !self.has_header {
            return None;
        }
        let cells: Vec<String> = self.first.iter().map(normal).collect();
        names
            .iter()
            .find_map(|name| cells.iter().position(|cell| cell == name))
    }

    /// Whether the list is one column of nothing known, so of members.
    fn is_bare_ids(&self) -> bool {
        match self.first.get(0) {
            Some(cell) if self.first.len() == 1 => {
                !self.has_header || OTHERS.contains(&&*normal(cell))
            }
            _ => false,
        }
    }

    /// The position of the first field of a shape.
    fn of_shape(&self, is_it: impl Fn(&str) -> bool) -> Option<usize> {
        self.first.iter().position(|cell| is_it(cell.trim()))
    }

    /// The column whose name is nearest to one that is not there.
    fn similar(&self, name: &str) -> Option<String> {
        /// How alike two names are that may be meant for each other, of 1.
        const ALIKE: f64 = 0.8;
        if !self.has_header {
            return None;
        }
        let wanted = normal(name);
        self.first
            .iter()
            .map(|cell| (strsim::jaro_winkler(&normal(cell), &wanted), cell))
            .filter(|(alike, _)| *alike >= ALIKE)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, cell)| cell.trim().to_owned())
    }

    /// The columns for a message: some of their names, or their number.
    fn list(&self) -> String {
        /// The most names, and the most characters of each, that are shown.
        const SHOWN: (usize, usize) = (20, 40);
        let width = self.first.len();
        if !self.has_header {
            return format!("1 to {width} (the list has no header)");
        }
        let names: Vec<String> = self
            .first
            .iter()
            .take(SHOWN.0)
            .map(|cell| {
                let name: String = cell.trim().escape_debug().take(SHOWN.1).collect();
                format!("`{name}`")
            })
            .collect();
        let more = width.saturating_sub(SHOWN.0);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("{}{rest}", names.join(", "))
    }
}
