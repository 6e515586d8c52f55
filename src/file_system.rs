//! The file systems of run directories: local, or on a network, where several hosts may have the same
//! directory.
//!
//! Promises: a file system that is not known to be local and may be on several hosts counts as one on a
//! network. Must not: write anything.
//!
//! On Linux the kind is found by the number that `statfs` returns. Elsewhere every file system counts as
//! local; [`assume`] sets the kind for the process (`--file-system` on the command line).

mod host;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::OnceLock;

pub use host::Host;

/// A file system, as far as it matters to a ledger and its lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSystem {
    /// Only this host has it: memory can be shared through its files.
    Local,
    /// Several hosts may have it.
    Network {
        /// Its name, such as `nfs`.
        name: Cow<'static, str>,
        /// Which hosts its locks are for.
        locks: Locks,
    },
}

/// Which hosts a lock on a file of a network file system is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// The server keeps them: no host gets a lock that another one has.
    AllHosts,
    /// Perhaps only this host observes them.
    Unknown,
}

impl FileSystem {
    /// One on a network, of a kind that is not known.
    fn network(locks: Locks) -> Self {
        Self::Network {
            name: "set by --file-system".into(),
            locks,
        }
    }

    /// Whether several hosts may have it.
    #[must_use]
    pub fn is_network(&self) -> bool {
        matches!(self, Self::Network { .. })
    }

    /// Whether another host may work with a file here although this one has its lock.
    #[must_use]
    pub fn has_unsure_locks(&self) -> bool {
        matches!(
            self,
            Self::Network {
                locks: Locks::Unknown,
                ..
            }
        )
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("a local file system"),
            Self::Network { name, .. } => write!(f, "a network file system ({name})"),
        }
    }
}

/// A value of `--file-system` other than `auto`: `local`, `network`, or `network-locks` (a network file
/// system whose locks are for all hosts).
impl FromStr for FileSystem {
    type Err = UnknownFileSystem;

    fn from_str(text: &str) -> Result<Self, UnknownFileSystem> {
        match text {
            "local" => Ok(Self::Local),
            "network" => Ok(Self::network(Locks::Unknown)),
            "network-locks" => Ok(Self::network(Locks::AllHosts)),
            _ => Err(UnknownFileSystem),
        }
    }
}

/// The text names no kind of file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected local, network or network-locks")]
pub struct UnknownFileSystem;

/// The kind that [`assume`] set.
static ASSUMED: OnceLock<FileSystem> = OnceLock::new();

/// Makes every run directory of this process count as one on such a file system, whatever it is on. For
/// file systems that are not recognized, and for tests. Only the first call has an effect; call it before
/// any job.
pub fn assume(file_system: FileSystem) {
    let _ = ASSUMED.set(file_system);
}

/// The file system of a path, or of its nearest directory that exists. A path that cannot be examined
/// counts as local.
#[must_use]
pub fn of(path: &Path) -> FileSystem {
    match ASSUMED.get() {
        Some(assumed) => assumed.clone(),
        None => find(path),
    }
}

#[cfg(not(target_os = "linux"))]
fn find(_path: &Path) -> FileSystem {
    FileSystem::Local
}

#[cfg(target_os = "linux")]
fn find(path: &Path) -> FileSystem {
    use std::os::unix::fs::MetadataExt;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = path.ancestors().find_map(|path| {
        let magic = rustix::fs::statfs(path).ok()?.f_type;
        Some((path, kinds::magic(magic)))
    });
    let Some((path, magic)) = found else {
        return FileSystem::Local;
    };
    kinds::classify(magic, || {
        let device = std::fs::metadata(path).ok()?.dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let mounts = std::fs::read("/proc/self/mountinfo").ok()?;
        kinds::mount(&String::from_utf8_lossy(&mounts), major, minor)
    })
}

/// The file systems that Linux has.
#[cfg(any(target_os = "linux", test))]
mod kinds {
    use super::{FileSystem, Locks};

    const NFS: u32 = 0x6969; // linux/magic.h
    const FUSE: u32 = 0x6573_5546; // linux/magic.h
    const CEPH: u32 = 0x00C3_6400; // linux/magic.h
    const LUSTRE: u32 = 0x0BD0_0BD0; // lustre/include/uapi/linux/lustre/lustre_user.h

