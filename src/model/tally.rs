//! Rows counted by outcome.

use super::Outcome;

/// How many rows had each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally([u64; 7]);

impl Tally {
    /// Counts `n` rows of this outcome.
    pub fn add(&mut self, outcome: Outcome, n: u64) {
        self.0[outcome as usize] += n;
    }

    /// Rows of this outcome.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }

    /// Rows of all outcomes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Rows whose member is in the channel.
    #[must_use]
    pub fn in_channel(&self) -> u64 {
        self.of(Outcome::Added) + self.of(Outcome::AlreadyMember)
    }

    /// Rows whose member is not in the channel, but for those that repeat another row.
    #[must_use]
    pub fn not_in(&self) -> u64 {
        self.total() - self.in_channel() - self.of(Outcome::Duplicate)
    }

    /// Whether the outcomes add up to the rows read.
    #[must_use]
    pub fn accounts_for(&self, rows_read: u64) -> bool {
        self.total() == rows_read
    }
}
