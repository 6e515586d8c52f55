//! The time to read, check and stage a list, over the time to read it as plain CSV; and whether the
//! processor time per row grows with the list.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;

use chime_bulk::ledger::{Chunk, Durability, Ledger, Stager};
use chime_bulk::roster::{Options, Roster, RosterError, Source};

use super::Failure;
use super::list::{INSTANCE, List, RowOrder, channel_arn, channels_for};
use super::process::{Processes, cpu_seconds};
use super::table::Table;

/// The budget, as a multiple of plain reading.
const BUDGET: f64 = 20.0;
/// The budget of a ledger, as a multiple of the list's size.
const LEDGER_BUDGET: f64 = 1.5;
/// The budget of the processor time per row, as a multiple of that of the shortest list.
const FLAT_BUDGET: f64 = 1.15;
/// A shorter list is staged several times, until it is as many rows: the system counts processor
/// time in hundredths of a second.
const MIN_ROWS: u64 = 300_000;
/// Chunks that are read ahead, as in the engine.
const AHEAD: usize = 8;
/// Chunks between two commits, as in the engine.
const PER_COMMIT: usize = 8;

/// Measures the section.
pub(crate) fn measure(rows: u64, dir: &Path, table: &mut Table) -> Result<(), Failure> {
    type OrderOf = fn(u64) -> RowOrder;
    let orders: [(&str, OrderOf); 3] = [
        ("one channel", |_| RowOrder::One),
        ("channels sorted", RowOrder::Sorted),
        ("channels shuffled", RowOrder::Shuffled),
    ];
    for (name, order) in orders {
        let mut shortest: Option<f64> = None;
        for rows in lengths(rows) {
            let list = List {
                rows,
                order: order(channels_for(rows)),
                repeats: true,
            };
            let costs = costs(&list, dir)?;
            let title = |what: &str| format!("{what}, {rows} rows, {name}");
            table.figure(
                &title("staging over plain reading"),
                costs.ratio,
                "",
                BUDGET,
            );
            table.figure(
                &title("ledger over the list"),
                costs.size,
                "",
                LEDGER_BUDGET,
            );
            if let Some(shortest) = shortest {
                let over = costs.per_row / shortest;
                table.figure(
                    &title("CPU per row over the shortest"),
                    over,
                    "",
                    FLAT_BUDGET,
                );
            }
            Table::detail("processor time per row", costs.per_row * 1e6, "us");
            shortest = shortest.or(Some(costs.per_row));
        }
    }
    Ok(())
}

/// The cost of staging a list.
struct Costs {
    /// Seconds of processor time per row.
    per_row: f64,
    /// As a multiple of plain reading.
    ratio: f64,
    /// The size of the ledger, as a multiple of the list's.
    size: f64,
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn costs(list: &List, dir: &Path) -> Result<Costs, Failure> {
    let path = dir.join("list.csv");
    let list_size = list.write(&path)?;
    let ledger = dir.join("ledger.db");
    let (mut plain, mut staged, mut processor, mut size) = (0.0, 0.0, 0.0, 0.0);
    let times = MIN_ROWS.div_ceil(list.rows);
    for _ in 0..times {
        plain += read_plainly(&path)?;
        let start = Instant::now();
        processor += stage(list, &path, &ledger)?;
        staged += start.elapsed().as_secs_f64();
        size = fs::metadata(&ledger)?.len() as f64 / list_size as f64;
        fs::remove_file(&ledger)?;
    }
    Ok(Costs {
        per_row: processor / (times * list.rows) as f64,
        ratio: staged / plain,
        size,
    })
}

/// Ten thousand rows, then ten times as many each time, up to `rows`.
fn lengths(rows: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(10_000.min(rows)), |length| Some(length * 10))
        .take_while(move |length| *length <= rows)
}

/// Seconds that the `csv` crate takes to read the list.
fn read_plainly(path: &Path) -> Result<f64, Failure> {
    let start = Instant::now();
    let mut reader = csv::Reader::from_path(path)?;
    let mut record = csv::ByteRecord::new();
    let mut fields = 0;
    while reader.read_byte_record(&mut record)? {
        fields += record.len();
    }
    std::hint::black_box(fields);
    Ok(start.elapsed().as_secs_f64())
}

/// Seconds of processor time until every row is in the ledger and every duplicate is found. As in a
/// run, one thread reads and checks, and another writes.
fn stage(list: &List, path: &Path, ledger: &Path) -> Result<f64, Failure> {
    let before = cpu_seconds(Processes::Own)?;
    let one = matches!(list.order, RowOrder::One).then(|| channel_arn(0).parse());
    let one = one.transpose()?;
    let options = Options {
        app_instance: Some(INSTANCE.parse()?),
        channel_arn: one,
        ..Options::default()
    };
    let roster = Roster::open(&Source::File(path.to_owned()), &options)?;
    let key = [7; 16];
    let mut ledger = Ledger::create(ledger, Durability::Full, roster.layout(), key)?;
    let stager = Stager::new(roster, key);
    std::thread::scope(|scope| {
        let (send, chunks) = mpsc::sync_channel(AHEAD);
        scope.spawn(move || send_chunks(stager, &send));
        while let Ok(first) = chunks.recv() {
            for chunk in std::iter::once(first).chain(chunks.try_iter().take(PER_COMMIT - 1)) {
                ledger.stage(&chunk?)?;
                if ledger.should_flush() {
                    ledger.flush_staged()?;
                }
            }
            ledger.commit()?;
        }
        Ok::<(), Failure>(())
    })?;
    ledger.flush_staged()?;
    ledger.end_list()?;
    while !ledger.scan_duplicates()? {
        ledger.flush_staged()?;
        ledger.commit()?;
    }
    ledger.commit()?;
    let seconds = cpu_seconds(Processes::Own)? - before;
    let counts = ledger.staged();
    if (counts.rows_read, counts.duplicate) == (list.rows, list.repeated()) {
        Ok(seconds)
    } else {
        Err(format!("the ledger has other rows than the list: {counts:?}").into())
    }
}

fn send_chunks(mut stager: Stager, chunks: &mpsc::SyncSender<Result<Chunk, RosterError>>) {
    while let Some(chunk) = stager.next_chunk().transpose() {
        if chunks.send(chunk).is_err() {
            return;
        }
    }
}
