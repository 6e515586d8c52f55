//! Uploads the reports of a run.

use std::path::{Path, PathBuf};

use super::directory::shard_name;
use super::open_run::open_run;
use super::{FailedUpload, JobError, LEDGER, RunSettings};
use crate::ledger::{LedgerReader, fact};
use crate::report::{DIFF, FAILED, PAGE, RESULTS, SUMMARY, UNDO, VERIFY, shell_value, shell_word};
use crate::store::{self, PrefixUrl};

/// Reports in the order of their upload: the summary last, because it marks a complete set.
const REPORTS: [&str; 7] = [RESULTS, FAILED, PAGE, DIFF, UNDO, VERIFY, SUMMARY];

/// Uploads the reports in a run directory to this place or, without it, to that of the run; those of a
/// shard go to a folder of its own there. Returns the place; none if there is none. Ends early when `stop`
/// does.
///
/// # Errors
/// If the directory contains no run, or a report cannot be uploaded.
pub async fn upload_reports(
    dir: &Path,
    to: Option<PrefixUrl>,
    profile: Option<&str>,
    stop: impl Future<Output = ()>,
) -> Result<Option<PrefixUrl>, JobError> {
    let settings = RunSettings::of(&LedgerReader::open(&dir.join(LEDGER))?, dir)?;
    // As it was named: the command that repeats the upload names it so.
    let Some(named) = to.or_else(|| settings.reports_to.clone()) else {
        return Ok(None);
    };
    let to = match settings.shard {
        Some(shard) => named.within(&shard_name(shard)),
        None => named.clone(),
    };
    let files = REPORTS.map(|name| dir.join(name));
    let files: Vec<PathBuf> = files.into_iter().filter(|file| file.is_file()).collect();
    let profile = profile.or(settings.aws.profile.as_deref());
    let uploaded = store::upload(&files, &to, profile, stop).await;
    match uploaded {
        Ok(()) => Ok(Some(to)),
        Err(error) => Err(JobError::Upload(Box::new(FailedUpload {
            command: command(dir, &named, profile),
            error,
        }))),
    }
}

/// Changes where the reports of the run in a directory are uploaded to, from now on.
///
/// # Errors
/// If the directory contains no run, or another process works on it.
pub fn set_reports_to(dir: &Path, to: &PrefixUrl) -> Result<(), JobError> {
    let (_lock, mut ledger) = open_run(dir)?;
    let mut settings = RunSettings::of(&ledger, dir)?;
    settings.reports_to = Some(to.clone());
    ledger.set_fact(fact::SETTINGS, &settings)?;
    Ok(ledger.commit()?)
}

/// The command that uploads the reports of the run in a directory.
fn command(dir: &Path, to: &PrefixUrl, profile: Option<&str>) -> String {
    let profile = profile.map(|profile| format!(" --profile {}", shell_value(profile.as_ref())));
    format!(
        "chime-bulk report {} --to {}{}",
        shell_word(dir),
        shell_value(to.to_string().as_ref()),
        profile.unwrap_or_default()
    )
}
