//! The lock on a run directory: one process per run. The system releases it when the process ends.
//!
//! On a network file system another host may hold it. NFS and some others keep locks for all hosts; the
//! lock of a host that is gone is released by the server, on NFS 4 within its lease of one or two
//! minutes. Where locks may be for one host only, a process that has not released the run is taken for
//! alive by every other host.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use super::JobError;
use crate::file_system::{self, FileSystem, Host};
use crate::private_file;

/// The lock file in the run directory. The file stays when the lock is released.
pub(super) const OWNER: &str = "owner.lock";
/// At most this many bytes of it are read.
const MAX_OWNER_BYTES: u64 = 500;

/// `status` holds the lock for a moment. Before the lock counts as taken, it is tried this often,
const TRIES: u32 = 5;
/// this far apart.
const TRY_INTERVAL: Duration = Duration::from_millis(10);

/// Held while a run is in progress. When it is dropped, the file is emptied: a process that was killed
/// leaves what it wrote.
#[derive(Debug)]
pub(super) struct RunLock {
    file: File,
    taken_over: Option<String>,
}

impl RunLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`JobError::Owned`] if another process holds it; [`JobError::OtherHost`] if one on another host
    /// may be at work that this host would not see.
    pub(super) fn take(dir: &Path) -> Result<Self, JobError> {
        Self::take_on(dir, &file_system::of(dir), &Host::this())
    }

    fn take_on(dir: &Path, file_system: &FileSystem, this: &Host) -> Result<Self, JobError> {
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
                owner: Owner::read(&mut file).map_err(io)?.text(file_system),
            });
        }
        let earlier = Owner::read(&mut file).map_err(io)?;
        check_host(dir, &earlier, file_system, this)?;
        let taken_over = (file_system.is_network() && earlier.is_of_another(this))
            .then(|| earlier.text(file_system));
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let owner = format!("process {}, since {now}\n{this}\n", std::process::id());
        let write = |file: &mut File| {
            file.rewind()?;
            file.write_all(owner.as_bytes())?;
            file.set_len(owner.len() as u64)?;
            if file_system.is_network() {
                // Other hosts see it only then.
                file.sync_all()?;
            }
            Ok(())
        };
        write(&mut file).map_err(io)?;
        Ok(Self { file, taken_over })
    }

    /// The process of another host that had worked on the run, and was killed or lost its host.
    pub(super) fn taken_over(&self) -> Option<&str> {
        self.taken_over.as_deref()
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // If that fails, the next process finds the name of one that has ended: on a local file system
        // nothing else happens.
        let _ = self.file.set_len(0);
    }
}

/// The process that holds the lock, if one does.
///
/// # Errors
/// If the file cannot be read; [`JobError::OtherHost`] if one on another host may be at work that this
/// host would not see.
pub(super) fn owner(dir: &Path) -> Result<Option<String>, JobError> {
    owner_on(dir, &file_system::of(dir), &Host::this())
}

fn owner_on(dir: &Path, file_system: &FileSystem, this: &Host) -> Result<Option<String>, JobError> {
    let mut file = match private_file::open(&dir.join(OWNER), OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let io = |source| JobError::Directory {
        dir: dir.to_owned(),
        source,
    };
    let is_free = match file.try_lock_shared() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(source)) => return Err(io(source)),
    };
    let owner = Owner::read(&mut file).map_err(io)?;
    if is_free {
        check_host(dir, &owner, file_system, this)?;
    }
    Ok((!is_free).then(|| owner.text(file_system)))
}

/// Checks that this process may open the ledger of a run to read it. On a network file system nobody may
/// while another process works on the run: the ledger is locked for that process alone. Call it before
/// the ledger is opened: where locks are for one host, SQLite would not notice the other one, and clean
/// up its write-ahead log.
pub(super) fn check_readable(dir: &Path) -> Result<(), JobError> {
    let file_system = file_system::of(dir);
    if !file_system.is_network() {
        return Ok(());
    }
    match owner(dir)? {
        None => Ok(()),
        Some(owner) => Err(JobError::Unreadable {
            dir: dir.to_owned(),
            owner,
            file_system,
        }),
    }
}

