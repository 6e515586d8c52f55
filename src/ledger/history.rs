//! The calls of a run, in the order in which they were sent.
//!
//! Promises: memory does not grow with the calls. The times are wall clock times, and the clock may
//! have been set: code that reads them must accept any number.

use super::{LedgerError, LedgerReader};
use crate::model::{ChannelId, RefusalKind};

/// A call that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRecord {
    /// Its id.
    pub id: i64,
    /// Its channel.
    pub channel: ChannelId,
    /// How many members it had.
    pub members: u64,
    /// When it was sent, in milliseconds since 1970.
    pub sent_at: i64,
    /// When its result was recorded, if it was.
    pub settled_at: Option<i64>,
    /// Its result.
    pub result: CallResult,
}

/// The result of a call as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallResult {
    /// Answered, member by member.
    Accepted,
    /// Answered 429.
    Throttled,
    /// Refused for another reason.
    Refused,
    /// No answer came, or none is recorded.
    Unanswered,
}

impl LedgerReader {
    /// Passes every call to `each`, in the order they were sent.
    ///
    /// # Errors
    /// If the ledger cannot be read, or what `each` returns.
    pub fn for_each_call<E: From<LedgerError>>(
        &self,
        mut each: impl FnMut(CallRecord) -> Result<(), E>,
    ) -> Result<(), E> {
        let sqlite = |source| self.sqlite(source);
        let mut statement = self.prepare(
            "SELECT lane.channel, call.members, call.sent_at, call.settled_at, call.refusal,
                call.id
             FROM verified_call AS call JOIN verified_lane AS lane ON lane.id = call.lane ORDER BY call.id",
        )?;
        let mut calls = statement.query([]).map_err(sqlite)?;
        while let Some(call) = calls.next().map_err(sqlite)? {
            let read = || -> rusqlite::Result<CallRecord> {
                let settled_at = call.get(3)?;
                let refusal: Option<String> = call.get(4)?;
                Ok(CallRecord {
                    id: call.get(5)?,
                    channel: ChannelId(call.get(0)?),
                    members: call.get(1)?,
                    sent_at: call.get(2)?,
                    settled_at,
                    result: result(settled_at, refusal.as_deref()),
                })
            };
            each(read().map_err(sqlite)?)?;
        }
        Ok(())
    }
}

/// The result that follows from a call's columns.
fn result(settled_at: Option<i64>, refusal: Option<&str>) -> CallResult {
    let unanswered = [
        RefusalKind::Lost,
        RefusalKind::Unreachable,
        RefusalKind::NoCredentials,
    ];
    match refusal {
        None if settled_at.is_none() => CallResult::Unanswered,
        None => CallResult::Accepted,
        Some(kind) if kind == RefusalKind::Throttled.as_str() => CallResult::Throttled,
        Some(kind) if unanswered.map(RefusalKind::as_str).contains(&kind) => CallResult::Unanswered,
        Some(_) => CallResult::Refused,
    }
}
