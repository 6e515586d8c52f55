//! Files with members who are never removed.

use std::collections::HashMap;
use std::path::PathBuf;

use super::{JobError, Request};
use crate::model::{MemberArn, check_user_id};

/// Why a member of such a file is kept.
const REASON: &str = "protected by --protect";

/// The ARNs of the members in these files: on each line an ARN, or the id of a user in the app instance of
/// the bearers. Empty lines and lines that begin with `#` are skipped.
pub(super) fn protected(
    files: &[PathBuf],
    run: &Request,
) -> Result<HashMap<String, &'static str>, JobError> {
    let instance = run.bearers.instance();
    let mut protected = HashMap::new();
    for path in files {
        let wrong = |line: usize, what: String| JobError::ProtectFile {
            path: path.clone(),
            line,
            what,
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(0, error.to_string()))?;
        let lines = text.trim_start_matches('\u{feff}').lines();
        for (number, line) in (1..).zip(lines) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let arn = if line.starts_with("arn:") {
                MemberArn::parse(line).map_err(|error| wrong(number, error.reason()))?
            } else {
                check_user_id(line).map_err(|error| wrong(number, error.reason()))?;
                let instance = instance.as_ref().ok_or_else(|| {
                    wrong(
                        number,
                        "a user id, but there is no bearer with an app instance".to_owned(),
                    )
                })?;
                let user = instance.user(line);
                user.map_err(|error| wrong(number, error.reason()))?
            };
            protected.insert(arn.to_string(), REASON);
        }
    }
    Ok(protected)
}
