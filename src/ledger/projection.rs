//! The verdict of every row, in the order of the list.
//!
//! Verdicts are stored per call. To expand them without holding the whole list, rows are processed in
//! windows. For each window its verdicts are applied in order, so that the last one counts.

use super::calls::AGAIN;
use super::page::{self, Fields};
use super::schema::PAGE_ROWS;
use super::{LedgerError, LedgerReader, rows};
use crate::model::{Outcome, Tally, codes};

/// Pages in one window: about a million rows, some 12 MB.
const WINDOW_PAGES: u64 = 1 << 14;

/// One row of the list and its verdict.
#[derive(Debug)]
pub struct ResultRow<'a> {
    /// Its number, from 1.
    pub row: u64,
    /// Its fields as they were in the list.
    pub record: &'a Fields<'a>,
    /// The verdict.
    pub outcome: Outcome,
    /// The error code: the service's, or `Defect`, or `Duplicate`.
    pub code: Option<String>,
    /// The service's message, or the defect.
    pub message: Option<String>,
    /// Calls that contained it, other than those throttled or split as a whole.
    pub attempts: u16,
}

/// Counts of all rows together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rows by outcome.
    pub tally: Tally,
    /// Rows that took more than one attempt.
    pub retried: u64,
    /// Rows that were left out, or are of another shard.
    pub absent: u64,
}

/// Where a row's code and message are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum MessageSource {
    #[default]
    None,
    Defect,
    Duplicate,
    Verdict(u32),
    ClosedLane(u32),
    Listed(u32),
    Interrupted,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowState {
    pub(super) outcome: Option<Outcome>,
    pub(super) source: MessageSource,
    attempts: u16,
    /// Whether the row is retried if the run is resumed.
    pub(super) is_open: bool,
}

/// The rows from one page to another, with their states.
pub(super) struct RowWindow {
    first_row: u64,
    states: Vec<RowState>,
}

impl RowWindow {
    fn last_row(&self) -> u64 {
        self.first_row + self.states.len() as u64 - 1
    }

    /// Every row with its state.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u64, RowState)> {
        (self.first_row..).zip(self.states.iter().copied())
    }

    fn update(&mut self, row: u64, change: impl FnOnce(&mut RowState)) {
        let index = row
            .checked_sub(self.first_row)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(state) = index.and_then(|index| self.states.get_mut(index)) {
            change(state);
        }
    }
}

impl LedgerReader {
    /// Passes every row taken from the list to `each`, in its order, with its verdict so far.
    ///
    /// # Errors
    /// If the ledger cannot be read, or what `each` returns.
    pub fn project<E: From<LedgerError>>(
        &self,
        mut each: impl FnMut(&ResultRow<'_>) -> Result<(), E>,
    ) -> Result<Totals, E> {
        let mut totals = Totals::default();
        let mut messages = Messages::new(self);
        for (first_page, pages) in self.windows()? {
            let window = self.window(first_page, pages)?;
            self.project_window(&window, &mut messages, &mut totals, &mut each)?;
        }
        Ok(totals)
    }

    /// The first page of each window, and how many pages it has.
    pub(super) fn windows(&self) -> Result<impl Iterator<Item = (u64, u64)> + use<>, LedgerError> {
        let last_page: Option<u64> = self.read(|connection| {
            connection.query_row("SELECT max(id) FROM page", [], |row| row.get(0))
        })?;
        let pages = last_page.map_or(0, |last| last + 1);
        let queued = self.staged().queued_pages;
        if pages < queued {
            return Err(self.damaged(format!("page {} is missing", queued - 1)));
        }
        let starts = (0..pages).step_by(usize::try_from(WINDOW_PAGES).unwrap_or(usize::MAX));
        Ok(starts.map(move |first| (first, WINDOW_PAGES.min(pages - first))))
    }

    pub(super) fn project_window<E: From<LedgerError>>(
        &self,
        window: &RowWindow,
        messages: &mut Messages<'_>,
        totals: &mut Totals,
        each: &mut impl FnMut(&ResultRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sqlite = |source| self.sqlite(source);
        let mut statement = self.prepare(
            "SELECT id, records FROM verified_page WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
        )?;
        let range = (
            (window.first_row - 1) / PAGE_ROWS,
            (window.last_row() - 1) / PAGE_ROWS,
        );
        let mut pages = statement.query(range).map_err(sqlite)?;
        for id in range.0..=range.1 {
            let found = pages.next().map_err(sqlite)?;
            let found = found.ok_or_else(|| self.damaged(format!("page {id} is missing")))?;
            if found.get::<_, u64>(0).map_err(sqlite)? != id {
                return Err(self.damaged(format!("page {id} is missing")).into());
            }
            let text: String = found.get(1).map_err(sqlite)?;
            let records = page::records(&text).ok_or_else(|| self.damaged(format!("page {id}")))?;
            for (index, record) in (0u64..).zip(&records) {
                let Some(record) = record else {
                    totals.absent += 1;
                    continue;
                };
                let row = id * PAGE_ROWS + index + 1;
                let index = usize::try_from(row - window.first_row).unwrap_or(usize::MAX);
                let state = window.states.get(index).copied().unwrap_or_default();
                let outcome = state.outcome.unwrap_or(Outcome::NotAttempted);
                let (code, message) = messages.find(row, state.source)?;
                totals.tally.add(outcome, 1);
                totals.retried += u64::from(state.attempts > 1);
                each(&ResultRow {
                    row,
                    record,
                    outcome,
                    code,
                    message,
                    attempts: state.attempts,
                })?;
            }
        }
        Ok(())
    }

    /// The states of the rows of these pages.
    pub(super) fn window(&self, first_page: u64, pages: u64) -> Result<RowWindow, LedgerError> {
        // The number of pages follows from the last one's number. If that is wrong, without this
        // check there would be windows without end.
        let is_there = self.read(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM page WHERE id = ?1)")?
                .query_row([first_page], |row| row.get::<_, bool>(0))
        })?;
        if !is_there {
            return Err(self.damaged(format!("page {first_page} is missing")));
        }
        let size = usize::try_from(pages * PAGE_ROWS).unwrap_or(usize::MAX);
        let mut window = RowWindow {
            first_row: first_page * PAGE_ROWS + 1,
            states: vec![RowState::default(); size],
        };
        self.apply_unsent(&mut window)?;
        self.apply_listed(&mut window)?;
        self.apply_closed_lanes(&mut window)?;
        self.apply_verdicts(&mut window)?;
        self.apply_interrupted_calls(&mut window)?;
        Ok(window)
    }

