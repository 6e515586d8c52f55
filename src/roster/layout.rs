//! The columns of members, channels, types and sub-channels in a record.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::entry::check_same_instance;
use super::field_source::{ChannelSource, FieldSource, field};
use super::names::is_own_name;
use super::{Defect, Delimiter, Encoding, Entry, Filter, Record};
use crate::model::{AppInstanceArn, ChannelArn, MembershipType, SubChannelId, escape_control};

/// Characters of a column's name that are shown.
pub(super) const MAX_NAME: usize = 40;

/// All that is needed to make an [`Entry`] of a record of the list, now or later.
///
/// Promises: the same record returns the same entry or defect, whether it comes from the list or
/// from where it was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The encoding the list was read in.
    pub(super) encoding: Encoding,
    /// Whether it begins with a byte order mark.
    pub(super) has_bom: bool,
    /// The byte between fields.
    pub(super) delimiter: Delimiter,
    /// The column names; empty without a header.
    pub(super) header: Vec<String>,
    /// How many fields a record has.
    pub(super) width: usize,
    /// How many fields a record has at least: up to the last that is needed.
    pub(super) needed: usize,
    /// Where the members are.
    pub(super) member: FieldSource,
    /// Where the channels are.
    pub(super) channel: ChannelSource,
    /// The column of the types.
    pub(super) type_column: Option<usize>,
    /// The default type.
    pub(super) membership_type: MembershipType,
    /// The column of the sub-channels.
    pub(super) sub_channel_column: Option<usize>,
    /// The default sub-channel.
    pub(super) sub_channel: Option<SubChannelId>,
    /// The app instance all rows must be of, if one is given.
    pub(super) app_instance: Option<RequiredInstance>,
    /// Whether rows that the legacy API cannot add are defects.
    pub(super) legacy_api: bool,
    /// Which rows to take.
    pub(super) filters: Vec<Condition>,
}

/// The app instance that all rows must be of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RequiredInstance {
    /// Its ARN.
    pub(super) arn: AppInstanceArn,
    /// Whose it is, for messages.
    pub(super) whose: String,
}

/// A filter and the position, from 0, of its column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Condition {
    pub(super) column: usize,
    pub(super) filter: Filter,
}

impl Layout {
    /// How many fields a record has at least, with these sources and filters.
    pub(super) fn needed(
        member: &FieldSource,
        channel: &ChannelSource,
        filters: &[Condition],
    ) -> usize {
        let channel = match channel {
            ChannelSource::All(_) => Vec::new(),
            ChannelSource::Row(source) => source.columns(),
        };
        let filters = filters.iter().map(|filter| filter.column);
        let columns = member.columns().into_iter().chain(channel).chain(filters);
        columns.max().map_or(0, |last| last + 1)
    }

    /// The column names; empty without a header.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The header of a list of the same columns: its own, or one by which they are found again.
    #[must_use]
    pub fn report_header(&self) -> Vec<String> {
        if self.has_header() {
            return self.header.clone();
        }
        let name = |at: usize| {
            let channel = match &self.channel {
                ChannelSource::All(_) => None,
                ChannelSource::Row(source) => source.column(),
            };
            match Some(at) {
                at if at == self.member.column() => "member".to_owned(),
                at if at == channel => "channel".to_owned(),
                at if at == self.type_column => "membership_type".to_owned(),
                at if at == self.sub_channel_column => "sub_channel".to_owned(),
                _ => format!("column_{}", at + 1),
            }
        };
        (0..self.width).map(name).collect()
    }

    /// Whether the list has a header.
    #[must_use]
    pub fn has_header(&self) -> bool {
        !self.header.is_empty()
    }

    /// The byte between fields.
    #[must_use]
    pub fn delimiter(&self) -> Delimiter {
        self.delimiter
    }

