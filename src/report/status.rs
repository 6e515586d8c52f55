//! The status of a run, in progress or finished.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::format::{count, edit_text, error_line, rest_text, singles_text, time, verb};
use super::next_steps::NextSteps;
use super::origin::{Origin, noun};
use super::path::{self, shell_word};
use super::{FAILED, ReportError, ReportsState, UndoStatus, Verification};
use crate::ledger::{LedgerReader, fact};
use crate::model::{Limits, Outcome, RunState, Shard, escape_control};

/// The pace is measured over this time, in milliseconds.
const RECENT: i64 = 60_000;

/// The status of a run, as `status --json` prints it. `runs --json` prints an array that contains
/// it for each run that can be read. Later versions may add fields; none is renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The run's name.
    pub run_id: String,
    /// The run directory. Bytes that are not UTF-8 are replaced; `dir_hex` contains them.
    #[serde(serialize_with = "path::lossy")]
    #[schemars(with = "String")]
    pub dir: PathBuf,
    /// The bytes of `dir` in hexadecimal. Absent if `dir` is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub dir_hex: Option<String>,
    /// The state of the run.
    pub state: RunState,
    /// Whether the run is a rehearsal, against the sandbox of `--sandbox`.
    #[serde(default)]
    pub rehearsal: bool,
    /// The process that works on the run; null if none does.
    pub owner: Option<String>,
    /// The list, as it was named.
    pub list: String,
    /// The address that the last session calls; null with a sandbox in the process.
    pub address: Option<String>,
    /// Whether the list is read to its end and every duplicate is found.
    pub list_complete: bool,
    /// Which shard of its job the run is; null if it is a whole job.
    #[serde(default)]
    pub shard: Option<Shard>,
    /// Rows read from the list so far.
    pub rows_read: u64,
    /// Rows of other shards among them.
    #[serde(default)]
    pub elsewhere: u64,
    /// Rows whose member the service reported as added.
    pub added: u64,
    /// Rows whose member was in the channel already, according to the service.
    pub already_member: u64,
    /// Rows that the service refused for good or as often as `--max-attempts` allows.
    pub failed: u64,
    /// Defective rows; they are never sent.
    pub invalid: u64,
    /// Rows with the channel and member of an earlier row; only the first is sent.
    pub duplicate: u64,
    /// Rows that were sent but never confirmed or refused by the service.
    pub unconfirmed: u64,
    /// Rows without a verdict when the run stopped.
    pub not_attempted: u64,
    /// Rows without a verdict yet.
    pub open: u64,
    /// Calls made so far.
    pub calls: u64,
    /// Calls among them that added one member by `CreateChannelMembership` (`--single-adds`).
    #[serde(default)]
    pub single_calls: u64,
    /// Calls that were throttled as a whole.
    pub throttled_calls: u64,
    /// Calls without an answer: in flight, or cut off when the run stopped.
    pub open_calls: u64,
    /// Calls sent in the last minute.
    pub calls_lately: u64,
    /// Channels in the list so far.
    pub channels: u64,
    /// 1, and 1 more for each `retry`.
    pub passes: u64,
    /// Start of the first session: UTC, RFC 3339.
    pub started_at: String,
    /// End of the last session: UTC, RFC 3339. Null while the run is in progress, or if it was
    /// killed and no session has ended.
    pub finished_at: Option<String>,
    /// Seconds since `started_at`.
    pub seconds_since_start: f64,
    /// Seconds left at the pace of the last minute, and not less than `lower_bound_seconds_left`;
    /// null if the run is not in progress or no call was sent in that minute.
    pub seconds_left: Option<f64>,
    /// The fewest calls for the rows that are left, or that `resume` or `retry` sends. Calls in
    /// flight and rows that are not read yet do not count.
    #[serde(default)]
    pub lower_bound_calls_left: u64,
    /// The least time that these calls take at the run's limits, in seconds.
    #[serde(default)]
    pub lower_bound_seconds_left: f64,
    /// Rows that are refused again unless they are corrected: edit `failed.csv`, then run it.
    #[serde(default)]
    pub rows_to_edit: u64,
    /// Rows that failed, are defective, or were not confirmed or attempted, by error code.
    pub errors_by_code: BTreeMap<String, u64>,
    /// Whether the reports in `dir` match the ledger.
    pub reports: ReportsState,
    /// The undo of the run; null if it has none.
    #[serde(default)]
    pub undo: Option<UndoStatus>,
    /// The removals of a sync; null of another run, and if none was begun.
    #[serde(default)]
    pub removal: Option<UndoStatus>,
    /// Whether the run is a sync.
    #[serde(default)]
    pub sync: bool,
    /// What the channels said of the rows at the last `verify` since the run changed; null if there was
    /// none.
    #[serde(default)]
    pub verification: Option<Verification>,
    /// The shell command to run next: `resume`, `retry` or `report`. Null of a sync, if an undo was begun,
    /// if the run is in progress, nothing is left to do, or only corrected rows can succeed: see
    /// `rows_to_edit`.
    pub next: Option<String>,
}

