//! Working out the layout of a list.

use csv::StringRecord;

use super::columns::Columns;
use super::error::Problem;
use super::layout::{ChannelSource, Condition};
use super::names::{CHANNELS, MEMBERS, SUB_CHANNELS, TYPES};
use super::settings::{constant_channel, required_instance};
use super::{Delimiter, Encoding, Layout, Options};
use crate::model::{ChannelArn, MemberArn};

/// Works out the layout from the first record and what the user said.
///
/// # Errors
/// What the user said cannot be, or a column is not found.
pub(super) fn detect_layout(
    first: &StringRecord,
    options: &Options,
    delimiter: Delimiter,
    encoding: Encoding,
) -> Result<Layout, Problem> {
    let columns = Columns::detect(first, options);
    let home = required_instance(options)?;
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
        member = member.or_else(|| columns.first_matching(|text| MemberArn::check(text).is_ok()));
        if all.is_none() {
            channel =
                channel.or_else(|| columns.first_matching(|text| ChannelArn::check(text).is_ok()));
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
        (Some(arn), _) => ChannelSource::All(arn),
        (None, Some(at)) => ChannelSource::Column(at),
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
        sub_channel: options.sub_channel.clone(),
        app_instance: home,
        legacy_api: options.legacy_api,
        filters: filters.collect::<Result<_, Problem>>()?,
    })
}
