//! Commands from outside while a session runs.

use tokio::sync::mpsc;

use crate::engine::Command;

/// Awaits a future and forwards commands to it meanwhile.
pub(super) async fn forward<T>(
    running: impl Future<Output = T>,
    commands: &mut mpsc::Receiver<Command>,
    to: &mpsc::Sender<Command>,
) -> T {
    tokio::pin!(running);
    loop {
        tokio::select! {
            biased;
            done = &mut running => return done,
            Some(command) = commands.recv() => {
                // Never full as far as it matters: the channel has room for `Drain` and `Halt`.
                let _ = to.try_send(command);
            }
        }
    }
}

/// Whether `Halt` has arrived. `Drain` is ignored here: writing reports takes less time than
/// stopping would save.
pub(super) fn is_halted(commands: &mut mpsc::Receiver<Command>) -> bool {
    std::iter::from_fn(|| commands.try_recv().ok()).any(|command| command == Command::Halt)
}
