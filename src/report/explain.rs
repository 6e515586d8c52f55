//! The output of `explain`: an entry of the catalogue of codes, in words.

use std::fmt;

use super::format::wrap;
use crate::model::codes::Code;

/// Shows what a code means, and how to fix it.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a>(pub &'a Code);

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Code {
            text, cause, fix, ..
        } = self.0;
        writeln!(f, "{text}")?;
        wrap(f, &format!("  {cause}"), 2)?;
        wrap(f, &format!("  fix: {fix}"), 7)
    }
}
