//! Other files with the name of a ledger.

use std::path::Path;

use super::intact_run::{IntactRun, Resumed};
use crate::support::program::Output;

/// Resumes a finished run whose ledger was replaced by these bytes.
fn resume_replaced(bytes: &[u8]) -> (Resumed, Output) {
    IntactRun::finished()
        .resume_after(|dir| std::fs::write(dir.join("ledger.db"), bytes).unwrap())
        .unwrap()
}

#[track_caller]
fn assert_refused((resumed, output): (Resumed, Output), message: &str) {
    assert_eq!(resumed, Resumed::Refused, "{output:#?}");
    assert!(output.stderr.contains(message), "{output:#?}");
    assert!(!output.stderr.contains("chime-bulk resume"), "{output:#?}");
}

#[test]
fn an_empty_file_is_not_a_run() {
    assert_eq!(resume_replaced(b"").0, Resumed::NoRun);
    // SQLite opens this file as an empty database, but somebody wrote it: it is refused.
    assert_eq!(resume_replaced(b"x").0, Resumed::Refused);
}

#[test]
fn a_text_file_is_refused() {
    let text = "row,member\n".repeat(2_000);
    assert_refused(resume_replaced(text.as_bytes()), "not a database");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE page (id INTEGER); INSERT INTO page VALUES (1);")
        .unwrap();
    drop(connection);
    let bytes = std::fs::read(path).unwrap();
    assert_refused(resume_replaced(&bytes), "not a ledger of chime-bulk");
}

#[test]
fn a_ledger_of_another_version_is_refused() {
    for version in [0, 1, 99] {
        let change = |dir: &Path| {
            let connection = rusqlite::Connection::open(dir.join("ledger.db")).unwrap();
            connection
                .pragma_update(None, "user_version", version)
                .unwrap();
        };
        let resumed = IntactRun::finished().resume_after(change).unwrap();
        let message = format!("is of version {version}, and this chime-bulk reads version 5 only");
        assert_refused(resumed, &message);
    }
}
