//! Why shards cannot be merged, and how to fix it.

use std::path::PathBuf;

use super::UNDO_DIR;
use crate::report::{ReportError, shell_word};

/// At most this many missing shards are named.
const MAX_NAMED: usize = 20;

/// Why shards cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The directory has no shard.
    #[error("no shard found in {}", .0.display())]
    NoShards(PathBuf),
    /// The shards of a job are not merged yet, and the command is for runs.
    #[error("{} is a job of shards that are not merged", .0.display())]
    NotMerged(PathBuf),
    /// A directory among those of shards has a run of a whole list.
    #[error("{} contains a run that is no shard", .0.display())]
    NotAShard(PathBuf),
    /// Shards are not there.
    #[error("{} of {count} shards are missing in {}: {}", numbers.len(), dir.display(), named(numbers))]
    Missing {
        /// The directory of the job.
        dir: PathBuf,
        /// Their numbers.
        numbers: Vec<u32>,
        /// How many there should be.
        count: u32,
    },
    /// Two directories have the same shard.
    #[error("shard {number} is there twice: {} and {}", dirs[0].display(), dirs[1].display())]
    Doubled {
        /// Its number.
        number: u32,
        /// The directories.
        dirs: [PathBuf; 2],
    },
    /// A process works on a shard.
    #[error("{} is in use by {owner}", dir.display())]
    Running {
        /// The shard's directory.
        dir: PathBuf,
        /// The process that holds its lock.
        owner: String,
    },
    /// Two shards are not of the same job.
    #[error("{} is not of the same job as {}: {what}", dir.display(), other.display())]
    Different {
        /// The shard's directory.
        dir: PathBuf,
        /// The directory of another shard.
        other: PathBuf,
        /// What is different.
        what: &'static str,
    },
    /// A shard was stopped before it had read its list to the end.
    #[error("{} was stopped before it had read its list to the end", .0.display())]
    Unread(PathBuf),
    /// The run, or a shard, was undone.
    #[error("{} was undone", .0.display())]
    Undone(PathBuf),
    /// A report of the merged run cannot be written.
    #[error("{error}")]
    Report {
        /// The directory of the job.
        dir: PathBuf,
        /// Why.
        error: ReportError,
    },
    /// The merged run was changed since.
    #[error("{} was merged, and retried since", .0.display())]
    Retried(PathBuf),
    /// The command is for a run whose shards are finished.
    #[error("{} is merged of shards, and not all of them are finished", dir.display())]
    Unfinished {
        /// The directory of the job.
        dir: PathBuf,
        /// The directories of the shards that are not finished.
        shards: Vec<PathBuf>,
    },
}

impl MergeError {
    /// How to fix it.
    #[must_use]
    pub fn hint(&self) -> String {
        const PARTIAL: &str = "or pass --partial to merge the others";
        let resume = |dir: &PathBuf| format!("chime-bulk resume {}", shell_word(dir));
        match self {
            Self::NoShards(_) => {
                "pass the --run-dir of a job whose shards ran with --shard: it contains shard-1 and so on"
                    .to_owned()
            }
            Self::NotMerged(dir) => {
                let dir = shell_word(dir);
                format!("once they are finished: chime-bulk merge {dir}; to list them: chime-bulk runs {dir}")
            }
            Self::NotAShard(_) => "move it away: only shards of the job may be named shard-*".to_owned(),
            Self::Missing { .. } => {
                format!("run them with the same --run-dir, one --shard each, {PARTIAL}")
            }
            Self::Doubled { .. } => "move the one that is a copy away".to_owned(),
            Self::Running { .. } => format!("wait for it to end, {PARTIAL}"),
            Self::Different { dir, .. } => format!(
                "move {} away, and run that shard again with the list and the flags of the others",
                shell_word(dir)
            ),
            Self::Unread(dir) => format!("first: {}, {PARTIAL}", resume(dir)),
            Self::Undone(dir) => format!(
                "its reports stay; to merge again all the same, rename {} first",
                shell_word(&dir.join(UNDO_DIR))
            ),
            Self::Report { dir, .. } => format!(
                "nothing is lost: make room there, then: chime-bulk merge {}",
                shell_word(dir)
            ),
            Self::Retried(_) => {
                "its reports are newer than the shards: chime-bulk report writes them again".to_owned()
            }
            Self::Unfinished { dir, shards } => {
                let first = shards.iter().map(resume).next();
                let first = first.unwrap_or_else(|| "run the missing shards".to_owned());
                format!("first: {first}; then: chime-bulk merge {}", shell_word(dir))
            }
        }
    }
}

/// The numbers of shards, in words.
fn named(numbers: &[u32]) -> String {
    let named = numbers.iter().take(MAX_NAMED).map(u32::to_string);
    let mut text = named.collect::<Vec<_>>().join(", ");
    if numbers.len() > MAX_NAMED {
        text.push_str(" and others");
    }
    text
}
