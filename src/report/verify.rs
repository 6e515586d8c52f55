//! Verifying the rows of a run: the questions that it takes, and `verify.csv`.
//!
//! Must not: call the service, or judge (that is [`evidence`](super::evidence)).

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::csv_report::{CsvReport, check_csv};
use super::evidence::{Description, Evidence, Judgement};
use super::questions::{QuestionList, Subject};
use super::set::sync;
use super::verification::{Verdict, Verification, VerificationPlan};
use super::{ReportError, VERIFY};
use crate::ledger::{Fingerprint, FingerprintHasher, LedgerReader, ResultRow, fact};
use crate::model::{Finding, Limits, MembershipType, Outcome, Question, QuestionRow, quota};
use crate::roster::{Delimiter, Encoding, Entry};
use crate::schedule::LowerBound;

/// Columns of `verify.csv`: a contract.
const COLUMNS: [&str; 5] = ["row", "channel_arn", "member_arn", "verdict", "detail"];

/// Rows after which to check whether to continue.
const CHECK_INTERVAL: u64 = 1_024;

/// The rows of one channel, or sub-channel.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    rows: u64,
    /// Rows whose members the run reported as in.
    reported_in: u64,
}

impl Group {
    /// Whether to list the channel: one page of each type at least, and each takes no more calls than
    /// to describe every row.
    fn is_listed(&self) -> bool {
        self.least_pages() < self.rows
    }

    fn least_pages(&self) -> u64 {
        self.reported_in.div_ceil(quota::MEMBERS_PER_PAGE).max(1) + 1
    }

    fn least_calls(&self) -> u64 {
        self.least_pages().min(self.rows)
    }
}

/// The rows to verify.
#[derive(Debug)]
pub struct VerifiedRows<'a> {
    run: &'a LedgerReader,
    hasher: FingerprintHasher,
    /// By channel and sub-channel.
    groups: HashMap<(String, Option<String>), Group>,
    sample: Option<BTreeSet<u64>>,
    rows: u64,
}

