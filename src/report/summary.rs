//! The counts of a run: `summary.json`, and the text at the end of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ReportsState;
use super::format::{count, error_line, rest_text, singles_text, time, verb, wrap};
use super::next_steps::NextSteps;
use super::origin::noun;
use super::path::shell_word;
use super::verification::Verification;
use crate::ledger::LedgerError;
use crate::model::{AccountQuotas, Outcome, RunState, Shard, Tally, codes, escape_control};
use crate::private_file::PrivateFileError;
use crate::roster::ListNotes;
use crate::schedule::Binding;

/// Why the reports cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A report cannot be written.
    #[error("the report {}: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Something other than a regular file has the report's name.
    #[error(transparent)]
    NotAFile(PrivateFileError),
    /// A file that is not a report of this run has the report's name.
    #[error("{} is not a report of this run", .0.display())]
    Foreign(PathBuf),
    /// A file is no difference that `sync` can apply.
    #[error("{}: {what}", path.display())]
    NotADiff {
        /// Its path.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// Stopped by a command.
    #[error("interrupted while the reports were written; the ledger is complete")]
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
    /// The hint for a file that is not a report of the run.
    pub(crate) const FOREIGN_HINT: &str =
        "move or rename it, or pass another --run-dir; it was not changed";

    /// How to fix it.
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
            Self::Foreign(_) => Some(Self::FOREIGN_HINT.to_owned()),
            Self::NotADiff { .. } => {
                Some("pass a diff.csv that sync wrote, or leave out --apply for a list".to_owned())
            }
            Self::Interrupted => None,
        }
    }
}

