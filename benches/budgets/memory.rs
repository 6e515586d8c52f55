//! The peak memory of a run, and the size of its ledger.

use std::fs;
use std::path::Path;

use super::Failure;
use super::calls::run_of;
use super::list::{List, RowOrder, channels_for};
use super::process;
use super::sandbox::Sandbox;
use super::table::Table;

/// The budget, in MB.
const BUDGET: f64 = 128.0;
/// The budget of a ledger, as a multiple of the list's size.
const LEDGER_BUDGET: f64 = 1.5;

/// Measures the section.
pub(crate) fn measure(rows: u64, dir: &Path, table: &mut Table) -> Result<(), Failure> {
    let channels = channels_for(rows);
    for (name, order) in [
        ("one channel".to_owned(), RowOrder::One),
        (format!("{channels} channels"), RowOrder::Shuffled(channels)),
    ] {
        let list = List {
            rows,
            order,
            repeats: true,
        };
        let path = dir.join("list.csv");
        let list_size = list.write(&path)?;
        let run_dir = dir.join("run");
        let ledger = run_dir.join("ledger.db");
        let sandbox = Sandbox::start(&[])?;
        let mut command = run_of(&list, &path, &run_dir, &sandbox);
        let usage = process::run(&mut command)?;
        table.figure(&format!("peak memory, {name}"), usage.peak_mb, "MB", BUDGET);
        Table::detail("seconds of the run", usage.seconds, "s");
        #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
        let size = fs::metadata(&ledger)?.len() as f64 / list_size as f64;
        let title = format!("ledger of a finished run over the list, {name}");
        table.figure(&title, size, "", LEDGER_BUDGET);
        fs::remove_dir_all(&run_dir)?;

        let sandbox = Sandbox::start(&["--fault", "member-throttled=1"])?;
        let mut command = run_of(&list, &path, &run_dir, &sandbox);
        let max_calls = (rows / 100).max(2_000);
        let (usage, _) = process::run_until(&mut command, || {
            process::calls_made(&ledger).is_some_and(|calls| calls >= max_calls)
        })?;
        let title = format!("peak memory while everything is refused, {name}");
        table.figure(&title, usage.peak_mb, "MB", BUDGET);
        let calls = process::calls_made(&ledger).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
        Table::detail("calls until it was killed", calls as f64, "");
        Table::detail("seconds of the run", usage.seconds, "s");
        fs::remove_dir_all(&run_dir)?;
    }
    Ok(())
}
