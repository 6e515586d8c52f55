//! Opens and uses a ledger with arbitrary bytes or cells.

use std::path::Path;
use std::sync::OnceLock;

use chime_bulk::ledger::{CallEnd, Durability, Ledger, LedgerError, NewCall, Stager, fact};
use chime_bulk::model::{LaneId, Limits, Operation, Outcome, RunState};
use chime_bulk::report::{self, Reports};
use chime_bulk::roster::{Options, Roster, Source};
use chime_bulk::schedule::{PendingRow, Ruling};
use rusqlite::Connection;
use rusqlite::types::Value;

const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";
const KEY: [u8; 16] = [3; 16];

/// The files of a ledger.
#[derive(Debug, Default)]
struct Files {
    ledger: Vec<u8>,
    log: Vec<u8>,
}

/// An intact ledger with every kind of row: closed, and open with a part of it in the log.
fn intact() -> &'static [Files; 2] {
    static INTACT: OnceLock<[Files; 2]> = OnceLock::new();
    INTACT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        let read = || Files {
            ledger: std::fs::read(&path).unwrap(),
            log: std::fs::read(path.with_extension("db-wal")).unwrap_or_default(),
        };
        stage(&path).unwrap();
        let closed = read();
        let mut ledger = Ledger::open(&path, Durability::None).unwrap();
        record_call(&mut ledger, 8).unwrap();
        let open = read();
        [closed, open]
    })
}

/// Creates a ledger, with settled and open calls.
fn stage(path: &Path) -> Result<(), LedgerError> {
    let rows = (0..150).map(|n| format!("{INSTANCE}/channel/{},u{}\n", n % 3, n % 70));
    let rows: String = rows.collect();
    let list = format!("channel_arn,user_id\n{rows}x,bad\n\nu,v,w\n");
    let source = Source::Bytes {
        name: "list".to_owned(),
        bytes: list.into_bytes(),
    };
    let roster = Roster::open(&source, &Options::default()).unwrap();
    let mut ledger = Ledger::create(path, Durability::None, roster.layout(), KEY)?;
    let mut stager = Stager::new(roster, KEY);
    while let Some(chunk) = stager.next_chunk().unwrap() {
        ledger.stage(&chunk)?;
        ledger.flush_staged()?;
    }
    ledger.end_list()?;
    while !ledger.scan_duplicates()? {
        ledger.flush_staged()?;
    }
    let (call, rows) = record_call(&mut ledger, 10)?;
    let outcomes = [Some(Outcome::Added), Some(Outcome::Failed), None];
    let rulings = rows.iter().zip(outcomes.iter().cycle());
    let rulings: Vec<Ruling> = rulings
        .map(|(row, outcome)| Ruling {
            pending: PendingRow {
                row: *row,
                attempts: 1,
                charged_attempts: 1,
                in_doubt: false,
                pages: 0,
            },
            outcome: *outcome,
            charged: true,
            code: Some("Odd".to_owned()),
            message: None,
        })
        .collect();
    let end = CallEnd {
        at: 9,
        date: Some(7),
        refusal: None,
    };
    ledger.settle(call, end, &rulings, &[])?;
    record_call(&mut ledger, 5)?;
    ledger.set_fact(fact::STATE, &RunState::Running)?;
    ledger.commit()
}

fn record_call(ledger: &mut Ledger, count: usize) -> Result<(i64, Vec<u64>), LedgerError> {
    let rows = ledger.take_rows(LaneId(0), count)?;
    let call = ledger.record_call(NewCall {
        lane: LaneId(0),
        operation: Operation::Batch,
        bearer: "b",
        rows: &rows,
        fresh: rows.len(),
        at: 7,
    })?;
    ledger.commit()?;
    Ok((call, rows))
}

/// Reads bytes from an input, and zeros after its end.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The first byte decides how an intact ledger is changed: some bytes, the whole file, the whole log, or
/// cells of its tables, with or without matching checksums.
pub(crate) fn run(input: &[u8]) {
    let mut input = Input(input);
    let how = input.byte();
    let [closed, open] = intact();
    let base = if how & 4 == 0 { closed } else { open };
    let mut files = Files {
        ledger: base.ledger.clone(),
        log: base.log.clone(),
    };
    let dir = tempfile::Builder::new().prefix("ledger").tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    match how & 3 {
        0 => patch(&mut files, &mut input),
        1 => files.ledger = input.0.to_vec(),
        2 => files.log = input.0.to_vec(),
        _ => {}
    }
    std::fs::write(&path, &files.ledger).unwrap();
    if !files.log.is_empty() {
        std::fs::write(path.with_extension("db-wal"), &files.log).unwrap();
    }
    if how & 3 == 3 {
        set_cells(&path, &mut input);
        if how & 8 != 0 {
            add_suspects(&path);
            // With matching checksums, the values are read instead of refused.
            let _ = Ledger::rewrite_checksums(&path, KEY);
        }
    }
    let _ = Ledger::is_blank(&path).inspect_err(check);
    let _ = use_ledger(&path, dir.path()).inspect_err(check);
}

/// Checks that an error names the ledger and, unless it is SQLite's own, has a hint.
fn check(error: &LedgerError) {
    assert!(error.to_string().contains("ledger.db"), "{error}");
    assert!(
        error.hint().is_some() || matches!(error, LedgerError::Sqlite { .. }),
        "{error}"
    );
}

