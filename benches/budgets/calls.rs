//! Processor time per call: that of a whole run over that of the bare loop.

use std::path::Path;
use std::process::Command;

use super::list::{INSTANCE, List, RowOrder, channel_arn};
use super::process::{self, chime_bulk};
use super::sandbox::Sandbox;
use super::table::Table;
use super::{Failure, bare};

/// The most calls in flight, in the run and in the bare loop.
pub(crate) const IN_FLIGHT: usize = 64;
/// The number of channels.
const CHANNELS: u64 = 200;
/// More rows do not change the result.
const MAX_ROWS: u64 = 1_000_000;
/// The budget, as a multiple of the bare loop.
const BUDGET: f64 = 2.5;

/// The bearer of all calls.
pub(crate) fn bearer() -> String {
    format!("{INSTANCE}/user/admin")
}

/// A run of a list against a sandbox, without rate limits.
pub(crate) fn run_of(list: &List, path: &Path, run_dir: &Path, sandbox: &Sandbox) -> Command {
    let mut command = chime_bulk();
    command
        .arg("run")
        .arg(path)
        .arg("--run-dir")
        .arg(run_dir)
        .args(["--bearer", &bearer(), "--app-instance-arn", INSTANCE])
        .args(["--channel-rate", "1000000", "--bearer-rate", "1000000"])
        .args(["--max-in-flight", &IN_FLIGHT.to_string()]);
    if matches!(list.order, RowOrder::One) {
        command.args(["--channel-arn", &channel_arn(0)]);
    }
    sandbox.configure(&mut command);
    command
}

/// Measures the section.
pub(crate) fn measure(rows: u64, dir: &Path, table: &mut Table) -> Result<(), Failure> {
    let rows = rows.min(MAX_ROWS);
    for (name, order) in [
        ("sorted", RowOrder::Sorted(CHANNELS)),
        ("interleaved", RowOrder::Interleaved(CHANNELS)),
    ] {
        let list = List {
            rows,
            order,
            repeats: false,
        };
        let path = dir.join(name).with_extension("csv");
        list.write(&path)?;
        let bare = bare::measure(&list, &Sandbox::start(&[])?)?;
        let sandbox = Sandbox::start(&[])?;
        let usage = process::run(&mut run_of(&list, &path, &dir.join(name), &sandbox))?;
        let title = format!("CPU per call over the bare SDK loop, {name}");
        table.figure(&title, usage.cpu_seconds / bare, "", BUDGET);
        #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
        let calls = rows as f64 / 100.0;
        Table::detail("run, per call", usage.cpu_seconds / calls * 1e6, "us");
        Table::detail("bare loop, per call", bare / calls * 1e6, "us");
    }
    Ok(())
}
