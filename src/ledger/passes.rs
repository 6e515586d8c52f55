//! Passes: the failed rows of a finished run are retried.

use std::collections::{BTreeMap, HashMap};

use super::calls::AGAIN;
use super::projection::MessageSource;
use super::tables::{LANE, PASS, VERDICT};
use super::{Ledger, LedgerError, LedgerReader, rows};
use crate::model::Outcome;

/// Which failures to retry: those with one of these codes, or all if there are none.
struct CodeFilter<'a>(&'a [String]);

impl CodeFilter<'_> {
    fn matches(&self, code: Option<&str>) -> bool {
        let is_named = |code| {
            self.0
                .iter()
                .any(|selected| selected.eq_ignore_ascii_case(code))
        };
        self.0.is_empty() || code.is_some_and(is_named)
    }
}

impl LedgerReader {
    /// How many passes there were, including the first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn passes(&self) -> Result<u64, LedgerError> {
        self.read(|connection| {
            connection.query_row("SELECT count(*) + 1 FROM verified_pass", [], |row| {
                row.get(0)
            })
        })
    }

    /// The lanes that are closed, each with the code it was closed with.
    fn closed_lanes(&self) -> Result<HashMap<u32, Option<String>>, LedgerError> {
        self.read(|connection| {
            connection
                .prepare("SELECT id, closed_code FROM verified_lane WHERE closed_code IS NOT NULL")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }
}

impl Ledger {
    /// Begins a new pass, at this time in milliseconds since 1970. Rows that failed, stayed
    /// unconfirmed or were not attempted are retried: all of them, or those with one of these error
    /// codes. Channels that had ended are open again; for a row of such a channel the code is the one
    /// that the channel ended with. Earlier verdicts stay readable. Returns how many rows are retried;
    /// if that is 0, nothing is changed.
    ///
    /// # Errors
    /// If the ledger cannot be read or written. It counts once it is [committed](Self::commit).
    pub fn begin_pass(&mut self, at: i64, codes: &[String]) -> Result<u64, LedgerError> {
        let filter = CodeFilter(codes);
        let closed = self.closed_lanes()?;
        let mut taken = 0;
        let windows: Vec<(u64, u64)> = self.windows()?.collect();
        for (first_page, pages) in windows {
            let mut by_verdict: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
            for (row, state) in self.window(first_page, pages)?.rows() {
                match (state.outcome, state.source) {
                    (Some(Outcome::Failed), MessageSource::ClosedLane(lane)) => {
                        let code = closed.get(&lane).and_then(Option::as_deref);
                        taken += u64::from(filter.matches(code));
                    }
                    (Some(outcome), MessageSource::Verdict(verdict))
                        if outcome.can_be_retried() =>
                    {
                        by_verdict.entry(verdict).or_default().push(row);
                    }
                    _ => {}
                }
            }
            for (verdict, rows) in by_verdict {
                taken += self.mark_for_retry(verdict, &rows, &filter, &closed)?;
            }
        }
        if taken > 0 {
            self.begin_generation()?;
            self.reopen_lanes(&filter, &closed)?;
            self.insert_pass(at, codes)?;
        }
        Ok(taken)
    }

    /// Marks rows with this last verdict to be retried, if they are wanted. Returns how many.
    fn mark_for_retry(
        &mut self,
        verdict: u32,
        rows: &[u64],
        filter: &CodeFilter<'_>,
        closed: &HashMap<u32, Option<String>>,
    ) -> Result<u64, LedgerError> {
        let (code, lane): (Option<String>, u32) = self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT verdict.code, call.lane FROM verified_verdict AS verdict
                     JOIN verified_call AS call ON call.id = verdict.call WHERE verdict.id = ?1",
                )?
                .query_row([verdict], |row| Ok((row.get(0)?, row.get(1)?)))
        })?;
        // Nothing can be sent to a channel that stays closed.
        let code = closed.get(&lane).unwrap_or(&code).as_deref();
        let (true, Some(first), Some(last)) = (filter.matches(code), rows.first(), rows.last())
        else {
            return Ok(0);
        };
        let values = (
            verdict,
            AGAIN,
            first,
            last,
            rows::encode(rows.iter().copied()),
        );
        self.write(|connection| {
            let query =
                "SELECT next AS id, call, ?2 AS outcome, 0 AS charged, in_doubt, code, message,
                    ?3 AS first_row, ?4 AS last_row, ?5 AS rows
                 FROM verdict, (SELECT max(id) + 1 AS next FROM verdict) WHERE id = ?1";
            connection
                .prepare_cached(&VERDICT.insert_from(query))?
                .execute(values)
        })?;
        Ok(rows.len() as u64)
    }

    /// Reopens the lanes that were closed with a wanted code.
    fn reopen_lanes(
        &mut self,
        filter: &CodeFilter<'_>,
        closed: &HashMap<u32, Option<String>>,
    ) -> Result<(), LedgerError> {
        let opened = closed
            .iter()
            .filter(|(_, code)| filter.matches(code.as_deref()));
        let values = [("closed_code", "NULL"), ("closed_message", "NULL")];
        let update = LANE.update(&values, "id = ?1");
        self.write(|connection| {
            let mut open = connection.prepare_cached(&update)?;
            for (lane, _) in opened {
                open.execute([lane])?;
            }
            Ok(())
        })
    }

    fn insert_pass(&mut self, at: i64, codes: &[String]) -> Result<(), LedgerError> {
        let codes =
            serde_json::to_string(codes).map_err(|error| self.damaged(error.to_string()))?;
        let codes = (codes != "[]").then_some(codes);
        self.write(|connection| {
            let query = "SELECT (SELECT coalesce(max(id), 1) + 1 FROM pass) AS id, ?1 AS begun_at, ?2 AS codes,
                    (SELECT coalesce(max(id), 0) + 1 FROM call) AS first_call";
            connection.execute(&PASS.insert_from(query), (at, codes))
        })?;
        Ok(())
    }
}
