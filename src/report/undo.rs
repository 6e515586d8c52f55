//! `undo.csv`, and the counts of an undo.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::csv_report::{CsvReport, check_csv};
use super::format::{count, error_line, time, verb, wrap};
use super::set::sync;
use super::{ReportError, UNDO};
use crate::ledger::{LedgerReader, ResultRow, fact};
use crate::model::{Outcome, RunState, codes};
use crate::roster::{Delimiter, Encoding};

/// Columns of `undo.csv`: a contract.
const COLUMNS: [&str; 6] = [
    "row",
    "channel_arn",
    "member_arn",
    "type",
    "result",
    "detail",
];

/// Rows after which to check whether to continue.
const CHECK_INTERVAL: u64 = 1_024;

/// What an undo did with a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Removal {
    /// Removed by this undo.
    Removed,
    /// Not in the channel any more, or never.
    GoneAlready,
    /// Kept, because the run may not have added it.
    Kept,
    /// Not removed, because the service refused it or did not answer.
    Failed,
    /// Not tried yet.
    NotAttempted,
}

impl Removal {
    /// What a row of the undo's ledger means: an outcome is of the removal there.
    fn of(row: &ResultRow<'_>) -> Self {
        let code = row.code.as_deref().unwrap_or_default();
        match row.outcome {
            Outcome::Added => Self::Removed,
            Outcome::AlreadyMember => Self::GoneAlready,
            Outcome::NotAttempted => Self::NotAttempted,
            Outcome::Failed if codes::KEPT.contains(&code) => Self::Kept,
            _ => Self::Failed,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::GoneAlready => "gone_already",
            Self::Kept => "kept",
            Self::Failed => "failed",
            Self::NotAttempted => "not_attempted",
        }
    }
}

/// The counts of an undo, printed by `undo` with `--json`. Later versions may add fields; none is
/// renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UndoSummary {
    /// The name of the run that is undone.
    pub run_id: String,
    /// The state of the undo.
    pub state: RunState,
    /// Members to remove.
    pub members: u64,
    /// Members that were removed.
    pub removed: u64,
    /// Members that were not in their channels any more.
    pub gone_already: u64,
    /// Members that were kept because the run may not have added them.
    pub kept: u64,
    /// Members that could not be removed.
    pub failed: u64,
    /// Members that no call was made for yet.
    pub not_attempted: u64,
    /// Calls made. A guarded one is two requests.
    pub calls: u64,
    /// Calls throttled as a whole.
    pub throttled_calls: u64,
    /// The time of all sessions of the undo, in seconds.
    pub elapsed_seconds: f64,
    /// Members kept or failed, by error code.
    pub errors_by_code: BTreeMap<String, u64>,
}

impl UndoSummary {
    /// Whether every member is out of its channel, and this undo removed at least one of them.
    #[must_use]
    pub fn is_all_gone(&self) -> bool {
        self.removed > 0 && self.removed + self.gone_already == self.members
    }

    fn add(&mut self, removal: Removal) {
        let counted = match removal {
            Removal::Removed => &mut self.removed,
            Removal::GoneAlready => &mut self.gone_already,
            Removal::Kept => &mut self.kept,
            Removal::Failed => &mut self.failed,
            Removal::NotAttempted => &mut self.not_attempted,
        };
        *counted += 1;
        self.members += 1;
    }
}

impl fmt::Display for UndoSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, took) = (verb(self.state), time(self.elapsed_seconds));
        writeln!(f, "undo of {} {word} after {took}", self.run_id)?;
        for (label, number) in [
            ("removed", self.removed),
            ("gone already", self.gone_already),
            ("kept", self.kept),
            ("failed", self.failed),
            ("not attempted", self.not_attempted),
        ] {
            if number > 0 || label == "removed" {
                writeln!(f, "  {label:<16}{number:>12}")?;
            }
        }
        for (code, rows) in &self.errors_by_code {
            writeln!(f, "{}", error_line(code, *rows))?;
            if let Some(known) = codes::explain(code) {
                wrap(f, &format!("      {}", known.cause), 6)?;
                wrap(f, &format!("      fix: {}", known.fix), 11)?;
            }
        }
        Ok(())
    }
}

