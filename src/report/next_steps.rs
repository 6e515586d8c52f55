//! What can follow a run: a command, or a correction of `failed.csv`.

use std::collections::BTreeMap;

use super::ReportsState;
use crate::model::{RunState, Tally, codes};

/// What can follow a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextSteps {
    /// Rows that are refused again unless they are corrected.
    pub(super) rows_to_edit: u64,
    /// The subcommand to run next.
    pub(super) command: Option<&'static str>,
}

impl NextSteps {
    /// Derives them from the counts of a run.
    pub(super) fn of(
        state: RunState,
        tally: Tally,
        errors_by_code: &BTreeMap<String, u64>,
        reports: ReportsState,
    ) -> Self {
        let to_edit = errors_by_code
            .iter()
            .filter(|(code, _)| codes::needs_edit(code));
        let rows_to_edit = to_edit.map(|(_, rows)| rows).sum();
        let command = match state {
            RunState::Running => None,
            RunState::Interrupted | RunState::Aborted => Some("resume"),
            RunState::Finished if tally.not_in() > rows_to_edit => Some("retry"),
            RunState::Finished => (reports != ReportsState::Complete).then_some("report"),
        };
        Self {
            rows_to_edit,
            command,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    fn steps(rows: &[(&str, Outcome, u64)], reports: ReportsState) -> NextSteps {
        let (mut tally, mut errors) = (Tally::default(), BTreeMap::new());
        tally.add(Outcome::Added, 7);
        for (code, outcome, count) in rows {
            tally.add(*outcome, *count);
            errors.insert((*code).to_owned(), *count);
        }
        NextSteps::of(RunState::Finished, tally, &errors, reports)
    }

    #[test]
    fn retry_follows_only_if_a_row_can_succeed_as_it_is() {
        let complete = |rows: &[_]| steps(rows, ReportsState::Complete);
        let after = |rows_to_edit, command| NextSteps {
            rows_to_edit,
            command,
        };
        let defect = ("Defect", Outcome::Invalid, 2);
        let refused = ("BadRequest", Outcome::Failed, 3);
        let missing = ("NotFound", Outcome::Failed, 1);
        assert_eq!(complete(&[]), after(0, None));
        assert_eq!(complete(&[defect, refused]), after(5, None));
        assert_eq!(complete(&[missing]), after(0, Some("retry")));
        assert_eq!(
            complete(&[defect, refused, missing]),
            after(5, Some("retry"))
        );
        let outdated = steps(&[defect], ReportsState::Outdated);
        assert_eq!(outdated, after(2, Some("report")));
    }
}
