//! Progress on a terminal: a few lines that are drawn anew.

use console::Term;

use super::counts::Picture;
use super::text::{self, Room};
use crate::output;

/// The lines at the foot of the terminal.
pub(super) struct Bars(Term);

impl Bars {
    pub(super) fn new() -> Self {
        Self(Term::buffered_stderr())
    }

    pub(super) fn draw(&self, picture: &Picture) {
        let (rows, columns) = self.0.size_checked().unwrap_or((24, 80));
        let room = Room {
            columns: columns.max(2).into(),
            rows: rows.into(),
        };
        output::draw(&self.0, text::screen(picture, room));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        output::wipe();
    }
}
