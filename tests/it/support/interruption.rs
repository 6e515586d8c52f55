//! How a session is cut short: when, by what, and what is left of its ledger.

use std::path::Path;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use chime_bulk::engine::Command;

/// When a session is cut short, if it lasts so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After this time.
    After(Duration),
    /// After this many turns of the engine, whenever that is. Each of them ends with a commit.
    Turns(u32),
}

/// How a session is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Stopped by a command.
    Command(Command),
    /// The process dies.
    Crash,
    /// The process takes no notice of anything for this long, then dies: calls went out and
    /// answers came that nobody read.
    Stall(Duration),
    /// The machine dies: what is left of the ledger is what was committed, not yet moved from
    /// SQLite's journal into its file, and behind it this many bytes of a commit that was in flight.
    PowerLoss(usize),
}

/// Lets something run until that moment. None: it is not done by then.
pub(crate) async fn until<T>(
    moment: Moment,
    mut running: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    match moment {
        Moment::After(time) => tokio::time::timeout(time, running).await.ok(),
        Moment::Turns(most) => {
            let mut turns = 0;
            std::future::poll_fn(|context| {
                if turns == most {
                    return Poll::Ready(None);
                }
                turns += 1;
                match running.as_mut().poll(context) {
                    Poll::Ready(done) => Poll::Ready(Some(done)),
                    Poll::Pending if turns == most => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await
        }
    }
}

/// The files of a ledger as a power loss leaves them.
pub(crate) struct Remains {
    database: Vec<u8>,
    journal: Vec<u8>,
}

impl Remains {
    /// Takes them while the ledger is open, with this many bytes of a torn commit.
    pub(crate) fn of(ledger: &Path, torn: usize) -> Self {
        let mut journal = std::fs::read(sibling(ledger, "-wal")).unwrap_or_default();
        // A frame once more, its end missing, as it does not fit where it stands.
        let begin = journal.len().saturating_sub(torn);
        journal.extend_from_within(begin..);
        Self {
            database: std::fs::read(ledger).unwrap(),
            journal,
        }
    }

    /// Puts them in the place of the ledger, which is closed by now.
    pub(crate) fn put_back(self, ledger: &Path) {
        let _ = std::fs::remove_file(sibling(ledger, "-shm"));
        std::fs::write(ledger, self.database).unwrap();
        std::fs::write(sibling(ledger, "-wal"), self.journal).unwrap();
    }
}

fn sibling(ledger: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
