//! Processor time per call of a whole run, over that of the bare loop.

use std::path::Path;
use std::process::Command;

use super::list::{CallPlan, INSTANCE, List, channel_arn};
use super::process::{self, chime_bulk};
use super::sandbox::Sandbox;
use super::table::Table;
use super::{Failure, bare};

/// Calls under way at once, on both sides.
pub(crate) const IN_FLIGHT: usize = 64;
/// Over how many channels.
const CHANNELS: u64 = 200;
/// More rows say no more.
const MOST_ROWS: u64 = 1_000_000;
/// The budget: this many times the bare loop.
const BUDGET: f64 = 2.5;

/// In whose name all calls are made.
pub(crate) fn bearer() -> String {
    format!("{INSTANCE}/user/admin")
}

/// A run of a list against a sandbox, held back by nothing.
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
    if matches!(list.order, CallPlan::One) {
        command.args(["--channel-arn", &channel_arn(0)]);
    }
    sandbox.known_to(&mut command);
    command
}

/// Takes the figures.
pub(crate) fn measure(rows: u64, dir: &Path, table: &mut Table) -> Result<(), Failure> {
    let rows = rows.min(MOST_ROWS);
    for (name, order) in [
        ("sorted", CallPlan::Sorted(CHANNELS)),
        ("interleaved", CallPlan::Interleaved(CHANNELS)),
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
        let taken = process::run(&mut run_of(&list, &path, &dir.join(name), &sandbox))?;
        let title = format!("CPU per call over the bare SDK loop, {name}");
        table.figure(&title, taken.cpu_seconds / bare, "", BUDGET);
        #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
        let calls = rows as f64 / 100.0;
        Table::detail("run, per call", taken.cpu_seconds / calls * 1e6, "us");
        Table::detail("bare loop, per call", bare / calls * 1e6, "us");
    }
    Ok(())
}
