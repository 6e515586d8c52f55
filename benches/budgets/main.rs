//! Compares the cost of a run with its budgets: a run costs more than the work that any program
//! must do, and a budget limits by how much.
//!
//! Promises: both sides of a ratio are measured in one run on one machine. The service is the
//! sandbox, in a process of its own. The program itself is measured, from outside, except by the
//! section `staging`. Needs Linux (`/proc`). Must not: fail if a figure is over its budget; the
//! table shows it.
//!
//! `cargo bench --bench budgets` measures a million rows, in about two minutes. The budgets are set
//! for ten million: `BUDGET_ROWS=10000000`. `-- staging resume` measures these sections only.

mod bare;
mod calls;
mod list;
mod memory;
#[cfg(feature = "s3")]
mod object;
mod process;
mod resume;
mod sandbox;
mod staging;
mod table;

use std::error::Error;
use std::path::Path;

use table::Table;

/// Why a figure cannot be measured.
type Failure = Box<dyn Error>;

/// Measures a section. The arguments are the number of rows, a directory for files, and the table.
type Section = fn(u64, &Path, &mut Table) -> Result<(), Failure>;

/// The sections in their order, by name.
const SECTIONS: &[(&str, Section)] = &[
    ("calls", calls::measure),
    ("memory", memory::measure),
    ("staging", staging::measure),
    ("resume", resume::measure),
    #[cfg(feature = "s3")]
    ("object", object::measure),
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
    // `cargo bench` adds `--bench`.
    let selected: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let mut table = Table::begin(rows);
    for (name, measure) in SECTIONS.iter().copied() {
        if selected.is_empty() || selected.iter().any(|selected| *selected == name) {
            let dir = tempfile::tempdir()?;
            measure(rows, dir.path(), &mut table)?;
        }
    }
    table.end();
    Ok(())
}
