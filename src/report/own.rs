//! Whether a file with the name of a report is a report of this run.
//!
//! A run directory may be any directory, so a file with such a name can be somebody's list. Reports
//! replace only reports of the same run. These are recognized by what they begin with; a report that
//! somebody edited still is one.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::csv_report::beginning;
use super::results::COLUMNS;
use super::set::SetLabel;
use super::{FAILED, PAGE, RESULTS, ReportError, SUMMARY};
use crate::ledger::{LedgerReader, fact};
use crate::roster::{Delimiter, Encoding, REPORT_COLUMNS};

/// Files that are longer are not read to their end: results grow with the list, but what identifies a
/// report is near its beginning.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The first file in this directory that has the name of a report and is not a report of the run in
/// this ledger. Without a ledger, or before the first reports are written, any such file is.
///
/// # Errors
/// If the ledger or a file cannot be read.
pub fn foreign_report(
    ledger: Option<&LedgerReader>,
    dir: &Path,
) -> Result<Option<PathBuf>, ReportError> {
    for name in [RESULTS, FAILED, SUMMARY, PAGE] {
        let path = dir.join(name);
        let begin = match File::open(&path) {
            Ok(file) => {
                let mut begin = Vec::new();
                let read = file.take(MAX_BYTES).read_to_end(&mut begin);
                read.map_err(|source| ReportError::Io {
                    path: path.clone(),
                    source,
                })?;
                begin
            }
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(source) => return Err(ReportError::Io { path, source }),
        };
        let is_own = match ledger {
            Some(ledger) => ledger.report_record()?.is_some() && is_of(ledger, name, &begin)?,
            None => false,
        };
        if !is_own {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Whether a report of this run can begin with these bytes.
fn is_of(ledger: &LedgerReader, name: &str, begin: &[u8]) -> Result<bool, ReportError> {
    let run_id: String = ledger.fact(fact::RUN_ID)?.unwrap_or_default();
    let layout = ledger.layout();
    let header = layout.report_header();
    Ok(match name {
        RESULTS => {
            let start = beginning(Delimiter::COMMA, Encoding::UTF_8, b"", &COLUMNS);
            begin.starts_with(&start)
        }
        FAILED => {
            let names = header.iter().map(String::as_str).chain(REPORT_COLUMNS);
            let names: Vec<&str> = names.collect();
            let (delimiter, encoding) = (layout.delimiter(), layout.encoding());
            // UTF-8 has the mark or not: that depends on how much of the list was read.
            let utf_8 = Encoding::UTF_8.mark(true);
            let mark = layout.mark().strip_prefix(utf_8).unwrap_or(layout.mark());
            let begin = begin.strip_prefix(utf_8).unwrap_or(begin);
            begin.starts_with(&beginning(delimiter, encoding, mark, &names))
        }
        SUMMARY => SetLabel::of(begin).is_some_and(|label| label.is_of_run(&run_id)),
        _ => {
            let begin = String::from_utf8_lossy(begin);
            begin.starts_with("<!DOCTYPE html>") && begin.contains(&run_id)
        }
    })
}
