//! `retry`: sends the failed rows of a finished run again, in a new pass.

use std::path::Path;

use tokio::sync::mpsc;

use super::conclusion::Conclusion;
use super::resume::continue_run;
use super::session::Started;
use super::{JobError, LimitOverrides, RunSettings, Target};
use crate::engine::{Command, Observer};
use crate::ledger::{Ledger, fact};
use crate::model::RunState;

/// Retries the rows of a finished run that are `failed`, `unconfirmed` or `not_attempted`: all of
/// them, or those with one of these error codes. Otherwise as [`resume`](super::resume()).
///
/// # Errors
/// As `resume`; and if the run is not finished, or has no such row.
pub async fn retry(
    dir: &Path,
    codes: &[String],
    target: impl FnOnce(&RunSettings) -> Target,
    limits: LimitOverrides,
    observer: impl FnOnce(&Started) -> Box<dyn Observer>,
    commands: mpsc::Receiver<Command>,
) -> Result<Conclusion, JobError> {
    let begin = |ledger: &mut Ledger| {
        if ledger.fact(fact::STATE)? != Some(RunState::Finished) {
            return Err(JobError::NotFinished(dir.to_owned()));
        }
        if ledger.begin_pass(jiff::Timestamp::now().as_millisecond(), codes)? == 0 {
            let codes = codes.join(", ");
            return Err(JobError::NothingToRetry { codes });
        }
        // In the same commit as the new pass: if killed after it, `resume` continues the pass.
        ledger.set_fact(fact::STATE, &RunState::Interrupted)?;
        Ok(ledger.commit()?)
    };
    Box::pin(continue_run(dir, begin, target, limits, observer, commands)).await
}
