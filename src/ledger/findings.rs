//! What the service answered to the questions of a list of questions.
//!
//! Promises: the pages of one listing are of one session: a listing that a session left unfinished
//! begins anew in the next, as a token may have expired by then.

use super::tables::FINDING;
use super::{Ledger, LedgerError, LedgerReader};
use crate::model::Finding;

/// The last page of a listing that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastPage {
    /// Its number, from 0.
    pub page: u64,
    /// Where the next one begins.
    pub next_token: String,
}

impl Ledger {
    /// Records what a call found for a row. `page` is the page's number in a listing, otherwise 0;
    /// `instance` is the ARN of the channel's app instance.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn record_finding(
        &mut self,
        row: u64,
        page: u64,
        call: i64,
        finding: &Finding,
        instance: &str,
    ) -> Result<(), LedgerError> {
        let text =
            serde_json::to_string(finding).map_err(|error| self.damaged(error.to_string()))?;
        // Nearly every ARN is of this app instance: without its ARN a page takes a third.
        let text = text.replace(&format!("\"{instance}/"), "\"/");
        let next = "coalesce((SELECT max(number) + 1 FROM finding WHERE row = ?1), 0)";
        let query =
            format!("SELECT ?1 AS row, {next} AS number, ?2 AS page, ?3 AS call, ?4 AS finding");
        self.write(|connection| {
            connection
                .prepare_cached(&FINDING.insert_from(&query))?
                .execute((row, page, call, text))
        })?;
        Ok(())
    }

    /// The last page of a row's listing, if this session has begun it and more pages follow.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn last_page(&self, row: u64) -> Result<Option<LastPage>, LedgerError> {
        let last = self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT page, finding FROM verified_finding WHERE row = ?1 AND call >=
                        (SELECT coalesce(max(first_call), 0) FROM verified_session)
                     ORDER BY number DESC LIMIT 1",
                )?
                .query_map([row], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?
                .next()
                .transpose()
        })?;
        let Some((page, text)) = last else {
            return Ok(None);
        };
        let next_token = self.finding(&text, "")?.next_token().map(str::to_owned);
        Ok(next_token.map(|next_token| LastPage { page, next_token }))
    }
}

impl LedgerReader {
    /// What was found for a row: the pages of its last listing, or its one answer; nothing if it was not
    /// answered. `instance` is the ARN of the channel's app instance.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn findings(&self, row: u64, instance: &str) -> Result<Vec<Finding>, LedgerError> {
        let texts: Vec<String> = self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT finding FROM verified_finding WHERE row = ?1 AND number >=
                        (SELECT max(number) FROM finding WHERE row = ?1 AND page = 0)
                     ORDER BY number",
                )?
                .query_map([row], |row| row.get(0))?
                .collect()
        })?;
        let findings = texts.iter().map(|text| self.finding(text, instance));
        findings.collect()
    }

    fn finding(&self, text: &str, instance: &str) -> Result<Finding, LedgerError> {
        let full = |arn: &mut String| {
            if arn.starts_with('/') {
                arn.insert_str(0, instance);
            }
        };
        let mut finding: Finding = serde_json::from_str(text)
            .map_err(|error| self.damaged(format!("a finding: {error}")))?;
        match &mut finding {
            Finding::Members { members, .. } => members.iter_mut().for_each(full),
            Finding::Membership(facts) => {
                full(&mut facts.member);
                facts.channel.as_mut().map(full);
                facts.invited_by.as_mut().map(full);
            }
            Finding::Channel(facts) => {
                facts.channel.as_mut().map(full);
            }
            Finding::SubChannels { .. } | Finding::NoMembership => {}
        }
        Ok(finding)
    }
}