impl<'a> VerifiedRows<'a> {
    /// The rows of a run, or a random sample of this size. `seed` decides which.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn of(
        run: &'a LedgerReader,
        sample: Option<u64>,
        draw: impl FnMut(u64) -> u64,
    ) -> Result<Self, ReportError> {
        let mut rows = Self {
            run,
            hasher: FingerprintHasher::new(run.key()?),
            groups: HashMap::new(),
            sample: None,
            rows: 0,
        };
        if let Some(size) = sample {
            rows.sample = Some(rows.drawn(size, draw)?);
        }
        let mut entry = Entry::default();
        let (mut count, mut groups) = (0, HashMap::<_, Group>::new());
        rows.for_each(&mut entry, |row, entry| {
            count += 1;
            let Some(entry) = entry else { return Ok(()) };
            let sub_channel = entry.sub_channel().map(str::to_owned);
            let group = groups.entry((entry.channel_arn().to_owned(), sub_channel));
            let group = group.or_default();
            group.rows += 1;
            group.reported_in += u64::from(row.outcome.is_in());
            Ok(())
        })?;
        (rows.rows, rows.groups) = (count, groups);
        Ok(rows)
    }

    /// The numbers of so many rows, each row as likely as any other.
    fn drawn(
        &self,
        size: u64,
        mut draw: impl FnMut(u64) -> u64,
    ) -> Result<BTreeSet<u64>, ReportError> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let mut drawn: Vec<u64> = Vec::new();
        let mut seen = 0;
        self.run.project(|row| {
            seen += 1;
            if drawn.len() < size {
                drawn.push(row.row);
            } else if let Some(place) = usize::try_from(draw(seen))
                .ok()
                .and_then(|place| drawn.get_mut(place))
            {
                *place = row.row;
            }
            Ok::<_, ReportError>(())
        })?;
        Ok(drawn.into_iter().collect())
    }

    /// Passes each row to check to `each`; a row that is invalid without an entry.
    fn for_each(
        &self,
        entry: &mut Entry,
        mut each: impl FnMut(&ResultRow<'_>, Option<&Entry>) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        self.run.project(|row| {
            let is_chosen = |sample: &BTreeSet<u64>| sample.contains(&row.row);
            if !self.sample.as_ref().is_none_or(is_chosen) {
                return Ok(());
            }
            let is_valid = row.outcome != Outcome::Invalid
                && self.run.layout().resolve(row.record, entry).is_ok();
            each(row, is_valid.then_some(&*entry))
        })?;
        Ok(())
    }

    /// What it takes at least to check them, at these limits.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn plan(&self, limits: &Limits, bearers: usize) -> Result<VerificationPlan, ReportError> {
        let mut bound = LowerBound::default();
        let mut channels = BTreeSet::new();
        for ((channel, _), group) in &self.groups {
            channels.insert(channel);
            bound.add_calls(if self.sample.is_some() {
                group.rows
            } else {
                group.least_calls()
            });
        }
        let limits = limits.of_reading(quota::LIST_RATE);
        let (least, _) = bound.time(&limits, bearers);
        Ok(VerificationPlan {
            runs: vec![self.run.fact(fact::RUN_ID)?.unwrap_or_default()],
            rows: self.rows,
            channels: channels.len() as u64,
            calls: bound.calls(),
            seconds: least.as_secs_f64(),
        })
    }

    /// Writes the questions for the listings: those of the channels where a listing takes fewer calls
    /// than to describe each row. A listing ends early once it has taken as many.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn ask_listings(&self, questions: &mut QuestionList) -> Result<(), ReportError> {
        if self.sample.is_some() {
            return Ok(());
        }
        let mut groups: Vec<_> = self.groups.iter().collect();
        // The longest first: its pages come one after the other.
        groups.sort_unstable_by(|(a, a_group), (b, b_group)| {
            b_group.rows.cmp(&a_group.rows).then_with(|| a.cmp(b))
        });
        for ((channel, sub_channel), group) in groups {
            let Some(instance) = instance(channel).filter(|_| group.is_listed()) else {
                continue;
            };
            let row = QuestionRow {
                question: Question::Members,
                max_pages: Some(group.rows),
            };
            let types = [MembershipType::Default, MembershipType::Hidden];
            // Members of a sub-channel are never hidden (AWS, "Elastic channels").
            let types = &types[..if sub_channel.is_some() { 1 } else { 2 }];
            for membership_type in types {
                let about = Subject {
                    channel,
                    instance,
                    member: None,
                    membership_type: *membership_type,
                    sub_channel: sub_channel.as_deref(),
                };
                questions.ask(row, about)?;
            }
        }
        Ok(())
    }

    /// Writes the questions for the rows that the listings leave open.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn ask_descriptions(
        &self,
        evidence: &Evidence,
        questions: &mut QuestionList,
    ) -> Result<(), ReportError> {
        let mut asked = BTreeSet::new();
        self.for_each(&mut Entry::default(), |row, entry| {
            let Some(entry) = entry else { return Ok(()) };
            if self.judge(row, entry, evidence) != Judgement::Open
                || !asked.insert(self.membership(entry))
            {
                return Ok(());
            }
            let about = Subject {
                channel: entry.channel_arn(),
                instance: entry.app_instance(),
                member: Some(entry.member_arn()),
                membership_type: MembershipType::Default,
                sub_channel: entry.sub_channel(),
            };
            questions.ask(QuestionRow::new(Question::Membership), about)?;
            Ok(())
        })
    }

    /// Adds the descriptions of an inquiry to the evidence.
    ///
    /// # Errors
    /// If its ledger cannot be read.
    pub fn add_descriptions(
        &self,
        inquiry: &LedgerReader,
        evidence: &mut Evidence,
    ) -> Result<(), ReportError> {
        let mut entry = Entry::default();
        inquiry.project(|row| {
            if inquiry.layout().resolve(row.record, &mut entry).is_err() {
                return Err(inquiry.damaged(format!("question {}", row.row)).into());
            }
            let mut findings = inquiry.findings(row.row, entry.app_instance())?;
            let description = match findings.pop() {
                Some(Finding::Membership(facts)) => Description::In(facts.membership_type),
                Some(Finding::NoMembership) => Description::Absent,
                _ => {
                    let code = row.code.as_deref().unwrap_or_default();
                    let message = row.message.as_deref().unwrap_or_default();
                    Description::Refused(format!("{code}: {message}"))
                }
            };
            evidence.describe(self.membership(&entry), description);
            Ok::<_, ReportError>(())
        })?;
        Ok(())
    }

    /// Writes `verify.csv` into the run's directory. `should_continue` is called every thousand rows;
    /// if it returns false, writing stops.
    ///
    /// # Errors
    /// If the ledger cannot be read, the report cannot be written, or another file has its name.
    pub fn write(
        &self,
        dir: &Path,
        evidence: &Evidence,
        mut should_continue: impl FnMut() -> bool,
    ) -> Result<Verification, ReportError> {
        check_verify_report(dir)?;
        let mut verification = Verification {
            runs: vec![self.run.fact(fact::RUN_ID)?.unwrap_or_default()],
            sample: self.sample.as_ref().map(|sample| sample.len() as u64),
            ..Verification::default()
        };
        let mut report = CsvReport::create(dir, VERIFY, Delimiter::COMMA, Encoding::UTF_8, b"")?;
        report.record(COLUMNS)?;
        self.for_each(&mut Entry::default(), |row, entry| {
            if row.row.is_multiple_of(CHECK_INTERVAL) && !should_continue() {
                return Err(ReportError::Interrupted);
            }
            let number = row.row.to_string();
            let Some(entry) = entry else {
                verification.add(Verdict::Missing, Outcome::Invalid);
                let (channel, member) = self.run.layout().channel_and_member(row.record);
                let reason = row.message.as_deref().unwrap_or_default();
                let detail = format!("the row is invalid: {reason}");
                let verdict = Verdict::Missing.as_str();
                return report.record([&number, &*channel, &*member, verdict, &detail]);
            };
            let judgement = self.judge(row, entry, evidence);
            let (verdict, detail) = match judgement {
                Judgement::Verdict(verdict, detail) => (verdict, detail),
                Judgement::Open => (Verdict::Unreadable, "not asked".to_owned()),
            };
            verification.add(verdict, row.outcome);
            let (channel, member) = (entry.channel_arn(), entry.member_arn());
            report.record([&number, channel, member, verdict.as_str(), &detail])
        })?;
        report.finish()?.persist()?;
        sync(dir)?;
        Ok(verification)
    }

    fn judge(&self, row: &ResultRow<'_>, entry: &Entry, evidence: &Evidence) -> Judgement {
        let is_filled = self.group(entry).reported_in > 0;
        evidence.judge(row, entry, self.membership(entry), is_filled)
    }

    fn group(&self, entry: &Entry) -> Group {
        let key = (
            entry.channel_arn().to_owned(),
            entry.sub_channel().map(str::to_owned),
        );
        self.groups.get(&key).copied().unwrap_or_default()
    }

    fn membership(&self, entry: &Entry) -> Fingerprint {
        let sub_channel = entry.sub_channel().unwrap_or_default();
        self.hasher
            .hash(&[entry.channel_arn(), entry.member_arn(), sub_channel])
    }
}

/// The app instance in a channel's ARN.
fn instance(channel: &str) -> Option<&str> {
    channel
        .rsplit_once("/channel/")
        .map(|(instance, _)| instance)
}

/// Checks that a file with the name of the report is one.
///
/// # Errors
/// [`ReportError::Foreign`] if it is not.
pub fn check_verify_report(dir: &Path) -> Result<(), ReportError> {
    check_csv(dir, VERIFY, &COLUMNS)
}
