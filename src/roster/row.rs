//! One row of a list, as read.

use csv::StringRecord;

use super::{Defect, Entry, Layout, Record};

/// One data row: its place, its fields, and what is to be done with it. Made to be reused.
#[derive(Debug, Clone, Default)]
pub struct Row {
    number: u64,
    line: u64,
    record: StringRecord,
    entry: Entry,
    defect: Defect,
    state: State,
}

/// Which of a row's parts counts.
#[derive(Debug, Clone, Copy, Default)]
enum State {
    Take,
    Defect,
    #[default]
    LeftOut,
}

/// What is to be done with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowKind<'a> {
    /// Add this member.
    Take(&'a Entry),
    /// It cannot be sent.
    Defect(&'a Defect),
    /// The filters do not take it.
    LeftOut,
}

impl Row {
    /// A row to read into.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The data row's number: from 1, rows left out counted too.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The line of the unpacked text it begins on, from 1; exact where all lines end alike.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Its fields as in the list.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.record.iter()
    }

    /// Its fields by position.
    #[must_use]
    pub fn record(&self) -> &impl Record {
        &self.record
    }

    /// What is to be done with it.
    #[must_use]
    pub fn kind(&self) -> RowKind<'_> {
        match self.state {
            State::Take => RowKind::Take(&self.entry),
            State::Defect => RowKind::Defect(&self.defect),
            State::LeftOut => RowKind::LeftOut,
        }
    }

    /// Fills the row with the next record and judges it.
    pub(super) fn fill(&mut self, number: u64, line: u64, layout: &Layout) {
        self.number = number;
        self.line = line;
        self.state = if layout.matches(&self.record) {
            match layout.resolve(&self.record, &mut self.entry) {
                Ok(()) => State::Take,
                Err(defect) => {
                    self.defect = defect;
                    State::Defect
                }
            }
        } else {
            State::LeftOut
        };
    }

    /// The record's buffer, to read into.
    pub(super) fn record_mut(&mut self) -> &mut StringRecord {
        &mut self.record
    }
}
