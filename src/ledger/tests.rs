//! The ledger by itself: what goes in comes out, also after it was closed at a bad moment.

use std::path::{Path, PathBuf};

use super::{Departure, Durability, Ledger, LedgerError, Stager};
use crate::model::{LaneId, Outcome};
use crate::roster::{Options, Roster, Source};

const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";
const KEY: [u8; 16] = [3; 16];

/// A list of these ids for one channel.
fn roster(ids: impl IntoIterator<Item = String>) -> Roster {
    let mut text = String::from("user_id\n");
    for id in ids {
        text.push_str(&id);
        text.push('\n');
    }
    let options = Options {
        channel_arn: Some(format!("{INSTANCE}/channel/c")),
        ..Options::default()
    };
    let source = Source::Bytes {
        name: "list".to_owned(),
        bytes: text.into_bytes(),
    };
    Roster::open(&source, &options).unwrap()
}

fn ids(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("user-{n}"))
}

/// A new ledger with nothing staged, and the stager of its list.
fn begin(dir: &Path, roster: Roster) -> (PathBuf, Ledger, Stager) {
    let path = dir.join("ledger.db");
    let ledger = Ledger::create(&path, Durability::None, roster.layout(), KEY).unwrap();
    (path, ledger, Stager::new(roster, KEY))
}

/// Stages the whole list and settles its duplicates.
fn stage(ledger: &mut Ledger, stager: &mut Stager) {
    while let Some(parcel) = stager.parcel().unwrap() {
        assert!(ledger.stage(&parcel).unwrap());
        ledger.queue().unwrap();
    }
    ledger.end_list().unwrap();
    while !ledger.settle_suspects().unwrap() {
        ledger.queue().unwrap();
    }
    ledger.commit().unwrap();
}

fn depart(ledger: &mut Ledger, rows: &[u64]) -> i64 {
    let call = Departure {
        lane: LaneId(0),
        bearer: "b",
        rows,
        fresh: rows.len(),
        at: 7,
    };
    ledger.depart(call).unwrap()
}

#[test]
fn rows_are_drawn_in_order_once_each_also_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut ledger, mut stager) = begin(dir.path(), roster(ids(5_000)));
    stage(&mut ledger, &mut stager);
    let first = ledger.draw(LaneId(0), 1_500).unwrap();
    depart(&mut ledger, &first);
    ledger.commit().unwrap();
    drop(ledger);

    let mut ledger = Ledger::open(&path, Durability::None).unwrap();
    ledger.take_up(8).unwrap();
    let mut left = Vec::new();
    ledger
        .lanes_left(|lane| left.push((lane.drawn, lane.fresh, lane.closed)))
        .unwrap();
    assert_eq!(left, [(1_500, 3_500, false)]);
    let rest = ledger.draw(LaneId(0), 10_000).unwrap();
    assert_eq!([first, rest].concat(), (1..=5_000).collect::<Vec<u64>>());
    let members = ledger.members(&[1, 64, 65, 5_000]).unwrap();
    let names: Vec<&str> = members
        .iter()
        .map(crate::model::MemberArn::as_str)
        .collect();
    for (name, id) in names
        .iter()
        .zip(["user-0", "user-63", "user-64", "user-4999"])
    {
        assert_eq!(*name, format!("{INSTANCE}/user/{id}"));
    }
}

#[test]
fn a_call_cut_off_leaves_its_rows_in_doubt() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut ledger, mut stager) = begin(dir.path(), roster(ids(10)));
    stage(&mut ledger, &mut stager);
    let rows = ledger.draw(LaneId(0), 4).unwrap();
    depart(&mut ledger, &rows);
    ledger.commit().unwrap();
    let outcomes = |ledger: &Ledger| {
        let census = ledger.project(|_| Ok::<(), LedgerError>(())).unwrap();
        (
            census.tally.of(Outcome::Unconfirmed),
            census.tally.of(Outcome::NotAttempted),
        )
    };
    assert_eq!(outcomes(&ledger), (4, 6));
    drop(ledger);

    let mut ledger = Ledger::open(&path, Durability::None).unwrap();
    ledger.take_up(8).unwrap();
    assert_eq!(outcomes(&ledger), (4, 6));
    let mut unsettled = Vec::new();
    ledger
        .unsettled(|row| unsettled.push((row.ticket.row, row.ticket.in_doubt)))
        .unwrap();
    assert_eq!(unsettled, [(1, true), (2, true), (3, true), (4, true)]);
}

#[test]
fn duplicates_are_found_over_the_whole_list_and_belong_to_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let list = ids(70_000).chain(ids(3)).chain(["user-69999".to_owned()]);
    let (_path, mut ledger, mut stager) = begin(dir.path(), roster(list));
    stage(&mut ledger, &mut stager);
    assert_eq!(ledger.staged().duplicate, 4);
    let mut said = Vec::new();
    let census = ledger
        .project(|row| {
            if row.outcome == Outcome::Duplicate {
                said.push((row.row, row.message.clone().unwrap_or_default()));
            }
            Ok::<(), LedgerError>(())
        })
        .unwrap();
    assert!(census.tally.accounts_for(70_004));
    let of = |row: u64, first: u64| (row, format!("the same membership as row {first}"));
    assert_eq!(
        said,
        [
            of(70_001, 1),
            of(70_002, 2),
            of(70_003, 3),
            of(70_004, 70_000)
        ]
    );
    let mut drawn = ledger.draw(LaneId(0), 100_000).unwrap();
    drawn.sort_unstable();
    assert_eq!(
        drawn,
        (1..=70_000).collect::<Vec<u64>>(),
        "those wrongly suspected are sent too"
    );
}

#[test]
fn a_list_read_again_is_recognised_and_another_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut ledger, mut stager) = begin(dir.path(), roster(ids(10_000)));
    let parcel = stager.parcel().unwrap().unwrap();
    ledger.stage(&parcel).unwrap();
    ledger.queue().unwrap();
    ledger.stage(&stager.parcel().unwrap().unwrap()).unwrap();
    ledger.commit().unwrap();
    drop(ledger);

    let mut ledger = Ledger::open(&path, Durability::None).unwrap();
    ledger.take_up(8).unwrap();
    let mut changed = Stager::new(
        roster(ids(10_000).map(|id| id.replace("user-7", "else-7"))),
        KEY,
    );
    assert!(!ledger.stage(&changed.parcel().unwrap().unwrap()).unwrap());
    stage(&mut ledger, &mut Stager::new(roster(ids(10_000)), KEY));
    assert_eq!(ledger.staged().rows_read, 10_000);
    assert_eq!(
        ledger.draw(LaneId(0), 20_000).unwrap(),
        (1..=10_000).collect::<Vec<u64>>()
    );
}

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
    assert!(refused("PRAGMA user_version = 2").contains("version 2"));
    assert!(refused("PRAGMA application_id = 1").contains("not a ledger"));
    std::fs::write(
        &path,
        "a text of some length that is no database at all, to be sure of it",
    )
    .unwrap();
    assert!(Ledger::open(&path, Durability::None).is_err());
}