    /// Defects and duplicates.
    fn apply_unsent(&self, window: &mut RowWindow) -> Result<(), LedgerError> {
        let kinds = [
            ("defect", Outcome::Invalid, MessageSource::Defect),
            ("duplicate", Outcome::Duplicate, MessageSource::Duplicate),
        ];
        for (table, outcome, source) in kinds {
            self.read(|connection| {
                let query = format!("SELECT row FROM verified_{table} WHERE row BETWEEN ?1 AND ?2");
                let mut statement = connection.prepare_cached(&query)?;
                let mut found = statement.query((window.first_row, window.last_row()))?;
                while let Some(found) = found.next()? {
                    window.update(found.get(0)?, |state| {
                        *state = RowState {
                            outcome: Some(outcome),
                            source,
                            ..RowState::default()
                        };
                    });
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Rows that were settled by a listing.
    fn apply_listed(&self, window: &mut RowWindow) -> Result<(), LedgerError> {
        let sqlite = |source| self.sqlite(source);
        let mut statement = self.prepare("SELECT id, outcome, rows FROM verified_listed")?;
        let mut found = statement.query([]).map_err(sqlite)?;
        while let Some(found) = found.next().map_err(sqlite)? {
            let read = || -> rusqlite::Result<(u32, String, String)> {
                Ok((found.get(0)?, found.get(1)?, found.get(2)?))
            };
            let (id, word, text) = read().map_err(sqlite)?;
            let outcome = self.outcome(&word)?;
            for row in self.decode(&text)? {
                window.update(row, |state| {
                    *state = RowState {
                        outcome: Some(outcome),
                        source: MessageSource::Listed(id),
                        ..RowState::default()
                    };
                });
            }
        }
        Ok(())
    }

    /// The outcome with this text.
    fn outcome(&self, word: &str) -> Result<Outcome, LedgerError> {
        let mut outcomes = Outcome::ALL.into_iter();
        outcomes
            .find(|outcome| outcome.as_str() == word)
            .ok_or_else(|| self.damaged(format!("outcome {word:?}")))
    }

    /// Rows of closed lanes failed, unless they have a verdict.
    fn apply_closed_lanes(&self, window: &mut RowWindow) -> Result<(), LedgerError> {
        // Lanes first: SQLite would go through the whole queue for a few closed ones.
        let query = "SELECT queue.rows, queue.lane FROM verified_lane AS lane
                     CROSS JOIN verified_queue AS queue ON queue.lane = lane.id
                     WHERE lane.closed_code IS NOT NULL";
        self.apply_rows(query, window, |state, lane| {
            *state = RowState {
                outcome: Some(Outcome::Failed),
                source: MessageSource::ClosedLane(lane),
                ..RowState::default()
            };
        })
    }

    /// Changes the state of all rows that a query returns as lists, each list with a number.
    fn apply_rows(
        &self,
        query: &str,
        window: &mut RowWindow,
        change: impl Fn(&mut RowState, u32),
    ) -> Result<(), LedgerError> {
        let sqlite = |source| self.sqlite(source);
        let mut statement = self.prepare(query)?;
        let mut found = statement.query([]).map_err(sqlite)?;
        while let Some(found) = found.next().map_err(sqlite)? {
            let text: String = found.get(0).map_err(sqlite)?;
            let number: u32 = found.get(1).map_err(sqlite)?;
            for row in self.decode(&text)? {
                window.update(row, |state| change(state, number));
            }
        }
        Ok(())
    }

    fn apply_verdicts(&self, window: &mut RowWindow) -> Result<(), LedgerError> {
        let sqlite = |source| self.sqlite(source);
        let mut statement = self.prepare(
            "SELECT verdict.id, outcome, charged, in_doubt,
                    lane.closed_code IS NOT NULL,
                    coalesce(verdict.code, verdict.message) IS NOT NULL,
                    coalesce(verdict.rows, call.rows)
                 FROM verified_verdict AS verdict JOIN verified_call AS call ON call.id = verdict.call
                 JOIN lane ON lane.id = call.lane
                 WHERE last_row >= ?1 AND first_row <= ?2 ORDER BY verdict.id",
        )?;
        let mut found = statement
            .query((window.first_row, window.last_row()))
            .map_err(sqlite)?;
        while let Some(verdict) = found.next().map_err(sqlite)? {
            let read = || -> rusqlite::Result<(u32, String, bool, bool, bool, bool, String)> {
                Ok((
                    verdict.get(0)?,
                    verdict.get(1)?,
                    verdict.get(2)?,
                    verdict.get(3)?,
                    verdict.get(4)?,
                    verdict.get(5)?,
                    verdict.get(6)?,
                ))
            };
            let (id, word, charged, in_doubt, closed, has_message, text) =
                read().map_err(sqlite)?;
            let outcome = if word == AGAIN {
                unsettled(in_doubt, closed)
            } else {
                self.outcome(&word)?
            };
            // Most rows were added, without a message: a look-up for each would cost much.
            let source = if has_message || word == AGAIN {
                MessageSource::Verdict(id)
            } else {
                MessageSource::None
            };
            for row in self.decode(&text)? {
                window.update(row, |state| {
                    state.outcome = Some(outcome);
                    state.source = source;
                    state.is_open = word == AGAIN;
                    state.attempts = state.attempts.saturating_add(u16::from(charged));
                });
            }
        }
        Ok(())
    }

    /// Calls that were in flight when the process died: their rows are in doubt.
    fn apply_interrupted_calls(&self, window: &mut RowWindow) -> Result<(), LedgerError> {
        let query = "SELECT rows, id FROM verified_call WHERE settled_at IS NULL";
        self.apply_rows(query, window, |state, _| {
            state.outcome = Some(Outcome::Unconfirmed);
            state.source = MessageSource::Interrupted;
            state.is_open = true;
        })
    }

    pub(super) fn decode(&self, text: &str) -> Result<Vec<u64>, LedgerError> {
        rows::decode(text).ok_or_else(|| self.damaged("a list of rows"))
    }
}

/// The outcome of a row that was sent and not settled, if the run ends here.
fn unsettled(in_doubt: bool, closed: bool) -> Outcome {
    match (in_doubt, closed) {
        (true, _) => Outcome::Unconfirmed,
        // To be sent again: after throttling or a refused call a row has not failed for good, unless
        // the channel has ended. Then nothing more is sent, also not after a resume.
        (false, true) => Outcome::Failed,
        (false, false) => Outcome::NotAttempted,
    }
}

/// A code and a message.
type CodeAndMessage = (Option<String>, Option<String>);

/// Looks up codes and messages, many rows sharing one.
pub(super) struct Messages<'a> {
    ledger: &'a LedgerReader,
    last: Option<(MessageSource, CodeAndMessage)>,
}

impl<'a> Messages<'a> {
    pub(super) fn new(ledger: &'a LedgerReader) -> Self {
        Self { ledger, last: None }
    }

    pub(super) fn find(
        &mut self,
        row: u64,
        source: MessageSource,
    ) -> Result<CodeAndMessage, LedgerError> {
        if let Some((_, found)) = self.last.as_ref().filter(|(last, _)| *last == source) {
            return Ok(found.clone());
        }
        let query_message = |query: &str, key: u64| -> Result<CodeAndMessage, LedgerError> {
            self.ledger.read(|connection| {
                connection
                    .prepare_cached(query)?
                    .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
            })
        };
        let found = match source {
            MessageSource::None => (None, None),
            MessageSource::Defect => {
                return query_message(
                    "SELECT 'Defect', iif(column_name = '', '', 'column `' || column_name || '`: ') || reason
                     FROM defect WHERE row = ?1",
                    row,
                );
            }
            MessageSource::Duplicate => {
                return query_message(
                    "SELECT 'Duplicate', 'the same membership as row ' || of_row FROM duplicate WHERE row = ?1",
                    row,
                );
            }
            MessageSource::Verdict(id) => query_message(
                "SELECT code, message FROM verdict WHERE id = ?1",
                u64::from(id),
            )?,
            MessageSource::ClosedLane(lane) => query_message(
                "SELECT closed_code, 'not sent: the channel was closed' ||
                     iif(closed_message = '', '', ': ' || closed_message) FROM lane WHERE id = ?1",
                u64::from(lane),
            )?,
            MessageSource::Listed(id) => query_message(
                "SELECT code, message FROM verified_listed WHERE id = ?1",
                u64::from(id),
            )?,
            MessageSource::Interrupted => (
                Some(codes::INTERRUPTED.to_owned()),
                Some("the run was cut off while the call was under way".to_owned()),
            ),
        };
        self.last = Some((source, found.clone()));
        Ok(found)
    }
}
