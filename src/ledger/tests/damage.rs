//! Ledgers that are damaged, of another version, or none.

use super::*;

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
    for version in [0, 2, 99] {
        let message = refused(&format!("PRAGMA user_version = {version}"));
        let expected = format!("is of version {version}, and this chime-bulk reads version 1 only");
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

/// A ledger of 130 rows, the first 100 of which are in a call under way.
fn with_a_call(dir: &Path) -> PathBuf {
    let ids = ids(130).chain(["user-1".to_owned(), "-".to_owned()]);
    let (path, mut ledger, mut stager) = begin(dir, roster(ids));
    stage(&mut ledger, &mut stager);
    let rows = ledger.take_rows(LaneId(0), 100).unwrap();
    record_call(&mut ledger, &rows);
    ledger.commit().unwrap();
    path
}

/// Does all that a resumed run and its reports do with a ledger; gives the tally's rows.
fn go_through(path: &Path) -> Result<u64, LedgerError> {
    let mut ledger = Ledger::open(path, Durability::None)?;
    ledger.recover(8)?;
    ledger.lanes_left(|_| {})?;
    ledger.unsettled(|_| {})?;
    let rows = ledger.take_rows(LaneId(0), 100)?;
    ledger.lane(LaneId(0))?;
    let channel = ledger.channel_arn(crate::model::ChannelId(0))?;
    ledger.members(&channel, &rows)?;
    let census = ledger.project(|_| Ok::<_, LedgerError>(()))?;
    Ok(census.tally.total())
}

#[test]
fn a_row_that_is_not_as_it_was_written_is_found() {
    for damage in [
        "UPDATE fact SET value = replace(value, '1', '2') WHERE name = 'staged'",
        "UPDATE fact SET value = replace(value, '3', '4') WHERE name = 'fingerprint_key'",
        "UPDATE page SET records = replace(records, 'user-7', 'user-8') WHERE id = 1",
        "UPDATE channel SET arn = arn || 'x'",
        "UPDATE lane SET type = 'HIDDEN'",
        "UPDATE defect SET row = row - 1",
        "UPDATE duplicate SET row = 7",
        "UPDATE queue SET rows = replace(rows, ',1', ',2')",
        "UPDATE call SET rows = replace(rows, '[1', '[2')",
        "UPDATE call SET fresh = 90",
        "UPDATE call SET id = 2",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = with_a_call(dir.path());
        assert_eq!(go_through(&path).unwrap(), 132);
        let connection = rusqlite::Connection::open(&path).unwrap();
        assert!(connection.execute(damage, []).unwrap() > 0, "{damage}");
        drop(connection);
        let error = go_through(&path).unwrap_err();
        assert!(
            matches!(error, LedgerError::Damaged { .. }),
            "{damage}: {error}"
        );
        assert!(error.hint().is_some());
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

/// Where in the file the number of the second row stands in the page that holds this text.
fn second_number(file: &[u8], text: &str) -> usize {
    const PAGE: usize = 8_192;
    let holds = |page: &[u8]| page.windows(text.len()).any(|part| part == text.as_bytes());
    let start = file.chunks(PAGE).position(holds).unwrap() * PAGE;
    // Eight bytes of header, then two for each row: where it stands, its size before its number.
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
        ledger.settle(call, 8, None, &[ruling], &[]).unwrap();
    }
    ledger.commit().unwrap();
    drop(ledger);

    let mut file = std::fs::read(&path).unwrap();
    let number = second_number(&file, "NoSuchUser");
    assert_eq!(file[number], 2);
    file[number] = 100;
    std::fs::write(&path, file).unwrap();
    let ledger = Ledger::open(&path, Durability::None).unwrap();
    let error = ledger.project(|_| Ok::<_, LedgerError>(())).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
}
