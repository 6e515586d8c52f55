//! Signals: the first stops taking work and drains, the second stops now.

use std::io;

use chime_bulk::engine::Command;
use tokio::sync::mpsc;

use crate::screen::Screen;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for interrupts and requests to end, from when it is made.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
    /// None if the parent ignores it, as `nohup` does.
    #[cfg(unix)]
    hang_up: Option<Signal>,
    /// Held, not waited for: by default the signal of a file size limit ends the process. With a handler,
    /// the write fails instead.
    #[cfg(unix)]
    _file_size: Signal,
}

/// A write beyond the limit of a file's size (`ulimit -f`): the same number on Linux, macOS and the BSDs.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

impl Signals {
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        let hang_up = SignalKind::hangup();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: if is_ignored(hang_up) {
                None
            } else {
                Some(signal(hang_up)?)
            },
            _file_size: signal(SignalKind::from_raw(SIGXFSZ))?,
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
            let hang_up = async {
                match &mut self.hang_up {
                    Some(hang_up) => hang_up.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
                _ = hang_up => {}
            }
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Whether the process was started with this signal ignored. Known on Linux only: elsewhere the program
/// takes it for a request to end.
#[cfg(unix)]
fn is_ignored(kind: SignalKind) -> bool {
    let bit = 1_u64 << (kind.as_raw_value() - 1);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & bit != 0)
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