/// What an undo would do, printed by `undo --dry-run`. Later versions may add fields; none is renamed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UndoPlan {
    /// The name of the run to undo.
    pub run_id: String,
    /// Members to remove.
    pub members: u64,
    /// Channels that they are in.
    pub channels: u64,
    /// Members left out because it is unknown whether the run added them.
    pub in_doubt_left_out: u64,
    /// Whether each membership is described before it is removed.
    pub guarded: bool,
    /// Whether an undo that exists is continued.
    pub is_continued: bool,
    /// Calls, one for each member. A guarded one is two requests.
    pub calls: u64,
    /// The least time, in seconds.
    pub seconds: f64,
}

impl UndoPlan {
    /// The members to remove in words.
    #[must_use]
    pub fn members_text(&self) -> String {
        let members = count(self.members, "member");
        format!("{members} from {}", count(self.channels, "channel"))
    }
}

impl fmt::Display for UndoPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "undo of {}", self.run_id)?;
        writeln!(f, "  would remove {}", self.members_text())?;
        let (calls, least) = (count(self.calls, "call"), time(self.seconds));
        writeln!(f, "  at least {calls}, {least} at the limits")?;
        if self.in_doubt_left_out > 0 {
            let left_out = count(self.in_doubt_left_out, "member");
            let note = format!(
                "  note: {left_out} left out: a call was lost, so it is unknown who added them; \
                 --include-in-doubt removes those whom this run added"
            );
            wrap(f, &note, 8)?;
        }
        Ok(())
    }
}

/// Writes `undo.csv` into the directory of the run that is undone, from the ledger of the undo.
/// `should_continue` is called every thousand rows; if it returns false, writing stops.
///
/// # Errors
/// If the ledger cannot be read, the report cannot be written, or another file has its name. An earlier
/// report then stays.
pub fn write_undo(
    ledger: &LedgerReader,
    dir: &Path,
    state: RunState,
    mut should_continue: impl FnMut() -> bool,
) -> Result<UndoSummary, ReportError> {
    check_undo_report(dir)?;
    let calls = ledger.call_counts()?;
    let mut summary = UndoSummary {
        run_id: ledger.fact(fact::RUN_ID)?.unwrap_or_default(),
        state,
        members: 0,
        removed: 0,
        gone_already: 0,
        kept: 0,
        failed: 0,
        not_attempted: 0,
        calls: calls.calls,
        throttled_calls: calls.throttled,
        elapsed_seconds: ledger.elapsed_seconds()?,
        errors_by_code: BTreeMap::new(),
    };
    let mut report = CsvReport::create(dir, UNDO, Delimiter::COMMA, Encoding::UTF_8, b"")?;
    report.record(COLUMNS)?;
    ledger.project(|row| {
        if row.row.is_multiple_of(CHECK_INTERVAL) && !should_continue() {
            return Err(ReportError::Interrupted);
        }
        let removal = Removal::of(row);
        summary.add(removal);
        let code = row.code.as_deref().unwrap_or_default();
        let is_problem = matches!(removal, Removal::Kept | Removal::Failed);
        if is_problem && !code.is_empty() {
            *summary.errors_by_code.entry(code.to_owned()).or_default() += 1;
        }
        let detail = match (removal, row.message.as_deref()) {
            (Removal::Removed, _) => String::new(),
            (_, None | Some("")) => code.to_owned(),
            (_, Some(message)) => format!("{code}: {message}"),
        };
        let fields: Vec<&str> = row.record.iter().take(4).map(|field| &**field).collect();
        report.record(fields.into_iter().chain([removal.as_str(), &detail]))
    })?;
    report.finish()?.persist()?;
    sync(dir)?;
    Ok(summary)
}

/// Checks that a file with the name of the report is one.
///
/// # Errors
/// [`ReportError::Foreign`] if it is not.
pub fn check_undo_report(dir: &Path) -> Result<(), ReportError> {
    check_csv(dir, UNDO, &COLUMNS)
}
