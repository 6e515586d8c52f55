//! The columns of a list, detected from its first record.

use csv::StringRecord;

use super::error::Problem;
use super::header::FirstRecord;
use super::layout::MAX_NAME;
use super::names::{is_own_name, normalize};
use crate::model::{closest_match, escape_control};

/// The columns, detected from the first record.
pub(super) struct Columns<'a> {
    first: &'a StringRecord,
    kind: FirstRecord,
}

impl<'a> Columns<'a> {
    pub(super) fn new(first: &'a StringRecord, kind: FirstRecord) -> Self {
        Self { first, kind }
    }

    /// Whether the first record names the columns.
    pub(super) fn has_header(&self) -> bool {
        self.kind != FirstRecord::Row
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
        if self.has_header()
            && let Some(position) = self.by_name(name)?
        {
            return Ok(position);
        }
        position().ok_or_else(|| Problem::NoColumn {
            name: escape_control(name, MAX_NAME),
            columns: self.list(),
            similar: self.similar(name),
        })
    }

    /// The position of the column of this name: exactly so, or but for case, blanks, `-` and `_`.
    fn by_name(&self, name: &str) -> Result<Option<usize>, Problem> {
        let normalized = normalize(name);
        let exact = self.only(|cell| cell.trim() == name)?;
        match exact {
            Some(position) => Ok(Some(position)),
            None => self.only(|cell| normalize(cell) == normalized),
        }
    }

    /// The position of the only column for which this holds.
    fn only(&self, holds: impl Fn(&str) -> bool) -> Result<Option<usize>, Problem> {
        let mut positions = self
            .first
            .iter()
            .enumerate()
            .filter(|(_, cell)| holds(cell));
        let Some((first, name)) = positions.next() else {
            return Ok(None);
        };
        match positions.next() {
            None => Ok(Some(first)),
            Some((second, _)) => Err(Problem::SameColumn {
                name: escape_control(name.trim(), MAX_NAME),
                positions: [first + 1, second + 1],
            }),
        }
    }

    /// The position of the best of the usual names.
    pub(super) fn usual(&self, names: &[&str]) -> Result<Option<usize>, Problem> {
        if !self.has_header() {
            return Ok(None);
        }
        for name in names {
            if let Some(position) = self.only(|cell| normalize(cell) == *name)? {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// Whether the list has one column that holds no channels or the like: it contains the members.
    pub(super) fn is_bare_ids(&self) -> bool {
        match self.first.get(0) {
            Some(cell) if self.first.len() == 1 => !self.has_header() || !is_own_name(cell),
            _ => false,
        }
    }

    /// The positions of the fields of a shape.
    pub(super) fn matching(&self, is_match: impl Fn(&str) -> bool) -> Vec<usize> {
        let cells = self.first.iter().enumerate();
        let matching = cells.filter(|(_, cell)| is_match(cell.trim()));
        matching.map(|(at, _)| at).collect()
    }

    /// Some name of the list's own, as an example.
    pub(super) fn example(&self) -> Option<String> {
        let mut names = self
            .first
            .iter()
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let name = names.next().filter(|_| self.has_header())?;
        Some(escape_control(name, MAX_NAME))
    }

    /// The column whose name is nearest to one that is not there.
    fn similar(&self, name: &str) -> Option<String> {
        if !self.has_header() {
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
        if !self.has_header() {
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