/// Changes bytes. The input has the file, the offset, the number and the bytes.
fn patch(files: &mut Files, input: &mut Input<'_>) {
    while !input.is_empty() {
        let file = if input.byte() & 1 == 0 {
            &mut files.ledger
        } else {
            &mut files.log
        };
        let at = usize::from(input.byte()) << 16
            | usize::from(input.byte()) << 8
            | usize::from(input.byte());
        let count = usize::from(input.byte()) % 32 + 1;
        let bytes = input.take(count);
        if !file.is_empty() {
            let at = at % file.len();
            let count = bytes.len().min(file.len() - at);
            file[at..at + count].copy_from_slice(&bytes[..count]);
        }
    }
}

/// Sets cells of tables to arbitrary values.
fn set_cells(path: &Path, input: &mut Input<'_>) {
    const CELLS: [&str; 39] = [
        "fact.value",
        "fact.name",
        "page.id",
        "page.records",
        "page.records",
        "channel.id",
        "channel.arn",
        "lane.id",
        "lane.channel",
        "lane.type",
        "lane.sub_channel",
        "lane.closed_code",
        "defect.row",
        "defect.column_name",
        "defect.reason",
        "duplicate.row",
        "duplicate.of_row",
        "suspect.row",
        "suspect.lane",
        "queue.lane",
        "queue.seq",
        "queue.count",
        "queue.rows",
        "call.id",
        "call.lane",
        "call.bearer",
        "call.rows",
        "call.members",
        "call.fresh",
        "call.settled_at",
        "verdict.call",
        "verdict.outcome",
        "verdict.charged",
        "verdict.in_doubt",
        "verdict.first_row",
        "verdict.last_row",
        "verdict.rows",
        // New cells must be at the end: the corpus has indexes into this array.
        "call.sent_at",
        "call.refusal",
    ];
    let connection = Connection::open(path).unwrap();
    while !input.is_empty() {
        let cell = CELLS[usize::from(input.byte()) % CELLS.len()];
        let (table, column) = cell.split_once('.').unwrap();
        let (nth, kind) = (input.byte(), input.byte());
        let count = usize::from(input.byte());
        let bytes = input.take(count);
        let text = String::from_utf8_lossy(bytes).into_owned();
        let value = match kind % 5 {
            0 => Value::Text(text),
            1 => text.parse().map_or(Value::Null, Value::Integer),
            2 => Value::Blob(bytes.to_vec()),
            3 => text.parse().map_or(Value::Null, Value::Real),
            _ => Value::Null,
        };
        let key = if ["fact", "queue"].contains(&table) {
            let key = if table == "fact" {
                "name"
            } else {
                "(lane, seq)"
            };
            let keys = key.trim_matches(['(', ')']);
            format!("{key} = (SELECT {keys} FROM {table} ORDER BY 1 LIMIT 1 OFFSET ?2)")
        } else {
            format!("rowid = (SELECT rowid FROM {table} ORDER BY 1 LIMIT 1 OFFSET ?2)")
        };
        // A value that a constraint forbids leaves the cell unchanged.
        let _ = connection.execute(
            &format!("UPDATE {table} SET {column} = ?1 WHERE {key}"),
            (value, nth % 12),
        );
    }
}

/// Makes some duplicates unverified again.
fn add_suspects(path: &Path) {
    let suspects = "INSERT OR REPLACE INTO suspect SELECT row, 0, 0 FROM duplicate LIMIT 2";
    let connection = Connection::open(path).unwrap();
    connection.execute(suspects, []).unwrap();
}

/// Calls every method that reads a ledger, then recovers it as `resume` does.
fn use_ledger(path: &Path, dir: &Path) -> Result<(), LedgerError> {
    let mut ledger = Ledger::open(path, Durability::None)?;
    let _ = ledger.fact::<RunState>(fact::STATE).inspect_err(check);
    let _ = ledger.key().inspect_err(check);
    let _ = ledger.call_counts().inspect_err(check);
    let _ = ledger.channels().inspect_err(check);
    let _ = ledger.progress().inspect_err(check);
    let _ = ledger.first_channels(3).inspect_err(check);
    let _ = ledger.passes().inspect_err(check);
    let _ = ledger.for_each_call(|_| Ok(())).inspect_err(check);
    let _ = ledger.lower_bound(100_u64).inspect_err(check);
    let _ = ledger.defect_kinds(10, 3).inspect_err(check);
    let _ = ledger.repeats(3).inspect_err(check);
    let _ = ledger.for_each_unsettled(|_| {}).inspect_err(check);
    for n in [0, 1, 2, u32::MAX] {
        let _ = ledger.lane(LaneId(n)).inspect_err(check);
        let _ = ledger
            .channel_arn(chime_bulk::model::ChannelId(n))
            .inspect_err(check);
    }
    let limits = Limits::of_region("us-east-1");
    let reports = Reports {
        dir,
        state: RunState::Aborted,
        limits: &limits,
    };
    let _ = report::write(&ledger, reports, || true);
    ledger.recover(8)?;
    let mut lanes = 0;
    let _ = ledger.for_each_lane(|_| lanes += 1).inspect_err(check);
    for lane in 0..lanes.min(4) {
        for most in [7, 1_000] {
            let channel = ledger
                .lane(LaneId(lane))
                .and_then(|(channel, _)| ledger.channel_arn(channel));
            if let (Ok(channel), Ok(rows)) = (channel, ledger.take_rows(LaneId(lane), most)) {
                let _ = ledger.members(&channel, &rows).inspect_err(check);
            }
        }
    }
    for _ in 0..8 {
        if ledger.scan_duplicates()? {
            break;
        }
        ledger.flush_staged()?;
    }
    ledger.commit()
}
