//! A list of questions to the service, as the list of a run that asks them, and its rows once they are
//! asked.

use std::path::Path;

use super::ReportError;
use super::csv_report::CsvReport;
use super::set::sync;
use crate::ledger::{LedgerError, LedgerReader, ResultRow};
use crate::model::{MembershipType, Question, QuestionRow};
use crate::roster::{Delimiter, Encoding, Entry};

/// What a question is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The channel's ARN.
    pub channel: &'a str,
    /// The ARN of the channel's app instance.
    pub instance: &'a str,
    /// The member's ARN, if it is about one.
    pub member: Option<&'a str>,
    /// The type, of the membership or of those to list.
    pub membership_type: MembershipType,
    /// The sub-channel, likewise.
    pub sub_channel: Option<&'a str>,
}

/// A list of questions, being written. Only its owner can read it.
pub struct QuestionList {
    list: CsvReport,
    dir: std::path::PathBuf,
    questions: u64,
}

impl QuestionList {
    /// Begins a list of this name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(dir: &Path, name: &str) -> Result<Self, ReportError> {
        let mut list = CsvReport::create(dir, name, Delimiter::COMMA, Encoding::UTF_8, b"")?;
        list.record(QuestionRow::COLUMNS)?;
        Ok(Self {
            list,
            dir: dir.to_owned(),
            questions: 0,
        })
    }

    /// Adds a question. Returns the number of its row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn ask(&mut self, row: QuestionRow, about: Subject<'_>) -> Result<u64, ReportError> {
        self.questions += 1;
        let stand_in = format!("{}/user/question-{}", about.instance, self.questions);
        let [question, max_pages] = row.fields();
        self.list.record([
            question.as_str(),
            &max_pages,
            about.channel,
            about.member.unwrap_or(&stand_in),
            about.membership_type.as_str(),
            about.sub_channel.unwrap_or_default(),
        ])?;
        Ok(self.questions)
    }

    /// How many questions it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.questions
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.questions == 0
    }

    /// Ends the list.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> Result<(), ReportError> {
        self.list.finish()?.persist()?;
        sync(&self.dir)
    }
}

/// Passes each question of an inquiry to `each`, with its row.
pub(super) fn each_answer<E: From<LedgerError>>(
    inquiry: &LedgerReader,
    mut each: impl FnMut(Question, &ResultRow<'_>, &Entry) -> Result<(), E>,
) -> Result<(), E> {
    let mut entry = Entry::default();
    inquiry.project(|row| {
        let damaged = || inquiry.damaged(format!("question {}", row.row));
        let fields: Vec<String> = row.record.iter().map(ToString::to_string).collect();
        let question = QuestionRow::parse(&fields).ok_or_else(damaged)?.question;
        let resolved = inquiry.layout().resolve(row.record, &mut entry);
        resolved.map_err(|_| damaged())?;
        each(question, row, &entry)
    })?;
    Ok(())
}
