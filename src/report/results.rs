//! All reports in one pass over the rows: `results.csv`, `failed.csv`, the page and the counts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use super::csv_report::CsvReport;
use super::files::{AtomicFile, FinishedFile};
use super::next_steps::NextSteps;
use super::origin::Origin;
use super::page::{ChannelCounts, Failures, RunPage};
use super::set::{ReportSet, ReportsState};
use super::{FAILED, PAGE, RESULTS, ReportError, SUMMARY, Summary};
use crate::ledger::{CallCounts, LedgerError, LedgerReader, ResultRow, Totals, fact};
use crate::model::{Limits, Outcome, RunState, Tally};
use crate::roster::{Delimiter, Encoding, Entry, Layout, REPORT_COLUMNS};

/// Columns of `results.csv`: a contract.
pub(super) const COLUMNS: [&str; 8] = [
    "row",
    "channel_arn",
    "member_arn",
    "type",
    "outcome",
    "error_code",
    "error_message",
    "attempts",
];

/// Rows after which to check whether to continue.
const CHECK_INTERVAL: u64 = 1_024;

/// The reports to write, and where.
#[derive(Debug, Clone, Copy)]
pub struct Reports<'a> {
    /// The run directory.
    pub dir: &'a Path,
    /// The run's state.
    pub state: RunState,
    /// The limits in force, for the lower bound.
    pub limits: &'a Limits,
}

/// Writes and publishes all reports, without a record in the ledger.
///
/// # Errors
/// As [`prepare`] and [`ReportSet::publish`].
pub fn write(
    ledger: &LedgerReader,
    reports: Reports<'_>,
    should_continue: impl FnMut() -> bool,
) -> Result<Summary, ReportError> {
    prepare(ledger, reports, should_continue)?.publish()
}

/// Writes `results.csv`, `failed.csv`, `report.html` and `summary.json` under temporary names.
/// `should_continue` is called every thousand rows; if it returns false, writing stops.
///
/// # Errors
/// If the ledger cannot be read, a report cannot be written, or `should_continue` returned false. The
/// earlier reports then stay as they were.
pub fn prepare(
    ledger: &LedgerReader,
    reports: Reports<'_>,
    mut should_continue: impl FnMut() -> bool,
) -> Result<ReportSet, ReportError> {
    let mut results =
        CsvReport::create(reports.dir, RESULTS, Delimiter::COMMA, Encoding::UTF_8, b"")?;
    results.record(COLUMNS)?;
    let layout = ledger.layout();
    // With the mark, spreadsheets read as UTF-8 what was not UTF-8 in the list.
    let mark = if ledger.notes()?.fallback_rows > 0 {
        Encoding::UTF_8.mark(true)
    } else {
        layout.mark()
    };
    // In the list's own encoding: it is read again with the same flags.
    let mut failed = CsvReport::create(
        reports.dir,
        FAILED,
        layout.delimiter(),
        layout.encoding(),
        mark,
    )?;
    let header = layout.report_header();
    failed.record(header.iter().map(String::as_str).chain(REPORT_COLUMNS))?;
    let mut errors_by_code = BTreeMap::<String, u64>::new();
    let mut failures = Failures::default();
    let mut channels = ChannelCounts::default();
    let mut entry = Entry::default();
    let totals = ledger.project(|row| {
        if row.row.is_multiple_of(CHECK_INTERVAL) && !should_continue() {
            return Err(ReportError::Interrupted);
        }
        let (number, attempts) = (row.row.to_string(), row.attempts.to_string());
        let [channel, member, kind] = membership_fields(row, layout, &mut entry);
        results.record([
            &number,
            &*channel,
            &*member,
            &*kind,
            row.outcome.as_str(),
            row.code.as_deref().unwrap_or_default(),
            row.message.as_deref().unwrap_or_default(),
            &attempts,
        ])?;
        channels.add(&channel, row.outcome, row.code.as_deref());
        if !row.outcome.is_in() && row.outcome != Outcome::Duplicate {
            let code = row.code.as_deref().unwrap_or_default();
            let message = row.message.as_deref().unwrap_or_default();
            let own = row.record.iter().map(|field| &**field);
            // What a program left out at the end of a row is put back, or the columns do not fit.
            let missing = layout.width().saturating_sub(row.record.len());
            let fields = own.chain(std::iter::repeat_n("", missing));
            failed.record(fields.chain([code, message, &number]))?;
            if let Some(code) = &row.code {
                *errors_by_code.entry(code.clone()).or_default() += 1;
                failures.add(code, row.row, [&channel, &member, message]);
            }
        }
        Ok::<(), ReportError>(())
    })?;
    check_counts(ledger, reports.state, totals)?;
    let summary = summarize(ledger, reports, totals, errors_by_code)?;
    let page = RunPage::of(
        ledger,
        reports.dir,
        &summary,
        reports.limits,
        &failures,
        &channels,
        &mut should_continue,
    )?
    .html()?;
    let page = write_text(reports.dir, PAGE, &page)?;
    let text = serde_json::to_string_pretty(&summary).map_err(std::io::Error::from);
    let text = text.map_err(|source| ReportError::Io {
        path: reports.dir.join(SUMMARY),
        source,
    })? + "\n";
    let others = [results.finish()?, failed.finish()?, page];
    // Last: a report that is younger was changed by somebody else.
    let file = write_text(reports.dir, SUMMARY, &text)?;
    Ok(ReportSet::new(reports.dir, summary, file, others))
}

