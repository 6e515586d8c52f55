//! Ledgers that are damaged, of another version, or none.

use super::*;
use crate::ledger::Settled;
use crate::model::Finding;
use crate::roster::Entry;

#[test]
fn what_is_no_ledger_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, ledger, _) = begin(dir.path(), roster(ids(1)));
    drop(ledger);
    assert!(Ledger::is_blank(&path).unwrap(), "nothing was committed");
    std::fs::remove_file(&path).unwrap();

    let (path, mut ledger, _) = begin(dir.path(), roster(ids(1)));
    ledger.commit().unwrap();
    drop(ledger);
    assert!(!Ledger::is_blank(&path).unwrap());
    let refused = |pragma: &str| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(pragma).unwrap();
        drop(connection);
        Ledger::open(&path, Durability::None)
            .unwrap_err()
            .to_string()
    };
    for version in [0, 1, 99] {
        let message = refused(&format!("PRAGMA user_version = {version}"));
        let expected = format!("is of version {version}, and this chime-bulk reads version 5 only");
        assert!(message.ends_with(&expected), "{message}");
    }
    assert!(refused("PRAGMA application_id = 1").contains("not a ledger"));
    std::fs::write(&path, "a").unwrap();
    assert!(!Ledger::is_blank(&path).unwrap());
    assert!(Ledger::open(&path, Durability::None).is_err());
    std::fs::write(
        &path,
        "a text of some length that is no database at all, to be sure of it",
    )
    .unwrap();
    assert!(Ledger::open(&path, Durability::None).is_err());
}

/// A ledger of 130 rows, the first 100 of which are in a call in flight.
fn with_a_call(dir: &Path) -> PathBuf {
    let ids = ids(130).chain(["user-1".to_owned(), "-".to_owned()]);
    let (path, mut ledger, mut stager) = begin(dir, roster(ids));
    stage(&mut ledger, &mut stager);
    let rows = ledger.take_rows(LaneId(0), 100).unwrap();
    record_call(&mut ledger, &rows);
    ledger.commit().unwrap();
    path
}

/// Does all that a resumed run and its reports do with a ledger; returns the tally's rows.
fn go_through(path: &Path) -> Result<u64, LedgerError> {
    let mut ledger = Ledger::open(path, Durability::None)?;
    ledger.recover(8)?;
    ledger.for_each_lane(|_| {})?;
    ledger.for_each_unsettled(|_| {})?;
    let rows = ledger.take_rows(LaneId(0), 100)?;
    ledger.lane(LaneId(0))?;
    let channel = ledger.channel_arn(crate::model::ChannelId(0))?;
    ledger.members(&channel, &rows)?;
    let totals = ledger.project(|_| Ok::<_, LedgerError>(()))?;
    Ok(totals.tally.total())
}

/// A ledger with rows in every table: of two lanes, one closed; of three calls, one refused and one
/// in flight; and a second pass begun.
fn with_every_row(dir: &Path) -> PathBuf {
    let rows = (0..150).map(|n| format!("{INSTANCE}/channel/{},user-{}\n", n % 2, n % 140));
    let text = format!("channel_arn,user_id\n{}x,bad\n", rows.collect::<String>());
    let source = Source::Bytes {
        name: "list".to_owned(),
        bytes: text.into_bytes(),
    };
    let roster = Roster::open(&source, &Options::default()).unwrap();
    let (path, mut ledger, mut stager) = begin(dir, roster);
    ledger.begin_session(5).unwrap();
    stage(&mut ledger, &mut stager);
    let listed = |entry: &Entry| {
        entry.member_id().ends_with("139").then_some(Settled {
            outcome: Outcome::AlreadyMember,
            code: "Listed",
            message: "seen",
        })
    };
    assert_eq!(ledger.settle_listed(listed).unwrap(), 1);

    let rows = ledger.take_rows(LaneId(0), 8).unwrap();
    let answered = record_call(&mut ledger, &rows);
    for page in 0..2 {
        let finding = Finding::Members {
            members: vec![format!("{INSTANCE}/user/ann")],
            next_token: Some("more".to_owned()),
        };
        ledger
            .record_finding(rows[0], page, answered, &finding, INSTANCE)
            .unwrap();
    }
    let ruling = |(row, outcome): (&u64, Option<Outcome>)| Ruling {
        pending: PendingRow::fresh(*row),
        outcome,
        charged: true,
        code: Some("Odd".to_owned()),
        message: (outcome != Some(Outcome::Added)).then(|| "words".to_owned()),
    };
    let outcomes = [Some(Outcome::Added), Some(Outcome::Failed), None];
    let rulings: Vec<Ruling> = rows
        .iter()
        .zip(outcomes.into_iter().cycle())
        .map(ruling)
        .collect();
    ledger
        .settle(answered, end_at(8, None), &rulings, &[])
        .unwrap();

    let refusal = Refusal {
        kind: RefusalKind::NotFound,
        code: "NotFoundException".to_owned(),
        message: "no such channel".to_owned(),
    };
    let rows = ledger.take_rows(LaneId(0), 8).unwrap();
    let refused = record_call(&mut ledger, &rows);
    let rulings: Vec<Ruling> = rows.iter().map(|row| ruling((row, None))).collect();
    ledger
        .settle(refused, end_at(9, Some(&refusal)), &rulings, &[])
        .unwrap();
    ledger.close_lane(LaneId(1), &refusal).unwrap();

    assert!(ledger.begin_pass(10, &["Odd".to_owned()]).unwrap() > 0);
    let rows = ledger.take_rows(LaneId(0), 8).unwrap();
    record_call(&mut ledger, &rows);
    let suspect = "INSERT INTO suspect VALUES (1, 0, checksum('suspect', 1, 0))";
    ledger
        .write(|connection| connection.execute(suspect, []))
        .unwrap();
    ledger.commit().unwrap();
    path
}

