//! The output of `runs`: one line for each run.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::format::time;
use super::origin::noun;
use super::{Status, path};
use crate::model::escape_control;

/// Run directories, one per line.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Listing(pub Vec<Listed>);

/// A run directory: the status of its run, or why it cannot be read.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Listed {
    /// A run.
    Run(Box<Status>),
    /// No run yet: a process is starting one.
    Starting {
        /// The run directory.
        #[serde(flatten)]
        dir: RunDirectory,
        /// Always `starting`.
        state: &'static str,
        /// The process that starts it.
        owner: String,
    },
    /// A run that cannot be read.
    Unreadable {
        /// The run directory.
        #[serde(flatten)]
        dir: RunDirectory,
        /// The error.
        error: String,
    },
}

/// A run directory in JSON.
#[derive(Debug, Serialize)]
pub struct RunDirectory {
    #[serde(serialize_with = "path::lossy")]
    dir: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    dir_hex: Option<String>,
}

impl From<&Path> for RunDirectory {
    fn from(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            dir_hex: path::hex(dir),
        }
    }
}

impl Listed {
    /// A directory in which this process is starting a run.
    #[must_use]
    pub fn starting(dir: &Path, owner: String) -> Self {
        let (dir, state) = (dir.into(), "starting");
        Self::Starting { dir, state, owner }
    }

    /// A directory whose run cannot be read.
    #[must_use]
    pub fn unreadable(dir: &Path, error: String) -> Self {
        let dir = dir.into();
        Self::Unreadable { dir, error }
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "{:<11} {:>10} {:>10} {:>8} {:>10} {:>11}  {:<9}  directory",
            "state", "rows", "in", "not in", "open", "age", "kind"
        )?;
        for listed in &self.0 {
            match listed {
                Listed::Run(status) => writeln!(
                    f,
                    "{:<11} {:>10} {:>10} {:>8} {:>10} {:>11}  {:<9}  {}{}{}",
                    status.state.as_str(),
                    status.rows_read,
                    status.in_channel(),
                    status.not_in_channel(),
                    status.open,
                    time(status.seconds_since_start),
                    noun(status.rehearsal),
                    display_path(&status.dir),
                    status
                        .reports_fault()
                        .map_or(String::new(), |fault| format!("  (reports: {fault})")),
                    status
                        .undo
                        .as_ref()
                        .map_or(String::new(), |undo| format!("  (undo {undo})"))
                )?,
                Listed::Starting { dir, state, owner } => reason(f, state, dir, owner)?,
                Listed::Unreadable { dir, error } => reason(f, "unreadable", dir, error)?,
            }
        }
        Ok(())
    }
}

/// A line for a directory without counts, with the reason.
fn reason(f: &mut fmt::Formatter<'_>, state: &str, dir: &RunDirectory, why: &str) -> fmt::Result {
    let (dir, why) = (display_path(&dir.dir), escape_control(why, usize::MAX));
    writeln!(f, "{state:<11} {dir}: {why}")
}

fn display_path(dir: &Path) -> String {
    escape_control(&dir.display().to_string(), usize::MAX)
}
