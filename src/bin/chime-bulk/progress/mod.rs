//! Progress: how far a run is, as `--progress` asks for it. Names nobody.
//!
//! An event only counts, or in JSON is written; what is shown is shown by a thread of its own, so
//! that time passes on the screen also while nothing happens.

pub(crate) mod counts;
mod json;
mod text;

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chime_bulk::engine::{Event, Observer, Task};
use chime_bulk::job::Started;
use chime_bulk::report;

use crate::screen::{Mode, Screen};
use counts::Counts;

/// Between two frames on a terminal.
const VIEW_EVERY: Duration = Duration::from_millis(125);
/// Between two lines elsewhere.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows a run in progress.
pub(crate) struct Progress {
    counts: Arc<Mutex<Counts>>,
    task: Task,
    began: Instant,
    screen: Screen,
    /// Dropped to end the painter.
    end: Option<Sender<()>>,
    painter: Option<JoinHandle<()>>,
}

impl Progress {
    pub(crate) fn begin(started: &Started, screen: &Screen) -> Self {
        let counts = Arc::new(Mutex::new(Counts::new(started)));
        let began = Instant::now();
        let (end, ended) = channel();
        let painter = {
            let counts = Arc::clone(&counts);
            let view = move || {
                let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                counts.view(began.elapsed())
            };
            let every = move |pause, show: &dyn Fn()| {
                while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    show();
                }
            };
            let screen = screen.clone();
            let thread = std::thread::Builder::new();
            match screen.mode() {
                Mode::Bars => Some(thread.spawn(move || {
                    every(VIEW_EVERY, &|| {
                        let view = view();
                        screen.draw(|size| text::frame(&view, size));
                    });
                })),
                Mode::Plain => Some(thread.spawn(move || {
                    every(LINE_EVERY, &|| screen.note(text::line(&view())));
                })),
                _ => None,
            }
        };
        // The run is worth more than its progress.
        let painter = painter.transpose().unwrap_or_else(|error| {
            screen.note(format_args!("progress is not shown: {error}"));
            None
        });
        if screen.mode() == Mode::Json {
            screen.event(&json::begun(started));
        }
        Self {
            counts,
            task: started.task,
            began,
            screen: screen.clone(),
            end: Some(end),
            painter,
        }
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        let now = self.began.elapsed();
        if self.screen.mode() == Mode::Json {
            if let Some(event) = json::event(event, self.task, now) {
                self.screen.event(&event);
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
        ) = (event, self.screen.mode())
        {
            let least = report::lower_bound_text(*calls, *time, *binding);
            self.screen.note(format_args!("bound: {least}"));
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
        self.screen.clear();
    }
}
