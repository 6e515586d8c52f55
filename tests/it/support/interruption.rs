//! Interruptions of a session: when, how, and what is left of its ledger.

use std::path::Path;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use chime_bulk::engine::Command;

/// When a session is interrupted, if it has not ended before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After this time.
    After(Duration),
    /// After the engine was polled this many times. Each poll ends with a commit.
    Polls(u32),
}

/// How a session is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// A command stops it.
    Command(Command),
    /// The process dies.
    Crash,
    /// The process hangs for this long, then dies: answers came that it never read.
    Stall(Duration),
    /// The machine loses power. The ledger's commits are in SQLite's write-ahead log, not yet in
    /// the database file, and the log ends with this many bytes of an incomplete commit.
    PowerLoss(usize),
}

/// Polls a future until that moment. Returns `None` if it is not done by then.
pub(crate) async fn until<T>(
    moment: Moment,
    mut running: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    match moment {
        Moment::After(time) => tokio::time::timeout(time, running).await.ok(),
        Moment::Polls(most) => {
            let mut polls = 0;
            std::future::poll_fn(|context| {
                if polls == most {
                    return Poll::Ready(None);
                }
                polls += 1;
                match running.as_mut().poll(context) {
                    Poll::Ready(done) => Poll::Ready(Some(done)),
                    Poll::Pending if polls == most => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await
        }
    }
}

/// The files of a ledger after a power loss.
pub(crate) struct CrashImage {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl CrashImage {
    /// Reads the files while the ledger is open, and appends this many bytes of a torn commit.
    pub(crate) fn of(ledger: &Path, torn: usize) -> Self {
        let mut log = std::fs::read(sibling(ledger, "-wal")).unwrap_or_default();
        // The last bytes repeated are a frame whose checksum does not match its position.
        let begin = log.len().saturating_sub(torn);
        log.extend_from_within(begin..);
        Self {
            database: std::fs::read(ledger).unwrap(),
            log,
        }
    }

    /// Replaces the ledger, which must be closed, by these files.
    pub(crate) fn restore(self, ledger: &Path) {
        let _ = std::fs::remove_file(sibling(ledger, "-shm"));
        std::fs::write(ledger, self.database).unwrap();
        std::fs::write(sibling(ledger, "-wal"), self.log).unwrap();
    }
}

fn sibling(ledger: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
