//! The engine's sources of input: the list, and commands from outside.

use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::ledger::{Chunk, Stager};
use crate::roster::RosterError;

/// Chunks read ahead of the ledger.
const AHEAD: usize = 8;
/// KiB of chunks read ahead of the ledger. A single larger chunk is read nevertheless.
const AHEAD_KIB: u32 = 8 * 1024;

/// A command to the run from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Plan no more calls, wait for those in flight.
    Drain,
    /// Stop now.
    Halt,
}

/// The list, as chunks.
pub enum Feed {
    /// Read in the engine's own turn: deterministic, for tests on virtual time.
    Inline(Box<Stager>),
    /// Read on a thread of its own.
    Thread(mpsc::Receiver<ReadAhead>),
    /// Read to its end already.
    Ended,
}

/// A chunk that was read ahead, or the error. It holds permits for its part of `AHEAD_KIB`.
pub struct ReadAhead {
    chunk: Result<Chunk, RosterError>,
    #[expect(dead_code, reason = "held for as long as this lives")]
    share: Option<OwnedSemaphorePermit>,
}

impl From<Result<Chunk, RosterError>> for ReadAhead {
    fn from(chunk: Result<Chunk, RosterError>) -> Self {
        let share = None;
        Self { chunk, share }
    }
}

impl Feed {
    /// Reads the list on its own thread, a few chunks ahead; `first` was read already. Must be called
    /// on a tokio runtime.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn spawn(first: Option<Chunk>, mut stager: Stager) -> io::Result<Self> {
        let (send, receive) = mpsc::channel(AHEAD);
        let room = Arc::new(Semaphore::new(AHEAD_KIB as usize));
        let runtime = Handle::current();
        thread::Builder::new().spawn(move || {
            let mut first = first.map(Ok);
            while let Some(chunk) = first.take().or_else(|| stager.next_chunk().transpose()) {
                let is_last = chunk.is_err();
                let kib = chunk.as_ref().map_or(0, Chunk::size) / 1024;
                let share = u32::try_from(kib).unwrap_or(u32::MAX).min(AHEAD_KIB);
                let share = runtime.block_on(Arc::clone(&room).acquire_many_owned(share));
                let chunk = ReadAhead {
                    chunk,
                    share: share.ok(),
                };
                if send.blocking_send(chunk).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self::Thread(receive))
    }

    /// The next chunk, or the end of the list, if it is available now. An inline list has none: it is
    /// read in `next` only.
    pub(super) fn ready_chunk(&mut self) -> Poll<Option<Result<Chunk, RosterError>>> {
        match self {
            Self::Thread(chunks) => match chunks.try_recv() {
                Ok(read) => Poll::Ready(Some(read.chunk)),
                Err(TryRecvError::Disconnected) => Poll::Ready(None),
                Err(TryRecvError::Empty) => Poll::Pending,
            },
            Self::Inline(_) | Self::Ended => Poll::Pending,
        }
    }

    /// The next chunk; `None` at the end of the list. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Result<Chunk, RosterError>> {
        match self {
            Self::Inline(stager) => stager.next_chunk().transpose(),
            Self::Thread(chunks) => chunks.recv().await.map(|read| read.chunk),
            Self::Ended => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::roster::{Options, Roster};

    /// Counts the bytes taken from a list that never ends: each row takes 200 KiB.
    struct Endless {
        taken: Arc<AtomicU64>,
        row: Vec<u8>,
    }

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let taken = self.taken.load(Ordering::SeqCst);
            let at = usize::try_from(taken).unwrap() % self.row.len();
            let length = buffer.len().min(self.row.len() - at);
            buffer[..length].copy_from_slice(&self.row[at..at + length]);
            self.taken.fetch_add(length as u64, Ordering::SeqCst);
            Ok(length)
        }
    }

    /// The bound holds at every moment, so it does not matter when the test checks it.
    #[tokio::test]
    async fn rows_of_any_length_are_read_ahead_within_a_bound() {
        let taken = Arc::new(AtomicU64::new(0));
        let list = Endless {
            taken: Arc::clone(&taken),
            row: format!("ann,{}\n", "x".repeat(200 * 1024 - 5)).into_bytes(),
        };
        let channel = "arn:aws:chime:us-east-1:1:app-instance/i/channel/c";
        let options = Options {
            header: Some(false),
            member_column: Some("1".to_owned()),
            channel_arn: Some(channel.parse().unwrap()),
            ..Options::default()
        };
        let name = "list".to_owned();
        let roster = Roster::open_stream(name, Box::new(list), None, &options).unwrap();
        let mut feed = Feed::spawn(None, Stager::new(roster, [7; 16])).unwrap();
        // 64 rows make a page, and one such page is larger than a chunk has to be.
        let chunk = 64 * 200 * 1024;
        let mut received = 0;
        for _ in 0..12 {
            let next = feed.next().await.unwrap().unwrap();
            assert_eq!((next.size() as u64) >> 20, chunk >> 20);
            received += chunk;
            // One is in the channel, one waits for permits, and one was received just now.
            let ahead = taken.load(Ordering::SeqCst) - received;
            assert!(ahead <= 3 * chunk + (1 << 20), "{ahead}");
        }
    }
}
