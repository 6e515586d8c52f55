//! One owner per run: a lock that dies with its process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use super::JobError;
use crate::private_file;

/// The lock's file in the run directory. It stays when the lock is gone.
pub(super) const OWNER: &str = "owner.lock";
/// Bytes that are read of it.
const LONGEST_OWNER: u64 = 200;

/// A look at the lock takes less time than this,
const GLANCE: Duration = Duration::from_millis(10);
/// and this many do not follow one another.
const GLANCES: u32 = 5;

/// Held while a run is in progress.
#[derive(Debug)]
pub(super) struct RunLock(#[expect(dead_code, reason = "held for as long as this lives")] File);

impl RunLock {
    /// Takes the lock, or returns who holds it.
    pub(super) fn take(dir: &Path) -> Result<Self, JobError> {
        let io = |source| JobError::Directory {
            dir: dir.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = private_file::open(&dir.join(OWNER), &mut options)?;
        if !is_held(&file).map_err(io)? {
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

/// Who has the lock, if anybody has it.
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

/// Why this directory has no run.
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

/// Takes the lock if it is free. Whoever asks for the owner has it for a moment: that is waited for.
fn is_held(file: &File) -> std::io::Result<bool> {
    for _ in 0..GLANCES {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(GLANCE),
            Err(TryLockError::Error(source)) => return Err(source),
        }
    }
    Ok(false)
}

/// Who has the lock, as it wrote there; it may not have done so yet.
fn read_owner(file: &mut File) -> std::io::Result<String> {
    let mut owner = Vec::new();
    file.take(LONGEST_OWNER).read_to_end(&mut owner)?;
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
    fn a_second_process_learns_who_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let lock = RunLock::take(dir.path()).unwrap();
        let error = RunLock::take(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        let said = owner(dir.path()).unwrap().unwrap();
        assert!(error.ends_with(&said), "{error}, {said}");
        drop(lock);
        assert_eq!(owner(dir.path()).unwrap(), None);
        RunLock::take(dir.path()).unwrap();
    }
}
