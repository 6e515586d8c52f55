//! The tokio runtime. It is created only if enough threads and file descriptors are free.
//!
//! Promises: if a limit of the system is too low, the command fails before it starts anything. Without
//! the check, tokio panics if it cannot create a thread or a socket, and other libraries report a file
//! that they cannot open as missing.

use std::io;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::panic::{set_hook, take_hook};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Runtime};

use crate::exit::Exit;
use crate::screen::Screen;

/// Pairs of file descriptors that must be free: for the runtime, signals, the list, the log file, the
/// ledger and its files, the lock, the reports, and some connections.
#[cfg(unix)]
const PAIRS: usize = 16;
/// Threads of the runtime.
const WORKERS: usize = 2;
/// Threads that must be free: those of the runtime, and one each to open the list, to read it, to show
/// progress, and to resolve names.
const THREADS: usize = WORKERS + 4;

/// Why the runtime cannot be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuntimeError {
    /// Not enough file descriptors are free.
    #[error("too few files can be open at once: {0}")]
    Files(io::Error),
    /// Not enough threads can be started.
    #[error("too few threads can be started: {0}")]
    Threads(io::Error),
    /// Any other reason.
    #[error("cannot start: {0}")]
    Other(io::Error),
}

impl RuntimeError {
    /// How to fix it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Files(_) => Some("raise the limit on open files, for example: ulimit -n 1024"),
            Self::Threads(_) => Some(
                "raise the limit on processes (ulimit -u, or the container's) or on memory (ulimit -v)",
            ),
            Self::Other(_) => None,
        }
    }
}

/// Creates the runtime.
pub(crate) fn runtime(screen: &Screen) -> Result<Runtime, RuntimeError> {
    #[cfg(unix)]
    check_files().map_err(RuntimeError::Files)?;
    check_threads().map_err(RuntimeError::Threads)?;
    // Another process may have taken the threads since the check. Then tokio panics, and unwinding
    // waits forever for the threads that tokio has started. So the hook ends the process.
    let hook = take_hook();
    let screen = screen.clone();
    set_hook(Box::new(move |_| {
        let error = RuntimeError::Threads(io::ErrorKind::WouldBlock.into());
        screen.error(&error, error.hint());
        end();
    }));
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build();
    set_hook(hook);
    runtime.map_err(RuntimeError::Other)
}

#[expect(
    clippy::exit,
    reason = "a panic hook cannot return an error, and no run is started yet"
)]
fn end() -> ! {
    std::process::exit(Exit::Fatal.code().into())
}

/// Opens as many file descriptors as a command needs, and closes them.
#[cfg(unix)]
fn check_files() -> io::Result<()> {
    let pairs: io::Result<Vec<_>> = (0..PAIRS).map(|_| UnixStream::pair()).collect();
    pairs.map(drop)
}

/// Starts as many threads as a command needs, and ends them.
fn check_threads() -> io::Result<()> {
    let end = Arc::new(Mutex::new(()));
    let held = end.lock().unwrap_or_else(PoisonError::into_inner);
    let start = |_| {
        let end = Arc::clone(&end);
        thread::Builder::new().spawn(move || drop(end.lock()))
    };
    let threads: Vec<_> = (0..THREADS).map(start).collect();
    drop(held);
    for thread in threads {
        // The thread cannot panic: it only waits for the lock.
        let _ = thread?.join();
    }
    Ok(())
}