/// Computes the status of a run. `now` is in milliseconds since 1970; `owner` is the process that
/// works on the run, if one does; `limits` are those of the run.
///
/// # Errors
/// If the ledger cannot be read.
pub fn status(
    ledger: &LedgerReader,
    dir: &Path,
    state: RunState,
    owner: Option<String>,
    now: i64,
    limits: &Limits,
) -> Result<Status, ReportError> {
    let progress = ledger.progress()?;
    let staged = ledger.staged();
    let calls = ledger.call_counts()?;
    let (calls_lately, members_lately) = ledger.calls_after(now - RECENT)?;
    let started_at: String = ledger.fact(fact::STARTED_AT)?.unwrap_or_default();
    let is_running = state == RunState::Running;
    let since = seconds_since(&started_at, now).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let left = |per_minute: u64| {
        let minute = (RECENT / 1_000) as f64;
        progress.open as f64 / (per_minute as f64 / since.clamp(1.0, minute))
    };
    let bearers: u64 = ledger.fact(fact::BEARERS)?.unwrap_or(1);
    let bound = ledger.bound_of_rest(&progress, state, limits.members_per_call)?;
    let (least, _) = bound.time(limits, usize::try_from(bearers).unwrap_or(1));
    let least = least.as_secs_f64();
    let reports = ReportsState::of(ledger, dir)?;
    let steps = NextSteps::of(state, progress.settled, &progress.errors_by_code, reports);
    let origin = Origin::of(ledger)?;
    Ok(Status {
        run_id: ledger.fact(fact::RUN_ID)?.unwrap_or_default(),
        dir: dir.to_owned(),
        dir_hex: path::hex(dir),
        state,
        rehearsal: origin.is_rehearsal(),
        owner,
        list: ledger.fact(fact::LIST)?.unwrap_or_default(),
        address: ledger.fact::<Option<String>>(fact::ADDRESS)?.flatten(),
        list_complete: staged.complete,
        shard: origin.shard(),
        rows_read: staged.rows_read + staged.elsewhere,
        elsewhere: staged.elsewhere,
        added: progress.settled.of(Outcome::Added),
        already_member: progress.settled.of(Outcome::AlreadyMember),
        failed: progress.settled.of(Outcome::Failed),
        invalid: progress.settled.of(Outcome::Invalid),
        duplicate: progress.settled.of(Outcome::Duplicate),
        unconfirmed: progress.settled.of(Outcome::Unconfirmed),
        not_attempted: progress.settled.of(Outcome::NotAttempted),
        open: progress.open,
        calls: calls.calls,
        single_calls: calls.single,
        throttled_calls: calls.throttled,
        open_calls: calls.open,
        calls_lately,
        channels: ledger.channels()?,
        passes: ledger.passes()?,
        seconds_since_start: since,
        started_at,
        finished_at: ledger.fact(fact::FINISHED_AT)?.filter(|_| !is_running),
        seconds_left: (is_running && members_lately > 0).then(|| left(members_lately).max(least)),
        lower_bound_calls_left: bound.calls(),
        lower_bound_seconds_left: least,
        rows_to_edit: steps.rows_to_edit,
        errors_by_code: progress.errors_by_code,
        reports,
        undo: None,
        removal: None,
        sync: origin.is_sync(),
        verification: ledger.fact(fact::VERIFICATION)?.flatten(),
        next: steps
            .command
            .filter(|_| !origin.is_sync())
            .map(|command| format!("chime-bulk {command} {}", shell_word(dir))),
    })
}

/// How long ago a time was, in seconds; 0 if it is in the future.
fn seconds_since(time: &str, now: i64) -> Option<f64> {
    let then: jiff::Timestamp = time.parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "shown in two units")]
    let seconds = now.saturating_sub(then.as_millisecond()).max(0) as f64 / 1_000.0;
    Some(seconds)
}

impl Status {
    /// Rows whose members are in their channels.
    pub(super) fn in_channel(&self) -> u64 {
        self.added + self.already_member
    }

    /// This status, with that of the undo of the run. What is next is for the user to decide then: more
    /// members, or fewer.
    #[must_use]
    pub fn with_undo(self, undo: UndoStatus) -> Self {
        Self {
            undo: Some(undo),
            next: None,
            ..self
        }
    }

