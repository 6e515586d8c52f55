//! Reading member lists: bytes, encoding, dialect, columns, rows and their defects.
//!
//! The way of a list: a [`Source`] is opened, unpacked (`unpack`) and decoded (`encoding`) into
//! bounded text (`text`); its first record decides the delimiter (`dialect`) and the [`Layout`]
//! (`detection`); then every [`Row`] is either an [`Entry`] to add, a [`Defect`] or left out.
//!
//! Promises: one pass over the list, in memory that does not grow with it; no allocation for a
//! good row; a list that cannot be read at all is one [`RosterError`] with its place and a hint.
//! Must not: call the service, or keep rows.

mod columns;
mod defect;
mod detection;
mod dialect;
mod encoding;
mod entry;
mod error;
mod filter;
mod format;
mod layout;
mod names;
mod options;
mod record;
mod records;
#[expect(clippy::module_inception, reason = "named for its main type")]
mod roster;
mod row;
mod settings;
mod source;
mod text;
mod unpack;
mod zstd;

pub use defect::Defect;
pub use encoding::{Encoding, EncodingError};
pub use entry::Entry;
pub use error::{Problem, RosterError};
pub use filter::{Filter, FilterError};
pub use layout::Layout;
pub use options::{Options, RECORD_SIZES};
pub use record::Record;
pub use roster::Roster;
pub use row::{Row, RowKind};
pub use source::Source;

#[cfg(test)]
mod tests;
