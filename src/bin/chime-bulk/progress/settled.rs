//! What became of the rows that a call settled, in the words of `--progress json` and of the metrics.

use chime_bulk::engine::Task;
use chime_bulk::model::{Outcome, Tally, codes};

/// Rows by what became of them. The outcomes of a removal are those of removals, and those of an inquiry
/// are answers; the other fields are then 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SettledRows {
    pub(crate) added: u64,
    pub(crate) already_member: u64,
    pub(crate) answered: u64,
    pub(crate) removed: u64,
    pub(crate) gone_already: u64,
    pub(crate) kept: u64,
    pub(crate) failed: u64,
    pub(crate) unconfirmed: u64,
}

impl SettledRows {
    /// The rows that a call of this task settled; `failed` are those that failed, by error code.
    pub(crate) fn of(task: Task, settled: &Tally, failed: &[(String, u64)]) -> Self {
        let kept = failed
            .iter()
            .filter(|(code, _)| codes::KEPT.contains(&code.as_str()));
        let kept: u64 = kept.map(|(_, rows)| rows).sum();
        let done = settled.of(Outcome::Added);
        let (done, answered) = or_second(task == Task::Read, done);
        let (added, removed) = or_second(task.removes(), done);
        let (already_member, gone_already) =
            or_second(task.removes(), settled.of(Outcome::AlreadyMember));
        Self {
            added,
            already_member,
            answered,
            removed,
            gone_already,
            kept,
            failed: settled.of(Outcome::Failed).saturating_sub(kept),
            unconfirmed: settled.of(Outcome::Unconfirmed),
        }
    }

    /// The outcomes that rows of this task can have after a call, with their number here.
    pub(crate) fn by_outcome(&self, task: Task) -> Vec<(&'static str, u64)> {
        let failed = ("failed", self.failed);
        match task {
            Task::Read => vec![("answered", self.answered), failed],
            Task::Remove { .. } => vec![
                ("removed", self.removed),
                ("gone_already", self.gone_already),
                ("kept", self.kept),
                failed,
            ],
            Task::Add | Task::Stage => vec![
                ("added", self.added),
                ("already_member", self.already_member),
                failed,
                ("unconfirmed", self.unconfirmed),
            ],
        }
    }
}

/// The number as the first of two, or as the second; the other is 0.
fn or_second(is_second: bool, number: u64) -> (u64, u64) {
    if is_second { (0, number) } else { (number, 0) }
}
