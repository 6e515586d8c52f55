//! What is worth knowing about a list that was read: nothing of it makes a row defective.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Filter, Layout, Record, Row, RowKind};
use crate::model::escape_control;

/// Rows that are named as examples, at most.
const MAX_EXAMPLES: usize = 5;
/// Values of a column that are remembered, at most.
const MAX_VALUES: usize = 6;
/// Characters of a value that are remembered.
const MAX_VALUE: usize = 40;

/// What was found while reading a list. The only values of the list in it are those of columns that
/// filters name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListNotes {
    /// Rows that were taken though they have fewer or more fields than the list has columns.
    pub irregular_rows: u64,
    /// Rows read as Windows-1252 because they are not UTF-8.
    pub fallback_rows: u64,
    /// Rows whose id looks like a spreadsheet's or program's word for "nothing", or like a number that a
    /// spreadsheet has changed.
    pub suspicious: Suspicious,
    /// Filters that name a value which no row has.
    pub unused_filters: Vec<UnusedFilter>,
    /// Whether the list has a header and no rows.
    pub no_rows: bool,
    /// Whether the list was read no further because as many rows as asked for were taken.
    pub limit_reached: bool,
}

impl ListNotes {
    /// The notes in words, a line each; none if there is nothing to note.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.no_rows {
            lines.push("the list has a header and no rows".to_owned());
        }
        for filter in &self.unused_filters {
            let values: Vec<String> = filter
                .values
                .iter()
                .map(|value| format!("`{}`", escape_control(value, MAX_VALUE)))
                .collect();
            lines.push(format!(
                "--where {}: no row has this value; the column has {}",
                escape_control(&filter.condition, 2 * MAX_VALUE),
                values.join(", ")
            ));
        }
        if self.suspicious.rows > 0 {
            let examples: Vec<String> = self
                .suspicious
                .examples
                .iter()
                .map(u64::to_string)
                .collect();
            let more = self.suspicious.rows > examples.len() as u64;
            lines.push(format!(
                "suspicious ids, such as NULL or 1001.0: {} (row {}{})",
                self.suspicious.rows,
                examples.join(", "),
                if more { ", ..." } else { "" }
            ));
        }
        if self.irregular_rows > 0 {
            lines.push(format!(
                "rows with fewer or more fields than columns, read all the same: {}",
                self.irregular_rows
            ));
        }
        if self.fallback_rows > 0 {
            lines.push(format!(
                "rows that are not UTF-8, read as Windows-1252: {} (--encoding sets another)",
                self.fallback_rows
            ));
        }
        if self.limit_reached {
            lines.push("--limit is reached: the rest of the list was not read".to_owned());
        }
        lines
    }
}

/// Rows with suspicious ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suspicious {
    /// How many.
    pub rows: u64,
    /// The numbers of the first of them.
    pub examples: Vec<u64>,
}

/// A filter that names a value which no row has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnusedFilter {
    /// The condition.
    pub condition: String,
    /// Some of the values that the column has.
    pub values: Vec<String>,
}

/// Takes the notes while a list is read.
#[derive(Debug)]
pub(super) struct NoteTaker {
    filters: Vec<FilterUse>,
    rows: u64,
    /// Rows that the filters do not leave out.
    selected: u64,
    irregular: u64,
    suspicious: Suspicious,
}

impl NoteTaker {
    pub(super) fn new(layout: &Layout) -> Self {
        Self {
            filters: vec![FilterUse::default(); layout.filters().len()],
            rows: 0,
            selected: 0,
            irregular: 0,
            suspicious: Suspicious::default(),
        }
    }

    /// Looks at a row that was read.
    pub(super) fn see(&mut self, row: &Row, layout: &Layout) {
        self.rows += 1;
        self.selected += u64::from(row.kind() != RowKind::LeftOut);
        let record = row.record();
        for (condition, used) in layout.filters().iter().zip(&mut self.filters) {
            if let Some(value) = record.field(condition.column) {
                used.see(&condition.filter, value);
            }
        }
        if let RowKind::Take(entry) = row.kind() {
            self.irregular += u64::from(layout.is_irregular(record));
            // The one channel of all rows is the user's own word.
            let is_listed = layout.constant_channel().is_none();
            if is_suspicious(entry.member_id()) || (is_listed && is_suspicious(entry.channel_id()))
            {
                self.suspicious.add(row.number());
            }
        }
    }

