//! `report.html`: the whole run on one page, for a browser.
//!
//! Promises: one file without network, whose only script filters its tables; every text from outside is escaped; its size and
//! the memory it takes do not grow with the list. Must not: read the clock, so that the same ledger
//! produces the same page.

mod call_stats;
mod channel_counts;
mod channel_table;
mod charts;
mod failures;
mod format;
mod latency;
mod sections;
mod settings;
mod tables;
mod template;
mod timeline;
mod verification;
mod work_clock;

use std::error::Error;
use std::path::Path;

pub(super) use channel_counts::ChannelCounts;
pub(super) use failures::Failures;

use self::call_stats::CallStats;
use self::channel_counts::TopChannels;
use super::origin::Origin;
use super::{PAGE, ReportError, Summary};
use crate::ledger::{DefectKind, LedgerReader, fact};
use crate::model::Limits;

/// At most this many kinds of defects are listed, each with this many of its first rows.
const MAX_DEFECTS: usize = 20;
const DEFECT_ROWS: usize = 5;

/// The content of the page.
pub(super) struct RunPage<'a> {
    dir: &'a Path,
    summary: &'a Summary,
    limits: &'a Limits,
    failures: &'a Failures,
    stats: CallStats,
    channels: TopChannels,
    /// The kinds of defects, most rows first, and how many kinds there are.
    defects: (Vec<DefectKind>, u64),
    origin: Origin,
    settings: Vec<(String, String)>,
}

impl<'a> RunPage<'a> {
    /// Reads the content that is not among the counts from the ledger.
    pub(super) fn of(
        ledger: &LedgerReader,
        dir: &'a Path,
        summary: &'a Summary,
        limits: &'a Limits,
        failures: &'a Failures,
        channels: &ChannelCounts,
        should_continue: impl FnMut() -> bool,
    ) -> Result<Self, ReportError> {
        let given = ledger.fact(fact::SETTINGS)?.unwrap_or_default();
        let address = summary.address.clone();
        let address = address.map(|address| ("address called".to_owned(), address));
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
            channels: channels.top(ledger)?,
            defects: ledger.defect_kinds(MAX_DEFECTS, DEFECT_ROWS)?,
            origin: Origin::of(ledger)?,
            settings: address
                .into_iter()
                .chain(settings::settings(&given))
                .collect(),
        })
    }

    /// The page as HTML.
    pub(super) fn html(&self) -> Result<String, ReportError> {
        let failed = |error: Box<dyn Error>| ReportError::Io {
            path: self.dir.join(PAGE),
            source: std::io::Error::other(error.to_string()),
        };
        let document = template::document(self).map_err(failed)?;
        Ok(document.into_string() + "\n")
    }
}
