//! The budgets of cost, measured: what a run takes over what must be taken in any case.
//!
//! Promises: both sides of a ratio are measured in one run on one machine, the service is the
//! sandbox in a process of its own, and what is measured is the program itself wherever a process
//! can be measured from outside (Linux, through `/proc`). Must not: fail for a budget that is
//! not kept; it says so.
//!
//! `cargo bench` takes a million rows and about two minutes. `BUDGET_ROWS=10000000 cargo bench`
//! takes the rows that the budgets are set for; `cargo bench -- staging resume` some sections only.

mod bare;
mod calls;
mod list;
mod memory;
mod process;
mod resume;
mod sandbox;
mod staging;
mod table;

use std::error::Error;
use std::path::Path;

use table::Table;

/// Whatever keeps a figure from being taken.
type Failure = Box<dyn Error>;

/// Takes the figures of one section: rows, a directory for its files, the table.
type Section = fn(u64, &Path, &mut Table) -> Result<(), Failure>;

/// Sections by name, in their order.
const SECTIONS: [(&str, Section); 4] = [
    ("calls", calls::measure),
    ("memory", memory::measure),
    ("staging", staging::measure),
    ("resume", resume::measure),
];

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = &arguments[..]
        && first == bare::ARGUMENT
    {
        return bare::run(rest);
    }
    let rows = match std::env::var("BUDGET_ROWS") {
        Ok(text) => text.parse()?,
        Err(_) => 1_000_000,
    };
    // cargo adds `--bench`.
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let mut table = Table::begin(rows);
    for (name, measure) in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name) {
            let dir = tempfile::tempdir()?;
            measure(rows, dir.path(), &mut table)?;
        }
    }
    table.end();
    Ok(())
}
