//! One record, wherever it is kept.

use csv::StringRecord;

/// The fields of one row by position: as read from the list, or as stored in a ledger.
pub trait Record {
    /// How many fields there are.
    fn width(&self) -> usize;
    /// The field at a position, from 0.
    fn field(&self, index: usize) -> Option<&str>;
}

impl Record for StringRecord {
    fn width(&self) -> usize {
        self.len()
    }
    fn field(&self, index: usize) -> Option<&str> {
        self.get(index)
    }
}

impl<S: AsRef<str>> Record for [S] {
    fn width(&self) -> usize {
        self.len()
    }
    fn field(&self, index: usize) -> Option<&str> {
        self.get(index).map(AsRef::as_ref)
    }
}

impl<S: AsRef<str>> Record for Vec<S> {
    fn width(&self) -> usize {
        self.len()
    }
    fn field(&self, index: usize) -> Option<&str> {
        self.as_slice().field(index)
    }
}
