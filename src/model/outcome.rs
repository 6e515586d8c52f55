//! The outcomes of a row, and the states of a run.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The outcome of one row of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The service listed the member as added.
    Added,
    /// The service answered that the member was in the channel already.
    AlreadyMember,
    /// The service refused the member permanently, or as often as `--max-attempts` allows.
    Failed,
    /// The row itself is defective; it was never sent.
    Invalid,
    /// The same channel and member as an earlier row; only the first is sent.
    Duplicate,
    /// Sent, but the service never confirmed or refused it.
    Unconfirmed,
    /// Not settled when the run stopped.
    NotAttempted,
}

impl Outcome {
    /// All outcomes, in the order of the reports.
    pub const ALL: [Self; 7] = [
        Self::Added,
        Self::AlreadyMember,
        Self::Failed,
        Self::Invalid,
        Self::Duplicate,
        Self::Unconfirmed,
        Self::NotAttempted,
    ];

    /// Its text in reports and in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::AlreadyMember => "already_member",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
            Self::Unconfirmed => "unconfirmed",
            Self::NotAttempted => "not_attempted",
        }
    }

    /// Whether the member is in the channel, according to the service.
    #[must_use]
    pub fn is_in(self) -> bool {
        matches!(self, Self::Added | Self::AlreadyMember)
    }

    /// Whether `retry` sends such a row again.
    #[must_use]
    pub fn can_be_retried(self) -> bool {
        matches!(self, Self::Failed | Self::Unconfirmed | Self::NotAttempted)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// In progress.
    // A run that was killed stays `running` in its ledger; only its lock shows the difference.
    Running,
    /// Every row has its final verdict.
    Finished,
    /// Stopped by a signal or killed; can be resumed.
    Interrupted,
    /// Stopped by an error or by `--max-failures`; can be resumed.
    Aborted,
}

impl RunState {
    /// Its text in reports and in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Aborted => "aborted",
        }
    }
}