/// Reads all that a report shows of a ledger.
fn read_for_reports(path: &Path) -> Result<u64, LedgerError> {
    let ledger = LedgerReader::open(path)?;
    let progress = ledger.progress()?;
    ledger.bound_of_rest(&progress, RunState::Interrupted, 100u64)?;
    ledger.elapsed_seconds()?;
    ledger.sessions()?;
    ledger.call_counts()?;
    ledger.for_each_call(|_| Ok::<_, LedgerError>(()))?;
    let totals = ledger.project(|_| Ok::<_, LedgerError>(()))?;
    Ok(totals.tally.total())
}

/// The tables of a ledger with all their columns.
fn tables(connection: &rusqlite::Connection) -> Vec<(String, Vec<String>)> {
    let texts = |query: &str, parameter: &str| -> Vec<String> {
        let mut statement = connection.prepare(query).unwrap();
        let texts = statement.query_map([parameter], |row| row.get(0)).unwrap();
        texts.collect::<rusqlite::Result<_>>().unwrap()
    };
    let tables = texts("SELECT name FROM sqlite_master WHERE type = ?1", "table");
    let columns = |table: &String| texts("SELECT name FROM pragma_table_info(?1)", table);
    tables
        .iter()
        .map(|table| (table.clone(), columns(table)))
        .collect()
}

/// Each column of each row of each table is changed in turn, and emptied where it may be.
#[test]
fn a_change_of_any_column_of_any_table_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_every_row(dir.path());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let tables = tables(&connection);
    drop(connection);
    let intact = std::fs::read(&path).unwrap();
    assert_eq!(go_through(&path).unwrap(), 151);
    std::fs::write(&path, &intact).unwrap();
    assert_eq!(read_for_reports(&path).unwrap(), 151);

    let mut changed = 0;
    for (table, columns) in &tables {
        for column in columns {
            let mut is_changed = false;
            for row in 0..4 {
                for value in [
                    format!(
                        "CASE typeof({column}) WHEN 'integer' THEN {column} + 4000000000
                         WHEN 'text' THEN {column} || 'x' ELSE 1 END"
                    ),
                    "NULL".to_owned(),
                ] {
                    // Not every column may be null, and some are already.
                    let damage = format!(
                        "UPDATE OR IGNORE {table} SET {column} = {value}
                         WHERE {column} IS NOT {value} AND checksum =
                            (SELECT checksum FROM {table} ORDER BY 1 LIMIT 1 OFFSET {row})"
                    );
                    std::fs::write(&path, &intact).unwrap();
                    let connection = rusqlite::Connection::open(&path).unwrap();
                    if connection.execute(&damage, []).unwrap_or(0) == 0 {
                        continue;
                    }
                    connection
                        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                        .unwrap();
                    drop(connection);
                    let damaged = std::fs::read(&path).unwrap();
                    for read in [read_for_reports, go_through] {
                        std::fs::write(&path, &damaged).unwrap();
                        let error = read(&path).expect_err(&damage);
                        let is_damage = matches!(error, LedgerError::Damaged { .. });
                        assert!(is_damage, "{damage}: {error}");
                        assert!(error.hint().is_some());
                    }
                    is_changed = true;
                    changed += 1;
                }
            }
            assert!(is_changed, "{table}.{column} was never changed");
        }
    }
    assert!(changed > 100, "{changed}");
}

#[test]
fn what_is_written_after_a_call_or_lane_is_covered() {
    for damage in [
        "UPDATE call SET settled_at = NULL",
        "UPDATE call SET settled_at = settled_at + 1",
        "UPDATE call SET settled_at = 9 WHERE settled_at IS NULL",
        "UPDATE call SET refusal = 'throttled'",
        "UPDATE call SET refusal = NULL",
        "UPDATE call SET code = 'Other'",
        "UPDATE call SET message = NULL",
        "UPDATE call SET sent_at = sent_at - 1",
        "UPDATE lane SET closed_code = NULL, closed_message = NULL",
        "UPDATE lane SET closed_code = 'Other' WHERE closed_code IS NULL",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = with_every_row(dir.path());
        let connection = rusqlite::Connection::open(&path).unwrap();
        assert!(connection.execute(damage, []).unwrap() > 0, "{damage}");
        drop(connection);
        let error = read_for_reports(&path).expect_err(damage);
        assert!(
            error.to_string().ends_with("not as it was written"),
            "{damage}: {error}"
        );
    }
}

