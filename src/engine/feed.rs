//! Where the engine's news comes from: the list, and whoever commands it.

use std::task::Poll;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use crate::ledger::{Parcel, Stager};
use crate::roster::RosterError;

/// Parcels read ahead of the ledger.
const AHEAD: usize = 8;

/// What the run is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Take no more work, await what is under way.
    Drain,
    /// Stop now.
    Halt,
}

/// The list, as parcels.
pub enum Feed {
    /// Read in the engine's own turn: deterministic, for tests on virtual time.
    Inline(Box<Stager>),
    /// Read on a thread of its own.
    Thread(mpsc::Receiver<Result<Parcel, RosterError>>),
    /// Read to its end already.
    Ended,
}

impl Feed {
    /// Reads the list on a thread of its own, a few parcels ahead; `first` was read already.
    #[must_use]
    pub fn spawn(first: Option<Parcel>, mut stager: Stager) -> Self {
        let (send, receive) = mpsc::channel(AHEAD);
        std::thread::spawn(move || {
            if let Some(first) = first
                && send.blocking_send(Ok(first)).is_err()
            {
                return;
            }
            loop {
                let parcel = stager.parcel().transpose();
                let Some(parcel) = parcel else { return };
                let is_last = parcel.is_err();
                if send.blocking_send(parcel).is_err() || is_last {
                    return;
                }
            }
        });
        Self::Thread(receive)
    }

    /// The next parcel, or that there is none, if that is known already. A list read inline is
    /// only read by waiting for it.
    pub(super) fn at_hand(&mut self) -> Poll<Option<Result<Parcel, RosterError>>> {
        match self {
            Self::Thread(parcels) => match parcels.try_recv() {
                Ok(parcel) => Poll::Ready(Some(parcel)),
                Err(TryRecvError::Disconnected) => Poll::Ready(None),
                Err(TryRecvError::Empty) => Poll::Pending,
            },
            Self::Inline(_) | Self::Ended => Poll::Pending,
        }
    }

    /// The next parcel; none at the end of the list. Safe to drop while waiting.
    pub(super) async fn next(&mut self) -> Option<Result<Parcel, RosterError>> {
        match self {
            Self::Inline(stager) => stager.parcel().transpose(),
            Self::Thread(parcels) => parcels.recv().await,
            Self::Ended => None,
        }
    }
}
