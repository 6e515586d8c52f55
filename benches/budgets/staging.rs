//! Reading, checking and staging a list, over reading it as plain CSV.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;

use chime_bulk::ledger::{Chunk, Durability, Ledger, Stager};
use chime_bulk::roster::{Options, Roster, RosterError, Source};

use super::Failure;
use super::list::{CallPlan, INSTANCE, List, channel_arn, channels_for};
use super::table::Table;

/// The budget, in times of plain reading.
const BUDGET: f64 = 20.0;
/// A ledger's budget, in sizes of the list.
const LEDGER_BUDGET: f64 = 1.5;
/// Time per row is flat: at all lengths at most this many times that of a tenth of the length.
const FLAT_BUDGET: f64 = 1.25;
/// As the engine has it: chunks read ahead, and taken between two commits.
const AHEAD: usize = 8;
const PER_COMMIT: usize = 8;

/// Takes the figures.
pub(crate) fn measure(rows: u64, dir: &Path, table: &mut Table) -> Result<(), Failure> {
    type OrderOver = fn(u64) -> CallPlan;
    let orders: [(&str, OrderOver); 3] = [
        ("one channel", |_| CallPlan::One),
        ("channels sorted", CallPlan::Sorted),
        ("channels shuffled", CallPlan::Shuffled),
    ];
    for (name, order) in orders {
        let mut shorter: Option<f64> = None;
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
            if let Some(shorter) = shorter {
                let over = costs.per_row / shorter;
                table.figure(&title("time per row over a tenth"), over, "", FLAT_BUDGET);
            }
            Table::detail("staging, per row", costs.per_row * 1e6, "us");
            shorter = Some(costs.per_row);
        }
    }
    Ok(())
}

/// What staging a list costs.
struct Costs {
    /// Seconds per row.
    per_row: f64,
    /// Times plain reading.
    ratio: f64,
    /// The ledger, in sizes of the list.
    size: f64,
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn costs(list: &List, dir: &Path) -> Result<Costs, Failure> {
    let path = dir.join("list.csv");
    let list_size = list.write(&path)?;
    let plain = read_plainly(&path)?;
    let ledger = dir.join("ledger.db");
    let staged = stage(list, &path, &ledger)?;
    let size = fs::metadata(&ledger)?.len() as f64 / list_size as f64;
    fs::remove_file(&ledger)?;
    Ok(Costs {
        per_row: staged / list.rows as f64,
        ratio: staged / plain,
        size,
    })
}

/// Ten thousand, and ten times as many up to those wanted.
fn lengths(rows: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(10_000.min(rows)), |length| Some(length * 10))
        .take_while(move |length| *length <= rows)
}

/// Seconds that the plain `csv` crate takes.
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

/// Seconds until every row is in the ledger and every duplicate found: as in a run, one thread
/// reads and checks, another writes.
fn stage(list: &List, path: &Path, ledger: &Path) -> Result<f64, Failure> {
    let start = Instant::now();
    let one = matches!(list.order, CallPlan::One).then(|| channel_arn(0).parse());
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
        scope.spawn(move || read_on(stager, &send));
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
    let seconds = start.elapsed().as_secs_f64();
    let counts = ledger.staged();
    if (counts.rows_read, counts.duplicate) == (list.rows, list.repeated()) {
        Ok(seconds)
    } else {
        Err(format!("staged otherwise than written: {counts:?}").into())
    }
}

fn read_on(mut stager: Stager, chunks: &mpsc::SyncSender<Result<Chunk, RosterError>>) {
    while let Some(chunk) = stager.next_chunk().transpose() {
        if chunks.send(chunk).is_err() {
            return;
        }
    }
}
