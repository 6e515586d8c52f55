//! Opens the list. Standard input may be silent for long: meanwhile a signal is heard.

use tokio::sync::{mpsc, oneshot};

use super::JobError;
use crate::engine::Command;
use crate::ledger::{Chunk, Stager};
use crate::roster::{Layout, Options, Roster, RosterError, Source};

/// A list that is open.
pub(super) struct OpenList {
    pub(super) layout: Layout,
    /// How it is read, in a line.
    pub(super) detected: String,
    /// Its raw size in bytes, if known.
    pub(super) size: Option<u64>,
    pub(super) stager: Stager,
    /// The first stretch of it, if that was asked for and there is one.
    pub(super) first: Option<Chunk>,
}

impl OpenList {
    /// Opens a list, and reads its first stretch if `with_first`.
    ///
    /// # Errors
    /// If it cannot be read, or a command comes first.
    pub(super) async fn begin(
        source: Source,
        options: Options,
        key: [u8; 16],
        with_first: bool,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Self, JobError> {
        let (send, opened) = oneshot::channel();
        // A thread of its own, not one of the runtime's: nobody waits for it when the run is over.
        std::thread::Builder::new()
            .spawn(move || {
                let _ = send.send(open(&source, &options, key, with_first));
            })
            .map_err(JobError::NoThread)?;
        tokio::select! {
            biased;
            opened = opened => Ok(opened.map_err(|_| JobError::ReaderBroke)??),
            Some(_) = commands.recv() => Err(JobError::Interrupted),
        }
    }
}

fn open(
    source: &Source,
    options: &Options,
    key: [u8; 16],
    with_first: bool,
) -> Result<OpenList, RosterError> {
    let roster = Roster::open(source, options)?;
    let (layout, detected) = (roster.layout().clone(), roster.detected());
    let mut stager = Stager::new(roster, key);
    let first = if with_first {
        stager.next_chunk()?
    } else {
        None
    };
    Ok(OpenList {
        layout,
        detected,
        size: stager.size(),
        stager,
        first,
    })
}
