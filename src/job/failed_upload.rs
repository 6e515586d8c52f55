//! Reports that were not uploaded.

use crate::store::UploadError;

/// Reports that were not uploaded. They are in the run directory.
#[derive(Debug, thiserror::Error)]
#[error("the reports were not uploaded: {error}")]
pub struct FailedUpload {
    /// The command that uploads them.
    pub command: String,
    /// Why they were not.
    #[source]
    pub error: UploadError,
}
