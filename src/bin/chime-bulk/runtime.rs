//! The runtime, made only where the system has enough threads and descriptors left.
//!
//! Promises: a limit that is too low for a command is an error before anything is begun. tokio
//! panics where it cannot have a thread or a socket, and other libraries report a file that cannot
//! be opened as one that is not there.

use std::io;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::panic::{set_hook, take_hook};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Runtime};

use crate::exit::Exit;
use crate::output;

/// Pairs of descriptors that must be free: for the runtime and signals, the list, the log file, the
/// ledger and its own files, the lock, the reports, and some connections.
#[cfg(unix)]
const PAIRS: usize = 16;
/// Threads of the runtime.
const WORKERS: usize = 2;
/// Threads that must be free: the runtime's, one that opens the list and one that reads it, one that
/// shows progress, and one that resolves names.
const THREADS: usize = WORKERS + 4;

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuntimeError {
    /// Descriptors are missing.
    #[error("too few files can be open at once: {0}")]
    Files(io::Error),
    /// Threads are missing.
    #[error("too few threads can be started: {0}")]
    Threads(io::Error),
    /// Something else is missing.
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

/// Makes the runtime.
pub(crate) fn runtime() -> Result<Runtime, RuntimeError> {
    #[cfg(unix)]
    check_files().map_err(RuntimeError::Files)?;
    check_threads().map_err(RuntimeError::Threads)?;
    // Another process can take what was free a moment ago. Then tokio panics, and to unwind waits for
    // the threads that it has started, without end.
    let hook = take_hook();
    set_hook(Box::new(|_| {
        let error = RuntimeError::Threads(io::ErrorKind::WouldBlock.into());
        output::error(&error, error.hint());
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
    reason = "there is nothing to return to, and nothing is begun"
)]
fn end() -> ! {
    std::process::exit(Exit::Fatal.code().into())
}

/// Opens as many descriptors as a command takes, and closes them.
#[cfg(unix)]
fn check_files() -> io::Result<()> {
    let pairs: io::Result<Vec<_>> = (0..PAIRS).map(|_| UnixStream::pair()).collect();
    pairs.map(drop)
}

/// Starts as many threads as a command takes, and ends them.
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
        // It did nothing: it cannot have panicked.
        let _ = thread?.join();
    }
    Ok(())
}
