//! Where a row's member and channel come from.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Record;
use super::template::{Part, render};
use crate::model::ChannelArn;

/// Where a row's channel comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChannelSource {
    /// This one, for all rows.
    All(ChannelArn),
    /// The row's own.
    Row(FieldSource),
}

/// Where a row's member or channel comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FieldSource {
    /// The field at this position, from 0.
    Column(usize),
    /// Put together of several.
    Template(Vec<Part<usize>>),
}

impl FieldSource {
    /// The positions of its columns.
    pub(super) fn columns(&self) -> Vec<usize> {
        match self {
            Self::Column(at) => vec![*at],
            Self::Template(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    Part::Column(at) => Some(*at),
                    Part::Text(_) => None,
                })
                .collect(),
        }
    }

    /// The position of its first column.
    pub(super) fn first_column(&self) -> usize {
        match self {
            Self::Column(at) => *at,
            Self::Template(_) => self.columns().first().copied().unwrap_or_default(),
        }
    }

    /// Its column, if it is one.
    pub(super) fn column(&self) -> Option<usize> {
        match self {
            Self::Column(at) => Some(*at),
            Self::Template(_) => None,
        }
    }

    /// A record's text, or the position of a column that is empty but needed.
    pub(super) fn text<'r, R: Record + ?Sized>(
        &self,
        record: &'r R,
    ) -> Result<Cow<'r, str>, usize> {
        match self {
            Self::Column(at) => Ok(Cow::Borrowed(field(record, *at))),
            Self::Template(parts) => render(parts, record).map(Cow::Owned),
        }
    }
}

/// A field without the white space around it; empty where there is none.
pub(super) fn field<R: Record + ?Sized>(record: &R, at: usize) -> &str {
    record.field(at).unwrap_or_default().trim()
}
