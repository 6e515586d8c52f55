//! Where the kills struck.

use std::collections::BTreeMap;
use std::fmt;

/// What a run was at when it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Nothing was committed.
    Beginning,
    /// The list was not read to its end.
    Staging,
    /// The list was read, not all rows were settled.
    Calling,
    /// All was settled, the reports were not all written.
    Reporting,
}

/// Kills by phase, and what was done otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    kills: BTreeMap<Phase, u32>,
    pub(super) campaigns: u32,
    pub(super) inspected: u32,
}

impl Tally {
    pub(super) fn killed(&mut self, phase: Phase) {
        *self.kills.entry(phase).or_default() += 1;
    }

    pub(super) fn kills(&self) -> u32 {
        self.kills.values().sum()
    }

    pub(super) fn with(mut self, other: Self) -> Self {
        for (phase, kills) in other.kills {
            *self.kills.entry(phase).or_default() += kills;
        }
        self.campaigns += other.campaigns;
        self.inspected += other.inspected;
        self
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kills, campaigns) = (self.kills(), self.campaigns);
        write!(f, "{kills} kills in {campaigns} runs")?;
        for (phase, kills) in &self.kills {
            write!(f, ", {kills} while {phase:?}")?;
        }
        write!(f, "; {} times looked at in between", self.inspected)
    }
}