/// Writes a report with this text.
fn write_text(dir: &Path, name: &str, text: &str) -> Result<FinishedFile, ReportError> {
    let path = dir.join(name);
    let mut file = AtomicFile::create(path.clone())?;
    match file.write_all(text.as_bytes()) {
        Ok(()) => file.finish(),
        Err(source) => Err(ReportError::Io { path, source }),
    }
}

/// Compares the rows found with the counts recorded when they were written. Rows that are missing
/// from a damaged ledger leave no other trace.
fn check_counts(ledger: &LedgerReader, state: RunState, totals: Totals) -> Result<(), LedgerError> {
    let (staged, tally) = (ledger.staged(), totals.tally);
    let agrees = totals.absent == staged.rows_left_out + staged.elsewhere
        && tally.of(Outcome::Invalid) == staged.invalid
        && tally.of(Outcome::Duplicate) == staged.duplicate
        && (state != RunState::Finished || tally.of(Outcome::NotAttempted) == 0);
    // Before the end of the list the recorded counts may lag behind the rows.
    if agrees || !staged.list_ended {
        Ok(())
    } else {
        Err(ledger.damaged("rows that were written are not there"))
    }
}

/// Channel, member and type of a row. A defective row has the fields of the list.
fn membership_fields<'a>(
    row: &'a ResultRow<'_>,
    layout: &'a Layout,
    entry: &'a mut Entry,
) -> [Cow<'a, str>; 3] {
    if layout.resolve(row.record, entry).is_ok() {
        let kind = entry.membership_type().as_str();
        [entry.channel_arn(), entry.member_arn(), kind].map(Cow::Borrowed)
    } else {
        let (channel, member) = layout.channel_and_member(row.record);
        [channel, member, Cow::Borrowed("")]
    }
}

