//! The ledger by itself: what is written is read back, also after an interruption.

mod damage;

use std::path::{Path, PathBuf};

use super::{CallEnd, Durability, Ledger, LedgerError, LedgerReader, NewCall, Stager};
use crate::model::{ChannelArn, LaneId, Operation, Outcome, Refusal, RefusalKind, RunState};
use crate::roster::{Options, Roster, Source};
use crate::schedule::{PendingRow, Ruling};

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
        channel_arn: Some(format!("{INSTANCE}/channel/c").parse().unwrap()),
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

#[test]
fn a_chunk_is_bounded_by_bytes_not_by_rows() {
    let sizes = |length: usize| {
        let ids = (0..320).map(|n| format!("{n}{}", "0".repeat(length)));
        let mut stager = Stager::new(roster(ids), KEY);
        let chunks = std::iter::from_fn(|| stager.next_chunk().unwrap());
        chunks
            .map(|chunk| (chunk.pages.len(), chunk.size() >> 20))
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(10), [(5, 0)]);
    assert_eq!(sizes(10_000), [(2, 1), (2, 1), (1, 0)]);
    // The last has only the notes about the list.
    let expected = [&[(1, 6); 5][..], &[(0, 0)]].concat();
    assert_eq!(sizes(100_000), expected);
}

fn channel(id: &str) -> ChannelArn {
    ChannelArn::parse(&format!("{INSTANCE}/channel/{id}")).unwrap()
}

/// Stages the whole list and settles its duplicates.
fn stage(ledger: &mut Ledger, stager: &mut Stager) {
    while let Some(chunk) = stager.next_chunk().unwrap() {
        assert_eq!(ledger.stage(&chunk).unwrap(), None);
        ledger.flush_staged().unwrap();
    }
    ledger.end_list().unwrap();
    while !ledger.scan_duplicates().unwrap() {
        ledger.flush_staged().unwrap();
    }
    ledger.commit().unwrap();
}

/// The end of a call at this time, without a date.
fn end_at(at: i64, refusal: Option<&Refusal>) -> CallEnd<'_> {
    CallEnd {
        at,
        date: None,
        refusal,
    }
}

fn record_call(ledger: &mut Ledger, rows: &[u64]) -> i64 {
    let call = NewCall {
        lane: LaneId(0),
        operation: Operation::Batch,
        bearer: "b",
        rows,
        fresh: rows.len(),
        at: 7,
    };
    ledger.record_call(call).unwrap()
}

/// `.schema` of any SQLite client prints these.
#[test]
fn every_table_and_view_has_a_comment_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (_, ledger, _) = begin(dir.path(), roster(ids(1)));
    let statements: Vec<String> = ledger
        .read(|connection| {
            connection
                .prepare("SELECT sql FROM main.sqlite_master WHERE sql IS NOT NULL")?
                .query_map([], |row| row.get(0))?
                .collect()
        })
        .unwrap();
    assert_eq!(statements.len(), 14 + 4);
    for statement in statements {
        assert!(statement.contains("\n    -- "), "{statement}");
    }
}

#[test]
fn rows_are_taken_in_order_once_each_also_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut ledger, mut stager) = begin(dir.path(), roster(ids(5_000)));
    stage(&mut ledger, &mut stager);
    let first = ledger.take_rows(LaneId(0), 1_500).unwrap();
    record_call(&mut ledger, &first);
    ledger.commit().unwrap();
    drop(ledger);

    let mut ledger = Ledger::open(&path, Durability::None).unwrap();
    ledger.recover(8).unwrap();
    let mut left = Vec::new();
    ledger
        .for_each_lane(|lane| left.push((lane.taken, lane.fresh, lane.closed)))
        .unwrap();
    assert_eq!(left, [(1_500, 3_500, false)]);
    let rest = ledger.take_rows(LaneId(0), 10_000).unwrap();
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
    let rows = ledger.take_rows(LaneId(0), 4).unwrap();
    record_call(&mut ledger, &rows);
    ledger.commit().unwrap();
    let outcomes = |ledger: &Ledger| {
        let totals = ledger.project(|_| Ok::<(), LedgerError>(())).unwrap();
        (
            totals.tally.of(Outcome::Unconfirmed),
            totals.tally.of(Outcome::NotAttempted),
        )
    };
    assert_eq!(outcomes(&ledger), (4, 6));
    drop(ledger);

    let mut ledger = Ledger::open(&path, Durability::None).unwrap();
    ledger.recover(8).unwrap();
    assert_eq!(outcomes(&ledger), (4, 6));
    let mut unsettled = Vec::new();
    ledger
        .for_each_unsettled(|row| unsettled.push((row.pending.row, row.pending.in_doubt)))
        .unwrap();
    assert_eq!(unsettled, [(1, true), (2, true), (3, true), (4, true)]);
}