/// Checks that a free lock means that nobody works on the run. Locks of some network file systems are
/// for one host only; then a process of another host counts as at work until it has released the run,
/// or somebody who can look removes its file.
fn check_host(
    dir: &Path,
    owner: &Owner,
    file_system: &FileSystem,
    this: &Host,
) -> Result<(), JobError> {
    if file_system.has_unsure_locks() && owner.is_of_another(this) {
        return Err(JobError::OtherHost {
            dir: dir.to_owned(),
            owner: owner.text(file_system),
            file_system: file_system.clone(),
        });
    }
    Ok(())
}

/// What a process wrote into the file: itself, and its host. Nothing if it has released the run, or has
/// not written yet.
#[derive(Debug, Default)]
struct Owner {
    process: String,
    host: Option<Host>,
}

impl Owner {
    fn read(file: &mut File) -> std::io::Result<Self> {
        let mut owner = Vec::new();
        file.take(MAX_OWNER_BYTES).read_to_end(&mut owner)?;
        let owner = String::from_utf8_lossy(&owner);
        let mut lines = owner.lines();
        let process = lines.next().unwrap_or_default().trim().to_owned();
        let host = lines.next().and_then(Host::parse);
        Ok(Self { process, host })
    }

    /// Whether it is a process that has not released the run, and not one of this host.
    fn is_of_another(&self, this: &Host) -> bool {
        !self.process.is_empty() && self.host.as_ref() != Some(this)
    }

    /// The process, for messages. Its host is named where several may have the directory.
    fn text(&self, file_system: &FileSystem) -> String {
        match (self.process.as_str(), &self.host) {
            ("", _) => "another process".to_owned(),
            (process, Some(host)) if file_system.is_network() => {
                format!("{process}, on host {}", host.name())
            }
            (process, _) => process.to_owned(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 3] = ["local", "network", "network-locks"];

    fn host(name: &str) -> Host {
        Host::parse(&format!("host {name} 1-2")).unwrap()
    }

    /// Leaves a directory as a process that was killed does.
    fn killed(dir: &Path, host: &Host) {
        std::fs::write(dir.join(OWNER), format!("process 7, since then\n{host}\n")).unwrap();
    }

    #[test]
    fn a_killed_process_of_this_host_is_followed_without_a_question() {
        for kind in KINDS.map(|kind| kind.parse().unwrap()) {
            let dir = tempfile::tempdir().unwrap();
            killed(dir.path(), &host("a"));
            assert_eq!(owner_on(dir.path(), &kind, &host("a")).unwrap(), None);
            let lock = RunLock::take_on(dir.path(), &kind, &host("a")).unwrap();
            assert_eq!(lock.taken_over(), None);
        }
    }

    #[test]
    fn a_process_of_another_host_counts_as_alive_where_locks_are_for_one_host() {
        let [local, unsure, sure] = KINDS.map(|kind| kind.parse().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let this = Host::parse("host a 3-4").unwrap();
        killed(dir.path(), &host("a"));
        for error in [
            owner_on(dir.path(), &unsure, &this).unwrap_err(),
            RunLock::take_on(dir.path(), &unsure, &this).unwrap_err(),
        ] {
            assert!(matches!(error, JobError::OtherHost { .. }), "{error}");
            let error = error.to_string();
            assert!(
                error.contains("process 7, since then, on host a"),
                "{error}"
            );
        }
        assert_eq!(owner_on(dir.path(), &sure, &this).unwrap(), None);
        let lock = RunLock::take_on(dir.path(), &sure, &this).unwrap();
        assert_eq!(lock.taken_over(), Some("process 7, since then, on host a"));
        drop(lock);
        killed(dir.path(), &host("a"));
        let lock = RunLock::take_on(dir.path(), &local, &this).unwrap();
        assert_eq!(lock.taken_over(), None);
    }

    #[test]
    fn a_released_run_is_open_to_every_host() {
        let unsure = "network".parse().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let lock = RunLock::take_on(dir.path(), &unsure, &host("a")).unwrap();
        let held = owner_on(dir.path(), &unsure, &host("b")).unwrap().unwrap();
        assert!(held.ends_with(", on host a"), "{held}");
        drop(lock);
        assert_eq!(owner_on(dir.path(), &unsure, &host("b")).unwrap(), None);
        drop(RunLock::take_on(dir.path(), &unsure, &host("b")).unwrap());
        // The way out that the hint names.
        killed(dir.path(), &host("a"));
        std::fs::remove_file(dir.path().join(OWNER)).unwrap();
        drop(RunLock::take_on(dir.path(), &unsure, &host("b")).unwrap());
    }

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
