//! The address that a run would call, found without a call.

use std::path::Path;

use super::lock::check_readable;
use super::{AwsTarget, JobError, LEDGER, RunSettings};
use crate::chime;
use crate::ledger::LedgerReader;

/// The address of this service in a region, unless the service names a region itself.
///
/// # Errors
/// If the service cannot be called there.
pub async fn address(aws: &AwsTarget, region: &str) -> Result<String, JobError> {
    let region = aws.region.as_deref().unwrap_or(region);
    let config = aws.client_config(region.to_owned());
    Ok(chime::address(config).await?)
}

/// The address that the run in this directory would call if it was resumed; `None` for a sandbox in the
/// process.
///
/// # Errors
/// If the directory contains no run, or the service cannot be called.
pub async fn address_of_run(dir: &Path, aws: AwsTarget) -> Result<Option<String>, JobError> {
    check_readable(dir)?;
    let ledger = LedgerReader::open(&dir.join(LEDGER))?;
    let settings = RunSettings::of(&ledger, dir)?;
    if settings.sandbox {
        return Ok(None);
    }
    let aws = aws.or_else(settings.aws);
    Ok(Some(address(&aws, &settings.region).await?))
}
