//! Who somebody is, in JSON.

use serde::Serialize;

/// A user or bot. Users have no names here, so the id is also the name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Identity<'a> {
    pub(super) arn: &'a str,
    pub(super) name: &'a str,
}

impl<'a> Identity<'a> {
    /// Who has this ARN.
    pub(super) fn of(arn: &'a str) -> Self {
        Self {
            arn,
            name: arn.rsplit('/').next().unwrap_or(arn),
        }
    }
}
