//! Whether the list of a run was changed after it was read to its end.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{JobError, ListAddress};
use crate::engine::Command;
use crate::ledger::{LedgerReader, fact};
use crate::roster::{ListChange, ListDigest, RemoteError, RemoteIdentity, RosterError, Source};

/// How a list differs from the one that the run in this ledger was read from. None if it is the same,
/// if the run has not read it to its end (then `resume` compares each row), or if there is nothing to
/// compare: see [`ListDigest::change`].
///
/// # Errors
/// If the ledger cannot be read, or a command arrives first.
pub(super) async fn list_change(
    ledger: &LedgerReader,
    list: Source,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<Option<ListChange>, JobError> {
    let digest: Option<ListDigest> = ledger.fact(fact::LIST_DIGEST)?;
    let size: Option<u64> = ledger.fact(fact::LIST_SIZE)?.flatten();
    let Some(digest) = digest.filter(|_| ledger.staged().list_ended) else {
        return Ok(None);
    };
    let (send, compared) = oneshot::channel();
    // Not a blocking task: the runtime would wait for it at the end, and so for a slow disk.
    std::thread::Builder::new()
        .spawn(move || {
            let _ = send.send(digest.change(&list, size));
        })
        .map_err(JobError::NoThread)?;
    tokio::select! {
        biased;
        change = compared => Ok(change.map_err(|_| JobError::ReaderBroke)?),
        Some(_) = commands.recv() => Err(JobError::Interrupted),
    }
}

/// How a remote list differs from the one that the run in this ledger was begun with. None if it is the
/// same, or cannot be looked up now.
///
/// # Errors
/// If the ledger cannot be read, or a command arrives first.
pub(super) async fn remote_difference(
    ledger: &LedgerReader,
    list: &Source,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<Option<String>, JobError> {
    let before: Option<RemoteIdentity> = ledger.fact(fact::LIST_IDENTITY)?;
    let (Some(before), Source::Remote { list, .. }) = (before, list) else {
        return Ok(None);
    };
    let (list, (send, found)) = (Arc::clone(list), oneshot::channel());
    std::thread::Builder::new()
        .spawn(move || {
            let now = list.identity();
            let _ = send.send(now.ok().and_then(|now| before.difference(&now)));
        })
        .map_err(JobError::NoThread)?;
    tokio::select! {
        biased;
        difference = found => Ok(difference.map_err(|_| JobError::ReaderBroke)?),
        Some(_) = commands.recv() => Err(JobError::Interrupted),
    }
}

/// The error of a run that is not finished and whose list is another object now.
pub(super) fn changed_object(list: &Source, difference: &str) -> JobError {
    JobError::Roster(RosterError {
        list: list.name(),
        line: None,
        problem: RemoteError::changed(difference).into(),
    })
}

/// A list that was changed after the run had read it to its end: the run does not read it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} {} since this run read it: the run keeps the rows that it read; start a new run for \
     the list as it is now",
    list,
    if *change == ListChange::Grown { "has grown" } else { "has changed" }
)]
pub struct ChangedList {
    /// The list.
    pub list: ListAddress,
    /// How it differs.
    pub change: ListChange,
}
