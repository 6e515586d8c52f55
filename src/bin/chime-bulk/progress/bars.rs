//! Progress on a terminal: a few lines that are drawn anew.

use console::Term;

use super::counts::View;
use super::text::{self, Size};
use crate::output;

/// The lines at the foot of the terminal.
pub(super) struct Bars(Term);

impl Bars {
    pub(super) fn new() -> Self {
        Self(Term::buffered_stderr())
    }

    pub(super) fn draw(&self, view: &View) {
        let (rows, columns) = self.0.size_checked().unwrap_or((24, 80));
        let size = Size {
            columns: columns.max(2).into(),
            rows: rows.into(),
        };
        output::draw(&self.0, text::screen(view, size));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        output::wipe();
    }
}
