//! The ledger by itself: what goes in comes out, also after it was closed at a bad moment.

use std::path::{Path, PathBuf};

use super::{Departure, Durability, Ledger, LedgerError, Stager};
use crate::model::{ChannelArn, LaneId, Outcome};
use crate::roster::{Options, Roster, Source};
use crate::schedule::{Ruling, Ticket};

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

fn channel(id: &str) -> ChannelArn {
    ChannelArn::parse(&format!("{INSTANCE}/channel/{id}")).unwrap()
}

/// Stages the whole list and settles its duplicates.
fn stage(ledger: &mut Ledger, stager: &mut Stager) {
    while let Some(parcel) = stager.parcel().unwrap() {
        assert_eq!(ledger.stage(&parcel).unwrap(), None);
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
    let members = ledger.members(&channel("c"), &[1, 64, 65, 5_000]).unwrap();
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

/// The sum of what is settled and what is open is what was read, whatever is under way; and a look
/// from beside sees what is committed.
#[test]
fn a_glance_tells_what_is_settled_from_what_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let repeated = ids(20).chain(["user-3".to_owned(), "not valid".to_owned()]);
    let (path, mut ledger, mut stager) = begin(dir.path(), roster(repeated));
    stage(&mut ledger, &mut stager);
    let rows = ledger.draw(LaneId(0), 12).unwrap();
    let call = depart(&mut ledger, &rows[..9]);
    let outcomes = [Some(Outcome::Added), Some(Outcome::Failed), None];
    let rulings = rows[..9].iter().zip(outcomes.into_iter().cycle());
    let rulings: Vec<Ruling> = rulings
        .map(|(row, outcome)| Ruling {
            ticket: Ticket::fresh(*row),
            outcome,
            charged: true,
            code: (outcome != Some(Outcome::Added)).then(|| "Odd".to_owned()),
            message: None,
        })
        .collect();
    ledger.settle(call, 9, None, &rulings, &[]).unwrap();
    depart(&mut ledger, &rows[9..]);
    ledger.commit().unwrap();

    for ledger in [&ledger, &Ledger::look(&path).unwrap()] {
        let glance = ledger.glance().unwrap();
        let counts = [
            Outcome::Added,
            Outcome::Failed,
            Outcome::Invalid,
            Outcome::Duplicate,
        ];
        assert_eq!(
            counts.map(|outcome| glance.settled.of(outcome)),
            [3, 3, 1, 1]
        );
        assert_eq!((glance.settled.total(), glance.open), (8, 14));
        let errors: Vec<_> = glance.errors_by_code.into_iter().collect();
        assert_eq!(errors, [("Defect".to_owned(), 1), ("Odd".to_owned(), 3)]);
        let calls = ledger.call_counts().unwrap();
        assert_eq!((calls.calls, calls.open), (2, 1));
        assert_eq!(ledger.calls_after(6).unwrap(), (2, 12));
        assert_eq!(ledger.calls_after(7).unwrap(), (0, 0));
    }
    let mut look = Ledger::look(&path).unwrap();
    assert!(look.set_fact("state", &1).is_err(), "it is for reading");
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
    let changed = changed.parcel().unwrap().unwrap();
    assert_eq!(ledger.stage(&changed).unwrap(), Some(8));
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
    assert!(refused("PRAGMA user_version = 4").contains("version 4"));
    assert!(refused("PRAGMA user_version = 0").contains("version 0"));
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
    let rows = ledger.draw(LaneId(0), 100).unwrap();
    depart(&mut ledger, &rows);
    ledger.commit().unwrap();
    path
}

/// Does all that a resumed run and its reports do with a ledger; gives the tally's rows.
fn go_through(path: &Path) -> Result<u64, LedgerError> {
    let mut ledger = Ledger::open(path, Durability::None)?;
    ledger.take_up(8)?;
    ledger.lanes_left(|_| {})?;
    ledger.unsettled(|_| {})?;
    let rows = ledger.draw(LaneId(0), 100)?;
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

/// Makes a ledger what earlier versions wrote.
fn take_back(path: &Path, version: i32) {
    let ledger = Ledger::open(path, Durability::None).unwrap();
    ledger
        .read(|connection| {
            connection.execute_batch("DROP VIEW sound_pass; DROP TABLE pass;")?;
            if version == 2 {
                connection.execute_batch(
                    "UPDATE call SET seal = seal('call', lane, bearer, rows, members, fresh);
                     UPDATE verdict SET seal = seal('verdict', call, outcome, charged, in_doubt, code,
                        message, first_row, last_row, rows);",
                )?;
            }
            connection.pragma_update(None, "user_version", version)
        })
        .unwrap();
    drop(ledger);
    if version == 1 {
        let connection = rusqlite::Connection::open(path).unwrap();
        for (table, _) in super::seal::SEALED {
            if table != "pass" {
                let drop = format!("ALTER TABLE {table} DROP COLUMN seal");
                connection.execute(&drop, []).unwrap();
            }
        }
    }
}

#[test]
fn ledgers_of_earlier_versions_are_brought_forward() {
    for version in [1, 2] {
        let dir = tempfile::tempdir().unwrap();
        let path = with_a_call(dir.path());
        take_back(&path, version);
        assert_eq!(go_through(&path).unwrap(), 132);
        assert_eq!(go_through(&path).unwrap(), 132);
        let connection = rusqlite::Connection::open(&path).unwrap();
        let damage = "UPDATE page SET records = replace(records, 'user-7', 'user-8') WHERE id = 1";
        connection.execute(damage, []).unwrap();
        drop(connection);
        assert!(go_through(&path).is_err());
    }
}

#[test]
fn damage_is_not_sealed_by_bringing_a_ledger_forward() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_a_call(dir.path());
    take_back(&path, 2);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute("UPDATE call SET fresh = 90", [])
        .unwrap();
    drop(connection);
    let error = Ledger::open(&path, Durability::None).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
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
fn a_lane_that_vanished_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_a_call(dir.path());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("DELETE FROM lane", []).unwrap();
    drop(connection);
    let ledger = Ledger::open(&path, Durability::None).unwrap();
    let error = ledger.lanes_left(|_| {}).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
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
    for row in ledger.draw(LaneId(0), 5).unwrap() {
        let call = depart(&mut ledger, &[row]);
        let ruling = Ruling {
            ticket: Ticket::fresh(row),
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
