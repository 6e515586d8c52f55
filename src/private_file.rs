//! Files that their owner alone may read: the lock, the ledger, reports, logs.
//!
//! Promises: a file that is opened here is a regular file; opening never waits, whatever has the
//! file's name (a FIFO, say); a new file is readable by its owner alone. Must not: remove or change
//! what has the name and is not such a file.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A name that holds something else than a private file, or a file that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// A FIFO, a directory, a link or the like has the name.
    #[error("{} is {kind}, not a regular file", path.display())]
    NotRegular {
        /// The name.
        path: PathBuf,
        /// What has it.
        kind: &'static str,
    },
    /// The file has other names, too.
    #[error("{} is a file with {links} names (hard links)", path.display())]
    Linked {
        /// The name.
        path: PathBuf,
        /// How many names the file has.
        links: u64,
    },
    /// The file cannot be opened.
    #[error("{}: {source}", path.display())]
    Io {
        /// The name.
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
            Self::NotRegular { .. } => "remove or rename it, then try again: it was left as it is",
            Self::Linked { .. } => {
                "put a copy of the file in its place, so that nothing else changes with it"
            }
            Self::Io { .. } => "choose a directory you may write to with --run-dir",
        }
    }

    /// Whether there is nothing of this name.
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

/// Opens a file of this name alone: no link is followed, and the file must have one name. What
/// is written here is written to no other file.
///
/// # Errors
/// If it cannot be opened, or something else than such a file has the name.
pub fn open(path: &Path, options: &mut OpenOptions) -> Result<File, PrivateFileError> {
    // A device may react to being opened. What takes the file's place after this is found below.
    check(path)?;
    let file = open_nonblocking(path, options, true)?;
    let metadata = file.metadata().map_err(|source| io_error(path, source))?;
    check_regular(path, &metadata)?;
    check_single_link(path, &metadata)?;
    Ok(file)
}

/// Opens a file that the user named, to write at its end. Its links are followed, and it may be a
/// character device, such as `/dev/null`.
///
/// # Errors
/// If it cannot be opened, or is neither.
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

/// Checks that [`open`] would find a file of this name alone, or nothing: for files that another
/// library opens.
///
/// # Errors
/// If something else has the name.
pub fn check(path: &Path) -> Result<(), PrivateFileError> {
    match regular_file(path)? {
        Some(metadata) => check_single_link(path, &metadata),
        None => Ok(()),
    }
}

/// Checks that a regular file has this name, or nothing: for files that are replaced, not written
/// to. Their other names keep what they have.
///
/// # Errors
/// If something else has the name.
pub fn check_replaceable(path: &Path) -> Result<(), PrivateFileError> {
    regular_file(path).map(|_| ())
}

/// The regular file of this name, if there is one.
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
    expect(unused_variables, reason = "links are counted on Unix alone")
)]
fn check_single_link(path: &Path, metadata: &Metadata) -> Result<(), PrivateFileError> {
    #[cfg(unix)]
    {
        // 0: removed since it was opened.
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

/// What this is, if it is not a regular file.
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
    fn a_link_is_not_followed_but_to_append_to_what_the_user_named() {
        let dir = tempfile::tempdir().unwrap();
        let [target, link, name] = ["target", "link", "name"].map(|name| dir.path().join(name));
        symlink(&target, &link).unwrap();
        let said = created(&link).unwrap_err().to_string();
        assert!(said.ends_with("link is a symbolic link, not a regular file"));
        assert!(!target.exists());
        append(&link).unwrap().write_all(b"text").unwrap();
        std::fs::hard_link(&target, &name).unwrap();
        let said = created(&name).unwrap_err().to_string();
        assert!(said.ends_with("name is a file with 2 names (hard links)"));
        check_replaceable(&name).unwrap();
        // Where a link takes the place of a file after it was looked at.
        let mut options = OpenOptions::new();
        open_nonblocking(&link, options.write(true), true).unwrap_err();
        assert_eq!(std::fs::read(&target).unwrap(), b"text");
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let [directory, socket] = ["directory", "socket"].map(|name| dir.path().join(name));
        std::fs::create_dir(&directory).unwrap();
        let _socket = UnixListener::bind(&socket).unwrap();
        for (path, kind) in [(&directory, "a directory"), (&socket, "a socket")] {
            for refused in [created(path).map(|_| ()), check_replaceable(path)] {
                let said = refused.unwrap_err().to_string();
                assert!(said.contains(kind), "{said}");
            }
            assert!(append(path).unwrap_err().to_string().contains(kind));
        }
        let null = Path::new("/dev/null");
        assert!(created(null).is_err() && append(null).is_ok());
    }
}
