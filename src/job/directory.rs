//! The run directory: its name, its creation, and whether it contains a run.

use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

use super::lock::{OWNER, check_readable, owner};
use super::{JobError, MergeError};
use crate::ledger::Ledger;
use crate::model::Shard;
use crate::report;

/// The ledger's file in the run directory.
pub const LEDGER: &str = "ledger.db";
/// The directory of a run's undo, in the run directory.
pub(super) const UNDO_DIR: &str = "undo";
/// The directory of the removals of a sync, in the run directory.
pub(super) const REMOVAL: &str = "removal";
/// What the name of a shard's directory begins with, in the directory of its job.
const SHARD: &str = "shard-";
/// The longest path of a run directory, in bytes. SQLite's own limit for the files of the ledger is 512
/// (`MAX_PATHNAME` in its `os_unix.c`).
const MAX_PATH: usize = 512 - 1 - "/ledger.db-journal".len();
/// At most this many characters of the list's name go into the directory's name.
const MAX_NAME_CHARS: usize = 40;

/// A run's name: the UTC time and the list's name, with only characters that are safe in a path.
pub(super) fn run_id(list: &str, now: jiff::Timestamp) -> String {
    let stem = Path::new(list)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("list");
    let stem = stem.split('.').next().unwrap_or(stem);
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = stem.chars().take(MAX_NAME_CHARS).map(safe).collect();
    let name = name.trim_matches('-');
    let name = if name.is_empty() { "stdin" } else { name };
    format!("{}-{name}", now.strftime("%Y%m%dT%H%M%SZ"))
}

/// The directory of a shard, in the directory of its job.
#[must_use]
pub fn shard_directory(job: &Path, shard: Shard) -> PathBuf {
    job.join(shard_name(shard))
}

/// The name of a shard's directory.
pub(super) fn shard_name(shard: Shard) -> String {
    format!("{SHARD}{}", shard.number())
}

/// The error for a directory without a run: none, or one that another process is starting.
pub(super) fn no_run(dir: &Path) -> JobError {
    match owner(dir) {
        Ok(Some(owner)) => JobError::Starting {
            dir: dir.to_owned(),
            owner,
        },
        Ok(None) if shards(dir).is_ok_and(|shards| !shards.is_empty()) => {
            MergeError::NotMerged(dir.to_owned()).into()
        }
        Ok(None) => JobError::NoRun(dir.to_owned()),
        Err(error) => error,
    }
}

/// The directories of shards that contain a run, in the directory of their job.
pub(super) fn shards(job: &Path) -> io::Result<Vec<PathBuf>> {
    let mut shards = Vec::new();
    for entry in std::fs::read_dir(job)? {
        let entry = entry?;
        let is_named = entry.file_name().to_string_lossy().starts_with(SHARD);
        // A link would lead to another shard, or out of the job.
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_named && is_directory && holds_run(&entry.path()) {
            shards.push(entry.path());
        }
    }
    shards.sort();
    Ok(shards)
}

/// Checks that the path of the directory is short enough for the ledger.
pub(super) fn check_length(dir: &Path) -> Result<(), JobError> {
    let path = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let length = path.as_os_str().len();
    if length > MAX_PATH {
        return Err(JobError::LongPath {
            length,
            max: MAX_PATH,
        });
    }
    Ok(())
}

/// Creates the directory with access for its owner only, unless it exists.
pub(super) fn create(dir: &Path) -> Result<(), JobError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let create = || {
        let dir = std::path::absolute(dir)?;
        let existing = dir.ancestors().skip(1).find(|dir| dir.exists());
        builder.create(&dir)?;
        // A new directory survives a power failure only once its parent is synced: sync the parent
        // of each that was created.
        #[cfg(unix)]
        for dir in dir.ancestors().skip(1) {
            std::fs::File::open(dir)?.sync_all()?;
            if Some(dir) == existing {
                break;
            }
        }
        Ok(())
    };
    create().map_err(|source| JobError::Directory {
        dir: dir.to_owned(),
        source,
    })
}

/// Whether the directory contains a run that can be resumed. True if its ledger cannot be read now:
/// it may be one.
#[must_use]
pub fn holds_run(dir: &Path) -> bool {
    let path = dir.join(LEDGER);
    let about = std::fs::symlink_metadata(&path);
    about.is_ok_and(|about| about.is_file())
        && (check_readable(dir).is_err() || !Ledger::is_blank(&path).is_ok_and(|is_blank| is_blank))
}

/// Whether a run in this directory writes to this file, if the directory exists.
pub(super) fn is_of_run(dir: &Path, file: &Path) -> bool {
    let (Ok(dir), Ok(file)) = (dir.canonicalize(), file.canonicalize()) else {
        return false;
    };
    let ledger = Ledger::files(&dir.join(LEDGER));
    let files = ledger.into_iter().chain(report::files(&dir));
    files.chain([dir.join(OWNER)]).any(|path| path == file)
}

/// Checks that the directory contains no run. A run killed before its first commit does not count.
pub(super) fn check_vacant(dir: &Path) -> Result<(), JobError> {
    let path = dir.join(LEDGER);
    if !Ledger::is_blank(&path)? {
        return Err(JobError::RunExists(dir.to_owned()));
    }
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(JobError::Directory {
            dir: dir.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// This directory, or the first numbered one beside it that does not exist.
pub(super) fn unused(first: PathBuf) -> PathBuf {
    // A path such as `.` or `a/..` ends without a name to number.
    let first = match first.file_name() {
        Some(_) => first,
        None => first.canonicalize().unwrap_or(first),
    };
    if !first.exists() {
        return first;
    }
    let name = first.file_name().unwrap_or_default().to_owned();
    let numbered = |n: u32| {
        let mut name = name.clone();
        name.push(format!("-{n}"));
        first.with_file_name(name)
    };
    let mut numbered = (2..).map(numbered);
    numbered.find(|dir| !dir.exists()).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_list_never_becomes_a_path() {
        let now = "2024-05-06T07:08:09Z".parse().unwrap();
        let id = |list| run_id(list, now);
        assert_eq!(id("lists/May members.csv"), "20240506T070809Z-May-members");
        assert_eq!(id("standard input"), "20240506T070809Z-standard-input");
        assert_eq!(id("../.."), "20240506T070809Z-list");
        assert_eq!(id("a/..hidden"), "20240506T070809Z-stdin");
    }
}
