//! Signals: the first stops taking work and drains, the second stops now.

use std::io;

use chime_bulk::engine::Command;
use tokio::sync::mpsc;

use crate::screen::Screen;

/// Listens for interrupts and requests to end, from when it is made.
pub(crate) struct Signals {
    #[cfg(unix)]
    unix: [tokio::signal::unix::Signal; 3],
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let on = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        let [interrupt, terminate, hang_up] = on.map(signal);
        Ok(Self {
            unix: [interrupt?, terminate?, hang_up?],
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Completes at the next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate, hang_up] = &mut self.unix;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Commands from signals, for as long as the program runs.
pub(crate) fn commands(screen: &Screen) -> io::Result<mpsc::Receiver<Command>> {
    let mut signals = Signals::listen()?;
    let screen = screen.clone();
    let (send, receive) = mpsc::channel(2);
    tokio::spawn(async move {
        for (command, said) in [
            (
                Command::Drain,
                "stopping: waiting for calls in flight (Ctrl-C again to stop now)",
            ),
            (Command::Halt, "stopping now"),
        ] {
            signals.next().await;
            screen.note(said);
            if send.send(command).await.is_err() {
                return;
            }
        }
    });
    Ok(receive)
}