/// Settled and open rows add up to the rows read, whatever is in flight; and a second reader finds
/// what is committed.
#[test]
fn progress_separates_settled_rows_from_open_ones() {
    let dir = tempfile::tempdir().unwrap();
    let repeated = ids(20).chain(["user-3".to_owned(), "not valid".to_owned()]);
    let (path, mut ledger, mut stager) = begin(dir.path(), roster(repeated));
    stage(&mut ledger, &mut stager);
    let rows = ledger.take_rows(LaneId(0), 12).unwrap();
    let call = record_call(&mut ledger, &rows[..9]);
    let outcomes = [Some(Outcome::Added), Some(Outcome::Failed), None];
    let rulings = rows[..9].iter().zip(outcomes.into_iter().cycle());
    let rulings: Vec<Ruling> = rulings
        .map(|(row, outcome)| Ruling {
            pending: PendingRow::fresh(*row),
            outcome,
            charged: true,
            code: (outcome != Some(Outcome::Added)).then(|| "Odd".to_owned()),
            message: None,
        })
        .collect();
    ledger.settle(call, end_at(9, None), &rulings, &[]).unwrap();
    record_call(&mut ledger, &rows[9..]);
    ledger.commit().unwrap();

    for ledger in [&*ledger, &LedgerReader::open(&path).unwrap()] {
        let progress = ledger.progress().unwrap();
        let counts = [
            Outcome::Added,
            Outcome::Failed,
            Outcome::Invalid,
            Outcome::Duplicate,
        ];
        assert_eq!(
            counts.map(|outcome| progress.settled.of(outcome)),
            [3, 3, 1, 1]
        );
        assert_eq!((progress.settled.total(), progress.open), (8, 14));
        // Eight are queued, three are to be sent again, and three are in flight.
        let rest = |state| {
            let bound = ledger.bound_of_rest(&progress, state, 1u64);
            bound.unwrap().calls()
        };
        let states = [RunState::Running, RunState::Interrupted, RunState::Finished];
        assert_eq!(states.map(rest), [11, 14, 6]);
        let errors: Vec<_> = progress.errors_by_code.into_iter().collect();
        assert_eq!(errors, [("Defect".to_owned(), 1), ("Odd".to_owned(), 3)]);
        let calls = ledger.call_counts().unwrap();
        assert_eq!((calls.calls, calls.open), (2, 1));
        assert_eq!(ledger.calls_after(6).unwrap(), (2, 12));
        assert_eq!(ledger.calls_after(7).unwrap(), (0, 0));
    }
}

#[test]
fn duplicates_are_found_over_the_whole_list_and_belong_to_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let list = ids(70_000).chain(ids(3)).chain(["user-69999".to_owned()]);
    let (_path, mut ledger, mut stager) = begin(dir.path(), roster(list));
    stage(&mut ledger, &mut stager);
    assert_eq!(ledger.staged().duplicate, 4);
    let mut said = Vec::new();
    let totals = ledger
        .project(|row| {
            if row.outcome == Outcome::Duplicate {
                said.push((row.row, row.message.clone().unwrap_or_default()));
            }
            Ok::<(), LedgerError>(())
        })
        .unwrap();
    assert!(totals.tally.accounts_for(70_004));
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
    let mut taken = ledger.take_rows(LaneId(0), 100_000).unwrap();
    taken.sort_unstable();
    assert_eq!(
        taken,
        (1..=70_000).collect::<Vec<u64>>(),
        "those wrongly suspected are sent too"
    );
}

#[test]
fn a_list_read_again_is_recognised_and_another_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut ledger, mut stager) = begin(dir.path(), roster(ids(10_000)));
    let chunk = stager.next_chunk().unwrap().unwrap();
    ledger.stage(&chunk).unwrap();
    ledger.flush_staged().unwrap();
    ledger
        .stage(&stager.next_chunk().unwrap().unwrap())
        .unwrap();
    ledger.commit().unwrap();
    drop(ledger);

    let mut ledger = Ledger::open(&path, Durability::None).unwrap();
    ledger.recover(8).unwrap();
    let mut changed = Stager::new(
        roster(ids(10_000).map(|id| id.replace("user-7", "else-7"))),
        KEY,
    );
    let changed = changed.next_chunk().unwrap().unwrap();
    assert_eq!(ledger.stage(&changed).unwrap(), Some(8));
    stage(&mut ledger, &mut Stager::new(roster(ids(10_000)), KEY));
    assert_eq!(ledger.staged().rows_read, 10_000);
    assert_eq!(
        ledger.take_rows(LaneId(0), 20_000).unwrap(),
        (1..=10_000).collect::<Vec<u64>>()
    );
}

#[test]
fn the_time_of_a_killed_session_counts_up_to_its_last_commit() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut ledger, mut stager) = begin(dir.path(), roster(ids(20)));
    ledger.begin_session(1_000).unwrap();
    stage(&mut ledger, &mut stager);
    ledger.commit_at(4_000).unwrap();
    let rows = ledger.take_rows(LaneId(0), 12).unwrap();
    record_call(&mut ledger, &rows);
    ledger.commit_at(6_500).unwrap();
    // Nothing was written since, so there is no commit; a clock that is set back takes no time away.
    ledger.commit_at(60_000).unwrap();
    ledger.set_fact("note", &1).unwrap();
    ledger.commit_at(0).unwrap();
    drop(ledger);
    let mut ledger = Ledger::open(&path, Durability::None).unwrap();
    assert!((ledger.elapsed_seconds().unwrap() - 5.5).abs() < 1e-9);
    ledger.begin_session(100_000).unwrap();
    ledger.commit_at(100_250).unwrap();
    assert!((ledger.elapsed_seconds().unwrap() - 5.75).abs() < 1e-9);
    let sessions = ledger.sessions().unwrap();
    let first_calls: Vec<i64> = sessions.iter().map(|it| it.first_call).collect();
    assert_eq!(first_calls, [1, 2]);
}
