//! Files that only their owner may read: the lock, the ledger, reports, logs.
//!
//! Promises: a file opened here is a regular file; opening never blocks, whatever has the name (a
//! FIFO, for example); a new file is readable by its owner only. Must not: remove or change anything
//! that is not such a file.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The path is not that of a private file, or the file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// The path is that of a FIFO, a directory, a link or the like.
    #[error("{} is {kind}, not a regular file", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// The kind of file, with its article.
        kind: &'static str,
    },
    /// The file has other names, too (hard links).
    #[error("{} is a file with {links} names (hard links)", path.display())]
    Linked {
        /// The path.
        path: PathBuf,
        /// How many names the file has.
        links: u64,
    },
    /// The file cannot be opened.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl PrivateFileError {
    /// How to fix it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotRegular { .. } => "remove or rename it, then try again; it was not changed",
            Self::Linked { .. } => {
                "replace it with a copy of itself, so that no other file changes with it"
            }
            Self::Io { .. } => "choose a directory you may write to with --run-dir",
        }
    }

    /// Whether the path does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        let Self::Io { source, .. } = self else {
            return false;
        };
        matches!(
            source.kind(),
            ErrorKind::NotFound | ErrorKind::NotADirectory
        )
    }
}

/// Opens a private file. Follows no link, and refuses a file with several names, so that writing
/// changes no other file.
///
/// # Errors
/// If it cannot be opened, or the path is not that of such a file.
pub fn open(path: &Path, options: &mut OpenOptions) -> Result<File, PrivateFileError> {
    // Before opening, because a device may react to that. A file that is replaced after this check is
    // found by the checks below.
    check(path)?;
    let file = open_nonblocking(path, options, true)?;
    let metadata = file.metadata().map_err(|source| io_error(path, source))?;
    check_regular(path, &metadata)?;
    check_single_link(path, &metadata)?;
    Ok(file)
}

/// Opens a file that the user named, to append to it. Follows links, and accepts a character device
/// such as `/dev/null`.
///
/// # Errors
/// If it cannot be opened, or is neither a regular file nor a character device.
pub fn append(path: &Path) -> Result<File, PrivateFileError> {
    let check = |metadata: &Metadata| match kind(metadata) {
        Some(CHARACTER_DEVICE) => Ok(()),
        _ => check_regular(path, metadata),
    };
    match std::fs::metadata(path) {
        Ok(metadata) => check(&metadata)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(source) => return Err(io_error(path, source)),
    }
    let file = open_nonblocking(path, OpenOptions::new().create(true).append(true), false)?;
    check(&file.metadata().map_err(|source| io_error(path, source))?)?;
    Ok(file)
}

/// Checks that [`open`] would accept this path, or that nothing has it. For files that another
/// library opens.
///
/// # Errors
/// If it would not.
pub fn check(path: &Path) -> Result<(), PrivateFileError> {
    match regular_file(path)? {
        Some(metadata) => check_single_link(path, &metadata),
        None => Ok(()),
    }
}

/// Checks that a regular file has this path, or nothing. For files that are replaced by a rename: a
/// hard link to the old file then keeps its content.
///
/// # Errors
/// If something else has the path.
pub fn check_replaceable(path: &Path) -> Result<(), PrivateFileError> {
    regular_file(path).map(|_| ())
}

/// The metadata of the regular file with this path, if it exists.
fn regular_file(path: &Path) -> Result<Option<Metadata>, PrivateFileError> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => check_regular(path, &metadata).map(|()| Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(io_error(path, source)),
    }
}

#[cfg_attr(
    not(unix),
    expect(unused_variables, reason = "links are found by `check` there")
)]
fn open_nonblocking(
    path: &Path,
    options: &mut OpenOptions,
    no_follow: bool,
) -> Result<File, PrivateFileError> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        flags.set(OFlags::NOFOLLOW, no_follow);
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    options.open(path).map_err(|source| io_error(path, source))
}

fn check_regular(path: &Path, metadata: &Metadata) -> Result<(), PrivateFileError> {
    kind(metadata).map_or(Ok(()), |kind| {
        Err(PrivateFileError::NotRegular {
            path: path.to_owned(),
            kind,
        })
    })
}

#[cfg_attr(
    not(unix),
    expect(unused_variables, reason = "links are counted on Unix only")
)]
fn check_single_link(path: &Path, metadata: &Metadata) -> Result<(), PrivateFileError> {
    #[cfg(unix)]
    {
        // 0 if the file was removed since it was opened: that harms no other file.
        let links = std::os::unix::fs::MetadataExt::nlink(metadata);
        if links > 1 {
            return Err(PrivateFileError::Linked {
                path: path.to_owned(),
                links,
            });
        }
    }
    Ok(())
}

const CHARACTER_DEVICE: &str = "a character device";

/// The kind of a file, with its article; `None` for a regular file.
fn kind(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kinds = [
            (kind.is_fifo(), "a FIFO"),
            (kind.is_socket(), "a socket"),
            (kind.is_char_device(), CHARACTER_DEVICE),
            (kind.is_block_device(), "a block device"),
        ];
        if let Some((_, kind)) = kinds.into_iter().find(|(is, _)| *is) {
            return Some(kind);
        }
    }
    Some(match () {
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_dir() => "a directory",
        () => "a special file",
    })
}

fn io_error(path: &Path, source: io::Error) -> PrivateFileError {
    PrivateFileError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Lets this process open as many files at once as the system allows it to, where the system has such a
/// limit for processes.
pub fn raise_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // If that fails, opening one too many does, with an error that names the file.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn created(path: &Path) -> Result<File, PrivateFileError> {
        open(path, OpenOptions::new().create(true).write(true))
    }

    #[test]
    fn a_new_file_is_private_and_an_old_one_keeps_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        created(&path).unwrap().write_all(b"text").unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        created(&path).unwrap();
        append(&path).unwrap().write_all(b" and more").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"text and more");
    }

    #[test]
    fn a_link_is_followed_only_to_append_to_a_file_that_the_user_named() {
        let dir = tempfile::tempdir().unwrap();
        let [target, link, name] = ["target", "link", "name"].map(|name| dir.path().join(name));
        symlink(&target, &link).unwrap();
        let error = created(&link).unwrap_err().to_string();
        assert!(error.ends_with("link is a symbolic link, not a regular file"));
        assert!(!target.exists());
        append(&link).unwrap().write_all(b"text").unwrap();
        std::fs::hard_link(&target, &name).unwrap();
        let error = created(&name).unwrap_err().to_string();
        assert!(error.ends_with("name is a file with 2 names (hard links)"));
        check_replaceable(&name).unwrap();
        // A link that replaces the file after the first check.
        let mut options = OpenOptions::new();
        open_nonblocking(&link, options.write(true), true).unwrap_err();
        assert_eq!(std::fs::read(&target).unwrap(), b"text");
    }

    #[test]
    fn anything_but_a_regular_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let [directory, socket] = ["directory", "socket"].map(|name| dir.path().join(name));
        std::fs::create_dir(&directory).unwrap();
        let _socket = UnixListener::bind(&socket).unwrap();
        for (path, kind) in [(&directory, "a directory"), (&socket, "a socket")] {
            for refused in [created(path).map(|_| ()), check_replaceable(path)] {
                let error = refused.unwrap_err().to_string();
                assert!(error.contains(kind), "{error}");
            }
            assert!(append(path).unwrap_err().to_string().contains(kind));
        }
        let null = Path::new("/dev/null");
        assert!(created(null).is_err() && append(null).is_ok());
    }
}