    /// Whether there are rows, and the filters leave out all of them.
    pub(super) fn is_nothing_selected(&self) -> bool {
        self.rows > 0 && self.selected == 0
    }

    /// The notes so far: of the whole list, once it is read to its end.
    pub(super) fn notes(
        &self,
        layout: &Layout,
        fallback_rows: u64,
        limit_reached: bool,
    ) -> ListNotes {
        let filters = layout.filters().iter().zip(&self.filters);
        ListNotes {
            irregular_rows: self.irregular,
            fallback_rows,
            suspicious: self.suspicious.clone(),
            unused_filters: filters
                .filter_map(|(condition, used)| used.unused(&condition.filter))
                .collect(),
            no_rows: self.rows == 0,
            limit_reached,
        }
    }
}

/// How the values of a filter's column compare with the filter's.
#[derive(Debug, Clone, Default)]
struct FilterUse {
    is_used: bool,
    values: Vec<String>,
}

impl FilterUse {
    /// A row has this value.
    fn see(&mut self, filter: &Filter, value: &str) {
        if self.is_used {
            return;
        }
        self.is_used = filter.is_value(value);
        if self.values.len() < MAX_VALUES {
            let value = value.trim();
            let end = value
                .char_indices()
                .nth(MAX_VALUE)
                .map_or(value.len(), |(at, _)| at);
            let value = &value[..end];
            if !self.values.iter().any(|known| known == value) {
                self.values.push(value.to_owned());
            }
        }
    }

    /// The filter, if no row had its value and there were rows.
    fn unused(&self, filter: &Filter) -> Option<UnusedFilter> {
        (!self.is_used && !self.values.is_empty()).then(|| UnusedFilter {
            condition: filter.to_string(),
            values: self.values.clone(),
        })
    }
}

impl Suspicious {
    fn add(&mut self, row: u64) {
        self.rows += 1;
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(row);
        }
    }
}

/// What programs write where there is nothing, and what stands below a table.
const NOTHING: [&str; 15] = [
    "null",
    "none",
    "nan",
    "nil",
    "na",
    "n.a",
    "undefined",
    "unknown",
    "true",
    "false",
    "total",
    "sum",
    "test",
    "deleted",
    "empty",
];

/// Whether an id is more likely a mistake than somebody's.
fn is_suspicious(id: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    if !id.starts_with(is_digit) {
        return id.len() <= 9 && NOTHING.iter().any(|word| id.eq_ignore_ascii_case(word));
    }
    // 1001.0, as of a column of numbers in which one was missing.
    let is_decimal = id
        .split_once('.')
        .is_some_and(|(whole, rest)| whole.chars().all(is_digit) && rest.chars().all(|c| c == '0'));
    // 1.23E+17, as of a long number in a spreadsheet.
    let is_scientific = id.split_once(['E', 'e']).is_some_and(|(number, exponent)| {
        let is_signed = exponent.starts_with(['+', '-']) || number.contains('.');
        is_signed
            && number.chars().all(|c| is_digit(c) || c == '.')
            && exponent
                .trim_start_matches(['+', '-'])
                .chars()
                .all(is_digit)
    });
    // 2024-01-02, as of an id in which a spreadsheet has seen a date.
    let is_date = id.len() == 10 && id.split('-').map(str::len).eq([4, 2, 2]);
    let is_date = is_date && id.chars().all(|c| is_digit(c) || c == '-');
    is_decimal || is_scientific || is_date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_look_suspicious() {
        for id in [
            "NULL",
            "None",
            "nan",
            "undefined",
            "1001.0",
            "1.23E+17",
            "Total",
            "7.00",
            "1E+05",
            "2024-01-02",
        ] {
            assert!(is_suspicious(id), "{id}");
        }
        for id in [
            "u1",
            "1001",
            "1.5",
            "nancy",
            "2024-01",
            "totally",
            "1e5",
            "5f7c1a9e-0c1d",
            "anna.0",
        ] {
            assert!(!is_suspicious(id), "{id}");
        }
    }
}
