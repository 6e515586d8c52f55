//! Signals: the first stops taking work and drains, the second stops now.

use chime_bulk::engine::Command;
use tokio::sync::mpsc;

use crate::output;

/// Commands from signals, for as long as the program runs.
pub(crate) fn commands() -> mpsc::Receiver<Command> {
    let (send, receive) = mpsc::channel(2);
    tokio::spawn(async move {
        for (command, said) in [
            (
                Command::Drain,
                "stopping: calls under way are awaited; once more stops now",
            ),
            (Command::Halt, "stopping now"),
        ] {
            if received().await.is_err() {
                return;
            }
            output::note(said);
            if send.send(command).await.is_err() {
                return;
            }
        }
    });
    receive
}

/// Completes at the next interrupt or request to end.
pub(crate) async fn received() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        tokio::select! {
            interrupt = tokio::signal::ctrl_c() => interrupt,
            _ = terminate.recv() => Ok(()),
            _ = hang_up.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
