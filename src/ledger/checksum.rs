//! Checksums: a keyed hash beside each row of the ledger, so that damage is found where it is read.
//!
//! SQLite notices when its own structures are damaged, not when a letter of an ARN is. This module
//! adds two functions to SQL: `checksum(table, values..)` computes what is stored with a row, and
//! `verified(checksum, table, values..)` fails the query if it does not match. Rows are read through
//! temporary views named `verified_TABLE`, which call it for each row.

use std::hash::Hasher;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error};
use siphasher::sip::SipHasher13;

use super::tables::{TABLES, Table};

/// The end of the error of a query that read a row whose checksum does not match.
pub(super) const MISMATCH: &str = "not as it was written";

/// Adds the two functions to a connection, for this key.
pub(super) fn register_functions(connection: &Connection, key: [u8; 16]) -> rusqlite::Result<()> {
    let hasher = SipHasher13::new_with_key(&key);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("checksum", -1, flags, move |row| {
        Ok(checksum(hasher, row, 0))
    })?;
    connection.create_scalar_function("verified", -1, flags, move |row| {
        if row
            .get::<i64>(0)
            .is_ok_and(|stored| stored == checksum(hasher, row, 1))
        {
            return Ok(true);
        }
        let (table, first): (String, ValueRef<'_>) = (row.get(1)?, row.get_raw(2));
        let which = first
            .as_i64()
            .map(|id| format!(" {id}"))
            .unwrap_or_default();
        let what = format!("{table}{which} is {MISMATCH}");
        Err(Error::UserFunctionError(what.into()))
    })
}

/// Creates the views through which rows are read.
pub(super) fn create_views(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&TABLES.map(Table::create_view).concat())
}

/// Verifies every row but the pages of the list.
///
/// The views are not enough: a query that selects rows by a column may skip a row because that
/// column is damaged, and so never verify it.
pub(super) fn verify(connection: &Connection) -> rusqlite::Result<()> {
    for query in TABLES.into_iter().filter_map(Table::verify) {
        connection.query_row(&query, [], |_| Ok(()))?;
    }
    Ok(())
}

/// Computes the checksums of all rows anew, as they are now.
pub(super) fn rewrite_checksums(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&TABLES.map(Table::rewrite_checksums).concat())
}

/// The hash of a row's values, from one of them on: the table's name, then the columns.
fn checksum(mut hasher: SipHasher13, row: &Context<'_>, from: usize) -> i64 {
    for index in from..row.len() {
        let (kind, bytes) = match row.get_raw(index) {
            ValueRef::Null => (0, &[][..]),
            ValueRef::Integer(number) => {
                hasher.write(&[1]);
                hasher.write(&number.to_le_bytes());
                continue;
            }
            ValueRef::Real(number) => {
                hasher.write(&[2]);
                hasher.write(&number.to_le_bytes());
                continue;
            }
            ValueRef::Text(bytes) => (3, bytes),
            ValueRef::Blob(bytes) => (4, bytes),
        };
        hasher.write(&[kind]);
        hasher.write(&(bytes.len() as u64).to_le_bytes());
        hasher.write(bytes);
    }
    hasher.finish().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        register_functions(&connection, [7; 16]).unwrap();
        connection
    }

    #[test]
    fn a_row_is_verified_as_long_as_nothing_of_it_changes() {
        let connection = connection();
        let verified = |values: &str| -> rusqlite::Result<bool> {
            let query = format!("SELECT verified(checksum('page', 7, 'ab', NULL), {values})");
            connection.query_row(&query, [], |row| row.get(0))
        };
        assert_eq!(verified("'page', 7, 'ab', NULL"), Ok(true));
        for changed in [
            "'lane', 7, 'ab', NULL",
            "'page', 8, 'ab', NULL",
            "'page', 7, 'aB', NULL",
            "'page', 7, 'ab', ''",
            "'page', 7, 'ab'",
            "'page', '7', 'ab', NULL",
        ] {
            let error = verified(changed).unwrap_err().to_string();
            assert!(error.contains(MISMATCH), "{changed}: {error}");
        }
    }

    #[test]
    fn checksums_are_keyed() {
        let of = |key| -> i64 {
            let connection = Connection::open_in_memory().unwrap();
            register_functions(&connection, key).unwrap();
            connection
                .query_row("SELECT checksum('page', 1)", [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!(of([1; 16]), of([1; 16]));
        assert_ne!(of([1; 16]), of([2; 16]));
    }
}