fn summarize(
    ledger: &LedgerReader,
    reports: Reports<'_>,
    totals: Totals,
    errors_by_code: BTreeMap<String, u64>,
) -> Result<Summary, ReportError> {
    let staged = ledger.staged();
    let tally = totals.tally;
    let calls = ledger.call_counts()?;
    let bearers: u64 = ledger.fact(fact::BEARERS)?.unwrap_or(1);
    let bound = ledger.lower_bound(reports.limits.members_per_call)?;
    let (least, binding) = bound.time(reports.limits, usize::try_from(bearers).unwrap_or(1));
    let least = least.as_secs_f64();
    let elapsed = ledger.elapsed_seconds()?;
    let (calls_left, seconds_left) = rest(ledger, reports, tally, bearers)?;
    let steps = NextSteps::of(
        reports.state,
        tally,
        &errors_by_code,
        ReportsState::Complete,
    );
    let origin = Origin::of(ledger)?;
    Ok(Summary {
        quotas: ledger.fact(fact::QUOTAS)?.flatten(),
        run_id: ledger.fact(fact::RUN_ID)?.unwrap_or_default(),
        generation: ledger.generation()?,
        state: reports.state,
        rehearsal: origin.is_rehearsal(),
        sync: origin.is_sync(),
        list: ledger.fact(fact::LIST)?.unwrap_or_default(),
        address: ledger.fact::<Option<String>>(fact::ADDRESS)?.flatten(),
        rows_read: staged.rows_read + staged.elsewhere,
        elsewhere: staged.elsewhere,
        shard: origin.shard(),
        rows_left_out: staged.rows_left_out,
        notes: ledger.notes()?,
        added: tally.of(Outcome::Added),
        already_member: tally.of(Outcome::AlreadyMember),
        failed: tally.of(Outcome::Failed),
        invalid: tally.of(Outcome::Invalid),
        duplicate: tally.of(Outcome::Duplicate),
        unconfirmed: tally.of(Outcome::Unconfirmed),
        not_attempted: tally.of(Outcome::NotAttempted),
        calls: calls.calls,
        single_calls: calls.single,
        throttled_calls: calls.throttled,
        retried_members: totals.retried,
        learned_max_rate: learned_max_rate(ledger, reports.limits, bearers, calls)?,
        channels: ledger.channels()?,
        bearers,
        started_at: ledger.fact(fact::STARTED_AT)?.unwrap_or_default(),
        finished_at: ledger.fact(fact::FINISHED_AT)?.unwrap_or_default(),
        elapsed_seconds: elapsed,
        lower_bound_calls: bound.calls(),
        lower_bound_seconds: least,
        lower_bound_ratio: ratio(reports.state, elapsed, least),
        binding_limit: binding,
        errors_by_code,
        rows_to_edit: steps.rows_to_edit,
        lower_bound_calls_left: calls_left,
        lower_bound_seconds_left: seconds_left,
        verification: ledger.fact(fact::VERIFICATION)?.flatten(),
        accounts: tally.accounts_for(staged.rows_read),
    })
}

/// Throttled calls from which a learned rate is worth telling: a few are of calls that came too close.
const MANY_THROTTLED: u64 = 5;

/// The rate that the last session learned, cut to hundredths, if it is clearly below the limits.
fn learned_max_rate(
    ledger: &LedgerReader,
    limits: &Limits,
    bearers: u64,
    calls: CallCounts,
) -> Result<Option<f64>, LedgerError> {
    #[expect(clippy::cast_precision_loss, reason = "a pool has few bearers")]
    let pool = limits.bearer_rate * bearers.max(1) as f64;
    let limit = limits.max_rate.map_or(pool, |rate| rate.min(pool));
    let rate = ledger.fact::<Option<f64>>(fact::LEARNED_RATE)?.flatten();
    let is_clear = |rate: &f64| *rate < limit * 0.9 && calls.throttled >= MANY_THROTTLED;
    let rate = rate.filter(is_clear);
    Ok(rate.map(|rate| (rate * 100.0).floor() / 100.0))
}

/// The elapsed time as a multiple of the least time of the list, where they can be compared.
fn ratio(state: RunState, elapsed: f64, least: f64) -> Option<f64> {
    // The times of sessions are whole milliseconds, so a run at the bound may be a little below it.
    const ROUNDING: f64 = 0.002;
    // A run below the bound had pauses between sessions, in which its limits recovered, or a session
    // with higher limits.
    let comparable = state == RunState::Finished && least > 0.0 && elapsed + ROUNDING >= least;
    comparable.then(|| (elapsed / least).max(1.0))
}

/// The fewest calls, and the least time in seconds, for the rows that `resume` or `retry` sends.
fn rest(
    ledger: &LedgerReader,
    reports: Reports<'_>,
    tally: Tally,
    bearers: u64,
) -> Result<(u64, f64), LedgerError> {
    if tally.not_in() == tally.of(Outcome::Invalid) {
        return Ok((0, 0.0));
    }
    let per_call = reports.limits.members_per_call;
    let bound = ledger.bound_of_rest(&ledger.progress()?, reports.state, per_call)?;
    let (least, _) = bound.time(reports.limits, usize::try_from(bearers).unwrap_or(1));
    Ok((bound.calls(), least.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_never_faster_than_the_lower_bound() {
        let finished = |elapsed| ratio(RunState::Finished, elapsed, 9.0);
        assert_eq!(finished(18.0), Some(2.0));
        assert_eq!([8.999, 9.0].map(finished), [Some(1.0); 2]);
        assert_eq!([0.0, 2.16, 8.9].map(finished), [None; 3]);
        assert_eq!(ratio(RunState::Interrupted, 18.0, 9.0), None);
        assert_eq!(ratio(RunState::Finished, 18.0, 0.0), None);
    }
}
