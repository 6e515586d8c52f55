//! The columns of a list, as its first record shows them.

use csv::StringRecord;

use super::Options;
use super::error::Problem;
use super::layout::MAX_NAME;
use super::names::{OTHERS, is_known, is_position, named, normalize};
use crate::model::{closest_match, escape_control};

/// The columns, as the first record shows them.
pub(super) struct Columns<'a> {
    pub(super) first: &'a StringRecord,
    pub(super) has_header: bool,
}

impl<'a> Columns<'a> {
    /// Looks at the first record.
    pub(super) fn detect(first: &'a StringRecord, options: &Options) -> Self {
        Self {
            first,
            has_header: has_header(first, options),
        }
    }

    /// The position of the column the user named.
    pub(super) fn named(&self, name: &str) -> Result<usize, Problem> {
        let name = name.trim();
        let position = || {
            let position: usize = name.parse().ok()?;
            (1..=self.first.len())
                .contains(&position)
                .then(|| position - 1)
        };
        let by_name = || {
            let normalized = normalize(name);
            self.first
                .iter()
                .position(|cell| cell.trim() == name)
                .or_else(|| {
                    self.first
                        .iter()
                        .position(|cell| normalize(cell) == normalized)
                })
        };
        self.has_header
            .then(by_name)
            .flatten()
            .or_else(position)
            .ok_or_else(|| Problem::NoColumn {
                name: escape_control(name, MAX_NAME),
                columns: self.list(),
                similar: self.similar(name),
            })
    }

    /// The position of the best of the usual names.
    pub(super) fn usual(&self, names: &[&str]) -> Option<usize> {
        if !self.has_header {
            return None;
        }
        let cells: Vec<String> = self.first.iter().map(normalize).collect();
        names
            .iter()
            .find_map(|name| cells.iter().position(|cell| cell == name))
    }

    /// Whether the list is one column of nothing known, so of members.
    pub(super) fn is_bare_ids(&self) -> bool {
        match self.first.get(0) {
            Some(cell) if self.first.len() == 1 => {
                !self.has_header || OTHERS.contains(&&*normalize(cell))
            }
            _ => false,
        }
    }

    /// The position of the first field of a shape.
    pub(super) fn first_matching(&self, is_match: impl Fn(&str) -> bool) -> Option<usize> {
        self.first.iter().position(|cell| is_match(cell.trim()))
    }

    /// The column whose name is nearest to one that is not there.
    fn similar(&self, name: &str) -> Option<String> {
        if !self.has_header {
            return None;
        }
        let cells: Vec<String> = self.first.iter().map(normalize).collect();
        let similar = closest_match(&normalize(name), &cells)?;
        let at = cells.iter().position(|cell| cell == similar)?;
        Some(escape_control(self.first.get(at)?.trim(), MAX_NAME))
    }

    /// The columns for a message: some of their names, or their number.
    pub(super) fn list(&self) -> String {
        /// The most names that are shown.
        const MAX_NAMES: usize = 20;
        let width = self.first.len();
        if !self.has_header {
            return format!("1 to {width} (the list has no header)");
        }
        let names: Vec<String> = self
            .first
            .iter()
            .take(MAX_NAMES)
            .map(|cell| format!("`{}`", escape_control(cell.trim(), MAX_NAME)))
            .collect();
        let more = width.saturating_sub(MAX_NAMES);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("{}{rest}", names.join(", "))
    }
}

/// Whether the first record names the columns.
fn has_header(first: &StringRecord, options: &Options) -> bool {
    // No column is called by an ARN or address; a field of a row may well be called as a column.
    let is_value = |cell: &str| cell.trim().starts_with("arn:") || cell.contains('@');
    if options.no_header || first.iter().any(is_value) {
        return false;
    }
    if first.iter().any(|cell| is_known(cell, options)) {
        return true;
    }
    // Told only positions, nothing must be lost: a header taken for a row is reported, a row
    // taken for a header is not. A column named by more than its position needs a header.
    if named(options).any(|name| !is_position(name)) {
        return true;
    }
    first.len() > 1 && options.member_column.is_none()
}
