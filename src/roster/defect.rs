//! What is wrong with one row.

use std::fmt;

/// Why a row cannot be sent: it costs no call.
///
/// Promises: names the rule that is broken, and of the value at most one offending character, so
/// that it may be printed and logged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defect {
    /// The column's name, escaped and cut to 40 characters, or its position (from 1) in a list without header; empty where the row
    /// as a whole is at fault.
    pub column: String,
    /// The rule that is broken.
    pub reason: String,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.column.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "column `{}`: {}", self.column, self.reason)
        }
    }
}
