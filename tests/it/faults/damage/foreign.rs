//! Other files in the place of a ledger.

use super::victim::{CallResult, Victim};
use crate::support::program::Ended;

/// Resumes a finished run whose ledger was replaced.
fn replaced(bytes: &[u8]) -> (CallResult, Ended) {
    let victim = Victim::finished();
    victim
        .resumed(|dir| std::fs::write(dir.join("ledger.db"), bytes).unwrap())
        .unwrap()
}

fn changed(statement: &str) -> (CallResult, Ended) {
    let change = |dir: &std::path::Path| {
        let connection = rusqlite::Connection::open(dir.join("ledger.db")).unwrap();
        connection.execute_batch(statement).unwrap();
    };
    Victim::finished().resumed(change).unwrap()
}

#[track_caller]
fn refused((fate, ended): (CallResult, Ended), words: &str) {
    assert_eq!(fate, CallResult::Refused, "{ended:#?}");
    assert!(ended.stderr.contains(words), "{ended:#?}");
    assert!(!ended.stderr.contains("chime-bulk resume"), "{ended:#?}");
}

#[test]
fn an_empty_file_is_no_run() {
    assert_eq!(replaced(b"").0, CallResult::NoRun);
    // To SQLite this is as good as empty; to whoever wrote it it is not.
    assert_eq!(replaced(b"x").0, CallResult::Refused);
}

#[test]
fn a_text_is_refused() {
    let text = "row,member\n".repeat(2_000);
    refused(replaced(text.as_bytes()), "not a database");
}

#[test]
fn another_programs_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE page (id INTEGER); INSERT INTO page VALUES (1);")
        .unwrap();
    drop(connection);
    let bytes = std::fs::read(path).unwrap();
    refused(replaced(&bytes), "not a ledger of chime-bulk");
}

#[test]
fn a_ledger_of_another_version_is_refused() {
    for version in [0, 2, 99] {
        let words = format!("is of version {version}, and this chime-bulk reads version 1 only");
        refused(changed(&format!("PRAGMA user_version = {version}")), &words);
    }
}
