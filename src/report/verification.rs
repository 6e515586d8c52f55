//! `verify.csv`, and the counts of a verification.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::format::{count, time, wrap};
use crate::model::Outcome;

/// What the channel itself says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The member is in the channel, as the run reported or could not tell.
    Confirmed,
    /// The member is not in the channel.
    Missing,
    /// The member is in the channel, though the run did not report it.
    Unexpected,
    /// The member is in the channel, with another type than the row's.
    OtherType,
    /// The channel could not be read.
    Unreadable,
}

impl Verdict {
    /// All verdicts, in the order of the reports.
    pub const ALL: [Self; 5] = [
        Self::Confirmed,
        Self::Missing,
        Self::Unexpected,
        Self::OtherType,
        Self::Unreadable,
    ];

    /// Its text in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Missing => "missing",
            Self::Unexpected => "unexpected",
            Self::OtherType => "other_type",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The counts of a verification: printed by `verify` with `--json`, and part of `summary.json`. Later
/// versions may add fields; none is renamed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// The names of the runs that were verified.
    pub runs: Vec<String>,
    /// When: UTC, RFC 3339.
    pub verified_at: String,
    /// How many rows were to be drawn at random; null if all were checked.
    pub sample: Option<u64>,
    /// Rows checked: the sum of the following.
    pub checked: u64,
    /// Rows whose members are in their channels.
    pub confirmed: u64,
    /// Rows whose members are not in their channels.
    pub missing: u64,
    /// Rows whose members are in their channels, though the run did not report it.
    pub unexpected: u64,
    /// Rows whose members are in their channels with another type.
    pub other_type: u64,
    /// Rows whose channels could not be read.
    pub unreadable: u64,
    /// Rows among `missing` and `unreadable` that the runs themselves reported as not in: there the channels
    /// say nothing else.
    #[serde(default)]
    pub as_reported: u64,
    /// Calls made.
    pub calls: u64,
    /// Calls throttled as a whole.
    pub throttled_calls: u64,
    /// The time of the calls, in seconds.
    pub elapsed_seconds: f64,
}

impl Verification {
    /// Whether every row checked is confirmed.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.confirmed == self.checked
    }

    /// Whether no channel says anything else than the runs reported.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.confirmed + self.as_reported == self.checked
    }

    /// The counts in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let counts = Verdict::ALL
            .into_iter()
            .map(|verdict| (verdict, self.count(verdict)));
        let counts = counts.filter(|(_, rows)| *rows > 0);
        let parts: Vec<String> = counts
            .map(|(verdict, rows)| format!("{rows} {}", verdict.as_str()))
            .collect();
        let of = self.sample.map_or("", |_| " of a random sample");
        format!("{}{of}, on {}", parts.join(", "), self.verified_at)
    }

    /// Counts a row with this outcome.
    pub(super) fn add(&mut self, verdict: Verdict, outcome: Outcome) {
        *self.count_mut(verdict) += 1;
        self.checked += 1;
        let is_out = matches!(
            outcome,
            Outcome::Failed | Outcome::Invalid | Outcome::NotAttempted
        );
        let is_silent = matches!(verdict, Verdict::Missing | Verdict::Unreadable);
        self.as_reported += u64::from(is_out && is_silent);
    }

    /// Adds the counts of another run.
    pub fn merge(&mut self, other: Self) {
        for verdict in Verdict::ALL {
            *self.count_mut(verdict) += other.count(verdict);
        }
        self.checked += other.checked;
        self.as_reported += other.as_reported;
        self.calls += other.calls;
        self.throttled_calls += other.throttled_calls;
        self.elapsed_seconds += other.elapsed_seconds;
        self.runs.extend(other.runs);
        self.sample = self.sample.or(other.sample);
        self.verified_at = other.verified_at;
    }

    /// The rows with this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> u64 {
        match verdict {
            Verdict::Confirmed => self.confirmed,
            Verdict::Missing => self.missing,
            Verdict::Unexpected => self.unexpected,
            Verdict::OtherType => self.other_type,
            Verdict::Unreadable => self.unreadable,
        }
    }

    fn count_mut(&mut self, verdict: Verdict) -> &mut u64 {
        match verdict {
            Verdict::Confirmed => &mut self.confirmed,
            Verdict::Missing => &mut self.missing,
            Verdict::Unexpected => &mut self.unexpected,
            Verdict::OtherType => &mut self.other_type,
            Verdict::Unreadable => &mut self.unreadable,
        }
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (runs, took) = (self.runs.join(", "), time(self.elapsed_seconds));
        writeln!(f, "verification of {runs} finished after {took}")?;
        let of = self.sample.map_or("", |_| " of a random sample");
        writeln!(f, "  {:<16}{:>12}{of}", "rows checked", self.checked)?;
        for verdict in Verdict::ALL {
            let rows = self.count(verdict);
            if rows > 0 || verdict == Verdict::Confirmed {
                writeln!(f, "  {:<16}{rows:>12}", verdict.as_str())?;
            }
        }
        if self.as_reported > 0 {
            let note = "   (missing or unreadable, as the runs reported)";
            writeln!(f, "  {:<16}{:>12}{note}", "not in", self.as_reported)?;
        }
        let throttled = self.throttled_calls;
        writeln!(
            f,
            "  {:<16}{:>12}   ({throttled} throttled)",
            "calls", self.calls
        )
    }
}

/// What a verification would take, printed by `verify` before it begins, and by `verify --dry-run`.
/// Later versions may add fields; none is renamed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerificationPlan {
    /// The names of the runs to verify.
    pub runs: Vec<String>,
    /// Rows to check.
    pub rows: u64,
    /// Channels that they are in.
    pub channels: u64,
    /// Calls at least. Members whom a listing does not have take one more each.
    pub calls: u64,
    /// The least time, in seconds.
    pub seconds: f64,
}

impl VerificationPlan {
    /// Adds what another run takes.
    pub fn merge(&mut self, other: Self) {
        self.runs.extend(other.runs);
        self.rows += other.rows;
        self.channels += other.channels;
        self.calls += other.calls;
        self.seconds += other.seconds;
    }
}

impl fmt::Display for VerificationPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, channels) = (count(self.rows, "row"), count(self.channels, "channel"));
        let (calls, least) = (count(self.calls, "call"), time(self.seconds));
        let text = format!(
            "verification of {rows} in {channels}: at least {calls}, {least} at the limits; one more call for \
             each member whom a listing does not have"
        );
        wrap(f, &text, 2)
    }
}