    /// Rows that are settled and whose members are not in their channels.
    pub(super) fn not_in_channel(&self) -> u64 {
        self.failed + self.invalid + self.unconfirmed + self.not_attempted
    }

    /// What is wrong with the reports of a run that no process works on.
    pub(super) fn reports_fault(&self) -> Option<&'static str> {
        if self.state == RunState::Running {
            return None;
        }
        match self.reports {
            ReportsState::Complete => None,
            ReportsState::None => Some("none"),
            ReportsState::Outdated => Some("out of date"),
            ReportsState::Incomplete => Some("not complete"),
        }
    }
}

impl Status {
    /// The lines about what is beside the ledger: the reports, a verification, an undo.
    fn fmt_beside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(fault) = self.reports_fault() {
            let dir = shell_word(&self.dir);
            let again = if self.reports == ReportsState::None {
                ""
            } else {
                " again"
            };
            writeln!(
                f,
                "  {:<16}{fault}: `chime-bulk report {dir}` writes them{again}",
                "reports"
            )?;
        }
        if let Some(found) = &self.verification {
            writeln!(f, "  {:<16}{}", "verified", found.line())?;
        }
        if let Some(removal) = &self.removal {
            writeln!(f, "  {:<16}{removal}", "removal")?;
        }
        if let Some(undo) = &self.undo {
            writeln!(f, "  {:<16}{undo}", "undo")?;
        }
        Ok(())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, number: u64, more: &str| {
            writeln!(f, "  {name:<16}{number:>12}{more}")
        };
        let noun = if self.sync {
            "sync"
        } else {
            noun(self.rehearsal)
        };
        writeln!(f, "{noun} {} {}", self.run_id, verb(self.state))?;
        if let Some(owner) = &self.owner {
            writeln!(
                f,
                "  {:<16}{}",
                "at work",
                escape_control(owner, usize::MAX)
            )?;
        }
        writeln!(
            f,
            "  {:<16}{}, {} ago",
            "started",
            self.started_at,
            time(self.seconds_since_start)
        )?;
        if let Some(finished_at) = &self.finished_at {
            writeln!(f, "  {:<16}{finished_at}", "ended")?;
        }
        writeln!(f, "  {:<16}{}", "list", escape_control(&self.list, 60))?;
        if let Some(address) = &self.address {
            writeln!(f, "  {:<16}{}", "address", escape_control(address, 200))?;
        }
        if let Some(shard) = self.shard {
            writeln!(f, "  {:<16}{:>12}", "shard", shard.to_string())?;
        }
        let reading = if self.list_complete { "" } else { " so far" };
        line(f, "rows read", self.rows_read, reading)?;
        for (name, number) in [
            ("elsewhere", self.elsewhere),
            ("added", self.added),
            ("already_member", self.already_member),
            ("failed", self.failed),
            ("invalid", self.invalid),
            ("duplicate", self.duplicate),
            ("unconfirmed", self.unconfirmed),
            ("not_attempted", self.not_attempted),
            ("open", self.open),
        ] {
            if number > 0 || name == "added" {
                line(f, name, number, "")?;
            }
        }
        let channels = count(self.channels, "channel");
        let singles = singles_text(self.single_calls);
        let calls = format!(
            "   ({singles}{} throttled), on {channels}",
            self.throttled_calls
        );
        line(f, "calls", self.calls, &calls)?;
        if self.state == RunState::Running {
            line(f, "in flight", self.open_calls, "")?;
            line(
                f,
                "lately",
                self.calls_lately,
                "   calls in the last minute",
            )?;
        } else if self.open_calls > 0 {
            line(f, "cut off", self.open_calls, "")?;
        }
        if self.passes > 1 {
            line(f, "passes", self.passes, "")?;
        }
        for (code, rows) in &self.errors_by_code {
            writeln!(f, "{}", error_line(code, *rows))?;
        }
        if let Some(left) = self.seconds_left {
            let left = time(left);
            writeln!(f, "  {:<16}{left} at the pace of the last minute", "left")?;
        }
        let rest = rest_text(self.lower_bound_calls_left, self.lower_bound_seconds_left);
        if let Some(rest) = rest.filter(|_| self.seconds_left.is_some() || self.next.is_some()) {
            writeln!(f, "  {:<16}{rest}", "still needed")?;
        }
        self.fmt_beside(f)?;
        if self.state == RunState::Finished && self.rows_to_edit > 0 {
            let failed = shell_word(&self.dir.join(FAILED));
            writeln!(f, "{}", edit_text(&failed, self.rows_to_edit))?;
        }
        match &self.next {
            Some(next) => writeln!(f, "next: {next}"),
            None => Ok(()),
        }
    }
}