    /// The file systems that several hosts, or a host and its virtual machines, may have, by the
    /// number of `statfs`. GNU coreutils has those that linux/magic.h lacks, in `src/stat.c`, and marks
    /// each of them as remote.
    const NETWORK: [(u32, &str); 24] = [
        (NFS, "nfs"),
        (CEPH, "ceph"),
        (LUSTRE, "lustre"),
        (0xFF53_4D42, "cifs"),   // linux/magic.h
        (0xFE53_4D42, "smb2"),   // linux/magic.h
        (0x517B, "smb"),         // linux/magic.h
        (0x0102_1997, "9p"),     // linux/magic.h
        (0x5346_414F, "afs"),    // linux/magic.h, AFS_SUPER_MAGIC
        (0x6B41_4653, "kafs"),   // linux/magic.h, AFS_FS_MAGIC
        (0x7375_7245, "coda"),   // linux/magic.h
        (0x564C, "ncp"),         // linux/magic.h
        (0x7461_636F, "ocfs2"),  // linux/magic.h
        (0x786F_4256, "vboxsf"), // linux/magic.h
        (0x0116_1970, "gfs2"),   // linux/gfs2_ondisk.h
        (0x4750_4653, "gpfs"),   // coreutils, as the rest
        (0x1983_0326, "beegfs"),
        (0x2003_0528, "orangefs"),
        (0xAAD7_AAEA, "panfs"),
        (0x6163_6673, "acfs"),
        (0x0131_11A8, "ibrix"),
        (0xBEEF_DEAD, "snfs"),
        (0xBACB_ACBC, "vmhgfs"),
        (0x7C7C_6673, "prl_fs"),
        (0xA501_FCF5, "vxfs"),
    ];

    /// A mount, as the kernel describes it.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Mount {
        kind: String,
        options: String,
    }

    /// The number in `f_type`, which is signed on some systems and wider than its 32 bits on others.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number has 32 bits"
    )]
    pub(super) fn magic(f_type: impl Into<i64>) -> u32 {
        f_type.into() as u32
    }

    /// The kind of the file system with this number. `mount` finds its mount, if that matters.
    pub(super) fn classify(magic: u32, mount: impl FnOnce() -> Option<Mount>) -> FileSystem {
        if magic == FUSE {
            return fuse(mount());
        }
        let Some((_, name)) = NETWORK.iter().find(|(number, _)| *number == magic) else {
            return FileSystem::Local;
        };
        let name = (*name).into();
        let has_option = |option: &str| {
            let mount = mount();
            mount.is_some_and(|mount| mount.options.split(',').any(|has| has == option))
        };
        // Where all hosts observe flock(2) and the locks of SQLite (fcntl(2)).
        let are_for_all = match magic {
            // Since Linux 2.6.12 flock is a lock of the server, too: flock(2), and `local_lock` in nfs(5).
            NFS => has_option("local_lock=none"),
            // Without the option, they fail or are local: mount.lustre(8).
            LUSTRE => has_option("flock"),
            // The metadata server keeps both.
            CEPH => true,
            _ => false,
        };
        let locks = if are_for_all {
            Locks::AllHosts
        } else {
            Locks::Unknown
        };
        FileSystem::Network { name, locks }
    }

    /// FUSE has one number for everything. `fuseblk` is the format of a block device of this host, such
    /// as NTFS. The others may be on a server (sshfs, s3fs, gcsfuse, virtiofs), and their names are free:
    /// to take a local one for one of these costs `status` while a run works, the reverse costs the
    /// ledger.
    fn fuse(mount: Option<Mount>) -> FileSystem {
        match mount {
            Some(Mount { kind, .. }) if kind == "fuseblk" => FileSystem::Local,
            Some(Mount { kind, .. }) => FileSystem::Network {
                name: kind.into(),
                locks: Locks::Unknown,
            },
            None => FileSystem::Network {
                name: "fuse".into(),
                locks: Locks::Unknown,
            },
        }
    }

    /// The mount of this device in `/proc/self/mountinfo`: `proc_pid_mountinfo(5)`.
    pub(super) fn mount(mounts: &str, major: u32, minor: u32) -> Option<Mount> {
        let device = format!("{major}:{minor}");
        let of_device = |line: &&str| line.split(' ').nth(2) == Some(&device);
        let (_, about) = mounts.lines().rfind(of_device)?.split_once(" - ")?;
        let mut about = about.split(' ');
        let kind = about.next()?.to_owned();
        let options = about.nth(1)?.to_owned();
        Some(Mount { kind, options })
    }
}

