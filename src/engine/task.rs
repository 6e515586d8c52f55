//! What a run does with the rows of its list.

use crate::model::Operation;

/// What a run does with its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Task {
    /// Only reads the list to its end; makes no call.
    Stage,
    /// Adds their members.
    #[default]
    Add,
    /// Removes their members. The rows have [`RemovalRow::COLUMNS`](crate::model::RemovalRow::COLUMNS).
    Remove {
        /// Whether each membership is described first, and kept if another run may have made it. A row
        /// in doubt always is.
        guarded: bool,
    },
    /// Asks about their channels and members. The rows have
    /// [`QuestionRow::COLUMNS`](crate::model::QuestionRow::COLUMNS), and count as added once they are
    /// answered.
    Read,
}

impl Task {
    /// Its text in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Add => "add",
            Self::Remove { .. } => "remove",
            Self::Read => "read",
        }
    }

    /// Whether it removes members.
    #[must_use]
    pub fn removes(self) -> bool {
        matches!(self, Self::Remove { .. })
    }

    /// The operation of its calls, if they are not to be another.
    #[must_use]
    pub fn operation(self) -> Operation {
        match self {
            Self::Stage | Self::Add => Operation::Batch,
            Self::Remove { .. } => Operation::Remove,
            Self::Read => Operation::Read,
        }
    }
}
