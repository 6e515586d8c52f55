//! Counts of kills.

use std::collections::BTreeMap;
use std::fmt;

/// The phase of a run when it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Nothing was committed.
    Beginning,
    /// The list was not read to its end.
    Staging,
    /// The list was read, not all rows were settled.
    Calling,
    /// All rows were settled, not all reports were written.
    Reporting,
}

/// Kills by phase, the runs that were killed, and how often a ledger was inspected after a kill.
#[derive(Debug, Clone, Default)]
pub(super) struct KillCounts {
    kills: BTreeMap<Phase, u32>,
    pub(super) runs: u32,
    pub(super) inspected: u32,
}

impl KillCounts {
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
        self.runs += other.runs;
        self.inspected += other.inspected;
        self
    }
}

impl fmt::Display for KillCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kills, runs) = (self.kills(), self.runs);
        write!(f, "{kills} kills in {runs} runs")?;
        for (phase, kills) in &self.kills {
            write!(f, ", {kills} while {phase:?}")?;
        }
        write!(f, "; {} ledgers inspected in between", self.inspected)
    }
}