#[cfg(test)]
mod tests {
    use super::kinds::{Mount, classify, magic, mount};
    use super::*;

    const MOUNTS: &str = "\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:38 / /efs rw,relatime shared:7 - nfs4 fs-1.efs.us-east-1.amazonaws.com:/ rw,vers=4.1,hard,local_lock=none,addr=10.0.0.7
41 27 0:39 / /old rw,relatime - nfs server:/old rw,vers=3,nolock,local_lock=all
42 27 0:40 / /ssh rw,nosuid - fuse.sshfs me@host:/ rw,user_id=0
43 27 8:17 / /usb rw - fuseblk /dev/sdb1 rw,user_id=0
44 27 0:44 / /scratch rw - lustre 10.0.0.1@tcp:/scratch rw,flock,lazystatfs
45 27 0:45 / /other rw - lustre 10.0.0.1@tcp:/other rw,localflock
46 27 0:46 / /guest rw - virtiofs share rw
";

    /// The kind of the file system with this number, mounted as this device.
    fn kind(number: u32, device: (u32, u32)) -> FileSystem {
        classify(number, || mount(MOUNTS, device.0, device.1))
    }

    fn network(name: &'static str, locks: Locks) -> FileSystem {
        let name = name.into();
        FileSystem::Network { name, locks }
    }

    #[test]
    fn nfs_keeps_locks_for_all_hosts_unless_its_mount_makes_them_local() {
        assert_eq!(kind(0x6969, (0, 38)), network("nfs", Locks::AllHosts));
        assert_eq!(kind(0x6969, (0, 39)), network("nfs", Locks::Unknown));
        assert_eq!(kind(0x6969, (0, 99)), network("nfs", Locks::Unknown));
        let lustre = 0x0BD0_0BD0;
        assert_eq!(kind(lustre, (0, 44)), network("lustre", Locks::AllHosts));
        assert_eq!(kind(lustre, (0, 45)), network("lustre", Locks::Unknown));
    }

    #[test]
    fn fuse_is_local_only_on_a_block_device() {
        let fuse = 0x6573_5546;
        assert_eq!(kind(fuse, (8, 17)), FileSystem::Local);
        assert_eq!(kind(fuse, (0, 40)), network("fuse.sshfs", Locks::Unknown));
        assert_eq!(kind(fuse, (0, 46)), network("virtiofs", Locks::Unknown));
        assert_eq!(kind(fuse, (0, 99)), network("fuse", Locks::Unknown));
    }

    #[test]
    fn other_file_systems_are_known_by_their_number() {
        let no_mount = || -> Option<Mount> { panic!("it does not matter") };
        for (number, name) in [(0xFF53_4D42, "cifs"), (0x0102_1997, "9p")] {
            let found = classify(number, no_mount);
            assert_eq!(found, network(name, Locks::Unknown));
        }
        assert_eq!(
            classify(0x00C3_6400, no_mount),
            network("ceph", Locks::AllHosts)
        );
        // ext4, xfs, btrfs, tmpfs, overlayfs
        for number in [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630] {
            assert_eq!(classify(number, no_mount), FileSystem::Local);
        }
        // As `f_type` contains them where it is signed, and has 32 bits.
        assert_eq!(magic(i64::from(0xFF53_4D42_u32.cast_signed())), 0xFF53_4D42);
    }

    #[test]
    fn a_path_that_does_not_exist_is_where_its_directory_is() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(of(&dir.path().join("a/b/ledger.db")), of(dir.path()));
    }
}
