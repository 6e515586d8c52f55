//! Opens the list. Standard input may block for long, so commands are handled meanwhile.

use tokio::sync::{mpsc, oneshot};

use super::JobError;
use crate::engine::Command;
use crate::ledger::{Chunk, Stager};
use crate::model::Shard;
use crate::roster::{Layout, Options, RemoteIdentity, Roster, RosterError, Source};

/// How a list is staged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    /// The ledger's key.
    pub(super) key: [u8; 16],
    /// The shard whose rows are taken; without one, all are.
    pub(super) shard: Option<Shard>,
    /// Whether its first chunk is read at once.
    pub(super) with_first: bool,
}

/// An open list.
pub(super) struct OpenList {
    pub(super) layout: Layout,
    /// The detected format, in one line.
    pub(super) detected: String,
    /// Its raw size in bytes, if known.
    pub(super) size: Option<u64>,
    /// What it is, if it is remote.
    pub(super) identity: Option<RemoteIdentity>,
    pub(super) stager: Stager,
    /// The first chunk, if it was requested and the list has rows.
    pub(super) first: Option<Chunk>,
}

impl OpenList {
    /// Opens a list to stage it.
    ///
    /// # Errors
    /// If it cannot be read, or a command arrives first.
    pub(super) async fn begin(
        source: Source,
        options: Options,
        stage: Stage,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Self, JobError> {
        let (send, opened) = oneshot::channel();
        // Not a blocking task: the runtime would wait for it at the end, and so for standard input.
        std::thread::Builder::new()
            .spawn(move || {
                let _ = send.send(open(&source, &options, stage));
            })
            .map_err(JobError::NoThread)?;
        tokio::select! {
            biased;
            opened = opened => Ok(opened.map_err(|_| JobError::ReaderBroke)??),
            Some(_) = commands.recv() => Err(JobError::Interrupted),
        }
    }
}

fn open(source: &Source, options: &Options, stage: Stage) -> Result<OpenList, RosterError> {
    let roster = Roster::open(source, options)?;
    let (layout, detected) = (roster.layout().clone(), roster.detected());
    let mut stager = Stager::new(roster, stage.key).of_shard(stage.shard);
    let first = if stage.with_first {
        stager.next_chunk()?
    } else {
        None
    };
    Ok(OpenList {
        layout,
        detected,
        size: stager.size(),
        identity: stager.identity().cloned(),
        stager,
        first,
    })
}
