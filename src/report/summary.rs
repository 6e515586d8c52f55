//! The counts of a run: `summary.json`, and the words that close a run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::format::{count, time, verb, wrap};
use super::path::shell_word;
use crate::ledger::LedgerError;
use crate::model::{Outcome, RunState, Tally, codes};
use crate::private_file::PrivateFileError;
use crate::schedule::Binding;

/// What keeps reports from being written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A report cannot be written.
    #[error("the report {}: {source}", path.display())]
    Io {
        /// Its place.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// Something else than a file has the report's name.
    #[error(transparent)]
    NotAFile(PrivateFileError),
    /// Told to stop.
    #[error("interrupted while the reports were written; the ledger is whole")]
    Interrupted,
}

impl From<PrivateFileError> for ReportError {
    fn from(error: PrivateFileError) -> Self {
        match error {
            PrivateFileError::Io { path, source } => Self::Io { path, source },
            other => Self::NotAFile(other),
        }
    }
}

impl ReportError {
    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Ledger(error) => error.hint(),
            Self::NotAFile(error) => Some(error.hint().to_owned()),
            Self::Io { path, .. } => {
                let dir = shell_word(path.parent()?);
                Some(format!(
                    "nothing is lost: make room there, then: chime-bulk resume {dir}"
                ))
            }
            Self::Interrupted => None,
        }
    }
}

/// `summary.json`. Names are a contract: fields may be added, none renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the names are the documentation; see the README"
)]
pub struct Summary {
    pub run_id: String,
    /// Which state of the run the reports are of: the number of its session.
    pub generation: u64,
    pub state: RunState,
    pub list: String,
    pub rows_read: u64,
    pub rows_left_out: u64,
    pub added: u64,
    pub already_member: u64,
    pub failed: u64,
    pub invalid: u64,
    pub duplicate: u64,
    pub unconfirmed: u64,
    pub not_attempted: u64,
    pub calls: u64,
    pub throttled_calls: u64,
    pub retried_members: u64,
    pub channels: u64,
    pub bearers: u64,
    pub started_at: String,
    pub finished_at: String,
    pub elapsed_seconds: f64,
    pub lower_bound_calls: u64,
    pub lower_bound_seconds: f64,
    /// The time it took over the least; none where the bound is 0 or the run is not finished.
    pub lower_bound_ratio: Option<f64>,
    pub binding_limit: Option<Binding>,
    pub errors_by_code: BTreeMap<String, u64>,
    /// Whether the outcomes add up to the rows read.
    pub accounts: bool,
}

impl Summary {
    /// The rows by outcome.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for outcome in Outcome::ALL {
            tally.add(outcome, self.count(outcome));
        }
        tally
    }

    fn count(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Added => self.added,
            Outcome::AlreadyMember => self.already_member,
            Outcome::Failed => self.failed,
            Outcome::Invalid => self.invalid,
            Outcome::Duplicate => self.duplicate,
            Outcome::Unconfirmed => self.unconfirmed,
            Outcome::NotAttempted => self.not_attempted,
        }
    }

    /// Whether every row's member is in its channel, or repeats one whose member is.
    #[must_use]
    pub fn is_all_in(&self) -> bool {
        self.rows_read == self.added + self.already_member + self.duplicate
    }

    /// Whether the run is at its end, and has rows that `retry` tries again.
    #[must_use]
    pub fn can_be_retried(&self) -> bool {
        let mut retried = Outcome::ALL.into_iter().filter(|it| it.can_be_retried());
        self.state == RunState::Finished && retried.any(|outcome| self.count(outcome) > 0)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = verb(self.state);
        writeln!(
            f,
            "run {} {verb} after {:.1} s",
            self.run_id, self.elapsed_seconds
        )?;
        writeln!(f, "  {:<16}{:>12}", "rows read", self.rows_read)?;
        for outcome in Outcome::ALL {
            let count = self.count(outcome);
            if count > 0 || outcome == Outcome::Added {
                writeln!(f, "  {:<16}{count:>12}", outcome.as_str())?;
            }
        }
        if self.rows_left_out > 0 {
            writeln!(
                f,
                "  {:<16}{:>12}   (by --where)",
                "left out", self.rows_left_out
            )?;
        }
        writeln!(
            f,
            "  {:<16}{:>12}   (at least {}), {} throttled, on {}",
            "calls",
            self.calls,
            self.lower_bound_calls,
            self.throttled_calls,
            count(self.channels, "channel")
        )?;
        if let Some(ratio) = self.lower_bound_ratio {
            writeln!(
                f,
                "  {:<16}{:>12}   (at least {}), {ratio:.2} times that",
                "time",
                time(self.elapsed_seconds),
                time(self.lower_bound_seconds)
            )?;
        }
        for (code, count) in &self.errors_by_code {
            writeln!(f, "  {:<16}{count:>12}", format!("· {code}"))?;
            if let Some(known) = codes::explain(code) {
                wrap(f, &format!("      {}", known.cause), 6)?;
                wrap(f, &format!("      fix: {}", known.fix), 11)?;
            }
        }
        Ok(())
    }
}
