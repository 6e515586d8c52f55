//! The lock on a run directory: one process per run. The system releases it when the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use super::JobError;
use crate::private_file;

/// The lock file in the run directory. The file stays when the lock is released.
pub(super) const OWNER: &str = "owner.lock";
/// At most this many bytes of it are read.
const MAX_OWNER_BYTES: u64 = 200;

/// `status` holds the lock for a moment. Before the lock counts as taken, it is tried this often,
const TRIES: u32 = 5;
/// this far apart.
const TRY_INTERVAL: Duration = Duration::from_millis(10);

/// Held while a run is in progress.
#[derive(Debug)]
pub(super) struct RunLock(#[expect(dead_code, reason = "held for as long as this lives")] File);

impl RunLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`JobError::Owned`] if another process holds it.
    pub(super) fn take(dir: &Path) -> Result<Self, JobError> {
        let io = |source| JobError::Directory {
            dir: dir.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = private_file::open(&dir.join(OWNER), &mut options)?;
        if !try_lock(&file).map_err(io)? {
            return Err(JobError::Owned {
                dir: dir.to_owned(),
                owner: read_owner(&mut file).map_err(io)?,
            });
        }
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let owner = format!("process {}, since {now}\n", std::process::id());
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(owner.as_bytes())
        };
        write(&mut file).map_err(io)?;
        Ok(Self(file))
    }
}

/// The process that holds the lock, if one does.
pub(super) fn owner(dir: &Path) -> Result<Option<String>, JobError> {
    let mut file = match private_file::open(&dir.join(OWNER), OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let owner = match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => read_owner(&mut file).map(Some),
        Err(TryLockError::Error(source)) => Err(source),
    };
    owner.map_err(|source| JobError::Directory {
        dir: dir.to_owned(),
        source,
    })
}

/// The error for a directory without a run: none, or one that another process is starting.
pub(super) fn no_run(dir: &Path) -> JobError {
    match owner(dir) {
        Ok(Some(owner)) => JobError::Starting {
            dir: dir.to_owned(),
            owner,
        },
        Ok(None) => JobError::NoRun(dir.to_owned()),
        Err(error) => error,
    }
}

/// Takes the lock if it is free. Returns whether it was.
fn try_lock(file: &File) -> std::io::Result<bool> {
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(TRY_INTERVAL),
            Err(TryLockError::Error(source)) => return Err(source),
        }
    }
    Ok(false)
}

/// Reads what the lock's owner wrote into the file. The owner may not have written yet.
fn read_owner(file: &mut File) -> std::io::Result<String> {
    let mut owner = Vec::new();
    file.take(MAX_OWNER_BYTES).read_to_end(&mut owner)?;
    let owner = String::from_utf8_lossy(&owner);
    Ok(match owner.trim() {
        "" => "another process".to_owned(),
        owner => owner.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_taken_lock_names_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let lock = RunLock::take(dir.path()).unwrap();
        let error = RunLock::take(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        let owner_text = owner(dir.path()).unwrap().unwrap();
        assert!(error.ends_with(&owner_text), "{error}, {owner_text}");
        drop(lock);
        assert_eq!(owner(dir.path()).unwrap(), None);
        RunLock::take(dir.path()).unwrap();
    }
}
