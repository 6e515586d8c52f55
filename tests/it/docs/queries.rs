//! `samples/ledger.sql`, executed on the ledger of a run.

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::Value;
use rusqlite::{Batch, Connection};

use super::finished_run;
use crate::support::program::repository;

/// The rows that each query of the file returns.
fn answers(ledger: &Connection, file: &str) -> Vec<Vec<Vec<Value>>> {
    let mut answers = Vec::new();
    let mut queries = Batch::new(ledger, file);
    while let Some(mut query) = queries.next().unwrap() {
        assert!(query.readonly());
        let columns = query.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|n| row.get(n)).collect();
        let rows = query.query_map([], row).unwrap();
        answers.push(rows.map(Result::unwrap).collect());
    }
    answers
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn each_query_returns_the_expected_rows() {
    let work_dir = finished_run();
    let unknown = ["--missing-users", "gone", "--unlimited", "--latency", "0"];
    let retried = work_dir.run(["retry", "run"].into_iter().chain(unknown));
    assert_eq!(retried.code, Some(1), "{retried:#?}");
    let ledger = Connection::open(work_dir.path("run/ledger.db")).unwrap();
    let answers = answers(&ledger, &repository("samples/ledger.sql"));
    let [outcomes, failed, of_row, by_minute, in_doubt, passes] = &answers[..] else {
        panic!("{} queries", answers.len());
    };
    let counts = [
        vec![text("added"), text(""), Value::Integer(18)],
        vec![text("failed"), text("NotFound"), Value::Integer(2)],
    ];
    assert_eq!(outcomes[..], counts);
    let fields = [
        [Value::Integer(19), text("gone1")],
        [Value::Integer(20), text("gone2")],
    ];
    assert_eq!(failed.len(), 2);
    for (row, expected) in failed.iter().zip(&fields) {
        assert_eq!(row[..2], expected[..]);
    }
    assert_eq!(of_row.len(), 1, "{of_row:?}");
    let calls = |row: &Vec<Value>| match row[1] {
        Value::Integer(calls) => u64::try_from(calls).unwrap(),
        _ => panic!("{row:?}"),
    };
    let calls: u64 = by_minute.iter().map(calls).sum();
    assert_eq!(calls, work_dir.summary("run").calls);
    assert!(in_doubt.is_empty(), "{in_doubt:?}");
    assert_eq!(passes.len(), 1, "{passes:?}");
    assert_eq!(passes[0][0], Value::Integer(2));
}