/// The counts of a run: `summary.json`, also printed by `run`, `resume`, `retry` and `report` with
/// `--json`. Later versions may add fields; none is renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// The run's name.
    pub run_id: String,
    /// The state of the run that the reports describe: 1 after `run`, higher after each `resume` or
    /// `retry` that changed it.
    pub generation: u64,
    /// How the run ended: `finished`, `interrupted` or `aborted`.
    pub state: RunState,
    /// Whether the run was a rehearsal, against the sandbox of `--sandbox`.
    #[serde(default)]
    pub rehearsal: bool,
    /// Whether the run is a part of `sync`, which goes on by its own command.
    #[serde(default)]
    pub sync: bool,
    /// The list, as it was named.
    pub list: String,
    /// The address that the last session called; null with a sandbox in the process.
    pub address: Option<String>,
    /// Rows read from the list.
    pub rows_read: u64,
    /// Which shard of its job the run is; null if it is a whole job.
    #[serde(default)]
    pub shard: Option<Shard>,
    /// Rows of other shards, which have no outcome here; `rows_read` counts them.
    #[serde(default)]
    pub elsewhere: u64,
    /// Rows left out by `--where`; `rows_read` does not count them.
    pub rows_left_out: u64,
    /// Properties of the list that may be mistakes.
    pub notes: ListNotes,
    /// Rows whose member the service reported as added.
    pub added: u64,
    /// Rows whose member was in the channel already, according to the service.
    pub already_member: u64,
    /// Rows that the service refused for good or as often as `--max-attempts` allows.
    /// In a run that was stopped, also rows that were refused only temporarily.
    pub failed: u64,
    /// Defective rows; they are never sent.
    pub invalid: u64,
    /// Rows with the channel and member of an earlier row; only the first is sent.
    pub duplicate: u64,
    /// Rows that were sent but never confirmed or refused by the service.
    pub unconfirmed: u64,
    /// Rows without a verdict when the run stopped.
    pub not_attempted: u64,
    /// Calls made.
    pub calls: u64,
    /// Calls among them that added one member by `CreateChannelMembership` (`--single-adds`).
    #[serde(default)]
    pub single_calls: u64,
    /// Calls that were throttled as a whole.
    pub throttled_calls: u64,
    /// Rows that took more than one attempt.
    pub retried_members: u64,
    /// Calls per second in all that the service took at the end of the last session, if they were fewer
    /// than the limits of the run allow; otherwise null. `--max-rate` sets that limit from the start.
    #[serde(default)]
    pub learned_max_rate: Option<f64>,
    /// The quotas of the account, with the source of each figure; null if `--quotas` was not given.
    #[serde(default)]
    pub quotas: Option<AccountQuotas>,
    /// Channels in the list.
    pub channels: u64,
    /// Bearers that shared the calls.
    pub bearers: u64,
    /// Start of the first session: UTC, RFC 3339.
    pub started_at: String,
    /// End of the last session: UTC, RFC 3339. Empty if the run was killed and no session has ended.
    pub finished_at: String,
    /// The time of all sessions together, in seconds. The time of a session that was killed counts up
    /// to its last change of the ledger.
    pub elapsed_seconds: f64,
    /// The fewest calls that the list takes.
    pub lower_bound_calls: u64,
    /// The least time that the list takes at these limits, in seconds.
    pub lower_bound_seconds: f64,
    /// `elapsed_seconds` divided by `lower_bound_seconds`; never below 1. Null if the divisor is 0,
    /// the run is not finished, or it took less time: pauses between sessions do not count as
    /// time, and a session may have had higher limits.
    pub lower_bound_ratio: Option<f64>,
    /// The limit that sets the least time; null if none does: all calls may come at once.
    pub binding_limit: Option<Binding>,
    /// Rows that failed, are defective, or were not confirmed or attempted, by error code.
    pub errors_by_code: BTreeMap<String, u64>,
    /// Rows that are refused again unless they are corrected: edit `failed.csv`, then run it.
    #[serde(default)]
    pub rows_to_edit: u64,
    /// The fewest calls for the rows that `resume` or `retry` sends. Rows that are not read yet do
    /// not count.
    #[serde(default)]
    pub lower_bound_calls_left: u64,
    /// The least time that these calls take at these limits, in seconds.
    #[serde(default)]
    pub lower_bound_seconds_left: f64,
    /// What the channels say of the rows: the last `verify` since the run changed; null if there was none.
    #[serde(default)]
    pub verification: Option<Verification>,
    /// Whether the outcomes and `elsewhere` add up to `rows_read`.
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

    /// Rows read, without those of other shards.
    #[must_use]
    pub fn own_rows(&self) -> u64 {
        self.rows_read.saturating_sub(self.elsewhere)
    }

    /// Whether every row's member is in its channel, or repeats one whose member is.
    #[must_use]
    pub fn is_all_in(&self) -> bool {
        self.own_rows() == self.added + self.already_member + self.duplicate
    }

    /// Whether the run is finished and has rows that may succeed if `retry` sends them again as they
    /// are.
    #[must_use]
    pub fn can_be_retried(&self) -> bool {
        self.next_steps().command == Some("retry")
    }

    /// What can follow, once these reports are written.
    pub(super) fn next_steps(&self) -> NextSteps {
        let (tally, errors) = (self.tally(), &self.errors_by_code);
        let steps = NextSteps::of(self.state, tally, errors, ReportsState::Complete);
        NextSteps {
            command: steps.command.filter(|_| !self.sync),
            ..steps
        }
    }

    /// The lower bound of the rows that `resume` or `retry` sends, in words; `None` if there are none.
    #[must_use]
    pub fn bound_of_rest(&self) -> Option<String> {
        rest_text(self.lower_bound_calls_left, self.lower_bound_seconds_left)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = verb(self.state);
        writeln!(
            f,
            "{} {} {verb} after {}",
            noun(self.rehearsal),
            self.run_id,
            time(self.elapsed_seconds)
        )?;
        if let Some(address) = &self.address {
            writeln!(f, "  {:<16}{}", "address", escape_control(address, 200))?;
        }
        if let Some(shard) = self.shard {
            writeln!(f, "  {:<16}{:>12}", "shard", shard.to_string())?;
        }
        writeln!(f, "  {:<16}{:>12}", "rows read", self.rows_read)?;
        if self.elsewhere > 0 {
            let what = "   (rows of other shards)";
            writeln!(f, "  {:<16}{:>12}{what}", "elsewhere", self.elsewhere)?;
        }
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
        for line in self.notes.lines() {
            wrap(f, &format!("  note: {line}"), 8)?;
        }
        writeln!(
            f,
            "  {:<16}{:>12}   (at least {}), {}{} throttled, on {}",
            "calls",
            self.calls,
            self.lower_bound_calls,
            singles_text(self.single_calls),
            self.throttled_calls,
            count(self.channels, "channel")
        )?;
        if let Some(rate) = self.learned_max_rate {
            let note = format!(
                "  note: the service takes about {rate} calls a second in all, fewer than the limits of \
                 this run; with --max-rate {rate} a run keeps to that from its start"
            );
            wrap(f, &note, 8)?;
        }
        if self.state == RunState::Finished && self.lower_bound_seconds > 0.0 {
            let note = match self.lower_bound_ratio {
                Some(ratio) => format!("), {ratio:.2} times that"),
                None => " in one session)".to_owned(),
            };
            writeln!(
                f,
                "  {:<16}{:>12}   (at least {}{note}",
                "time",
                time(self.elapsed_seconds),
                time(self.lower_bound_seconds)
            )?;
        }
        for (code, count) in &self.errors_by_code {
            writeln!(f, "{}", error_line(code, *count))?;
            if let Some(known) = codes::explain(code) {
                wrap(f, &format!("      {}", known.cause), 6)?;
                wrap(f, &format!("      fix: {}", known.fix), 11)?;
            }
        }
        Ok(())
    }
}
