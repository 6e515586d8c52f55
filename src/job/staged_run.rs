//! A run that reads its list to the end before its first call, so that it can be decided which of its
//! rows need one.
//!
//! A session stages the list, and ends. The caller then settles rows without a call, see
//! [`Ledger::settle_listed`](crate::ledger::Ledger::settle_listed), and continues with a session that
//! adds the others.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::JobError;
use super::session::{EndedSession, Session};
use crate::chime::Chime;
use crate::engine::{Command, Feed, Observer, restore};
use crate::schedule::Scheduler;

/// Reads the list of a new run, or of one that is resumed, to its end. Only if the session ended as
/// finished, the list is complete. Returns the service too, which the session that adds needs.
pub(super) async fn stage(
    session: Session,
    observer: &mut dyn Observer,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<(EndedSession, Arc<dyn Chime>), JobError> {
    let service = Arc::clone(&session.service);
    let ended = Box::pin(session.stage(observer, commands)).await?;
    Ok((ended, service))
}

/// The session that adds the rows which are still queued after the list was staged, and how many were
/// sent and settled before.
pub(super) fn adding(
    ended: EndedSession,
    service: Arc<dyn Chime>,
) -> Result<(Session, Scheduler, u64), JobError> {
    let session = Session {
        dir: ended.dir,
        lock: ended.lock,
        ledger: ended.ledger,
        settings: ended.settings,
        limits: ended.limits,
        service,
        address: ended.address,
        feed: Feed::Ended,
        quota_warnings: Vec::new(),
    };
    let mut scheduler = session.scheduler();
    let settled_before = restore(&session.ledger, &mut scheduler)?;
    Ok((session, scheduler, settled_before))
}
