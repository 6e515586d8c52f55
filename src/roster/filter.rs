//! Which rows to take.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A condition on one column: `COLUMN=VALUE` or `COLUMN!=VALUE`.
///
/// Values are compared without regard to case and to white space around them; the value may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The column's name, or its position from 1.
    pub column: String,
    /// What to compare with.
    pub value: String,
    /// Take the rows that have the value (`=`), or those that have another (`!=`).
    pub equal: bool,
}

/// A text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a filter is COLUMN=VALUE or COLUMN!=VALUE")]
pub struct FilterError;

impl Filter {
    /// Whether a field satisfies the condition.
    pub(super) fn matches(&self, field: &str) -> bool {
        self.is_value(field) == self.equal
    }

    /// Whether a field has the filter's value.
    pub(super) fn is_value(&self, field: &str) -> bool {
        let (field, value) = (field.trim(), self.value.trim());
        field.eq_ignore_ascii_case(value)
            || (!field.is_ascii()
                && !value.is_ascii()
                && field.to_lowercase() == value.to_lowercase())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = if self.equal { "=" } else { "!=" };
        write!(f, "{}{operator}{}", self.column, self.value)
    }
}

impl FromStr for Filter {
    type Err = FilterError;
    fn from_str(text: &str) -> Result<Self, FilterError> {
        let (column, value) = text.split_once('=').ok_or(FilterError)?;
        let (column, equal) = column
            .strip_suffix('!')
            .map_or((column, true), |column| (column, false));
        if column.trim().is_empty() {
            return Err(FilterError);
        }
        Ok(Self {
            column: column.trim().to_owned(),
            value: value.trim().to_owned(),
            equal,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms() {
        let cases = [
            ("status=Member", Some(("status", "Member", true))),
            (
                " status != Deactivated ",
                Some(("status", "Deactivated", false)),
            ),
            ("email!=", Some(("email", "", false))),
            ("expr=a=b", Some(("expr", "a=b", true))),
            ("status", None),
            ("=x", None),
            ("!=x", None),
        ];
        for (text, wanted) in cases {
            let wanted = wanted.map(|(column, value, equal)| Filter {
                column: column.to_owned(),
                value: value.to_owned(),
                equal,
            });
            assert_eq!(text.parse().ok(), wanted, "{text}");
        }
    }

    #[test]
    fn compares_without_regard_to_case_and_space_around() {
        let filter: Filter = "status!=Bot".parse().unwrap();
        for field in [" Bot ", "bot", "BOT"] {
            assert!(!filter.matches(field), "{field}");
        }
        assert!(filter.matches("") && filter.matches("bots"));
        let umlaut: Filter = "city=ZÜRICH".parse().unwrap();
        assert!(umlaut.matches("Zürich") && !umlaut.matches("Zurich"));
    }
}