/// Otherwise damage that is older than the change would be verified from then on.
#[test]
fn a_damaged_row_is_not_given_a_new_checksum() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_every_row(dir.path());
    let mut ledger = Ledger::open(&path, Durability::None).unwrap();
    for damage in [
        "UPDATE call SET fresh = 90",
        "UPDATE lane SET type = 'HIDDEN'",
    ] {
        ledger
            .write(|connection| connection.execute(damage, []))
            .unwrap();
    }
    let refusal = Refusal {
        kind: RefusalKind::Lost,
        code: "Lost".to_owned(),
        message: String::new(),
    };
    for error in [
        ledger
            .settle(3, end_at(9, Some(&refusal)), &[], &[])
            .unwrap_err(),
        ledger.close_lane(LaneId(0), &refusal).unwrap_err(),
    ] {
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_row_is_never_sent_to_a_channel_that_the_list_does_not_say() {
    let dir = tempfile::tempdir().unwrap();
    let (_, mut ledger, mut stager) = begin(dir.path(), roster(ids(10)));
    stage(&mut ledger, &mut stager);
    assert!(ledger.members(&channel("c"), &[1]).is_ok());
    assert!(matches!(
        ledger.members(&channel("other"), &[1]),
        Err(LedgerError::Damaged { .. })
    ));
}

#[test]
fn rows_of_the_list_that_vanished_are_missed() {
    for which in ["id = 0", "id = (SELECT max(id) FROM page)"] {
        let dir = tempfile::tempdir().unwrap();
        let path = with_a_call(dir.path());
        let connection = rusqlite::Connection::open(&path).unwrap();
        let delete = format!("DELETE FROM page WHERE {which}");
        assert_eq!(connection.execute(&delete, []).unwrap(), 1);
        drop(connection);
        let ledger = Ledger::open(&path, Durability::None).unwrap();
        let error = ledger.project(|_| Ok::<_, LedgerError>(())).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_lane_or_channel_that_is_not_there_is_missed() {
    for (change, missing) in [
        ("UPDATE queue SET lane = 4000000000", "a lane"),
        ("UPDATE call SET lane = 1", "a lane"),
        ("UPDATE lane SET channel = 4000000000", "a channel"),
        ("UPDATE channel SET id = -1", "a channel"),
        ("DELETE FROM channel", "a channel"),
        ("DELETE FROM lane", "a lane"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = with_a_call(dir.path());
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute(change, []).unwrap();
        drop(connection);
        // Not for the checksums to find.
        Ledger::rewrite_checksums(&path, KEY).unwrap();
        let error = Ledger::open(&path, Durability::None).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
        let said = error.to_string();
        assert!(
            said.ends_with(&format!("{missing} is missing")),
            "{change}: {said}"
        );
    }
}

/// The place in the file of the second row's number, in the page that contains this text.
fn second_number(file: &[u8], text: &str) -> usize {
    const PAGE: usize = 8_192;
    let holds = |page: &[u8]| page.windows(text.len()).any(|part| part == text.as_bytes());
    let start = file.chunks(PAGE).position(holds).unwrap() * PAGE;
    // Eight bytes of header, then two for each row: its place; its size comes before its number.
    let row = start + usize::from(file[start + 10]) * 256 + usize::from(file[start + 11]);
    let size = file[row..].iter().take_while(|byte| **byte > 127).count() + 1;
    row + size
}

/// Rows are found by walking or by number, and one of a false number only by walking.
#[test]
fn a_verdict_whose_number_is_another_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut ledger, mut stager) = begin(dir.path(), roster(ids(5)));
    stage(&mut ledger, &mut stager);
    for row in ledger.take_rows(LaneId(0), 5).unwrap() {
        let call = record_call(&mut ledger, &[row]);
        let ruling = Ruling {
            pending: PendingRow::fresh(row),
            outcome: Some(Outcome::Failed),
            charged: true,
            code: Some("NoSuchUser".to_owned()),
            message: None,
        };
        ledger
            .settle(call, end_at(8, None), &[ruling], &[])
            .unwrap();
    }
    ledger.commit().unwrap();
    drop(ledger);

    let mut file = std::fs::read(&path).unwrap();
    let number = second_number(&file, "NoSuchUser");
    assert_eq!(file[number], 2);
    file[number] = 100;
    std::fs::write(&path, file).unwrap();
    let error = Ledger::open(&path, Durability::None).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
}
