//! `report.html`: the whole run on one page, for a browser.
//!
//! Promises: one file that fetches nothing and runs nothing; every text from outside is escaped;
//! its size and the memory it takes do not grow with the list. Must not: name an instant of its own
//! making, so that the same ledger returns the same page.

mod call_stats;
mod charts;
mod failures;
mod format;
mod latency;
mod sections;
mod settings;
mod tables;
mod template;
mod timeline;

use std::error::Error;
use std::path::Path;

pub(super) use failures::Failures;

use self::call_stats::CallStats;
use super::{PAGE, ReportError, Summary};
use crate::ledger::{LedgerReader, fact};
use crate::model::Limits;

/// All that the page shows.
pub(super) struct RunPage<'a> {
    dir: &'a Path,
    summary: &'a Summary,
    limits: &'a Limits,
    failures: &'a Failures,
    stats: CallStats,
    settings: Vec<(String, String)>,
}

impl<'a> RunPage<'a> {
    /// Reads from the ledger what the counts do not contain.
    pub(super) fn of(
        ledger: &LedgerReader,
        dir: &'a Path,
        summary: &'a Summary,
        limits: &'a Limits,
        failures: &'a Failures,
        should_continue: impl FnMut() -> bool,
    ) -> Result<Self, ReportError> {
        let given = ledger.fact(fact::SETTINGS)?.unwrap_or_default();
        Ok(Self {
            dir,
            summary,
            limits,
            failures,
            stats: CallStats::of(
                ledger,
                limits,
                summary.bearers,
                summary.state,
                should_continue,
            )?,
            settings: settings::settings(&given),
        })
    }

    /// The page's text.
    pub(super) fn html(&self) -> Result<String, ReportError> {
        let failed = |error: Box<dyn Error>| ReportError::Io {
            path: self.dir.join(PAGE),
            source: std::io::Error::other(error.to_string()),
        };
        let document = template::document(self).map_err(failed)?;
        Ok(document.into_string() + "\n")
    }
}
