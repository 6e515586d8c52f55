//! The first rows of each error code, picked up while the results are written.

use std::collections::BTreeMap;

use crate::model::escape_control;

/// Codes of which rows are kept: the service may invent more.
const MAX_CODES: usize = 100;
/// Rows of one code.
const ROWS_PER_CODE: usize = 5;
/// Characters of a code, a name and a message.
const MAX_CODE: usize = 80;
const MAX_NAME: usize = 160;
const MAX_MESSAGE: usize = 300;

/// A row that did not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct FailedRow {
    pub(super) row: u64,
    pub(super) channel: String,
    pub(super) member: String,
    pub(super) message: String,
}

/// The first rows of each code, in texts fit to be shown.
#[derive(Debug, Default)]
pub(in crate::report) struct Failures(BTreeMap<String, Vec<FailedRow>>);

impl Failures {
    /// Keeps a row if it is among the first of its code.
    pub(in crate::report) fn add(
        &mut self,
        code: &str,
        row: u64,
        [channel, member, message]: [&str; 3],
    ) {
        if !self.0.contains_key(code) {
            if self.0.len() >= MAX_CODES {
                return;
            }
            self.0.insert(code.to_owned(), Vec::new());
        }
        let rows = self.0.get_mut(code);
        if let Some(rows) = rows.filter(|rows| rows.len() < ROWS_PER_CODE) {
            rows.push(FailedRow {
                row,
                channel: escape_control(channel, MAX_NAME),
                member: escape_control(member, MAX_NAME),
                message: escape_control(message, MAX_MESSAGE),
            });
        }
    }

    /// The rows kept of a code.
    pub(super) fn of(&self, code: &str) -> &[FailedRow] {
        self.0.get(code).map_or(&[], Vec::as_slice)
    }
}

/// A code fit to be shown.
pub(super) fn display_code(code: &str) -> String {
    escape_control(code, MAX_CODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_short_rows_are_kept_however_many_come() {
        let mut failures = Failures::default();
        let long = "x".repeat(1_000_000);
        for row in 1..=1_000 {
            failures.add("Often", row, ["c", &long, &long]);
            failures.add(&format!("Code{row}"), row, ["c", "m", ""]);
        }
        let often = failures.of("Often");
        assert_eq!(
            often.iter().map(|row| row.row).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5]
        );
        assert!(
            often
                .iter()
                .all(|row| row.member.len() < 200 && row.message.len() < 400)
        );
        assert_eq!(failures.0.len(), MAX_CODES);
        assert!(failures.of("Code1000").is_empty());
    }
}
