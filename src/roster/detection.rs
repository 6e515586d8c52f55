//! Detects the layout of a list.

use csv::StringRecord;

use super::columns::Columns;
use super::error::Problem;
use super::field_source::{ChannelSource, FieldSource};
use super::header::FirstRecord;
use super::layout::Condition;
use super::names::{CHANNELS, MEMBERS, SUB_CHANNELS, TYPES};
use super::settings::{constant_channel, required_instance};
use super::{Delimiter, Encoding, Layout, Options, Template};
use crate::model::{ChannelArn, MemberArn};

/// Detects the layout from the first record, what kind of record that is, and the options.
///
/// # Errors
/// If the options contradict the list, or a column is not found.
pub(super) fn detect_layout(
    first: &StringRecord,
    kind: FirstRecord,
    options: &Options,
    delimiter: Delimiter,
    encoding: Encoding,
) -> Result<Layout, Problem> {
    let columns = Columns::new(first, kind);
    let home = required_instance(options)?;
    let all = constant_channel(options, home.as_ref())?;
    let one = |name: &Option<String>, usual: &[&str]| match name {
        Some(name) => columns.named(name).map(Some),
        None => columns.usual(usual),
    };
    let from_template = |template: &Option<Template>| {
        let located = template
            .as_ref()
            .map(|one| one.locate(|name| columns.named(name)));
        located
            .transpose()
            .map(|parts| parts.map(FieldSource::Template))
    };
    let member_template = from_template(&options.member_template)?;
    let channel_template = from_template(&options.channel_template)?;
    let mut member = match member_template {
        Some(_) => None,
        None => one(&options.member_column, &MEMBERS)?,
    };
    let mut channel = match (&all, &channel_template) {
        (None, None) => one(&options.channel_column, &CHANNELS)?,
        _ => None,
    };
    let type_column = one(&options.type_column, &TYPES)?;
    let sub_channel_column = one(&options.sub_channel_column, &SUB_CHANNELS)?;
    let needs_member = member_template.is_none();
    let needs_channel = all.is_none() && channel_template.is_none();
    if columns.is_bare_ids() && needs_member {
        member = member.or(Some(0));
    }
    if !columns.has_header() {
        if needs_member && member.is_none() {
            member = match columns.matching(|text| MemberArn::check(text).is_ok())[..] {
                [] => None,
                [one] => Some(one),
                ref several => return Err(Problem::several_members(several)),
            };
        }
        if needs_channel && channel.is_none() {
            let matching = columns.matching(|text| ChannelArn::check(text).is_ok());
            channel = matching.first().copied();
        }
        let other = |known: Option<usize>| known.filter(|at| first.len() == 2 && *at < 2);
        match (member, channel) {
            (None, Some(_)) if needs_member => member = other(channel).map(|at| 1 - at),
            (Some(_), None) if needs_channel => channel = other(member).map(|at| 1 - at),
            _ => {}
        }
    }
    let member = member_template
        .or(member.map(FieldSource::Column))
        .ok_or_else(|| Problem::NoMembers {
            columns: columns.list(),
            example: columns.example(),
        })?;
    let channel = channel_template.or(channel.map(FieldSource::Column));
    let channel = match (all, channel) {
        (Some(arn), _) => ChannelSource::All(arn),
        (None, Some(source)) => ChannelSource::Row(source),
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
    let filters: Vec<Condition> = filters.collect::<Result<_, Problem>>()?;
    Ok(Layout {
        encoding,
        has_bom: false,
        delimiter,
        header: if columns.has_header() {
            first.iter().map(|name| name.trim().to_owned()).collect()
        } else {
            Vec::new()
        },
        width: first.len(),
        needed: Layout::needed(&member, &channel, &filters),
        member,
        channel,
        type_column,
        membership_type: options.membership_type,
        sub_channel_column,
        sub_channel: options.sub_channel.clone(),
        app_instance: home,
        legacy_api: options.legacy_api,
        filters,
    })
}
