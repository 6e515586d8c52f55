//! Progress: how far a run is, as `--progress` asks for it. Names nobody.
//!
//! An event only counts, or in JSON is written; what is shown is shown by a thread of its own, so
//! that time passes on the screen also while nothing happens.

mod bars;
pub(crate) mod counts;
mod json;
mod text;

pub(crate) use json::Line;

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chime_bulk::engine::{Event, Observer};
use chime_bulk::job::Started;
use chime_bulk::report;
use clap::ValueEnum;

use crate::output;
use bars::Bars;
use counts::Counts;

/// Between two pictures on a terminal.
const VIEW_EVERY: Duration = Duration::from_millis(125);
/// Between two lines elsewhere.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Bars on a terminal, plain elsewhere.
    Auto,
    /// Drawn anew in place; plain where that cannot be.
    Bars,
    /// A line every few seconds.
    Plain,
    /// An event per line.
    Json,
    /// Nothing.
    None,
}

impl Mode {
    /// What to do; `can_draw` is whether lines can be redrawn.
    fn settled(self, can_draw: bool) -> Self {
        match self {
            Self::Auto | Self::Bars if can_draw => Self::Bars,
            Self::Auto | Self::Bars => Self::Plain,
            mode => mode,
        }
    }
}

/// Whether standard error is a terminal that can move its cursor.
fn can_draw() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Shows a run in progress.
pub(crate) struct Progress {
    counts: Arc<Mutex<Counts>>,
    began: Instant,
    mode: Mode,
    /// Dropped to end the painter.
    end: Option<Sender<()>>,
    painter: Option<JoinHandle<()>>,
}

impl Progress {
    pub(crate) fn begin(started: &Started, mode: Mode) -> Self {
        let mode = mode.settled(can_draw());
        let counts = Arc::new(Mutex::new(Counts::new(started)));
        let began = Instant::now();
        let (end, ended) = channel();
        let painter = {
            let counts = Arc::clone(&counts);
            let view = move || {
                let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                counts.view(began.elapsed())
            };
            let every = move |pause, mut show: Box<dyn FnMut()>| {
                while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    show();
                }
            };
            let thread = std::thread::Builder::new();
            match mode {
                Mode::Bars => Some(thread.spawn(move || {
                    let bars = Bars::new();
                    every(VIEW_EVERY, Box::new(move || bars.draw(&view())));
                })),
                Mode::Plain => Some(thread.spawn(move || {
                    let line = move || output::note(text::line(&view()));
                    every(LINE_EVERY, Box::new(line));
                })),
                _ => None,
            }
        };
        // The run is worth more than its progress.
        let painter = painter.transpose().unwrap_or_else(|error| {
            output::note(format_args!("progress is not shown: {error}"));
            None
        });
        if mode == Mode::Json {
            output::event(&json::begun(started));
        }
        Self {
            counts,
            began,
            mode,
            end: Some(end),
            painter,
        }
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        let now = self.began.elapsed();
        if self.mode == Mode::Json {
            if let Some(event) = json::event(event, now) {
                output::event(&event);
            }
            return;
        }
        if let (
            Event::Bound {
                calls,
                time,
                binding,
            },
            Mode::Bars | Mode::Plain,
        ) = (event, self.mode)
        {
            let least = report::lower_bound_text(*calls, *time, *binding);
            output::note(format_args!("bound: {least}"));
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.apply(event, now);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end = None;
        if let Some(painter) = self.painter.take() {
            let _ = painter.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_for_terminals() {
        for (mode, on_terminal, elsewhere) in [
            (Mode::Auto, Mode::Bars, Mode::Plain),
            (Mode::Bars, Mode::Bars, Mode::Plain),
            (Mode::Plain, Mode::Plain, Mode::Plain),
            (Mode::Json, Mode::Json, Mode::Json),
            (Mode::None, Mode::None, Mode::None),
        ] {
            assert_eq!(mode.settled(true), on_terminal);
            assert_eq!(mode.settled(false), elsewhere);
        }
    }
}
