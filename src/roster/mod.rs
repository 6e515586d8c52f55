//! Reading member lists: bytes, encoding, dialect, columns, rows and their defects.
//!
//! The way of a list: a [`Source`] is opened, unpacked (`unpack`) and decoded (`encoding`) into
//! bounded text (`text`); its first record decides the delimiter (`dialect`) and the [`Layout`]
//! (`detection`); then every [`Row`] is either an [`Entry`] to add, a [`Defect`] or left out.
//!
//! Promises: one pass over the list, in memory that does not grow with it; no allocation for a
//! good row; a list that cannot be read at all is one [`RosterError`] with its place and a hint.
//! Must not: call the service, or keep rows.
//!
//! # Lists
//!
//! A list is a file, or `-` for standard input. The program detects all of this, and prints it in
//! one line:
//!
//! | what | which | flag |
//! |---|---|---|
//! | compression | none, gzip, zstd | |
//! | encoding | UTF-8 with or without byte order mark, UTF-16, Windows-1252 | `--encoding` |
//! | delimiter | comma, semicolon, tab, bar | `--delimiter` |
//! | header | present or absent | `--no-header` |
//! | line ends | LF, CRLF; quoted fields may contain either | |
//!
//! Columns are found by name: `samples/README.md` has the names. Case, spaces, `-` and `_` do not
//! matter. Without a header, columns are named by position, from 1. `--where COLUMN=VALUE` and
//! `--where COLUMN!=VALUE` take only matching rows; several conditions must all hold.
//!
//! Members and channels are ARNs, or bare ids of an app instance: that of the channel, of the
//! bearer, or of `--app-instance-arn`. A member's type is `DEFAULT` or `HIDDEN`, from `--type` or a
//! column. A sub-channel is only for moderators of an elastic channel.
//!
//! A row with a defect is `invalid`: an unreadable ARN, an unknown type, a missing field, or a
//! header that is repeated among the rows, as in concatenated files. It is never sent. A list that
//! cannot be read at all is an error with its line and a hint. Excel's own format (`.xlsx`) is such
//! a list: save it as CSV UTF-8.
//!
//! `resume` reads the list again and compares it with what was read before: its size, its columns
//! and each row. A list from standard input that was not read to its end must be supplied again on
//! `resume`, the same from its beginning.
//!
//! Once the list is read to its end, the run has all rows and reads it no more. Then a changed list
//! is only mentioned: its size and a hash of its bytes are compared ([`ListDigest`]). The same
//! comparison decides whether a finished run is of this list (`--if-exists resume`). Standard input,
//! FIFOs and files that are gone cannot be compared: they count as the same list. With `--limit`, the
//! hash covers what was read; of the rest, only the size is compared.
//!
//! A list in object storage is a [`RemoteList`]. It is identified by its size, `ETag` and version
//! ([`RemoteIdentity`]): a changed one is refused by `resume`, before a row is read.

mod channel_name;
mod columns;
mod compression;
mod decode;
mod defect;
mod delimiter;
mod detection;
mod dialect;
mod digest;
mod encoding;
mod entry;
mod error;
mod field_source;
mod filter;
mod format;
mod gzip;
mod header;
mod layout;
mod names;
mod notes;
mod options;
mod parts;
mod record;
mod record_size;
mod records;
mod remote;
#[expect(clippy::module_inception, reason = "named for its main type")]
mod roster;
mod row;
mod settings;
mod source;
mod template;
mod text;
mod zstd;

pub use channel_name::{ChannelName, ChannelNameError};
pub use defect::Defect;
pub use delimiter::{Delimiter, DelimiterError};
pub use dialect::REPORT_COLUMNS;
pub use digest::{ListChange, ListDigest};
pub use encoding::{Encoding, EncodingError};
pub use entry::Entry;
pub use error::{Problem, RosterError};
pub use filter::{Filter, FilterError};
pub use layout::Layout;
pub use notes::{ListNotes, Suspicious, UnusedFilter};
pub use options::Options;
pub use record::Record;
pub use record_size::{RecordSize, RecordSizeError};
pub use remote::{RemoteError, RemoteIdentity, RemoteList, RemoteStream};
pub use roster::Roster;
pub use row::{Row, RowKind};
pub use source::Source;
pub use template::{Template, TemplateError};

#[cfg(test)]
mod tests;