    /// The encoding the list was read in.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The bytes before the text of a file in the list's encoding.
    #[must_use]
    pub fn mark(&self) -> &'static [u8] {
        self.encoding.mark(self.has_bom)
    }

    /// How many fields a record has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The channel all rows go to, if it is one.
    #[must_use]
    pub fn constant_channel(&self) -> Option<&ChannelArn> {
        match &self.channel {
            ChannelSource::All(arn) => Some(arn),
            ChannelSource::Row(_) => None,
        }
    }

    /// A column's name, or its position from 1 in a list without header.
    #[must_use]
    pub fn column_name(&self, index: usize) -> String {
        self.header
            .get(index)
            .filter(|name| !name.is_empty())
            .cloned()
            .unwrap_or_else(|| (index + 1).to_string())
    }

    /// Whether the filters take a record; one without the fields they ask for is taken, for
    /// [`Self::resolve`] to find fault with.
    #[must_use]
    pub fn matches<R: Record + ?Sized>(&self, record: &R) -> bool {
        self.filters.is_empty()
            || !self.fits(record)
            || self.filters.iter().all(|condition| {
                record
                    .field(condition.column)
                    .is_none_or(|field| condition.filter.matches(field))
            })
    }

    /// Whether a record has the fields that are needed, and no others but empty ones: programs leave out
    /// empty fields at the end of a row, or add them.
    fn fits<R: Record + ?Sized>(&self, record: &R) -> bool {
        let width = record.width();
        width == self.width
            || (width >= self.needed && (self.width..width).all(|at| field(record, at).is_empty()))
    }

    /// The filters with their columns' positions.
    pub(super) fn filters(&self) -> &[Condition] {
        &self.filters
    }

    /// Whether a record that fits has another number of fields than the list.
    pub(super) fn is_irregular<R: Record + ?Sized>(&self, record: &R) -> bool {
        record.width() != self.width
    }

    /// A record's channel and member, unchecked: for reports of defective rows.
    #[must_use]
    pub fn channel_and_member<'r, R: Record + ?Sized>(
        &'r self,
        record: &'r R,
    ) -> (Cow<'r, str>, Cow<'r, str>) {
        let channel = match &self.channel {
            ChannelSource::All(arn) => Cow::Borrowed(arn.as_str()),
            ChannelSource::Row(source) => source.text(record).unwrap_or_default(),
        };
        (channel, self.member.text(record).unwrap_or_default())
    }

    /// Makes an entry of a record, filters aside.
    ///
    /// # Errors
    /// The first defect of the record; the entry's content is then of no meaning.
    pub fn resolve<R: Record + ?Sized>(&self, record: &R, entry: &mut Entry) -> Result<(), Defect> {
        if !self.fits(record) {
            return Err(self.wrong_width(record.width()));
        }
        if self.is_header(record) {
            let reason = "repeats the header, as where lists were put together".to_owned();
            return Err(self.defect(None, reason));
        }
        let home = self.app_instance.as_ref();
        let (channel, column) = match &self.channel {
            ChannelSource::All(arn) => (Cow::Borrowed(arn.as_str()), None),
            ChannelSource::Row(source) => (self.source_text(source, record)?, source.column()),
        };
        entry
            .set_channel(&channel, home.map(|home| home.arn.as_str()))
            .and_then(|()| {
                home.map_or(Ok(()), |home| {
                    check_same_instance(entry.app_instance(), home.arn.as_str(), &home.whose)
                })
            })
            .map_err(|reason| self.defect(column, reason))?;
        let member = self.source_text(&self.member, record)?;
        let column = self.member.column();
        if is_own_name(&member) {
            let reason = "the name of a column: pass the whole ARN to add a member of this name";
            return Err(self.defect(column, reason.to_owned()));
        }
        entry
            .set_member(&member)
            .map_err(|reason| self.defect(column, reason))?;
        entry.set_type(match self.type_column.map(|at| (at, field(record, at))) {
            None | Some((_, "")) => self.membership_type,
            Some((at, text)) => text
                .parse()
                .map_err(|reason| self.defect(Some(at), reason))?,
        });
        let column = self.sub_channel_column;
        let sub_channel = column
            .map(|at| field(record, at))
            .filter(|text| !text.is_empty())
            .or(self.sub_channel.as_ref().map(SubChannelId::as_str))
            .unwrap_or_default();
        entry
            .set_sub_channel(sub_channel)
            .map_err(|reason| self.defect(column, reason))?;
        if self.legacy_api && entry.is_bot() {
            let reason = "a bot: only --api messaging adds bots".to_owned();
            return Err(self.defect(self.member.column(), reason));
        }
        if self.legacy_api && entry.sub_channel().is_some() {
            let reason = "a sub-channel: only --api messaging has sub-channels".to_owned();
            return Err(self.defect(column, reason));
        }
        Ok(())
    }

    /// Whether a record is the header once more. It would be a member of the column's name.
    fn is_header<R: Record + ?Sized>(&self, record: &R) -> bool {
        let same = |(at, name): (usize, &String)| {
            let field = record.field(at).unwrap_or_default();
            field.trim().trim_start_matches('\u{feff}') == name
        };
        // One column of the member alone decides for nearly all rows.
        let first = self.member.first_column();
        let mut member = self.header.iter().enumerate().skip(first).take(1);
        member.next().is_some_and(same) && self.header.iter().enumerate().all(same)
    }

    /// A record's text of a source.
    fn source_text<'r, R: Record + ?Sized>(
        &self,
        source: &FieldSource,
        record: &'r R,
    ) -> Result<Cow<'r, str>, Defect> {
        let missing = |at| self.defect(Some(at), "empty, but the template needs it".to_owned());
        source.text(record).map_err(missing)
    }

    /// A source as messages show it.
    fn display_source(&self, source: &FieldSource) -> String {
        let columns = source.columns();
        let columns = columns.iter().map(|at| self.display_column(*at));
        columns.collect::<Vec<_>>().join(" and ")
    }

    /// A column as messages show it.
    fn display_column(&self, at: usize) -> String {
        if self.has_header() {
            format!("`{}`", self.safe_name(at))
        } else {
            format!("column {}", at + 1)
        }
    }

    /// A column's name fit to be shown and stored: the list's own words may be of any length, and
    /// a terminal must not obey them.
    fn safe_name(&self, at: usize) -> String {
        escape_control(&self.column_name(at), MAX_NAME)
    }

    fn wrong_width(&self, found: usize) -> Defect {
        let whose = if self.has_header() {
            "the header"
        } else {
            "the first row"
        };
        self.defect(
            None,
            format!("fields: {found}, where {whose} has {}", self.width),
        )
    }

    fn defect(&self, column: Option<usize>, reason: String) -> Defect {
        Defect {
            column: column.map(|at| self.safe_name(at)).unwrap_or_default(),
            reason,
        }
    }
}

impl fmt::Display for Layout {
    /// How the list is encoded and which columns it has, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = if self.has_header() {
            "header"
        } else {
            "no header"
        };
        write!(
            f,
            "{}, {header}; members from {}",
            self.delimiter,
            self.display_source(&self.member)
        )?;
        match &self.channel {
            ChannelSource::All(_) => f.write_str(", one channel for all")?,
            ChannelSource::Row(source) => {
                write!(f, ", channels from {}", self.display_source(source))?;
            }
        }
        if let Some(at) = self.type_column {
            write!(f, ", types from {}", self.display_column(at))?;
        }
        if let Some(at) = self.sub_channel_column {
            write!(f, ", sub-channels from {}", self.display_column(at))?;
        }
        Ok(())
    }
}
